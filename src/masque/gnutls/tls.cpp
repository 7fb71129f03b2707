// SPDX-License-Identifier: MIT
#include "masque/tls.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "duality/masque/address.hpp"
#include "masque/gnutls/x509.hpp"

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

int verify_peer(gnutls_session_t native) noexcept {
    auto* const self = static_cast<session*>(gnutls_db_get_ptr(native));
    return self->accept_peer(native) ? 0 : -1;
}

/// A server has given a ticket.
int take_ticket(gnutls_session_t native, unsigned, unsigned, unsigned incoming, const gnutls_datum_t*) noexcept {
    gnutls_datum_t bytes{};
    if (incoming == 0 || gnutls_session_get_data2(native, &bytes) != GNUTLS_E_SUCCESS) return 0;
    static_cast<session*>(gnutls_db_get_ptr(native))->keep_ticket({bytes.data, bytes.size});
    gnutls_free(bytes.data);
    return 0;
}

}  // namespace

struct context::state {
    std::unique_ptr<gnutls_priority_st, priority_deleter> priority;
    std::unique_ptr<gnutls_certificate_credentials_st, credentials_deleter> credentials;
    std::array<std::uint8_t, 64> ticket_keys{};
    gnutls_certificate_request_t wanted = GNUTLS_CERT_IGNORE;  ///< of clients
};

context::context(context&& other) noexcept : state_{std::exchange(other.state_, nullptr)}, anchors_{other.anchors_} {}
context& context::operator=(context&& other) noexcept {
    std::swap(state_, other.state_);
    anchors_ = other.anchors_;
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

[[nodiscard]] bool use(context::state& made, const key_pair& own) noexcept {
    const gnutls_datum_t chain = datum(own.chain);
    const gnutls_datum_t key = datum(own.key);
    return gnutls_certificate_set_x509_key_mem(made.credentials.get(), &chain, &key, GNUTLS_X509_FMT_PEM) >= 0;
}

[[nodiscard]] bool trust(context::state& made, std::string_view roots) noexcept {
    const gnutls_datum_t bytes = datum(roots);
    return gnutls_certificate_set_x509_trust_mem(made.credentials.get(), &bytes, GNUTLS_X509_FMT_PEM) > 0;
}

void verify_peers(context::state& made) noexcept {
    gnutls_certificate_set_verify_function(made.credentials.get(), verify_peer);
    // Dates are compared with the caller's calendar, not with the system's.
    gnutls_certificate_set_verify_flags(made.credentials.get(), GNUTLS_VERIFY_DISABLE_TIME_CHECKS);
}

}  // namespace

result<context> context::create_server(const key_pair& own, byte_view secret, const client_check& clients) noexcept {
    context made;
    made.state_ = new (std::nothrow) state{};
    if (made.state_ == nullptr || !prepare(*made.state_)) return status::out_of_memory;
    if (!use(*made.state_, own)) return status::malformed;
    made.state_->ticket_keys = ticket_keys<64>(secret);
    if (clients.roots.empty()) return made;
    if (!trust(*made.state_, clients.roots)) return status::malformed;
    verify_peers(*made.state_);
    made.state_->wanted = clients.needed ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST;
    return made;
}

