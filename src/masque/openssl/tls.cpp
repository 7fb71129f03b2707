// SPDX-License-Identifier: MIT
#include "masque/tls.hpp"

#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <new>
#include <utility>

#include "duality/masque/address.hpp"
#include "masque/openssl/owned.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace tls {
namespace {

constexpr const char* suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";
constexpr unsigned char h3[] = {2, 'h', '3'};  // as ALPN has it: with its length

/// Where an SSL object keeps its session; ngtcp2's glue has taken the pointer for applications.
[[nodiscard]] int session_place() noexcept {
    static const int place = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return place;
}

[[nodiscard]] ngtcp2_crypto_ossl_ctx* glue(void* native) noexcept {
    return static_cast<ngtcp2_crypto_ossl_ctx*>(native);
}
[[nodiscard]] SSL* ssl_of(void* native) noexcept {
    return ngtcp2_crypto_ossl_ctx_get_ssl(glue(native));
}

int verify_peer(X509_STORE_CTX* peer, void*) noexcept {
    const auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(peer, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return static_cast<session*>(SSL_get_ex_data(ssl, session_place()))->accept_peer(peer) ? 1 : 0;
}

/// A server has given a ticket.
int take_ticket(SSL* ssl, SSL_SESSION* given) noexcept {
    unsigned char* bytes = nullptr;
    if (const int size = i2d_SSL_SESSION(given, &bytes); size > 0) {
        static_cast<session*>(SSL_get_ex_data(ssl, session_place()))
            ->keep_ticket({bytes, static_cast<std::size_t>(size)});
        OPENSSL_free(bytes);
    }
    return 0;  // the object itself is not kept
}

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) noexcept {
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, h3, sizeof h3, offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

struct context::state {
    ssl_context_ptr native;
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
    if (ngtcp2_crypto_ossl_init() != 0) return false;
    made.native.reset(SSL_CTX_new(TLS_method()));
    SSL_CTX* const native = made.native.get();
    if (native == nullptr) return false;
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(native, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(native, suites) == 1 && SSL_CTX_set1_groups_list(native, groups) == 1;
}

[[nodiscard]] bool use_chain(SSL_CTX* native, std::string_view chain) noexcept {
    const bio_ptr from = reader_of(chain);
    const x509_ptr leaf = from ? read_certificate(from.get()) : nullptr;
    if (!leaf || SSL_CTX_use_certificate(native, leaf.get()) != 1) return false;
    while (const x509_ptr issuer = read_certificate(from.get()))
        if (SSL_CTX_add1_chain_cert(native, issuer.get()) != 1) return false;
    return true;
}

[[nodiscard]] bool use(SSL_CTX* native, const key_pair& own) noexcept {
    const key_ptr key = read_key(own.key);
    return use_chain(native, own.chain) && key && SSL_CTX_use_PrivateKey(native, key.get()) == 1 &&
           SSL_CTX_check_private_key(native) == 1;
}

[[nodiscard]] bool trust(SSL_CTX* native, std::string_view roots) noexcept {
    const bio_ptr from = reader_of(roots);
    std::size_t count = 0;
    while (const x509_ptr root = from ? read_certificate(from.get()) : nullptr) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(native), root.get()) != 1) return false;
        ++count;
    }
    return count > 0;
}

}  // namespace

