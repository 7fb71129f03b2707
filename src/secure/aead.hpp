// SPDX-License-Identifier: MIT
//
// The cryptography of secure datagrams, over OpenSSL's EVP: one AEAD key, HMAC-SHA256 and HKDF (RFC 5869).
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "duality/memory.hpp"
#include "duality/secure_datagram.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

inline constexpr std::size_t tag_size = 16;
inline constexpr std::size_t nonce_size = 12;
using secret = std::array<std::uint8_t, 32>;
using nonce = std::array<std::uint8_t, nonce_size>;

[[nodiscard]] std::size_t key_size(aead_suite suite) noexcept;

/// A key and the cipher context it lives in. Either seals or opens, as `create` was told.
class aead_key {
public:
    aead_key() noexcept = default;
    aead_key(const aead_key&) = delete;
    aead_key& operator=(const aead_key&) = delete;
    ~aead_key();

    /// Takes the context; false when OpenSSL has no memory or no such suite.
    [[nodiscard]] bool create(aead_suite suite, bool seals) noexcept;
    /// Precondition: `key` is `key_size(suite)` long.
    [[nodiscard]] bool set_key(byte_view key, const nonce& iv) noexcept;
    /// The nonce is the iv, exclusive-or the path (byte 3) and the packet number (the last 8 bytes).
    /// Writes `plain.size() + tag_size` bytes.
    [[nodiscard]] bool seal(std::uint8_t path, std::uint64_t number, byte_view associated, byte_view plain,
                            std::uint8_t* out) noexcept;
    /// Writes `sealed.size() - tag_size` bytes; false, and zeros there, when the tag is wrong. Precondition:
    /// `sealed.size() >= tag_size`.
    [[nodiscard]] bool open(std::uint8_t path, std::uint64_t number, byte_view associated, byte_view sealed,
                            std::uint8_t* out) noexcept;

private:
    [[nodiscard]] nonce nonce_of(std::uint8_t path, std::uint64_t number) const noexcept;

    EVP_CIPHER_CTX* context_ = nullptr;
    nonce iv_{};
};

/// False when OpenSSL fails.
[[nodiscard]] bool hmac_sha256(byte_view key, byte_view message, secret& out) noexcept;
[[nodiscard]] bool hkdf_extract(byte_view salt, byte_view key, secret& out) noexcept;
/// At most 32 bytes: one block. Precondition: `label.size() <= 63`.
[[nodiscard]] bool hkdf_expand(const secret& from, std::string_view label, byte_span out) noexcept;

[[nodiscard]] bool equal_in_constant_time(byte_view a, byte_view b) noexcept;
void wipe(byte_span memory) noexcept;

}  // namespace detail
}  // namespace v0
}  // namespace duality
