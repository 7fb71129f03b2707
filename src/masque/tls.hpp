// SPDX-License-Identifier: MIT
//
// What QUIC endpoints need of a TLS library, whichever it is. One implementation is chosen at configure time.
#pragma once

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <cstdint>
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

/// Why a client refused the relay's certificate.
enum class refusal : std::uint8_t { none, untrusted, wrong_name, expired, wrong_key };

/// Credentials of an endpoint, shared by its connections, which it must outlive.
class context {
public:
    context() noexcept = default;
    context(context&& other) noexcept;
    context& operator=(context&& other) noexcept;
    ~context();

    /// `malformed`: chain or key is no PEM text of one, or they do not belong together.
    [[nodiscard]] static result<context> create_server(std::string_view chain, std::string_view key) noexcept;
    /// Trusts the given certificates and, with `system_roots`, those of the system. `malformed`.
    [[nodiscard]] static result<context> create_client(std::string_view roots, bool system_roots) noexcept;

    struct state;
    [[nodiscard]] state& get() const noexcept { return *state_; }

private:
    state* state_ = nullptr;
};

/// How a client recognises the relay. Pins, when there are any, are all that counts.
struct expectation {
    std::string_view name;          ///< DNS name or address the certificate must be for
    std::span<const key_pin> pins;  ///< must outlive the session
    wall_time now{};                ///< for the certificate's dates
};

/// TLS of one connection. Not moved once created: the TLS library and ngtcp2 know where it is.
class session {
public:
    session() noexcept = default;
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    /// `reference` leads to the connection, and must live as long. `unsupported`: the TLS library refused.
    [[nodiscard]] status create_server(const context& credentials, ngtcp2_crypto_conn_ref& reference) noexcept;
    [[nodiscard]] status create_client(const context& credentials, ngtcp2_crypto_conn_ref& reference,
                                       const expectation& expected) noexcept;
    /// For `ngtcp2_conn_set_tls_native_handle`.
    [[nodiscard]] void* native() const noexcept { return native_; }
    [[nodiscard]] refusal refused() const noexcept { return refused_; }

    /// Keying material of this connection alone, the same at both ends and unknown to others (RFC 5705 as RFC 8446,
    /// section 7.5 has it, with an empty context). False before the handshake has come that far.
    [[nodiscard]] bool export_keying_material(std::string_view label, byte_span out) const noexcept;

    /// Judges the peer's certificate; called by the TLS library's glue.
    [[nodiscard]] bool accept_peer() noexcept;

private:
    [[nodiscard]] refusal judge_peer() noexcept;

    void* native_ = nullptr;
    expectation expected_{};
    char name_[256]{};
    refusal refused_ = refusal::none;
};

/// Unpredictable bytes, for connection ids, tokens and secrets. False when the system has none.
[[nodiscard]] bool random_bytes(byte_span out) noexcept;
[[nodiscard]] std::array<std::uint8_t, 32> sha256(byte_view bytes) noexcept;
[[nodiscard]] std::array<std::uint8_t, 32> hmac_sha256(byte_view key, byte_view bytes) noexcept;

}  // namespace tls
}  // namespace masque
}  // namespace v0
}  // namespace duality
