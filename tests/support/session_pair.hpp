// SPDX-License-Identifier: MIT
//
// Two sessions joined by links that a test describes, in virtual time that jumps from one wake-up to the next.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "duality/random.hpp"
#include "duality/session.hpp"

namespace duality::test {

using bytes = std::vector<std::uint8_t>;

/// Bytes that say which packet they are.
[[nodiscard]] inline bytes payload_of(std::uint64_t seed, std::size_t size) {
    bytes out(size);
    std::uint64_t state = seed + 1;
    for (std::size_t i = 0; i < size; ++i) {
        if (i % 8 == 0) (void)splitmix64(state);
        std::uint64_t copy = state;
        out[i] = static_cast<std::uint8_t>(splitmix64(copy) >> (8 * (i % 8)));
    }
    return out;
}

struct seen_transmission {
    instant at;
    path_id path = 0;
    transmit_kind kind = transmit_kind::source;
    bytes datagram;
};

struct seen_delivery {
    instant at;
    stream_id stream = 0;
    std::uint64_t number = 0;
    bytes payload;
    instant due;
    duration lateness;
    duration held;
    recovery recovered_by = recovery::none;
    bool past_deadline = false;
};

struct seen_event {
    instant at;
    std::uint64_t number = 0;
    media_time origin;
    bytes payload;
};

/// What a link does with one datagram: a delay for every copy that arrives, none when it is lost.
using link_rule = std::function<std::vector<duration>(const seen_transmission&)>;

[[nodiscard]] inline link_rule constant_delay(duration delay) {
    return [delay](const seen_transmission&) { return std::vector<duration>{delay}; };
}

class session_pair {
public:
    static constexpr std::size_t near = 0;
    static constexpr std::size_t far = 1;

    /// Both ends with the same configuration and no path yet.
    session_pair(const session_config& a, const session_config& b) {
        ends_[near].emplace(made(a));
        ends_[far].emplace(made(b));
        links[near] = links[far] = constant_delay(duration::from_ms(10));
    }
    explicit session_pair(const session_config& both) : session_pair{both, both} {}

    /// At both ends; the first failure.
    status add_path(path_id id, const path_config& config = {}) {
        const status first = end(near).add_path(local(near), id, config);
        const status second = end(far).add_path(local(far), id, config);
        return failed(first) ? first : second;
    }

    /// The end begins anew, with its paths to be added again; what it has sent is still under way.
    void restart(std::size_t i, const session_config& config) { ends_[i].emplace(made(config)); }

    [[nodiscard]] session& end(std::size_t i) { return *ends_[i]; }
    [[nodiscard]] instant now() const { return now_; }
    /// What the clock of one end shows.
    [[nodiscard]] instant local(std::size_t i) const {
        return now_ + ahead[i] + duration::from_ns(now_.ns() / 1'000 * fast_ppm[i] / 1'000);
    }

    status send(std::size_t from, stream_id stream, byte_view payload) {
        const status answer = end(from).send(local(from), stream, payload);
        drain(from);
        return answer;
    }

    /// `count` packets of `size` bytes every `interval`; payload number n is `payload_of(first + n, size)`.
    void send_flow(std::size_t from, stream_id stream, std::size_t count, duration interval, std::size_t size,
                   std::uint64_t first = 0) {
        for (std::size_t i = 0; i < count; ++i) {
            (void)send(from, stream, payload_of(first + i, size));
            run_for(interval);
        }
    }

    status send_event(std::size_t from, byte_view event, instant repeat_until = instant::before_all()) {
        const status answer = end(from).send_event(local(from), event, repeat_until);
        drain(from);
        return answer;
    }

    void run_for(duration d) { run_until(now_ + d); }

    /// Follows `next_timeout` and the links. `stuck` tells when a session asks to be woken at once for ever.
    void run_until(instant until) {
        std::size_t at_once = 0;
        for (;;) {
            instant next = std::min(next_timeout(near), next_timeout(far));
            if (!wire_.empty()) next = std::min(next, arrival());
            if (next > until) break;
            if (next > now_) at_once = 0;
            if (++at_once > 100) {
                stuck = true;
                break;
            }
            now_ = std::max(now_, next);
            ++wake_ups;
            while (!wire_.empty() && arrival() <= now_) arrive();
            for (std::size_t i : {near, far}) {
                if (next_timeout(i) <= now_) end(i).handle_timeout(local(i));
                drain(i);
            }
        }
        now_ = std::max(now_, until);
    }

