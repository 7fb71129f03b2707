// SPDX-License-Identifier: MIT
//
// Recordings of sessions in files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// Empty, with the reason in `error`, when there is no such file or it is larger than 1 GiB. Whether it is a recording
/// is for `lab::replay_recording` to say.
[[nodiscard]] std::vector<std::uint8_t> read_recording(const std::string& file, std::string& error);

/// Empty, or why it could not be written.
[[nodiscard]] std::string write_recording(const std::string& file, byte_view recording);

}  // namespace io
}  // namespace v0
}  // namespace duality
