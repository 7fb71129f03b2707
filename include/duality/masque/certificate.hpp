// SPDX-License-Identifier: MIT
//
// Certificates: what a relay shows, and how a client recognises it.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// SHA-256 of a certificate's public key (its SubjectPublicKeyInfo). It stays the same when a certificate is renewed
/// with the same key.
struct key_pin {
    std::array<std::uint8_t, 32> sha256{};

    /// "sha256//" and 44 characters of base64, as curl's --pinnedpubkey takes it. `invalid_argument` for other text.
    [[nodiscard]] static result<key_pin> parse(std::string_view text) noexcept;
    static constexpr std::size_t text_size = 52;
    /// Into `out` of at least `text_size` characters.
    [[nodiscard]] std::string_view format(std::span<char> out) const noexcept;

    constexpr auto operator<=>(const key_pin&) const noexcept = default;
};

/// PEM texts in memory of their own.
struct certificate {
    std::array<char, 4096> chain_text{};
    std::array<char, 1024> key_text{};
    std::size_t chain_size = 0;
    std::size_t key_size = 0;
    key_pin pin;

    [[nodiscard]] std::string_view chain() const noexcept { return {chain_text.data(), chain_size}; }
    [[nodiscard]] std::string_view key() const noexcept { return {key_text.data(), key_size}; }
};

struct certificate_request {
    std::span<const std::string_view> names;  ///< DNS names and IP addresses it is for
    wall_time valid_from{};
    wall_time valid_until{};
    bool authority = false;               ///< may issue others
    bool client = false;                  ///< is for a client that shows it to a relay, not for a relay
    const certificate* issuer = nullptr;  ///< nullptr: signs itself
};

/// A new ECDSA P-256 key and a certificate for it. `invalid_argument`: a name, a time or the issuer cannot be used;
/// `out_of_memory`; `unsupported`: the TLS library refused.
[[nodiscard]] result<certificate> make_certificate(const certificate_request& request) noexcept;

/// The pin of the first certificate of a PEM text. `malformed` when there is none.
[[nodiscard]] result<key_pin> pin_of(std::string_view chain) noexcept;

}  // namespace masque
}  // namespace v0
}  // namespace duality
