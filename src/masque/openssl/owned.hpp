// SPDX-License-Identifier: MIT
//
// OpenSSL's objects with owners, and reading them from PEM text.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <limits>
#include <memory>
#include <string_view>

#include "duality/masque/certificate.hpp"
#include "masque/tls.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace tls {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed_by<SSL_free>>;
using ssl_context_ptr = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using ticket_ptr = std::unique_ptr<SSL_SESSION, freed_by<SSL_SESSION_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<X509_free>>;

/// What went wrong is told by a status; OpenSSL's notes about it must not be found by somebody else's call.
class error_scope {
public:
    error_scope() noexcept = default;
    ~error_scope() { ERR_clear_error(); }
    error_scope(const error_scope&) = delete;
    error_scope& operator=(const error_scope&) = delete;
};

[[nodiscard]] inline bio_ptr reader_of(std::string_view text) noexcept {
    if (text.size() > std::numeric_limits<int>::max()) return nullptr;
    return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

/// The next certificate; nullptr when there is none.
[[nodiscard]] inline x509_ptr read_certificate(BIO* from) noexcept {
    return x509_ptr{PEM_read_bio_X509(from, nullptr, nullptr, nullptr)};
}

[[nodiscard]] inline key_ptr read_key(std::string_view text) noexcept {
    // OpenSSL would ask the terminal for the password of a key that has one.
    const auto no_password = [](char*, int, int, void*) { return -1; };
    const bio_ptr from = reader_of(text);
    return key_ptr{from ? PEM_read_bio_PrivateKey(from.get(), nullptr, no_password, nullptr) : nullptr};
}

[[nodiscard]] inline bool pin_of(X509* of, key_pin& out) noexcept {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(of), &der);
    if (size <= 0) return false;
    out.sha256 = sha256({der, static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    return true;
}

}  // namespace tls
}  // namespace masque
}  // namespace v0
}  // namespace duality
