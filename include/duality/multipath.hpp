// SPDX-License-Identifier: MIT
//
// Many paths, one flow. The `scheduler` knows what each path is worth (round trip, silence, cost, budget) and says
// where a packet should go; the `aggregator` makes one exactly-once flow of what arrives.
//
// An outage shows as silence: a peer that receives data reports every few milliseconds, so a path that owes a report
// and stays silent longer than its own habit is suspect at once and dead soon after (no timeout of a second).
//
// Sans-I/O, no allocation after `create`; one object belongs to one thread. `on_transmit`, `on_report`, `on_arrival`
// and `handle_timeout` can change `next_timeout()`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "duality/memory.hpp"
#include "duality/policy.hpp"
#include "duality/ring.hpp"
#include "duality/sequence.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

using path_id = std::uint8_t;

enum class cost_class : std::uint8_t { free, metered };

enum class path_state : std::uint8_t {
    standby,  ///< never answered yet
    warm,     ///< answered; can carry traffic at once
    active,   ///< carries source packets
    suspect,  ///< owes a report for longer than usual
    dead,     ///< silent, or too late to be of use; probed until it answers in time again
};

struct path_config {
    cost_class cost = cost_class::free;
    byte_budget_config budget{};                   ///< bytes including `datagram_overhead`, sent and received
    duration initial_rtt = duration::from_ms(50);  ///< assumed until measured
    std::uint32_t datagram_overhead = 28;          ///< bytes around each datagram that the network carries: IPv4 + UDP
    std::uint32_t max_datagram = 1452;             ///< largest datagram, bytes of UDP payload
};

struct scheduler_config {
    std::uint32_t max_paths = 4;                       ///< 1..16
    duration report_interval = duration::from_ms(20);  ///< how often a receiving peer reports
    /// Bytes received that make a peer report: its reports are paid from a share of what it receives, and one that has not
    /// received this much since its last one may have to stay silent.
    std::uint32_t report_worth = 1'600;
    duration suspicion_margin = duration::from_ms(12);  ///< silence beyond the habit of the path that is normal
    duration dead_after = duration::from_ms(20);        ///< suspicion this long means dead
    duration late_after = duration::from_ms(70);        ///< a round trip this much beyond the shortest also means dead
    duration probe_interval = duration::from_ms(20);    ///< of a path just found dead; backs off to a second
    duration keep_alive = duration::from_seconds(10);   ///< of an idle path; below common NAT timeouts of 30 s
    duration recovery_time = duration::from_ms(20);     ///< a dead path must answer this long to be used again
};

