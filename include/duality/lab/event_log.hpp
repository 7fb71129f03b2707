// SPDX-License-Identifier: MIT
//
// An append-only record of what happened in a run, and the hash that tells whether two runs were the same.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "duality/random.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// What an event says, and beside it what `subject`, `a` and `b` mean. Values are part of the hash and never change.
enum class event_kind : std::uint8_t {
    submitted = 1,    ///< stream · packet number · bytes: the application sends
    rejected = 2,     ///< stream · packet number · status: it was not accepted
    transmitted = 3,  ///< path and direction · bytes · arrival in ns
    lost = 4,         ///< path and direction · bytes · packet_fate
    received = 5,     ///< path and direction · bytes · status: a session took a datagram
    released = 6,     ///< stream · packet number · recovery: the application gets a packet
    decision = 7,     ///< which one · old value · new value
    regime = 8,       ///< path and direction · old · new
    alarm = 9,        ///< path and direction · evidence · threshold
    closed = 10,      ///< end · status · 0
};

/// The enumerator's name.
[[nodiscard]] constexpr std::string_view to_string(event_kind kind) noexcept {
    switch (kind) {
        case event_kind::submitted: return "submitted";
        case event_kind::rejected: return "rejected";
        case event_kind::transmitted: return "transmitted";
        case event_kind::lost: return "lost";
        case event_kind::received: return "received";
        case event_kind::released: return "released";
        case event_kind::decision: return "decision";
        case event_kind::regime: return "regime";
        case event_kind::alarm: return "alarm";
        case event_kind::closed: return "closed";
    }
    return "unknown";
}

struct event {
    instant at;
    event_kind kind{};
    std::uint32_t subject = 0;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    constexpr bool operator==(const event&) const noexcept = default;
};

/// A hash over 64-bit words in which order counts: starting from `start`, each word w turns h into splitmix64(h xor w),
/// where splitmix64 is one step of that generator with its argument as the state. It finds accidental differences; it
/// does not resist an adversary.
class hash_chain {
public:
    /// Any constant would do; this one spells "dulity01".
    static constexpr std::uint64_t start = 0x64756C6974793031u;

    /// The next word.
    constexpr void mix(std::uint64_t word) noexcept {
        std::uint64_t state = value_ ^ word;
        value_ = splitmix64(state);
    }
    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }

private:
    std::uint64_t value_ = start;
};

/// Hashes every event; keeps them only when asked to, 32 bytes each (running out of memory ends the program). An event
/// is four words of the chain: time in ns, kind + 256 * subject, a, b.
class event_log {
public:
    enum class retention : std::uint8_t { hash_only, all };
    static constexpr std::uint64_t hash_start = hash_chain::start;

    explicit event_log(retention keep = retention::hash_only) noexcept : keep_{keep} {}

    void append(const event& e) noexcept {
        chain_.mix(static_cast<std::uint64_t>(e.at.ns()));
        chain_.mix(static_cast<std::uint64_t>(e.kind) | std::uint64_t{e.subject} << 8);
        chain_.mix(e.a);
        chain_.mix(e.b);
        ++count_;
        if (keep_ == retention::all) events_.push_back(e);
    }

    [[nodiscard]] std::uint64_t hash() const noexcept { return chain_.value(); }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// Empty unless all events are kept.
    [[nodiscard]] std::span<const event> events() const noexcept { return events_; }

private:
    hash_chain chain_;
    std::uint64_t count_ = 0;
    std::vector<event> events_;
    retention keep_;
};

}  // namespace lab
}  // namespace v0
}  // namespace duality
