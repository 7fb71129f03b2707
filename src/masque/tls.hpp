// SPDX-License-Identifier: MIT
//
// What QUIC endpoints need of a TLS library, whichever it is. One implementation is chosen at configure time.
#pragma once

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "duality/masque/certificate.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace tls {

/// Why the peer's certificate was refused. A server finds none of `wrong_name` and `wrong_key`.
enum class refusal : std::uint8_t { none, untrusted, wrong_name, expired, wrong_key };

/// Alerts of TLS (RFC 8446, section 6.2; RFC 7301, section 3.2).
inline constexpr std::uint8_t unexpected_message = 10;
inline constexpr std::uint8_t bad_certificate = 42;
inline constexpr std::uint8_t certificate_expired = 45;
inline constexpr std::uint8_t certificate_unknown = 46;
inline constexpr std::uint8_t unknown_ca = 48;
inline constexpr std::uint8_t access_denied = 49;
inline constexpr std::uint8_t certificate_required = 116;
inline constexpr std::uint8_t no_application_protocol = 120;

/// What the peer is told.
[[nodiscard]] constexpr std::uint8_t alert_of(refusal why) noexcept {
    return why == refusal::untrusted ? unknown_ca : why == refusal::expired ? certificate_expired : bad_certificate;
}

/// PEM texts.
struct key_pair {
    std::string_view chain;
    std::string_view key;
};

/// Which clients a server wants to know.
struct client_check {
    std::string_view roots;  ///< PEM certificates of who vouches for clients; empty: no client is asked for one
    bool needed = false;     ///< a client without a certificate is refused
};

/// Credentials of an endpoint, shared by its connections, which it must outlive.
class context {
public:
    context() noexcept = default;
    context(context&& other) noexcept;
    context& operator=(context&& other) noexcept;
    ~context();

    /// `secret` is for tickets, so that who shares it resumes what the others began. Where clients show certificates there
    /// are no tickets: each connection shows its own. `malformed`: chain or key is no PEM text of one, or they do not
    /// belong together, or there are no certificates in `clients.roots`.
    [[nodiscard]] static result<context> create_server(const key_pair& own, byte_view secret,
                                                       const client_check& clients) noexcept;
    /// Trusts the given certificates and, with `system_roots`, those of the system. Shows `own` to who asks, unless it is
    /// empty. `malformed`.
    [[nodiscard]] static result<context> create_client(std::string_view roots, bool system_roots,
                                                       const key_pair& own) noexcept;

    struct state;
    [[nodiscard]] state& get() const noexcept { return *state_; }
    /// A digest of whom a client trusts.
    [[nodiscard]] const std::array<std::uint8_t, 32>& anchors() const noexcept { return anchors_; }

private:
    void trust_in(std::string_view roots, bool system_roots) noexcept;

    state* state_ = nullptr;
    std::array<std::uint8_t, 32> anchors_{};
};

/// How a client recognises the relay. Pins, when there are any, are all that counts.
struct expectation {
    std::string_view name;          ///< DNS name or address the certificate must be for
    std::span<const key_pin> pins;  ///< must outlive the session
    wall_time now{};                ///< for the certificate's dates
    byte_view ticket{};             ///< `session::ticket()` of an earlier one; used if it is for the same relay
};

/// TLS of one connection. Not moved once created: the TLS library and ngtcp2 know where it is.
class session {
public:
    session() noexcept = default;
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    /// `reference` leads to the connection, and must live as long. `now` is for the dates of a client's certificate.
    /// `unsupported`: the TLS library refused.
    [[nodiscard]] status create_server(const context& credentials, ngtcp2_crypto_conn_ref& reference,
                                       wall_time now) noexcept;
    [[nodiscard]] status create_client(const context& credentials, ngtcp2_crypto_conn_ref& reference,
                                       const expectation& expected, const allocator& memory) noexcept;
    /// For `ngtcp2_conn_set_tls_native_handle`, which must be gone before the session is.
    [[nodiscard]] void* native() const noexcept { return native_; }
    [[nodiscard]] refusal refused() const noexcept { return refused_; }
    /// The key of the client that has shown a good certificate (server only).
    [[nodiscard]] const std::optional<key_pin>& client_key() const noexcept { return client_key_; }

    /// Keying material of this connection alone, the same at both ends and unknown to others (RFC 5705 as RFC 8446,
    /// section 7.5 has it, with an empty context). False before the handshake has come that far.
    [[nodiscard]] bool export_keying_material(std::string_view label, byte_span out) const noexcept;

    /// Once the handshake is done: have the ends agreed on HTTP/3?
    [[nodiscard]] bool speaks_http3() const noexcept;
    /// Was the handshake done with a ticket?
    [[nodiscard]] bool is_resumed() const noexcept;
    /// Gives the client a ticket, where the TLS library has not done so itself (server, once the handshake is done).
    void send_ticket() noexcept;
    /// The newest ticket the server gave; empty without.
    [[nodiscard]] byte_view ticket() const noexcept { return {ticket_.data(), ticket_.size()}; }

    /// Judges the certificates the peer has `shown`, as the TLS library knows them; called by its glue.
    [[nodiscard]] bool accept_peer(void* shown) noexcept;
    /// Keeps the TLS library's form of a ticket; called by its glue.
    void keep_ticket(byte_view native) noexcept;

private:
    [[nodiscard]] refusal judge_peer(void* shown) noexcept;

    void expect(const context& credentials, const expectation& expected, const allocator& memory) noexcept;
    /// Where `expected` is known to be right without a certificate: the TLS library's form of the ticket, else nothing.
    [[nodiscard]] byte_view open_ticket() noexcept;

    void* native_ = nullptr;
    expectation expected_{};
    allocator memory_{};
    std::array<std::uint8_t, 32> identity_{};  ///< of who is expected
    wall_time verified_at_{};                  ///< when a certificate of theirs was last seen
    buffer<std::uint8_t> ticket_;
    char name_[256]{};
    refusal refused_ = refusal::none;
    bool server_ = false;
    bool tickets_ = true;  ///< a server gives them
    std::optional<key_pin> client_key_;
};

/// Unpredictable bytes, for connection ids, tokens and secrets. False when the system has none.
[[nodiscard]] bool random_bytes(byte_span out) noexcept;
[[nodiscard]] std::array<std::uint8_t, 32> sha256(byte_view bytes) noexcept;
[[nodiscard]] std::array<std::uint8_t, 32> hmac_sha256(byte_view key, byte_view bytes) noexcept;

/// A ticket is good for so long at the server, as at the client.
inline constexpr int ticket_lifetime_s = 86'400;

/// Keys for a server's tickets, of the length that its TLS library wants.
template <std::size_t Size>
[[nodiscard]] std::array<std::uint8_t, Size> ticket_keys(byte_view secret) noexcept {
    std::array<std::uint8_t, Size> keys{};
    std::uint8_t label[] = {'t', 'i', 'c', 'k', 'e', 't', ' ', '0'};
    for (std::size_t at = 0; at < Size; ++label[sizeof label - 1]) {
        for (const std::uint8_t byte : hmac_sha256(secret, label))
            if (at < Size) keys[at++] = byte;
    }
    return keys;
}

}  // namespace tls
}  // namespace masque
}  // namespace v0
}  // namespace duality