result<context> context::create_client(std::string_view roots, bool system_roots, const key_pair& own) noexcept {
    context made;
    made.state_ = new (std::nothrow) state{};
    if (made.state_ == nullptr || !prepare(*made.state_)) return status::out_of_memory;
    if (!roots.empty() && !trust(*made.state_, roots)) return status::malformed;
    if (!own.chain.empty() && !use(*made.state_, own)) return status::malformed;
    if (system_roots) (void)gnutls_certificate_set_x509_system_trust(made.state_->credentials.get());
    made.trust_in(roots, system_roots);
    verify_peers(*made.state_);
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

status session::create_server(const context& credentials, ngtcp2_crypto_conn_ref& reference, wall_time now) noexcept {
    server_ = true;
    expected_.now = now;
    gnutls_session_t native = nullptr;
    // The tickets hold all there is to know, and without GNUTLS_ENABLE_EARLY_DATA none of them allows 0-RTT.
    if (gnutls_init(&native, GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_END_OF_EARLY_DATA) !=
        GNUTLS_E_SUCCESS)
        return status::out_of_memory;
    native_ = native;
    if (const status s = set_up(native, credentials.get(), *this, reference); failed(s)) return s;
    if (credentials.get().wanted != GNUTLS_CERT_IGNORE) {
        gnutls_certificate_server_set_request(native, credentials.get().wanted);
        // Whom the relay trusts is nobody's business; a client has one certificate for it or none.
        gnutls_certificate_send_x509_rdn_sequence(native, 1);
        tickets_ = false;
        return ngtcp2_crypto_gnutls_configure_server_session(native) == 0 ? status::ok : status::unsupported;
    }
    auto& keys = credentials.get().ticket_keys;
    const gnutls_datum_t key{keys.data(), static_cast<unsigned>(keys.size())};
    if (gnutls_session_ticket_enable_server(native, &key) != GNUTLS_E_SUCCESS) return status::unsupported;
    gnutls_db_set_cache_expiration(native, ticket_lifetime_s);
    return ngtcp2_crypto_gnutls_configure_server_session(native) == 0 ? status::ok : status::unsupported;
}

status session::create_client(const context& credentials, ngtcp2_crypto_conn_ref& reference,
                              const expectation& expected, const allocator& memory) noexcept {
    gnutls_session_t native = nullptr;
    if (gnutls_init(&native, GNUTLS_CLIENT | GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_FORCE_CLIENT_CERT) !=
        GNUTLS_E_SUCCESS)
        return status::out_of_memory;
    native_ = native;
    expect(credentials, expected, memory);
    if (expected.name.size() >= sizeof name_) return status::invalid_argument;
    *std::copy(expected.name.begin(), expected.name.end(), name_) = '\0';
    if (const status s = set_up(native, credentials.get(), *this, reference); failed(s)) return s;
    // An address is no server name (RFC 6066, section 3).
    if (!ip_address::parse(expected.name) &&
        gnutls_server_name_set(native, GNUTLS_NAME_DNS, name_, expected.name.size()) != GNUTLS_E_SUCCESS)
        return status::invalid_argument;
    gnutls_handshake_set_hook_function(native, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST, take_ticket);
    if (const byte_view ticket = open_ticket(); !ticket.empty())
        (void)gnutls_session_set_data(native, ticket.data(), ticket.size());  // or else a certificate is wanted again
    return ngtcp2_crypto_gnutls_configure_client_session(native) == 0 ? status::ok : status::unsupported;
}

bool session::speaks_http3() const noexcept {
    gnutls_datum_t chosen{};
    return gnutls_alpn_get_selected_protocol(static_cast<gnutls_session_t>(native_), &chosen) == GNUTLS_E_SUCCESS &&
           std::string_view{reinterpret_cast<const char*>(chosen.data), chosen.size} == "h3";
}

bool session::is_resumed() const noexcept {
    return gnutls_session_is_resumed(static_cast<gnutls_session_t>(native_)) != 0;
}

void session::send_ticket() noexcept {
    if (!tickets_) return;
    (void)gnutls_session_ticket_send(static_cast<gnutls_session_t>(native_), 1, 0);
}

bool session::export_keying_material(std::string_view label, byte_span out) const noexcept {
    const auto native = static_cast<gnutls_session_t>(native_);
    return native != nullptr && gnutls_prf_rfc5705(native, label.size(), label.data(), 0, nullptr, out.size(),
                                                   reinterpret_cast<char*>(out.data())) == GNUTLS_E_SUCCESS;
}

refusal session::judge_peer(void* shown) noexcept {
    const auto native = static_cast<gnutls_session_t>(shown);
    unsigned count = 0;
    const gnutls_datum_t* const chain = gnutls_certificate_get_peers(native, &count);
    // Who must have a certificate to show is a client's question; the TLS library has it answered by its server.
    if (server_ && (chain == nullptr || count == 0)) return refusal::none;
    if (chain == nullptr || count == 0 || gnutls_certificate_type_get(native) != GNUTLS_CRT_X509)
        return refusal::untrusted;
    const x509_ptr leaf = import(chain[0], GNUTLS_X509_FMT_DER);
    key_pin pin;
    if (!leaf || !pin_of(leaf.get(), pin)) return refusal::untrusted;

    if (!expected_.pins.empty()) {
        const bool known = std::find(expected_.pins.begin(), expected_.pins.end(), pin) != expected_.pins.end();
        return known ? refusal::none : refusal::wrong_key;
    }

    gnutls_typed_vdata_st wanted[2]{};
    const char* const purpose = server_ ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER;
    wanted[0].type = GNUTLS_DT_KEY_PURPOSE_OID;
    wanted[0].data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(purpose));
    wanted[1].type = GNUTLS_DT_DNS_HOSTNAME;
    wanted[1].data = reinterpret_cast<unsigned char*>(name_);
    unsigned problems = 0;
    if (gnutls_certificate_verify_peers(native, wanted, server_ ? 1 : 2, &problems) != GNUTLS_E_SUCCESS)
        return refusal::untrusted;
    const std::time_t now = seconds(expected_.now);
    for (unsigned i = 0; i < count; ++i) {
        const x509_ptr certificate = import(chain[i], GNUTLS_X509_FMT_DER);
        if (!certificate) return refusal::untrusted;
        if (now < gnutls_x509_crt_get_activation_time(certificate.get()) ||
            now > gnutls_x509_crt_get_expiration_time(certificate.get()))
            return refusal::expired;
    }
    if (problems == 0) {
        if (server_) client_key_ = pin;
        return refusal::none;
    }
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
}  // namespace masque
}  // namespace v0
}  // namespace duality
