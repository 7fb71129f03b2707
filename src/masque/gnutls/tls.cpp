// SPDX-License-Identifier: MIT
#include "masque/tls.hpp"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <new>
#include <utility>

#include "duality/masque/address.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace tls {
namespace {

constexpr const char* priority_text =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%DISABLE_TLS13_COMPAT_MODE";

struct priority_deleter {
    using pointer = gnutls_priority_t;
    void operator()(gnutls_priority_t p) const noexcept { gnutls_priority_deinit(p); }
};
struct credentials_deleter {
    using pointer = gnutls_certificate_credentials_t;
    void operator()(gnutls_certificate_credentials_t c) const noexcept { gnutls_certificate_free_credentials(c); }
};

[[nodiscard]] gnutls_datum_t datum(std::string_view text) noexcept {
    // GnuTLS takes its input through a pointer to non-const bytes that it does not write to.
    return {const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(text.data())),
            static_cast<unsigned>(text.size())};
}

[[nodiscard]] std::time_t seconds(wall_time at) noexcept {
    return static_cast<std::time_t>(at.ns() / 1'000'000'000);
}

int verify_peer(gnutls_session_t native) noexcept {
    auto* const self = static_cast<session*>(gnutls_db_get_ptr(native));
    return self->accept_peer() ? 0 : -1;
}

}  // namespace

struct context::state {
    std::unique_ptr<gnutls_priority_st, priority_deleter> priority;
    std::unique_ptr<gnutls_certificate_credentials_st, credentials_deleter> credentials;
};

context::context(context&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
context& context::operator=(context&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}
context::~context() {
    delete state_;
}

namespace {

[[nodiscard]] bool prepare(context::state& made) noexcept {
    gnutls_priority_t priority = nullptr;
    gnutls_certificate_credentials_t credentials = nullptr;
    if (gnutls_priority_init(&priority, priority_text, nullptr) != GNUTLS_E_SUCCESS) return false;
    made.priority.reset(priority);
    if (gnutls_certificate_allocate_credentials(&credentials) != GNUTLS_E_SUCCESS) return false;
    made.credentials.reset(credentials);
    return true;
}

}  // namespace

result<context> context::create_server(std::string_view chain, std::string_view key) noexcept {
    context made;
    made.state_ = new (std::nothrow) state{};
    if (made.state_ == nullptr || !prepare(*made.state_)) return status::out_of_memory;
    const gnutls_datum_t chain_bytes = datum(chain);
    const gnutls_datum_t key_bytes = datum(key);
    if (gnutls_certificate_set_x509_key_mem(made.state_->credentials.get(), &chain_bytes, &key_bytes,
                                            GNUTLS_X509_FMT_PEM) < 0)
        return status::malformed;
    return made;
}

result<context> context::create_client(std::string_view roots, bool system_roots) noexcept {
    context made;
    made.state_ = new (std::nothrow) state{};
    if (made.state_ == nullptr || !prepare(*made.state_)) return status::out_of_memory;
    gnutls_certificate_credentials_t credentials = made.state_->credentials.get();
    const gnutls_datum_t bytes = datum(roots);
    if (!roots.empty() && gnutls_certificate_set_x509_trust_mem(credentials, &bytes, GNUTLS_X509_FMT_PEM) <= 0)
        return status::malformed;
    if (system_roots) (void)gnutls_certificate_set_x509_system_trust(credentials);
    gnutls_certificate_set_verify_function(credentials, verify_peer);
    // Dates are compared with the caller's calendar, not with the system's.
    gnutls_certificate_set_verify_flags(credentials, GNUTLS_VERIFY_DISABLE_TIME_CHECKS);
    return made;
}

session::~session() {
    if (native_ != nullptr) gnutls_deinit(static_cast<gnutls_session_t>(native_));
}

namespace {

[[nodiscard]] status set_up(gnutls_session_t native, const context::state& from, session& self,
                            ngtcp2_crypto_conn_ref& reference) noexcept {
    static constexpr unsigned char h3[] = {'h', '3'};
    const gnutls_datum_t alpn = {const_cast<unsigned char*>(h3), sizeof h3};
    // ngtcp2's glue wants the session's user pointer; the database pointer is free, as nothing is stored in one.
    gnutls_session_set_ptr(native, &reference);
    gnutls_db_set_ptr(native, &self);
    const bool ok =
        gnutls_priority_set(native, from.priority.get()) == GNUTLS_E_SUCCESS &&
        gnutls_credentials_set(native, GNUTLS_CRD_CERTIFICATE, from.credentials.get()) == GNUTLS_E_SUCCESS &&
        gnutls_alpn_set_protocols(native, &alpn, 1, GNUTLS_ALPN_MANDATORY) == GNUTLS_E_SUCCESS;
    return ok ? status::ok : status::unsupported;
}

}  // namespace

status session::create_server(const context& credentials, ngtcp2_crypto_conn_ref& reference) noexcept {
    gnutls_session_t native = nullptr;
    // No tickets: nothing is resumed, so there is no 0-RTT either.
    if (gnutls_init(&native, GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_END_OF_EARLY_DATA) !=
        GNUTLS_E_SUCCESS)
        return status::out_of_memory;
    native_ = native;
    if (const status s = set_up(native, credentials.get(), *this, reference); failed(s)) return s;
    return ngtcp2_crypto_gnutls_configure_server_session(native) == 0 ? status::ok : status::unsupported;
}

status session::create_client(const context& credentials, ngtcp2_crypto_conn_ref& reference,
                              const expectation& expected) noexcept {
    gnutls_session_t native = nullptr;
    if (gnutls_init(&native, GNUTLS_CLIENT | GNUTLS_NO_END_OF_EARLY_DATA) != GNUTLS_E_SUCCESS)
        return status::out_of_memory;
    native_ = native;
    expected_ = expected;
    if (expected.name.size() >= sizeof name_) return status::invalid_argument;
    *std::copy(expected.name.begin(), expected.name.end(), name_) = '\0';
    if (const status s = set_up(native, credentials.get(), *this, reference); failed(s)) return s;
    // An address is no server name (RFC 6066, section 3).
    if (!ip_address::parse(expected.name) &&
        gnutls_server_name_set(native, GNUTLS_NAME_DNS, name_, expected.name.size()) != GNUTLS_E_SUCCESS)
        return status::invalid_argument;
    return ngtcp2_crypto_gnutls_configure_client_session(native) == 0 ? status::ok : status::unsupported;
}

bool session::export_keying_material(std::string_view label, byte_span out) const noexcept {
    const auto native = static_cast<gnutls_session_t>(native_);
    return native != nullptr && gnutls_prf_rfc5705(native, label.size(), label.data(), 0, nullptr, out.size(),
                                                   reinterpret_cast<char*>(out.data())) == GNUTLS_E_SUCCESS;
}

bool session::accept_peer() noexcept {
    refused_ = judge_peer();
    return refused_ == refusal::none;
}

namespace {

struct certificate_deleter {
    using pointer = gnutls_x509_crt_t;
    void operator()(gnutls_x509_crt_t c) const noexcept { gnutls_x509_crt_deinit(c); }
};
using x509_ptr = std::unique_ptr<gnutls_x509_crt_int, certificate_deleter>;

[[nodiscard]] x509_ptr import(const gnutls_datum_t& bytes, gnutls_x509_crt_fmt_t format) noexcept {
    gnutls_x509_crt_t certificate = nullptr;
    if (gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS) return nullptr;
    x509_ptr made{certificate};
    if (gnutls_x509_crt_import(certificate, &bytes, format) != GNUTLS_E_SUCCESS) return nullptr;
    return made;
}

[[nodiscard]] bool pin_of(gnutls_x509_crt_t certificate, key_pin& out) noexcept {
    std::size_t size = out.sha256.size();
    return gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, out.sha256.data(), &size) ==
           GNUTLS_E_SUCCESS;
}

}  // namespace

