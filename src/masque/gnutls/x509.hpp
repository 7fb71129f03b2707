// SPDX-License-Identifier: MIT
//
// GnuTLS's certificates with owners, and what it takes to read them.
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <ctime>
#include <memory>
#include <string_view>

#include "duality/masque/certificate.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace tls {

[[nodiscard]] inline gnutls_datum_t datum(std::string_view text) noexcept {
    // GnuTLS takes its input through a pointer to non-const bytes that it does not write to.
    return {const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(text.data())),
            static_cast<unsigned>(text.size())};
}

[[nodiscard]] inline std::time_t seconds(wall_time at) noexcept {
    return static_cast<std::time_t>(at.ns() / 1'000'000'000);
}

struct certificate_deleter {
    using pointer = gnutls_x509_crt_t;
    void operator()(gnutls_x509_crt_t c) const noexcept { gnutls_x509_crt_deinit(c); }
};
using x509_ptr = std::unique_ptr<gnutls_x509_crt_int, certificate_deleter>;

[[nodiscard]] inline x509_ptr import(const gnutls_datum_t& bytes, gnutls_x509_crt_fmt_t format) noexcept {
    gnutls_x509_crt_t certificate = nullptr;
    if (gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS) return nullptr;
    x509_ptr made{certificate};
    if (gnutls_x509_crt_import(certificate, &bytes, format) != GNUTLS_E_SUCCESS) return nullptr;
    return made;
}

[[nodiscard]] inline bool pin_of(gnutls_x509_crt_t certificate, key_pin& out) noexcept {
    std::size_t size = out.sha256.size();
    return gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, out.sha256.data(), &size) ==
           GNUTLS_E_SUCCESS;
}

}  // namespace tls
}  // namespace masque
}  // namespace v0
}  // namespace duality
