// SPDX-License-Identifier: MIT
#include "relay/relay_identity.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "io/calendar.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr duration clock_slack = duration::from_seconds(86'400);
constexpr duration valid_for = duration::from_seconds(std::int64_t{3'650} * 86'400);

/// Never readable by anybody else, not even for a moment.
[[nodiscard]] bool write_private(const std::string& path, std::string_view bytes, std::string& error) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const bool ok = fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    if (!ok) error = path + ": " + uv_strerror(uv_translate_sys_error(errno));
    if (fd >= 0 && ::close(fd) != 0 && ok) error = path + ": " + uv_strerror(uv_translate_sys_error(errno));
    return ok && error.empty();
}

[[nodiscard]] bool make_files(const std::string& chain_path, const std::string& key_path,
                              const std::vector<std::string>& names, std::string& error) {
    const wall_time now = calendar_now();
    const std::vector<std::string_view> views{names.begin(), names.end()};
    const result<masque::certificate> made =
        masque::make_certificate({.names = views, .valid_from = now - clock_slack, .valid_until = now + valid_for});
    if (!made) {
        error = "certificate: " + std::string{to_string(made.code())};
        return false;
    }
    return write_private(key_path, made.value().key(), error) && write_private(chain_path, made.value().chain(), error);
}

}  // namespace

bool read_text_file(const std::string& path, std::string& out, std::string& error) {
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || file.bad()) {
        error = path + ": cannot be read";
        return false;
    }
    out = text.str();
    return true;
}

bool load_relay_identity(const std::string& folder, const std::vector<std::string>& names, relay_identity& out,
                         std::string& error) {
    namespace fs = std::filesystem;
    const std::string chain = folder + "/relay.pem";
    const std::string key = folder + "/relay.key";
    const std::string secret = folder + "/relay.secret";
    const std::string tokens = folder + "/relay.tokens";
    std::error_code ignored;
    fs::create_directories(folder, ignored);
    if (!fs::exists(chain, ignored) && !fs::exists(key, ignored)) {
        if (!make_files(chain, key, names, error)) return false;
        out.made_now = true;
    }
    std::array<unsigned char, 48> random{};
    if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
        error = "no random numbers";
        return false;
    }
    const std::string_view bytes{reinterpret_cast<const char*>(random.data()), random.size()};
    if (!fs::exists(secret, ignored) && !write_private(secret, bytes.substr(0, 32), error)) return false;
    if (!fs::exists(tokens, ignored)) {
        std::string token;
        for (const char c : bytes.substr(32)) {
            constexpr std::string_view digits = "0123456789abcdef";
            token += digits[static_cast<unsigned char>(c) >> 4];
            token += digits[static_cast<unsigned char>(c) & 15];
        }
        if (!write_private(tokens, token + "\n", error)) return false;
    }
    std::string kept;
    if (!read_text_file(chain, out.chain, error) || !read_text_file(key, out.key, error) ||
        !read_text_file(secret, kept, error))
        return false;
    const result<masque::key_pin> pin = masque::pin_of(out.chain);
    if (!pin || kept.size() != out.secret.size()) {
        error = !pin ? chain + ": holds no certificate" : secret + ": does not hold 32 bytes";
        return false;
    }
    out.pin = pin.value();
    std::memcpy(out.secret.data(), kept.data(), kept.size());
    return true;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