result<context> context::create_server(const key_pair& own, byte_view secret, const client_check& clients) noexcept {
    const error_scope errors;
    context made;
    made.state_ = new (std::nothrow) state{};
    if (made.state_ == nullptr || !prepare(*made.state_)) return status::out_of_memory;
    SSL_CTX* const native = made.state_->native.get();
    if (!use(native, own)) return status::malformed;
    SSL_CTX_set_alpn_select_cb(native, select_protocol, nullptr);
    if (!clients.roots.empty()) {
        if (!trust(native, clients.roots)) return status::malformed;
        SSL_CTX_set_mode(native, SSL_MODE_NO_AUTO_CHAIN);  // they are nothing to show
        SSL_CTX_set_verify(native, SSL_VERIFY_PEER | (clients.needed ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
        SSL_CTX_set_cert_verify_callback(native, verify_peer, nullptr);
        SSL_CTX_set_options(native, SSL_OP_NO_TICKET);
        if (SSL_CTX_set_num_tickets(native, 0) != 1) return status::unsupported;
        return made;
    }
    // The tickets hold all there is to know, and none of them allows 0-RTT.
    auto keys = ticket_keys<80>(secret);
    SSL_CTX_set_timeout(native, ticket_lifetime_s);
    const bool taken = SSL_CTX_set_tlsext_ticket_keys(native, keys.data(), keys.size()) == 1 &&
                       SSL_CTX_set_num_tickets(native, 1) == 1 && SSL_CTX_set_max_early_data(native, 0) == 1;
    if (!taken) return status::unsupported;
    return made;
}

result<context> context::create_client(std::string_view roots, bool system_roots, const key_pair& own) noexcept {
    const error_scope errors;
    context made;
    made.state_ = new (std::nothrow) state{};
    if (made.state_ == nullptr || !prepare(*made.state_)) return status::out_of_memory;
    SSL_CTX* const native = made.state_->native.get();
    if (!roots.empty() && !trust(native, roots)) return status::malformed;
    if (!own.chain.empty() && !use(native, own)) return status::malformed;
    if (system_roots) (void)SSL_CTX_set_default_verify_paths(native);
    made.trust_in(roots, system_roots);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(native, take_ticket);
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(native, verify_peer, nullptr);
    return made;
}

session::~session() {
    if (native_ == nullptr) return;
    const ssl_ptr ssl{ssl_of(native_)};
    SSL_set_app_data(ssl.get(), nullptr);  // the connection it led to may be gone
    ngtcp2_crypto_ossl_ctx_del(glue(native_));
}

namespace {

[[nodiscard]] status set_up(const context::state& from, session& self, ngtcp2_crypto_conn_ref& reference,
                            void*& native) noexcept {
    ssl_ptr ssl{SSL_new(from.native.get())};
    ngtcp2_crypto_ossl_ctx* made = nullptr;
    if (!ssl || ngtcp2_crypto_ossl_ctx_new(&made, ssl.get()) != 0) return status::out_of_memory;
    native = made;
    SSL* const kept = ssl.release();
    SSL_set_app_data(kept, &reference);
    return SSL_set_ex_data(kept, session_place(), &self) == 1 ? status::ok : status::out_of_memory;
}

}  // namespace

status session::create_server(const context& credentials, ngtcp2_crypto_conn_ref& reference, wall_time now) noexcept {
    const error_scope errors;
    server_ = true;
    expected_.now = now;
    if (const status s = set_up(credentials.get(), *this, reference, native_); failed(s)) return s;
    SSL* const ssl = ssl_of(native_);
    SSL_set_accept_state(ssl);
    return ngtcp2_crypto_ossl_configure_server_session(ssl) == 0 ? status::ok : status::unsupported;
}

status session::create_client(const context& credentials, ngtcp2_crypto_conn_ref& reference,
                              const expectation& expected, const allocator& memory) noexcept {
    const error_scope errors;
    if (expected.name.size() >= sizeof name_) return status::invalid_argument;
    *std::copy(expected.name.begin(), expected.name.end(), name_) = '\0';
    expect(credentials, expected, memory);
    if (const status s = set_up(credentials.get(), *this, reference, native_); failed(s)) return s;
    SSL* const ssl = ssl_of(native_);
    SSL_set_connect_state(ssl);
    if (SSL_set_alpn_protos(ssl, h3, sizeof h3) != 0) return status::out_of_memory;
    // An address is no server name (RFC 6066, section 3).
    if (!ip_address::parse(expected.name) && SSL_set_tlsext_host_name(ssl, name_) != 1) return status::invalid_argument;
    if (const byte_view ticket = open_ticket(); !ticket.empty()) {
        const unsigned char* bytes = ticket.data();
        const ticket_ptr earlier{d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(ticket.size()))};
        if (earlier) (void)SSL_set_session(ssl, earlier.get());  // or else a certificate is wanted again
    }
    return ngtcp2_crypto_ossl_configure_client_session(ssl) == 0 ? status::ok : status::unsupported;
}

bool session::speaks_http3() const noexcept {
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_of(native_), &chosen, &size);
    return size == sizeof h3 - 1 && std::equal(chosen, chosen + size, h3 + 1);
}

bool session::is_resumed() const noexcept {
    return SSL_session_reused(ssl_of(native_)) == 1;
}

void session::send_ticket() noexcept {}

bool session::export_keying_material(std::string_view label, byte_span out) const noexcept {
    const error_scope errors;
    return native_ != nullptr && SSL_export_keying_material(ssl_of(native_), out.data(), out.size(), label.data(),
                                                            label.size(), nullptr, 0, 0) == 1;
}

refusal session::judge_peer(void* shown) noexcept {
    auto* const chain = static_cast<X509_STORE_CTX*>(shown);
    // Whatever the reason, the handshake must not go on as if there were none.
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    X509* const leaf = X509_STORE_CTX_get0_cert(chain);
    key_pin pin;
    if (leaf == nullptr || !pin_of(leaf, pin)) return refusal::untrusted;
    if (!expected_.pins.empty()) {
        if (std::find(expected_.pins.begin(), expected_.pins.end(), pin) == expected_.pins.end())
            return refusal::wrong_key;
        X509_STORE_CTX_set_error(chain, X509_V_OK);
        return refusal::none;
    }

    X509_VERIFY_PARAM* const rules = X509_STORE_CTX_get0_param(chain);
    // Dates are compared with the caller's calendar, not with the system's.
    X509_VERIFY_PARAM_set_time(rules, static_cast<std::time_t>(expected_.now.ns() / 1'000'000'000));
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (!server_) {
        const std::optional<ip_address> ip = ip_address::parse({name_});
        const byte_view raw = ip ? ip->bytes() : byte_view{};
        const int named = ip ? X509_VERIFY_PARAM_set1_ip(rules, raw.data(), raw.size())
                             : X509_VERIFY_PARAM_set1_host(rules, name_, 0);
        if (named != 1) return refusal::untrusted;
    }
    if (X509_verify_cert(chain) == 1) {
        if (server_) client_key_ = pin;
        return refusal::none;
    }
    switch (X509_STORE_CTX_get_error(chain)) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID: return refusal::expired;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return refusal::wrong_name;
        default: return refusal::untrusted;
    }
}

bool random_bytes(byte_span out) noexcept {
    return RAND_bytes(out.data(), static_cast<int>(out.size())) == 1;
}

std::array<std::uint8_t, 32> sha256(byte_view bytes) noexcept {
    std::array<std::uint8_t, 32> digest{};
    (void)EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), nullptr);
    return digest;
}

std::array<std::uint8_t, 32> hmac_sha256(byte_view key, byte_view bytes) noexcept {
    std::array<std::uint8_t, 32> code{};
    (void)HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(), code.data(),
               nullptr);
    return code;
}

}  // namespace tls
}  // namespace masque
}  // namespace v0
}  // namespace duality
