// SPDX-License-Identifier: MIT
//
// Time passes in chaos: datagrams arrive, timers fire, and the network does its worst.
#include <algorithm>
#include <array>

#include "lab/chaos_world.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

namespace {

constexpr std::uint32_t around = 28;            ///< bytes around each datagram
constexpr std::uint32_t idle_rounds_max = 200;  ///< of the event loop without time passing
constexpr std::uint32_t wake_ups_per_ms_max = 50;

}  // namespace

void chaos_world::pass_until(instant until) {
    std::uint32_t idle_rounds = 0;
    std::uint32_t rounds = 0;
    const std::int64_t limit = (until - now_).ns() / 1'000'000 * wake_ups_per_ms_max + idle_rounds_max;
    while (ok()) {
        const instant next = std::min({air_.next_arrival(), wake_of(ends_[0]), wake_of(ends_[1])});
        if (next > until) break;
        idle_rounds = next > now_ ? 0 : idle_rounds + 1;
        now_ = std::max(now_, next);
        if (air_.next_arrival() <= now_) {
            arrive();
            continue;
        }
        require(idle_rounds < idle_rounds_max && ++rounds < limit, "progress");
        for (std::size_t e = 0; e < 2; ++e) {
            if (wake_of(ends_[e]) > now_ || ends_[e].stalled_until > now_) continue;
            session_of(e).handle_timeout(local(ends_[e]));
            drain(e);
        }
    }
    now_ = std::max(now_, until);
}

void chaos_world::transmit(std::size_t from, const transmission& t) {
    chaos_end& e = ends_[from];
    const std::uint32_t ip_bytes = static_cast<std::uint32_t>(t.bytes.size()) + around;
    require(t.bytes.size() <= air::block_size && t.path <= metered_path, "bounded_output");
    if (!ok()) return;
    if (t.path == metered_path) {
        e.metered_sent += ip_bytes;
        require(e.metered_sent <= metered_cap, "metered_budget");
    }
    path& p = links_[t.path];
    const link_outcome outcome = (from == 0 ? p.forward : p.reverse).transmit(now_, ip_bytes);
    ++e.datagrams.sent;
    log_.append({now_, event_kind::transmitted, static_cast<std::uint32_t>(std::size_t{t.path} << 1 | from),
                 t.bytes.size(), static_cast<std::uint64_t>(outcome.arrival.ns())});
    const bool repeated = weather_.chance(network_.repeat);
    const bool ages = weather_.chance(0.1);
    const bool overtaken = weather_.chance(network_.overtaken);
    const auto behind = duration::from_us(static_cast<std::int64_t>(weather_.below(60'000)));
    if (outcome.fate != packet_fate::delivered) {
        ++e.datagrams.lost;
    } else {
        const instant arrival = outcome.arrival + (overtaken ? behind : duration{});
        e.longest_delay = std::max(e.longest_delay, arrival - now_);
        put(arrival, from, t);
    }
    if (!repeated) return;
    // The copy took another way: it may come without the original.
    ++e.datagrams.sent;
    const instant second = now_ + behind + (ages ? duration::from_seconds(3) : duration{});
    if (!ages) e.longest_delay = std::max(e.longest_delay, behind);
    put(second, from, t);
}

void chaos_world::put(instant arrival, std::size_t from, const transmission& t) {
    std::array<std::uint8_t, air::block_size> bytes;
    std::size_t size = t.bytes.size();
    std::copy(t.bytes.begin(), t.bytes.end(), bytes.begin());
    if (weather_.chance(network_.damage))
        bytes[weather_.below(size)] ^= static_cast<std::uint8_t>(1 + weather_.below(255));
    if (weather_.chance(network_.damage)) size = weather_.below(size);
    air_.put(arrival, t.path, from == 0, byte_view{bytes}.first(size));
}

void chaos_world::arrive() {
    const in_flight d = air_.take();
    const std::size_t to = d.to_far ? 1 : 0;
    hand(to, d.path, air_.bytes(d));
    air_.release(d);
    if (ends_[to].stalled_until <= now_) drain(to);
}

void chaos_world::hand(std::size_t to, path_id over, byte_view bytes) {
    chaos_end& e = ends_[to];
    datagram_fates& fates = ends_[other(to)].datagrams;
    const status answer = e.session_.handle_datagram(local(e), over, bytes);
    log_.append({now_, event_kind::received, static_cast<std::uint32_t>(std::size_t{over} << 1 | to), bytes.size(),
                 static_cast<std::uint64_t>(static_cast<std::int64_t>(answer))});
    if (answer != status::unknown_path && answer != status::closed) ++e.handed;
    if (answer == status::malformed) ++e.malformed;
    if (answer == status::duplicate)
        ++fates.duplicate;
    else if (failed(answer))
        ++fates.rejected;
    else
        ++fates.taken;
}

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