refusal session::judge_peer() noexcept {
    const auto native = static_cast<gnutls_session_t>(native_);
    unsigned count = 0;
    const gnutls_datum_t* const chain = gnutls_certificate_get_peers(native, &count);
    if (chain == nullptr || count == 0 || gnutls_certificate_type_get(native) != GNUTLS_CRT_X509)
        return refusal::untrusted;

    if (!expected_.pins.empty()) {
        const x509_ptr leaf = import(chain[0], GNUTLS_X509_FMT_DER);
        key_pin pin;
        if (!leaf || !pin_of(leaf.get(), pin)) return refusal::untrusted;
        const bool known = std::find(expected_.pins.begin(), expected_.pins.end(), pin) != expected_.pins.end();
        return known ? refusal::none : refusal::wrong_key;
    }

    gnutls_typed_vdata_st wanted[2]{};
    wanted[0].type = GNUTLS_DT_DNS_HOSTNAME;
    wanted[0].data = reinterpret_cast<unsigned char*>(name_);
    wanted[1].type = GNUTLS_DT_KEY_PURPOSE_OID;
    wanted[1].data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(GNUTLS_KP_TLS_WWW_SERVER));
    unsigned problems = 0;
    if (gnutls_certificate_verify_peers(native, wanted, 2, &problems) != GNUTLS_E_SUCCESS) return refusal::untrusted;
    const std::time_t now = seconds(expected_.now);
    for (unsigned i = 0; i < count; ++i) {
        const x509_ptr certificate = import(chain[i], GNUTLS_X509_FMT_DER);
        if (!certificate) return refusal::untrusted;
        if (now < gnutls_x509_crt_get_activation_time(certificate.get()) ||
            now > gnutls_x509_crt_get_expiration_time(certificate.get()))
            return refusal::expired;
    }
    if (problems == 0) return refusal::none;
    return (problems & GNUTLS_CERT_UNEXPECTED_OWNER) != 0 ? refusal::wrong_name : refusal::untrusted;
}

bool random_bytes(byte_span out) noexcept {
    return gnutls_rnd(GNUTLS_RND_KEY, out.data(), out.size()) == 0;
}

std::array<std::uint8_t, 32> sha256(byte_view bytes) noexcept {
    std::array<std::uint8_t, 32> digest{};
    (void)gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes.data(), bytes.size(), digest.data());
    return digest;
}

std::array<std::uint8_t, 32> hmac_sha256(byte_view key, byte_view bytes) noexcept {
    std::array<std::uint8_t, 32> code{};
    (void)gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.data(), key.size(), bytes.data(), bytes.size(), code.data());
    return code;
}

}  // namespace tls

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
         gnutls_x509_crt_set_key_purpose_oid(raw, GNUTLS_KP_TLS_WWW_SERVER, 0) == GNUTLS_E_SUCCESS) &&
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
