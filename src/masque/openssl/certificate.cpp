// SPDX-License-Identifier: MIT
#include "duality/masque/certificate.hpp"

#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "duality/masque/address.hpp"
#include "masque/openssl/owned.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

using names_ptr = std::unique_ptr<GENERAL_NAMES, tls::freed_by<GENERAL_NAMES_free>>;
using name_ptr = std::unique_ptr<GENERAL_NAME, tls::freed_by<GENERAL_NAME_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, tls::freed_by<X509_EXTENSION_free>>;

[[nodiscard]] name_ptr make_name(std::string_view text) noexcept {
    const std::optional<ip_address> ip = ip_address::parse(text);
    name_ptr made{GENERAL_NAME_new()};
    ASN1_STRING* const value = ASN1_STRING_type_new(ip ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (!made || value == nullptr) {
        ASN1_STRING_free(value);
        return nullptr;
    }
    GENERAL_NAME_set0_value(made.get(), ip ? GEN_IPADD : GEN_DNS, value);
    const byte_view raw = ip ? ip->bytes() : byte_view{};
    const int set = ip ? ASN1_STRING_set(value, raw.data(), static_cast<int>(raw.size()))
                       : ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
    return set == 1 ? std::move(made) : nullptr;
}

[[nodiscard]] bool add_names(X509* to, std::span<const std::string_view> names) noexcept {
    const names_ptr all{GENERAL_NAMES_new()};
    if (!all) return false;
    for (const std::string_view name : names) {
        name_ptr made = make_name(name);
        if (!made || sk_GENERAL_NAME_push(all.get(), made.get()) <= 0) return false;
        (void)made.release();
    }
    return X509_add1_ext_i2d(to, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

/// `value` as OpenSSL's configuration files write it.
[[nodiscard]] bool add_extension(X509* to, X509* issuer, int kind, const char* value) noexcept {
    X509V3_CTX about{};
    X509V3_set_ctx(&about, issuer, to, nullptr, nullptr, 0);
    const extension_ptr made{X509V3_EXT_conf_nid(nullptr, &about, kind, value)};
    return made && X509_add_ext(to, made.get(), -1) == 1;
}

[[nodiscard]] bool set_serial(X509* to) noexcept {
    std::array<std::uint8_t, 16> serial{};
    if (!tls::random_bytes(serial)) return false;
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7F) | 0x40);  // positive, and as long as it says
    return ASN1_STRING_set(X509_get_serialNumber(to), serial.data(), static_cast<int>(serial.size())) == 1;
}

[[nodiscard]] bool set_name(X509* to, std::string_view name) noexcept {
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(to), NID_commonName, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(name.data()),
                                      static_cast<int>(name.size()), -1, 0) == 1;
}

[[nodiscard]] std::time_t seconds(wall_time at) noexcept {
    return static_cast<std::time_t>(at.ns() / 1'000'000'000);
}

[[nodiscard]] bool fill(X509* out, EVP_PKEY* key, X509* issuer, const certificate_request& request) noexcept {
    return X509_set_version(out, X509_VERSION_3) == 1 && set_serial(out) && set_name(out, request.names.front()) &&
           X509_set_issuer_name(out, X509_get_subject_name(issuer)) == 1 && X509_set_pubkey(out, key) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(out), seconds(request.valid_from)) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(out), seconds(request.valid_until)) != nullptr &&
           add_extension(out, issuer, NID_basic_constraints,
                         request.authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           add_extension(out, issuer, NID_key_usage,
                         request.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
           add_extension(out, issuer, NID_subject_key_identifier, "hash") &&
           (issuer == out || add_extension(out, issuer, NID_authority_key_identifier, "keyid:always")) &&
           (request.authority ||
            add_extension(out, issuer, NID_ext_key_usage, request.client ? "clientAuth" : "serverAuth")) &&
           add_names(out, request.names);
}

/// What `write` puts into a BIO, as text in `out`.
template <class Write>
[[nodiscard]] bool put_text(std::span<char> out, std::size_t& size, Write write) noexcept {
    const tls::bio_ptr into{BIO_new(BIO_s_mem())};
    if (!into || !write(into.get())) return false;
    const int written = BIO_read(into.get(), out.data(), static_cast<int>(out.size()));
    size = static_cast<std::size_t>(std::max(written, 0));
    return written > 0 && BIO_pending(into.get()) == 0;
}

}  // namespace

result<certificate> make_certificate(const certificate_request& request) noexcept {
    const tls::error_scope errors;
    if (request.names.empty() || request.valid_until <= request.valid_from || request.valid_from < wall_time{})
        return status::invalid_argument;
    const tls::key_ptr key{EVP_EC_gen("P-256")};
    const tls::x509_ptr made{X509_new()};
    if (!key || !made) return status::out_of_memory;

    tls::x509_ptr issuer;
    tls::key_ptr issuer_key;
    if (request.issuer != nullptr) {
        const tls::bio_ptr from = tls::reader_of(request.issuer->chain());
        issuer = from ? tls::read_certificate(from.get()) : nullptr;
        issuer_key = tls::read_key(request.issuer->key());
        if (!issuer || !issuer_key) return status::invalid_argument;
    }
    X509* const signed_by = issuer ? issuer.get() : made.get();
    if (!fill(made.get(), key.get(), signed_by, request)) return status::invalid_argument;
    if (X509_sign(made.get(), issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) == 0) return status::unsupported;

    certificate out;
    const bool written =
        put_text(out.chain_text, out.chain_size,
                 [&](BIO* into) { return PEM_write_bio_X509(into, made.get()) == 1; }) &&
        put_text(out.key_text, out.key_size, [&](BIO* into) {
            return PEM_write_bio_PKCS8PrivateKey(into, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
        });
    if (!written || !tls::pin_of(made.get(), out.pin)) return status::unsupported;
    return out;
}

result<key_pin> pin_of(std::string_view chain) noexcept {
    const tls::error_scope errors;
    const tls::bio_ptr from = tls::reader_of(chain);
    const tls::x509_ptr first = from ? tls::read_certificate(from.get()) : nullptr;
    key_pin pin;
    if (!first || !tls::pin_of(first.get(), pin)) return status::malformed;
    return pin;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
