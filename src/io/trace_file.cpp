// SPDX-License-Identifier: MIT
#include "io/trace_file.hpp"

#include <sys/stat.h>
#include <zlib.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr std::size_t trace_size_max = std::size_t{256} << 20;

std::string system_message() {
    return std::system_category().message(errno);
}

/// Unpacks a whole file into `text`; returns what went wrong, empty when nothing did.
std::string read_all(const std::string& name, std::string& text) {
    struct stat info {};
    if (stat(name.c_str(), &info) != 0) return system_message();
    if (S_ISDIR(info.st_mode)) return "is a directory";
    errno = 0;
    gzFile_s* const file = gzopen(name.c_str(), "rb");
    if (file == nullptr) return errno != 0 ? system_message() : "out of memory";

    std::string error;
    const auto chunk = std::make_unique<char[]>(1 << 16);
    for (;;) {
        const int got = gzread(file, chunk.get(), 1 << 16);
        if (got < 0) {
            int code = Z_OK;
            const char* message = gzerror(file, &code);
            error = code == Z_ERRNO ? system_message() : std::string{"damaged gzip data ("} + message + ")";
            break;
        }
        if (got == 0) break;
        if (text.size() + static_cast<std::size_t>(got) > trace_size_max) {
            error = "larger than 256 MiB";
            break;
        }
        text.append(chunk.get(), static_cast<std::size_t>(got));
    }
    const bool packed = gzdirect(file) == 0;
    // Only closing tells that a gzip stream stopped in the middle.
    if (gzclose_r(file) == Z_BUF_ERROR && error.empty()) error = "gzip data ends too early, the file is truncated";
    if (error.empty() && !packed && name.ends_with(".gz") && !text.empty()) error = "is not a gzip file";
    return error;
}

}  // namespace

result<trace_source> trace_source::parse(std::string_view text) noexcept {
    trace_source source{std::string{text}, {}, lab::trace_options::all_sessions};
    struct stat info {};
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || stat(source.file.c_str(), &info) == 0) return source;

    source.file.resize(colon);
    std::string_view choice = text.substr(colon + 1);
    if (const std::size_t at = choice.find('@'); at != std::string_view::npos) {
        const std::string_view number = choice.substr(at + 1);
        std::size_t n = 0;
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), n);
        if (error != std::errc{} || end != number.data() + number.size() || n == 0) return status::invalid_argument;
        source.session = n - 1;
        choice = choice.substr(0, at);
    }
    source.carrier = choice;
    return source;
}

loaded_trace load_trace(std::string_view source, bool round_trip) {
    loaded_trace loaded;
    const result<trace_source> parsed = trace_source::parse(source);
    if (!parsed) {
        loaded.error = std::string{source} + ": what follows '@' must be the number of a session, counted from 1";
        return loaded;
    }
    const trace_source& from = parsed.value();
    std::string text;
    if (const std::string error = read_all(from.file, text); !error.empty()) {
        loaded.error = from.file + ": " + error;
        return loaded;
    }
    lab::trace_error why;
    const lab::trace_options options{round_trip, from.carrier, from.session};
    if (failed(lab::parse_trace(text, options, loaded.trace, why))) loaded.error = from.file + ": " + why.to_string();
    return loaded;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