inline constexpr field_bounds scheduler_bounds[] = {
    {"max_paths", 1, 16, "paths"},
    {"report_interval", 1, 1'000, "ms"},
    {"report_worth", 0, 1'000'000'000, "bytes"},
    {"suspicion_margin", 1, 1'000, "ms"},
    {"dead_after", 1, 10'000, "ms"},
    {"late_after", 1, 60'000, "ms"},
    {"probe_interval", 5, 10'000, "ms"},
    {"keep_alive", 100, 300'000, "ms"},
    {"recovery_time", 0, 10'000, "ms"},
};

struct path_statistics {
    path_state state = path_state::standby;
    cost_class cost = cost_class::free;
    duration rtt_min{};       ///< over the last 5 to 10 s; zero until measured
    duration rtt_smoothed{};  ///< zero until measured
    duration rtt_deviation{};
    duration silence{};  ///< since the last report, while one is owed; else zero
    std::uint64_t packets_sent = 0;
    std::uint64_t bytes_sent = 0;  ///< including `datagram_overhead`
    std::uint64_t packets_received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t packets_lost = 0;        ///< holes in the peer's path sequence numbers, as seen here
    std::uint64_t packets_duplicated = 0;  ///< path sequence numbers seen twice (the network's doing)
    std::uint64_t suspicions = 0;
    std::uint64_t deaths = 0;
    bool budget_exhausted = false;
};

enum class path_event_kind : std::uint8_t { state_changed, budget_exhausted };

struct path_event {
    path_event_kind kind = path_event_kind::state_changed;
    instant at{};
    path_id path = 0;
    path_state from = path_state::standby;
    path_state to = path_state::standby;
    duration silence{};    ///< the input of the decision: silence, or lateness of the reports
    duration threshold{};  ///< the limit that it crossed
};

/// What the receiving side learns from one packet's path sequence number.
struct path_arrival {
    bool duplicate = false;
    std::uint32_t newly_lost = 0;  ///< packets skipped on this path just now
};

/// Knows the paths of one session end and chooses among them.
class scheduler {
public:
    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        return find_bounds(scheduler_bounds, field);
    }

    [[nodiscard]] static result<scheduler> create(const scheduler_config& config, const allocator& memory) noexcept {
        config_check check{scheduler_bounds};
        check.in_range("max_paths", config.max_paths)
            .in_range("report_interval", config.report_interval.ns() / 1'000'000)
            .in_range("report_worth", config.report_worth)
            .in_range("suspicion_margin", config.suspicion_margin.ns() / 1'000'000)
            .in_range("dead_after", config.dead_after.ns() / 1'000'000)
            .in_range("late_after", config.late_after.ns() / 1'000'000)
            .in_range("probe_interval", config.probe_interval.ns() / 1'000'000)
            .in_range("keep_alive", config.keep_alive.ns() / 1'000'000)
            .in_range("recovery_time", config.recovery_time.ns() / 1'000'000);
        if (!check.ok()) return check.error();
        scheduler s{config};
        if (!s.paths_.create(config.max_paths, memory)) return status::out_of_memory;
        for (path& p : s.paths_)
            if (!p.sent.create(sent_window, memory)) return status::out_of_memory;
        if (!s.events_.create(64, memory)) return status::out_of_memory;
        return s;
    }

    /// `invalid_argument` when the id is taken, `queue_full` when there is no room for another path.
    [[nodiscard]] status add_path(instant now, path_id id, const path_config& config) noexcept {
        if (find(id) != nullptr) return status::invalid_argument;
        for (path& p : paths_) {
            if (p.used) continue;
            p.reset(id, config, now);
            return status::ok;
        }
        return status::queue_full;
    }

    [[nodiscard]] status remove_path(path_id id) noexcept {
        path* p = find(id);
        if (p == nullptr) return status::unknown_path;
        p->used = false;
        return status::ok;
    }

    [[nodiscard]] bool has_path(path_id id) const noexcept { return find(id) != nullptr; }
    /// Is this a metered path with a free one beside it?
    [[nodiscard]] bool is_helper(path_id id) const noexcept {
        const path* p = find(id);
        if (p == nullptr || p->config.cost == cost_class::free) return false;
        for (const path& other : paths_)
            if (other.used && other.config.cost == cost_class::free) return true;
        return false;
    }
    /// Has the path's budget refused a datagram?
    [[nodiscard]] bool path_exhausted(path_id id) const noexcept {
        const path* p = find(id);
        return p != nullptr && p->stats.budget_exhausted;
    }
    /// The path sequence number that the next `on_transmit` will give.
    [[nodiscard]] std::uint16_t next_sequence(path_id id) const noexcept {
        const path* p = find(id);
        return p == nullptr ? std::uint16_t{0} : static_cast<std::uint16_t>(p->next_sequence);
    }

    // Sending.

    /// May a datagram of `bytes` go out on this path? Takes it from the path's budget when it may. A path whose budget
    /// refuses stops for good and says so in an event.
    [[nodiscard]] status reserve(instant now, wall_time wall, path_id id, std::size_t bytes) noexcept {
        path* p = find(id);
        if (p == nullptr) return status::unknown_path;
        if (bytes > p->config.max_datagram) return status::too_large;
        if (p->budget.spend(wall, on_the_wire(*p, bytes))) return status::ok;
        if (!p->stats.budget_exhausted) {
            p->stats.budget_exhausted = true;
            push_event({path_event_kind::budget_exhausted, now, id, p->stats.state, p->stats.state, {}, {}});
        }
        return status::over_budget;
    }

    /// Records a datagram that leaves now and gives it its path sequence number. `owes_report`: the peer answers it.
    [[nodiscard]] std::uint16_t on_transmit(instant now, path_id id, std::size_t bytes, bool owes_report) noexcept {
        path* p = find(id);
        if (p == nullptr) return 0;
        const std::uint64_t sequence = p->next_sequence++;
        p->sent.insert(sequence) = {now, owes_report ? static_cast<std::uint32_t>(on_the_wire(*p, bytes)) : 0};
        ++p->stats.packets_sent;
        p->stats.bytes_sent += on_the_wire(*p, bytes);
        p->last_sent = now;
        if (owes_report) p->owe(now, on_the_wire(*p, bytes), config_.report_worth);
        return static_cast<std::uint16_t>(sequence);
    }

    // Receiving.

    /// Any packet that arrived on the path.
    [[nodiscard]] path_arrival on_arrival(instant now, wall_time wall, path_id id, std::uint16_t sequence,
                                          std::size_t bytes) noexcept {
        path* p = find(id);
        if (p == nullptr) return {};
        ++p->stats.packets_received;
        p->stats.bytes_received += on_the_wire(*p, bytes);
        p->budget.note(wall, on_the_wire(*p, bytes));
        p->last_arrival = now;
        path_arrival out;
        if (!p->heard) {
            p->heard = true;
            p->newest_received = sequence;
            p->received_mask = 1;
            return out;
        }
        const std::int64_t unwrapped = unwrap_nearest(p->newest_received, sequence, 16);
        const std::int64_t ahead = unwrapped - p->newest_received;
        if (ahead > 0) {
            out.newly_lost = static_cast<std::uint32_t>(ahead - 1);
            p->stats.packets_lost += out.newly_lost;
            p->received_mask = ahead < 64 ? p->received_mask << ahead | 1 : 1;
            p->newest_received = unwrapped;
        } else if (ahead > -64) {
            const std::uint64_t bit = std::uint64_t{1} << -ahead;
            out.duplicate = (p->received_mask & bit) != 0;
            if (out.duplicate) {
                ++p->stats.packets_duplicated;
            } else if (p->stats.packets_lost > 0) {
                --p->stats.packets_lost;
            }
            p->received_mask |= bit;
        }
        return out;
    }

    /// The peer's word, arrived over the path `via`, that it has received this path's packets up to `newest_sequence`,
    /// the last of them `age` ago.
    void on_report(instant now, path_id id, path_id via, std::uint16_t newest_sequence, duration age) noexcept {
        path* p = find(id);
        if (p == nullptr || p->next_sequence == 0) return;
        const std::int64_t newest =
            unwrap_nearest(static_cast<std::int64_t>(p->next_sequence) - 1, newest_sequence, 16);
        // A number that was never sent is a lie or very old: no news.
        if (newest < 0 || static_cast<std::uint64_t>(newest) >= p->next_sequence || newest <= p->newest_reported)
            return;
        const auto covered = static_cast<std::uint64_t>(newest);
        const sent_packet* packet = p->sent.find(covered);
        duration late{};  ///< round trip beyond the shortest one
        if (packet != nullptr && via == id) {
            p->on_rtt_sample(now, now - packet->at - age);
            late = now - packet->at - age - p->stats.rtt_min;
        }
        const bool alive = via == id || packet == nullptr || packet->at >= p->dead_since;
        if (p->stats.state == path_state::dead && !alive) {
            p->newest_reported = newest;  // news from before the silence, by another way: proves nothing
            return;
        }
        p->on_report_gap(now, config_.report_interval);
        p->newest_reported = newest;
        p->last_report = now;
        p->settle_owed(covered, config_.report_worth);
        p->late_reports = late > late_limit(*p) ? p->late_reports + 1 : 0;
        switch (p->stats.state) {
            case path_state::standby: change(now, *p, path_state::warm, {}, {}); break;
            case path_state::suspect: change(now, *p, path_state::active, {}, {}); [[fallthrough]];
            case path_state::active:
                // A queue that makes packets worthless is as bad as an outage; one slow report is only a spike.
                if (p->late_reports >= 2) die(now, *p, late, config_.late_after);
                break;
            case path_state::dead:
                if (p->late_reports != 0) p->answering_since = instant::never();
                if (p->late_reports != 0) break;
                if (p->answering_since.is_never()) p->answering_since = now;
                if (now - p->answering_since >= config_.recovery_time) change(now, *p, path_state::warm, {}, {});
                break;
            default: break;
        }
    }

    // Choosing.

    /// Where source packets go: the cheapest living path, the one with the shortest round trip among equals; when none
    /// lives, the one that was heard of last. None only when every path is out of budget or there is none.
    [[nodiscard]] std::optional<path_id> best() const noexcept { return choose(nullptr, true); }

    /// The best living path other than `avoid`, for what should fail independently of it; suspects do not count.
    [[nodiscard]] std::optional<path_id> alternative(path_id avoid) const noexcept {
        const path* p = find(avoid);
        return choose(p, false);
    }

    /// Source packets now go here.
    void activate(instant now, path_id id) noexcept {
        for (path& p : paths_) {
            if (!p.used) continue;
            if (p.id == id && (p.stats.state == path_state::standby || p.stats.state == path_state::warm)) {
                p.active_since = now;
                change(now, p, path_state::active, {}, {});
            } else if (p.id != id && p.stats.state == path_state::active) {
                change(now, p, path_state::warm, {}, {});
            }
        }
    }

    /// Smoothed round trip, or the configured guess. Zero for an unknown path.
    [[nodiscard]] duration rtt(path_id id) const noexcept {
        const path* p = find(id);
        if (p == nullptr) return {};
        return p->stats.rtt_smoothed == duration{} ? p->config.initial_rtt : p->stats.rtt_smoothed;
    }
    [[nodiscard]] path_state state(path_id id) const noexcept {
        const path* p = find(id);
        return p == nullptr ? path_state::dead : p->stats.state;
    }
    [[nodiscard]] const path_config* config(path_id id) const noexcept {
        const path* p = find(id);
        return p == nullptr ? nullptr : &p->config;
    }
    /// How long the path has been silent while it owed a report; zero when it owes none.
    [[nodiscard]] duration silence(instant now, path_id id) const noexcept {
        const path* p = find(id);
        return p == nullptr || !p->owed ? duration{} : max_zero(now - p->silent_since());
    }
    [[nodiscard]] path_statistics statistics(instant now, path_id id) const noexcept {
        const path* p = find(id);
        if (p == nullptr) return {};
        path_statistics out = p->stats;
        out.silence = silence(now, id);
        return out;
    }
    /// Received sequence state for a report to the peer; false when nothing has been received on the path.
    [[nodiscard]] bool received(instant now, path_id id, std::uint16_t& newest, duration& age,
                                std::uint16_t& count) const noexcept {
        const path* p = find(id);
        if (p == nullptr || !p->heard) return false;
        newest = static_cast<std::uint16_t>(p->newest_received);
        age = max_zero(now - p->last_arrival);
        count = static_cast<std::uint16_t>(p->stats.packets_received);
        return true;
    }
    /// Calls `visit(path_id)` for every path, in the order in which they were added to free places.
    template <class Visit>
    void for_each_path(Visit visit) const noexcept {
        for (const path& p : paths_)
            if (p.used) visit(p.id);
    }

    // Time.

    void handle_timeout(instant now) noexcept {
        for (path& p : paths_) {
            if (!p.used) continue;
            if (p.owed && p.stats.state == path_state::active && now >= p.suspect_at(config_))
                change(now, p, path_state::suspect, now - p.silent_since(), p.threshold(config_));
            if (p.owed && p.stats.state == path_state::suspect && now >= p.suspect_at(config_) + config_.dead_after)
                die(now, p, now - p.silent_since(), p.threshold(config_) + config_.dead_after);
        }
    }

    /// A path that should be probed now; the caller sends a probe on it (or is refused by a budget) and asks again.
    [[nodiscard]] std::optional<path_id> poll_probe(instant now) noexcept {
        for (path& p : paths_) {
            if (!p.used || p.stats.budget_exhausted) continue;
            if (const instant due = p.probe_due(config_); due.is_never() || now < due) continue;
            if (p.stats.state == path_state::dead) {
                const bool answering = !p.answering_since.is_never();
                p.next_probe = now + p.probe_gap;
                if (!answering)
                    p.probe_gap = p.probe_gap < probe_gap_max ? p.probe_gap + p.probe_gap / 16 : probe_gap_max;
                if (answering) p.probe_gap = config_.probe_interval;
            } else {
                p.next_probe = now + (p.stats.state == path_state::standby ? standby_probe : config_.keep_alive);
            }
            return p.id;
        }
        return std::nullopt;
    }

    [[nodiscard]] instant next_timeout() const noexcept {
        instant at = instant::never();
        const auto sooner = [&at](instant candidate) { at = candidate < at ? candidate : at; };
        for (const path& p : paths_) {
            if (!p.used) continue;
            if (p.owed && p.stats.state == path_state::active) sooner(p.suspect_at(config_));
            if (p.owed && p.stats.state == path_state::suspect) sooner(p.suspect_at(config_) + config_.dead_after);
            if (!p.stats.budget_exhausted) sooner(p.probe_due(config_));
        }
        return at;
    }

    [[nodiscard]] bool poll_event(path_event& out) noexcept {
        if (events_.empty()) return false;
        out = events_.pop();
        return true;
    }

private:
    static constexpr std::size_t sent_window = 512;
    static constexpr duration probe_gap_max = duration::from_seconds(1);
    static constexpr duration standby_probe = duration::from_ms(250);
    static constexpr duration rtt_period = duration::from_seconds(5);

    struct sent_packet {
        instant at{};
        std::uint32_t report_bytes = 0;  ///< that the peer is to report on
    };

    static constexpr duration max_zero(duration d) noexcept { return d < duration{} ? duration{} : d; }

    struct path {
        bool used = false;
        path_id id = 0;
        path_config config{};
        byte_budget budget{};
        path_statistics stats{};

        std::uint64_t next_sequence = 0;
        sequence_window<sent_packet> sent;
        std::int64_t newest_reported = -1;
        std::uint64_t owed_bytes = 0;  ///< sent and not yet covered by a report
        bool owed = false;             ///< they are worth one
        instant owed_since{};          ///< when the first of them left
        instant worth_since{};         ///< when they became worth a report
        instant active_since = instant::before_all();
        instant last_report = instant::before_all();
        instant last_sent = instant::before_all();
        duration report_gap{};  ///< habit of the path: smoothed time between reports while some were owed
        duration report_gap_deviation{};
        instant dead_since{};
        instant answering_since = instant::never();
        std::uint32_t late_reports = 0;  ///< in a row
        instant rtt_period_begin{};
        duration rtt_period_min = duration::infinite();
        duration rtt_previous_min = duration::infinite();
        instant next_probe{};
        duration probe_gap{};

        bool heard = false;
        std::int64_t newest_received = 0;
        std::uint64_t received_mask = 0;  ///< bit i: newest_received - i has arrived
        instant last_arrival{};

        void reset(path_id new_id, const path_config& new_config, instant now) noexcept {
            used = true;
            id = new_id;
            config = new_config;
            budget = byte_budget{new_config.budget};
            stats = {};
            stats.cost = new_config.cost;
            next_sequence = 0;
            sent.clear();
            newest_reported = -1;
            owed = false;
            owed_bytes = 0;
            last_report = last_sent = active_since = instant::before_all();
            report_gap = report_gap_deviation = duration{};
            late_reports = 0;
            rtt_period_begin = now;
            rtt_period_min = rtt_previous_min = duration::infinite();
            answering_since = instant::never();
            next_probe = now;
            heard = false;
        }

        void on_rtt_sample(instant now, duration sample) noexcept {
            if (sample <= duration{}) return;
            // The shortest of the last one to two periods, so that it follows a route change. Not while the path is
            // dead: a queue that stands for long must not pass for the idle path.
            if (now - rtt_period_begin > rtt_period && stats.state != path_state::dead) {
                rtt_previous_min = rtt_period_min;
                rtt_period_min = duration::infinite();
                rtt_period_begin = now;
            }
            if (sample < rtt_period_min) rtt_period_min = sample;
            stats.rtt_min = rtt_period_min < rtt_previous_min ? rtt_period_min : rtt_previous_min;
            // RFC 9002, section 5.3.
            if (stats.rtt_smoothed == duration{}) {
                stats.rtt_smoothed = sample;
                stats.rtt_deviation = sample / 2;
                return;
            }
            const duration error = sample - stats.rtt_smoothed;
            stats.rtt_deviation += ((error < duration{} ? -error : error) - stats.rtt_deviation) / 4;
            stats.rtt_smoothed += error / 8;
        }

        /// Learns how regularly reports come while the path owes some.
        void on_report_gap(instant now, duration usual) noexcept {
            if (!owed || last_report == instant::before_all() || owed_since > last_report) return;
            const duration gap = now - last_report;
            if (gap > usual * 8) return;  // an outage is not a habit
            if (report_gap == duration{}) report_gap = usual;
            const duration error = gap - report_gap;
            report_gap += error / 16;
            report_gap_deviation += ((error < duration{} ? -error : error) - report_gap_deviation) / 16;
        }

        /// The peer has `bytes` more to report on; from `worth` on it can pay for a report.
        void owe(instant at, std::uint64_t bytes, std::uint64_t worth) noexcept {
            if (owed_bytes == 0) owed_since = at;
            owed_bytes += bytes;
            if (owed || owed_bytes < worth) return;
            owed = true;
            worth_since = at;
        }

        void settle_owed(std::uint64_t covered, std::uint64_t worth) noexcept {
            owed = false;
            owed_bytes = 0;
            for (std::uint64_t s = covered + 1; s < next_sequence; ++s)
                if (const sent_packet* packet = sent.find(s)) owe(packet->at, packet->report_bytes, worth);
        }

        /// A report could first have been expected here. While others carried the source packets, a few copies now and
        /// then were no reason for the peer to report often.
        [[nodiscard]] instant silent_since() const noexcept {
            const duration round_trip = stats.rtt_smoothed == duration{} ? config.initial_rtt : stats.rtt_smoothed;
            const instant expected = (owed_since > active_since ? owed_since : active_since) + round_trip;
            return last_report > expected ? last_report : expected;
        }
        [[nodiscard]] duration threshold(const scheduler_config& c) const noexcept {
            const duration habit = report_gap > c.report_interval ? report_gap : c.report_interval;
            const duration spread = report_gap_deviation * 3;
            return habit + (spread > c.suspicion_margin ? spread : c.suspicion_margin);
        }
        [[nodiscard]] instant suspect_at(const scheduler_config& c) const noexcept {
            const duration round_trip = stats.rtt_smoothed == duration{} ? config.initial_rtt : stats.rtt_smoothed;
            const instant affordable = worth_since + round_trip + c.suspicion_margin;
            const instant silent_for_long = silent_since() + threshold(c);
            return silent_for_long > affordable ? silent_for_long : affordable;
        }
        [[nodiscard]] instant probe_due(const scheduler_config& c) const noexcept {
            if (stats.state == path_state::dead || stats.state == path_state::standby) return next_probe;
            const instant idle = last_sent == instant::before_all() ? next_probe : last_sent + c.keep_alive;
            return idle > next_probe ? idle : next_probe;
        }
    };

    explicit scheduler(const scheduler_config& config) noexcept : config_{config} {}

    [[nodiscard]] static std::uint64_t on_the_wire(const path& p, std::size_t bytes) noexcept {
        return bytes + p.config.datagram_overhead;
    }

    [[nodiscard]] path* find(path_id id) noexcept {
        for (path& p : paths_)
            if (p.used && p.id == id) return &p;
        return nullptr;
    }
    [[nodiscard]] const path* find(path_id id) const noexcept {
        for (const path& p : paths_)
            if (p.used && p.id == id) return &p;
        return nullptr;
    }

    [[nodiscard]] std::optional<path_id> choose(const path* avoid, bool allow_silent) const noexcept {
        const path* chosen = nullptr;
        for (const path& p : paths_) {
            if (!p.used || &p == avoid || p.stats.budget_exhausted) continue;
            if (!allow_silent && (rank(p) > 1 || p.stats.state == path_state::suspect)) continue;
            if (chosen == nullptr || better(p, *chosen)) chosen = &p;
        }
        if (chosen == nullptr) return std::nullopt;
        return chosen->id;
    }

    /// 0 lives, 1 never tried, 2 dead.
    [[nodiscard]] static int rank(const path& p) noexcept {
        return p.stats.state == path_state::dead ? 2 : p.stats.state == path_state::standby ? 1 : 0;
    }
    [[nodiscard]] static bool better(const path& a, const path& b) noexcept {
        if ((rank(a) == 2) != (rank(b) == 2)) return rank(a) < rank(b);
        if (rank(a) == 2) return a.last_report > b.last_report;
        if (a.config.cost != b.config.cost) return a.config.cost < b.config.cost;
        if (rank(a) != rank(b)) return rank(a) < rank(b);
        // A path keeps its traffic unless another is clearly shorter.
        const auto worth = [](const path& p) {
            const duration round_trip =
                p.stats.rtt_smoothed == duration{} ? p.config.initial_rtt : p.stats.rtt_smoothed;
            return p.stats.state == path_state::active ? round_trip - round_trip / 4 : round_trip;
        };
        return worth(a) < worth(b);
    }

    /// Coming back takes half of what it takes to go.
    [[nodiscard]] duration late_limit(const path& p) const noexcept {
        return p.stats.state == path_state::dead ? config_.late_after / 2 : config_.late_after;
    }

    void die(instant now, path& p, duration measured, duration threshold) noexcept {
        change(now, p, path_state::dead, measured, threshold);
        p.dead_since = now;
        p.answering_since = instant::never();
        p.next_probe = now;
        p.probe_gap = config_.probe_interval;
    }

    void change(instant now, path& p, path_state to, duration silence, duration threshold) noexcept {
        push_event({path_event_kind::state_changed, now, p.id, p.stats.state, to, silence, threshold});
        if (to == path_state::suspect) ++p.stats.suspicions;
        if (to == path_state::dead) ++p.stats.deaths;
        p.stats.state = to;
    }

    /// The oldest event gives way: the newest says most about the present.
    void push_event(const path_event& event) noexcept {
        if (events_.full()) (void)events_.pop();
        (void)events_.push(event);
    }

    scheduler_config config_;
    buffer<path> paths_;
    ring<path_event> events_;
};

struct aggregator_config {
    std::uint32_t window = 1024;  ///< source packets remembered; memory 24 bytes each. 64..65536
};

inline constexpr field_bounds aggregator_bounds[] = {{"window", 64, 65'536, "packets"}};

struct aggregator_statistics {
    std::uint64_t accepted = 0;
    std::uint64_t duplicates = 0;   ///< further copies of a packet already known
    std::uint64_t outdated = 0;     ///< below the window
    std::uint64_t implausible = 0;  ///< further ahead than the window is long, and not confirmed by a second packet
    std::uint64_t restarts = 0;     ///< the peer's numbering began anew
};

/// Exactly-once acceptance of numbered source packets from any path, and the record of what is missing.
class aggregator {
public:
    struct packet_record {
        bool known = false;
        instant noticed{};    ///< missing: when that showed; known: when it was accepted
        media_time origin{};  ///< missing: interpolated between its neighbours
    };

    struct acceptance {
        status code = status::ok;  ///< ok, duplicate, late (below the window), out_of_window (implausibly far ahead)
        std::uint64_t esi = 0;     ///< unwrapped
        std::uint32_t newly_missing = 0;
    };

    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        return find_bounds(aggregator_bounds, field);
    }

    [[nodiscard]] static result<aggregator> create(const aggregator_config& config, const allocator& memory) noexcept {
        config_check check{aggregator_bounds};
        check.in_range("window", config.window);
        if (!check.ok()) return check.error();
        aggregator a;
        if (!a.records_.create(config.window, memory)) return status::out_of_memory;
        return a;
    }

    /// The 64-bit number that a 32-bit one on the wire stands for.
    [[nodiscard]] std::uint64_t unwrap(std::uint32_t esi) const noexcept {
        // The first number maps to itself plus one circle, so that older ones stay positive.
        if (!started_) return (std::uint64_t{1} << 32) + esi;
        return static_cast<std::uint64_t>(unwrap_nearest(static_cast<std::int64_t>(newest_), esi, 32));
    }

    /// Offers a source packet, received or rebuilt. Changes nothing unless the answer is `ok`.
    [[nodiscard]] acceptance accept(instant now, std::uint64_t esi, media_time origin) noexcept {
        acceptance out{status::ok, esi, 0};
        if (!started_) {
            started_ = true;
            newest_ = oldest_ = esi;
            newest_origin_ = origin;
            fill(now, esi, origin);
            return out;
        }
        if (esi > newest_) {
            if (esi - newest_ >= records_.capacity()) return refuse_far_ahead(now, esi, origin);
            out.newly_missing = open_gap(now, esi, origin);
            newest_ = esi;
            newest_origin_ = origin;
        } else {
            if (newest_ - esi >= records_.capacity() || esi < oldest_) {
                ++stats_.outdated;
                out.code = status::late;
                return out;
            }
            if (const packet_record* r = records_.find(esi); r != nullptr && r->known) {
                ++stats_.duplicates;
                out.code = status::duplicate;
                return out;
            }
        }
        fill(now, esi, origin);
        return out;
    }

    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] std::uint64_t newest() const noexcept { return newest_; }
    /// Lowest number still inside the window.
    [[nodiscard]] std::uint64_t oldest() const noexcept {
        const std::uint64_t span = records_.capacity() - 1;
        const std::uint64_t edge = newest_ > span ? newest_ - span : 0;
        return edge > oldest_ ? edge : oldest_;
    }
    [[nodiscard]] bool known(std::uint64_t esi) const noexcept {
        const packet_record* r = records_.find(esi);
        return r != nullptr && r->known;
    }
    [[nodiscard]] const packet_record* find(std::uint64_t esi) const noexcept { return records_.find(esi); }
    [[nodiscard]] const aggregator_statistics& statistics() const noexcept { return stats_; }

private:
    void fill(instant now, std::uint64_t esi, media_time origin) noexcept {
        packet_record& r = records_.insert(esi);
        r = {true, now, origin};
        ++stats_.accepted;
        suspicious_ = 0;
    }

    /// Marks what lies between the newest packet and `esi` as missing.
    std::uint32_t open_gap(instant now, std::uint64_t esi, media_time origin) noexcept {
        const auto steps = static_cast<std::int64_t>(esi - newest_);
        const duration step = (origin - newest_origin_) / steps;
        for (std::int64_t i = 1; i < steps; ++i)
            records_.insert(newest_ + static_cast<std::uint64_t>(i)) = {false, now, newest_origin_ + step * i};
        return static_cast<std::uint32_t>(steps - 1);
    }

    /// One packet far ahead is a stray; a second one right behind it means that the peer went on without us.
    acceptance refuse_far_ahead(instant now, std::uint64_t esi, media_time origin) noexcept {
        acceptance out{status::out_of_window, esi, 0};
        if (suspicious_ == 0 || esi <= suspicious_ || esi - suspicious_ >= records_.capacity()) {
            suspicious_ = esi;
            ++stats_.implausible;
            return out;
        }
        ++stats_.restarts;
        records_.clear();
        newest_ = oldest_ = esi;
        newest_origin_ = origin;
        fill(now, esi, origin);
        out.code = status::ok;
        return out;
    }

    sequence_window<packet_record> records_;
    bool started_ = false;
    std::uint64_t newest_ = 0;
    std::uint64_t oldest_ = 0;  ///< nothing before this was ever expected
    media_time newest_origin_{};
    std::uint64_t suspicious_ = 0;  ///< a number implausibly far ahead, seen once
    aggregator_statistics stats_;
};

}  // namespace v0
}  // namespace duality
