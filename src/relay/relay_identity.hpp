// SPDX-License-Identifier: MIT
//
// What a relay keeps in a folder between runs: certificate, key, secret and tokens, made when they are missing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "duality/masque/certificate.hpp"

namespace duality {
inline namespace v0 {
namespace io {

struct relay_identity {
    std::string chain;  ///< PEM
    std::string key;    ///< PEM
    std::array<std::uint8_t, 32> secret{};
    masque::key_pin pin;
    bool made_now = false;  ///< there was none
};

/// Reads `relay.pem`, `relay.key` and `relay.secret` of `folder`; makes the folder and what is missing, for `names`, and
/// `relay.tokens` with one token. False, with the reason in `error`, when a file cannot be read, written or used. What is
/// made is readable by its owner only.
[[nodiscard]] bool load_relay_identity(const std::string& folder, const std::vector<std::string>& names,
                                       relay_identity& out, std::string& error);

/// A whole text file. False, with the reason in `error`.
[[nodiscard]] bool read_text_file(const std::string& path, std::string& out, std::string& error);

}  // namespace io
}  // namespace v0
}  // namespace duality
