// SPDX-License-Identifier: MIT
#include "duality/masque/certificate.hpp"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

#include "duality/masque/address.hpp"
#include "masque/gnutls/x509.hpp"
#include "masque/tls.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

struct private_key_deleter {
    using pointer = gnutls_x509_privkey_t;
    void operator()(gnutls_x509_privkey_t k) const noexcept { gnutls_x509_privkey_deinit(k); }
};
using private_key_ptr = std::unique_ptr<gnutls_x509_privkey_int, private_key_deleter>;

[[nodiscard]] private_key_ptr new_key() noexcept {
    gnutls_x509_privkey_t key = nullptr;
    if (gnutls_x509_privkey_init(&key) != GNUTLS_E_SUCCESS) return nullptr;
    return private_key_ptr{key};
}

[[nodiscard]] bool add_names(gnutls_x509_crt_t to, std::span<const std::string_view> names) noexcept {
    for (const std::string_view name : names) {
        const std::optional<ip_address> ip = ip_address::parse(name);
        const byte_view raw = ip ? ip->bytes() : byte_view{};
        const int added =
            ip ? gnutls_x509_crt_set_subject_alt_name(to, GNUTLS_SAN_IPADDRESS, raw.data(),
                                                      static_cast<unsigned>(raw.size()), GNUTLS_FSAN_APPEND)
               : gnutls_x509_crt_set_subject_alt_name(to, GNUTLS_SAN_DNSNAME, name.data(),
                                                      static_cast<unsigned>(name.size()), GNUTLS_FSAN_APPEND);
        if (added != GNUTLS_E_SUCCESS) return false;
    }
    return true;
}

}  // namespace

result<certificate> make_certificate(const certificate_request& request) noexcept {
    if (request.names.empty() || request.valid_until <= request.valid_from || request.valid_from < wall_time{})
        return status::invalid_argument;
    const private_key_ptr key = new_key();
    gnutls_x509_crt_t raw = nullptr;
    if (!key || gnutls_x509_crt_init(&raw) != GNUTLS_E_SUCCESS) return status::out_of_memory;
    const tls::x509_ptr made{raw};
    if (gnutls_x509_privkey_generate(key.get(), GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) !=
        GNUTLS_E_SUCCESS)
        return status::unsupported;

    std::array<std::uint8_t, 16> serial{};
    if (!tls::random_bytes(serial)) return status::unsupported;
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7F) | 0x40);  // positive, and as long as it says
    const std::string_view name = request.names.front();
    const unsigned usage =
        request.authority ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE;
    std::uint8_t key_id[20];
    std::size_t key_id_size = sizeof key_id;
    const bool filled =
        gnutls_x509_crt_set_version(raw, 3) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_key(raw, key.get()) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_serial(raw, serial.data(), serial.size()) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_activation_time(raw, tls::seconds(request.valid_from)) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_expiration_time(raw, tls::seconds(request.valid_until)) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_dn_by_oid(raw, GNUTLS_OID_X520_COMMON_NAME, 0, name.data(),
                                      static_cast<unsigned>(name.size())) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_get_key_id(raw, 0, key_id, &key_id_size) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_subject_key_id(raw, key_id, key_id_size) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_basic_constraints(raw, request.authority ? 1 : 0, -1) == GNUTLS_E_SUCCESS &&
        gnutls_x509_crt_set_key_usage(raw, usage) == GNUTLS_E_SUCCESS &&
        (request.authority ||
         gnutls_x509_crt_set_key_purpose_oid(raw, request.client ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER,
                                             0) == GNUTLS_E_SUCCESS) &&
        add_names(raw, request.names);
    if (!filled) return status::invalid_argument;

    if (request.issuer != nullptr) {
        const private_key_ptr issuer_key = new_key();
        const gnutls_datum_t issuer_chain = tls::datum(request.issuer->chain());
        const gnutls_datum_t issuer_key_text = tls::datum(request.issuer->key());
        const tls::x509_ptr issuer = tls::import(issuer_chain, GNUTLS_X509_FMT_PEM);
        if (!issuer || !issuer_key ||
            gnutls_x509_privkey_import(issuer_key.get(), &issuer_key_text, GNUTLS_X509_FMT_PEM) != GNUTLS_E_SUCCESS ||
            gnutls_x509_crt_sign2(raw, issuer.get(), issuer_key.get(), GNUTLS_DIG_SHA256, 0) != GNUTLS_E_SUCCESS)
            return status::invalid_argument;
    } else if (gnutls_x509_crt_sign2(raw, raw, key.get(), GNUTLS_DIG_SHA256, 0) != GNUTLS_E_SUCCESS) {
        return status::unsupported;
    }

    certificate out;
    out.chain_size = out.chain_text.size();
    out.key_size = out.key_text.size();
    if (gnutls_x509_crt_export(raw, GNUTLS_X509_FMT_PEM, out.chain_text.data(), &out.chain_size) != GNUTLS_E_SUCCESS ||
        gnutls_x509_privkey_export_pkcs8(key.get(), GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN,
                                         out.key_text.data(), &out.key_size) != GNUTLS_E_SUCCESS ||
        !tls::pin_of(raw, out.pin))
        return status::unsupported;
    return out;
}

result<key_pin> pin_of(std::string_view chain) noexcept {
    const tls::x509_ptr first = tls::import(tls::datum(chain), GNUTLS_X509_FMT_PEM);
    key_pin pin;
    if (!first || !tls::pin_of(first.get(), pin)) return status::malformed;
    return pin;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