    void drain(std::size_t from) {
        session_output out;
        while (end(from).poll_output(local(from), out)) take(from, out);
    }

    /// Everything under way vanishes.
    void cut() { wire_.clear(); }

    [[nodiscard]] std::size_t count(std::size_t from, transmit_kind kind) const {
        return static_cast<std::size_t>(std::count_if(sent[from].begin(), sent[from].end(),
                                                      [&](const seen_transmission& t) { return t.kind == kind; }));
    }
    [[nodiscard]] std::size_t count_error(std::size_t at, error_code code) const {
        return static_cast<std::size_t>(std::count_if(
            events[at].begin(), events[at].end(),
            [&](const session_event& e) { return e.kind == session_event_kind::error && e.error == code; }));
    }
    [[nodiscard]] std::size_t count_event(std::size_t at, session_event_kind kind) const {
        return static_cast<std::size_t>(std::count_if(events[at].begin(), events[at].end(),
                                                      [&](const session_event& e) { return e.kind == kind; }));
    }

    std::array<link_rule, 2> links;                        ///< by sending end
    std::array<std::vector<seen_transmission>, 2> sent;    ///< by sending end
    std::array<std::vector<seen_delivery>, 2> deliveries;  ///< by receiving end
    std::array<std::vector<session_event>, 2> events;
    std::array<std::vector<seen_event>, 2> lane;  ///< what the event lane brought, by receiving end
    std::array<duration, 2> ahead{};              ///< by which the clock of an end differs from `now()`,
    std::array<std::int64_t, 2> fast_ppm{};       ///< and how fast more so; set before anything happens
    std::uint64_t wake_ups = 0;
    bool stuck = false;

private:
    struct in_flight {
        std::size_t to = 0;
        path_id path = 0;
        bytes datagram;
    };

    static session made(const session_config& config) {
        result<session> s = session::create(config, allocator::system());
        if (!s) std::abort();  // a test's own mistake
        return std::move(s).value();
    }

    void take(std::size_t from, const session_output& out) {
        if (out.kind == output_kind::transmit) {
            const transmission& t = out.transmit;
            sent[from].push_back({now_, t.path, t.kind, {t.bytes.begin(), t.bytes.end()}});
            for (const duration delay : links[from](sent[from].back())) {
                wire_.emplace(std::pair{now_ + delay, order_++},
                              in_flight{1 - from, t.path, sent[from].back().datagram});
            }
        }
        if (out.kind == output_kind::deliver) {
            const delivery& d = out.deliver;
            deliveries[from].push_back({now_,
                                        d.stream,
                                        d.number,
                                        {d.bytes.begin(), d.bytes.end()},
                                        d.due,
                                        d.lateness,
                                        d.held,
                                        d.recovered_by,
                                        d.past_deadline});
        }
        if (out.kind == output_kind::lane) {
            const lane_event& e = out.lane;
            lane[from].push_back({now_, e.number, e.origin, {e.bytes.begin(), e.bytes.end()}});
        }
        if (out.kind == output_kind::event) events[from].push_back(out.event);
    }

    /// The earliest `now()` at which the end's own clock has come to its timeout.
    [[nodiscard]] instant next_timeout(std::size_t i) {
        const instant at = end(i).next_timeout();
        if (at.is_never() || (ahead[i] == duration{} && fast_ppm[i] == 0)) return at;
        const instant about = at - ahead[i];
        instant found = about - duration::from_ns(about.ns() / 1'000 * fast_ppm[i] / 1'000);
        const instant kept = std::exchange(now_, found);
        while (local(i) < at) now_ += at - local(i);
        found = std::exchange(now_, kept);
        return found;
    }

    [[nodiscard]] instant arrival() const { return wire_.begin()->first.first; }

    void arrive() {
        const in_flight d = std::move(wire_.begin()->second);
        wire_.erase(wire_.begin());
        (void)end(d.to).handle_datagram(local(d.to), d.path, d.datagram);
        drain(d.to);
    }

    std::array<std::optional<session>, 2> ends_;
    std::map<std::pair<instant, std::uint64_t>, in_flight> wire_;  ///< by arrival, then by departure
    std::uint64_t order_ = 0;
    instant now_{};
};

}  // namespace duality::test
