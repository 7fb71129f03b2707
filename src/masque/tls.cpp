// SPDX-License-Identifier: MIT
//
// What is the same with every TLS library: tickets as the caller keeps them. They hold what the library needs, and what
// was known of the relay's identity. A resumed handshake shows no certificate, so that a ticket counts only for whom a
// certificate was seen, and only for a day after that.
#include <algorithm>
#include <utility>

#include "duality/wire.hpp"
#include "masque/tls.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace tls {
namespace {

using digest = std::array<std::uint8_t, 32>;

constexpr std::size_t ticket_max = 16'384;
constexpr std::size_t head_size = std::tuple_size_v<digest> + 8;
constexpr duration ticket_life = duration::from_seconds(ticket_lifetime_s);

/// One digest over two byte strings of which the first has a fixed length.
[[nodiscard]] digest join(const digest& first, byte_view second) noexcept {
    std::array<std::uint8_t, 2 * std::tuple_size_v<digest>> both{};
    wire::writer out{both};
    out.bytes(first);
    out.bytes(sha256(second));
    return sha256(both);
}

[[nodiscard]] byte_view bytes_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The same for two clients that would accept the same relays.
[[nodiscard]] digest identity(const digest& anchors, const expectation& expected) noexcept {
    digest all = join(anchors, bytes_of(expected.name));
    for (const key_pin& pin : expected.pins) all = join(all, pin.sha256);
    return all;
}

}  // namespace

void context::trust_in(std::string_view roots, bool system_roots) noexcept {
    const std::uint8_t system = system_roots ? 1 : 0;
    anchors_ = join(sha256(bytes_of(roots)), {&system, 1});
}

void session::expect(const context& credentials, const expectation& expected, const allocator& memory) noexcept {
    expected_ = expected;
    memory_ = memory;
    verified_at_ = expected.now;
    identity_ = identity(credentials.anchors(), expected);
}

bool session::accept_peer(void* shown) noexcept {
    refused_ = judge_peer(shown);
    verified_at_ = expected_.now;
    return refused_ == refusal::none;
}

byte_view session::open_ticket() noexcept {
    wire::reader in{std::exchange(expected_.ticket, {})};  // the caller keeps it no longer than it takes to begin
    const byte_view check = in.bytes(identity_.size());
    if (!in.ok()) return {};
    const byte_view rest = in.rest();
    // TLS libraries believe what they have written themselves, so that damage must be found before they see it.
    const digest wanted = join(identity_, rest);
    wire::reader body{rest};
    const auto since = wall_time::from_ns(static_cast<std::int64_t>(body.u64()));
    const bool usable = body.ok() && std::equal(check.begin(), check.end(), wanted.begin(), wanted.end()) &&
                        since <= expected_.now && expected_.now - since <= ticket_life;
    if (!usable) return {};
    verified_at_ = since;
    return body.rest();
}

void session::keep_ticket(byte_view native) noexcept {
    if (native.size() > ticket_max - head_size) return;
    buffer<std::uint8_t> made;
    if (!made.create(head_size + native.size(), memory_)) return;  // the next handshake is a full one then
    const byte_span all{made.data(), made.size()};
    wire::writer body{all.subspan(identity_.size())};
    body.u64(static_cast<std::uint64_t>(verified_at_.ns()));
    body.bytes(native);
    wire::writer{all}.bytes(join(identity_, all.subspan(identity_.size())));
    ticket_ = std::move(made);
}

}  // namespace tls
}  // namespace masque
}  // namespace v0
}  // namespace duality
