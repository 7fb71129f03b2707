// SPDX-License-Identifier: MIT
#include "io/recording_file.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr std::uintmax_t recording_size_max = std::uintmax_t{1} << 30;

}  // namespace

std::vector<std::uint8_t> read_recording(const std::string& file, std::string& error) {
    std::error_code why;
    const std::uintmax_t size = std::filesystem::file_size(file, why);
    if (why) {
        error = file + ": " + why.message();
        return {};
    }
    if (size > recording_size_max) {
        error = file + ": larger than 1 GiB";
        return {};
    }
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    std::ifstream in{file, std::ios::binary};
    if (in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) return bytes;
    error = file + ": cannot be read";
    return {};
}

std::string write_recording(const std::string& file, byte_view recording) {
    std::ofstream out{file, std::ios::binary | std::ios::trunc};
    out.write(reinterpret_cast<const char*>(recording.data()), static_cast<std::streamsize>(recording.size()));
    return out.flush() ? std::string{} : "cannot write " + file;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
