// SPDX-License-Identifier: MIT
#include "secure/aead.hpp"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace duality {
inline namespace v0 {

entropy_source entropy_source::system() noexcept {
    return {nullptr,
            [](void*, byte_span out) noexcept { return RAND_bytes(out.data(), static_cast<int>(out.size())) == 1; }};
}

namespace detail {

namespace {

[[nodiscard]] const EVP_CIPHER* cipher_of(aead_suite suite) noexcept {
    switch (suite) {
        case aead_suite::aes_128_gcm: return EVP_aes_128_gcm();
        case aead_suite::aes_256_gcm: return EVP_aes_256_gcm();
        case aead_suite::chacha20_poly1305: return EVP_chacha20_poly1305();
    }
    return nullptr;
}

[[nodiscard]] int length(byte_view bytes) noexcept {
    return static_cast<int>(bytes.size());
}

}  // namespace

std::size_t key_size(aead_suite suite) noexcept {
    return suite == aead_suite::aes_128_gcm ? 16 : 32;
}

aead_key::~aead_key() {
    EVP_CIPHER_CTX_free(context_);
}

bool aead_key::create(aead_suite suite, bool seals) noexcept {
    context_ = EVP_CIPHER_CTX_new();
    return context_ != nullptr &&
           EVP_CipherInit_ex(context_, cipher_of(suite), nullptr, nullptr, nullptr, seals ? 1 : 0) == 1;
}

bool aead_key::set_key(byte_view key, const nonce& iv) noexcept {
    iv_ = iv;
    return EVP_CipherInit_ex(context_, nullptr, nullptr, key.data(), nullptr, -1) == 1;
}

nonce aead_key::nonce_of(std::uint8_t path, std::uint64_t number) const noexcept {
    nonce out = iv_;
    out[3] ^= path;
    for (unsigned i = 0; i < 8; ++i) out[nonce_size - 1 - i] ^= static_cast<std::uint8_t>(number >> (8 * i));
    return out;
}

bool aead_key::seal(std::uint8_t path, std::uint64_t number, byte_view associated, byte_view plain,
                    std::uint8_t* out) noexcept {
    const nonce n = nonce_of(path, number);
    int done = 0;
    int rest = 0;
    return EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, n.data(), 1) == 1 &&
           EVP_CipherUpdate(context_, nullptr, &done, associated.data(), length(associated)) == 1 &&
           EVP_CipherUpdate(context_, out, &done, plain.data(), length(plain)) == 1 &&
           EVP_CipherFinal_ex(context_, out + done, &rest) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_size), out + plain.size()) == 1;
}

bool aead_key::open(std::uint8_t path, std::uint64_t number, byte_view associated, byte_view sealed,
                    std::uint8_t* out) noexcept {
    const nonce n = nonce_of(path, number);
    const byte_view body = sealed.first(sealed.size() - tag_size);
    std::array<std::uint8_t, tag_size> tag;
    std::copy_n(sealed.end() - tag_size, tag_size, tag.begin());
    int done = 0;
    int rest = 0;
    const bool authentic =
        EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, n.data(), 0) == 1 &&
        EVP_CipherUpdate(context_, nullptr, &done, associated.data(), length(associated)) == 1 &&
        EVP_CipherUpdate(context_, out, &done, body.data(), length(body)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size), tag.data()) == 1 &&
        EVP_CipherFinal_ex(context_, out + done, &rest) == 1;
    if (!authentic) wipe({out, body.size()});
    return authentic;
}

bool hmac_sha256(byte_view key, byte_view message, secret& out) noexcept {
    unsigned size = 0;
    return HMAC(EVP_sha256(), key.data(), length(key), message.data(), message.size(), out.data(), &size) != nullptr &&
           size == out.size();
}

bool hkdf_extract(byte_view salt, byte_view key, secret& out) noexcept {
    return hmac_sha256(salt, key, out);
}

bool hkdf_expand(const secret& from, std::string_view label, byte_span out) noexcept {
    std::array<std::uint8_t, 64> message{};
    std::memcpy(message.data(), label.data(), label.size());
    message[label.size()] = 1;
    secret block{};
    const bool done = hmac_sha256(from, byte_view{message}.first(label.size() + 1), block);
    std::copy_n(block.begin(), out.size(), out.begin());
    wipe(block);
    return done;
}

bool equal_in_constant_time(byte_view a, byte_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(byte_span memory) noexcept {
    OPENSSL_cleanse(memory.data(), memory.size());
}

}  // namespace detail
}  // namespace v0
}  // namespace duality
