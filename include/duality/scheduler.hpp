// SPDX-License-Identifier: MIT
//
// Knows what each path is worth (round trip, silence, cost, budget) and says where a packet should go.
//
// An outage shows as silence. A peer that receives data reports every few milliseconds, and one that expects data and
// gets none says so over another path. A path that owes a report longer than its own habit, or that the peer has given
// up waiting for, is suspect at once and dead soon after (no timeout of a second). Most suspicions are false: new packets
// go elsewhere, which costs no extra byte; what a copy is worth depends on how the stalls of this path have ended so far.
//
// Sans-I/O, no allocation after `create`; one object belongs to one thread. `on_transmit`, `on_report`, `on_stall`,
// `on_arrival` and `handle_timeout` can change `next_timeout()`.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "duality/detail/path_record.hpp"
#include "duality/memory.hpp"
#include "duality/path.hpp"
#include "duality/ring.hpp"
#include "duality/sequence.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

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
            .in_range("acknowledgement_delay", config.acknowledgement_delay.ns() / 1'000'000)
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
        for (record& p : s.paths_)
            if (!p.sent.create(record::sent_window, memory)) return status::out_of_memory;
        if (!s.events_.create(64, memory)) return status::out_of_memory;
        return s;
    }

    /// `invalid_argument` when the id is taken, `queue_full` when there is no room for another path.
    [[nodiscard]] status add_path(instant now, path_id id, const path_config& config) noexcept {
        if (find(id) != nullptr) return status::invalid_argument;
        for (record& p : paths_) {
            if (p.used) continue;
            p.reset(id, config, now, continue_at_[id]);
            count_paths();
            return status::ok;
        }
        return status::queue_full;
    }

    [[nodiscard]] status remove_path(path_id id) noexcept {
        record* p = find(id);
        if (p == nullptr) return status::unknown_path;
        p->used = false;
        count_paths();
        // The peer may never notice that the path was gone: numbers that began anew would be repetitions to it.
        continue_at_[id] = static_cast<std::uint16_t>(p->next_sequence);
        return status::ok;
    }

    /// The path carries datagrams of so many bytes from now on.
    [[nodiscard]] status set_max_datagram(path_id id, std::uint32_t bytes) noexcept {
        record* p = find(id);
        if (p == nullptr) return status::unknown_path;
        p->config.max_datagram = bytes;
        return status::ok;
    }

    [[nodiscard]] bool has_path(path_id id) const noexcept { return find(id) != nullptr; }
    /// Is this a metered path with a free one beside it?
    [[nodiscard]] bool is_helper(path_id id) const noexcept {
        const record* p = find(id);
        if (p == nullptr || p->config.cost == cost_class::free) return false;
        for (const record& other : paths_)
            if (other.used && other.config.cost == cost_class::free) return true;
        return false;
    }
    /// Has the path's budget refused a datagram?
    [[nodiscard]] bool path_exhausted(path_id id) const noexcept {
        const record* p = find(id);
        return p != nullptr && p->stats.budget_exhausted;
    }
    /// The path sequence number that the next `on_transmit` will give, unwrapped. Its low 16 bits travel.
    [[nodiscard]] std::uint64_t next_sequence(path_id id) const noexcept {
        const record* p = find(id);
        return p == nullptr ? 0 : p->next_sequence;
    }

    // Sending.

    /// May a datagram of `bytes` go out on this path? Takes it from the path's budget when it may. A path whose budget
    /// refuses rests until `renew_budgets` finds room in it, and says so in an event.
    [[nodiscard]] status reserve(instant now, wall_time wall, path_id id, std::size_t bytes) noexcept {
        record* p = find(id);
        if (p == nullptr) return status::unknown_path;
        if (bytes > p->config.max_datagram) return status::too_large;
        if (p->budget.spend(wall, on_the_wire(*p, bytes))) return status::ok;
        if (!p->stats.budget_exhausted) {
            p->stats.budget_exhausted = true;
            push_event({path_event_kind::budget_exhausted, now, id, p->stats.state, p->stats.state, {}, {}});
        }
        return status::over_budget;
    }

    /// Paths that rest go on when their budgets have room for a datagram of any size again. Looks up which of them may carry
    /// the flow of an unsteady one.
    void renew_budgets(instant now, wall_time wall) noexcept {
        for (record& p : paths_) {
            if (!p.used) continue;
            p.carries = p.budget.may_carry(wall);
            if (!p.stats.budget_exhausted) continue;
            if (p.budget.remaining(wall) < on_the_wire(p, p.config.max_datagram)) continue;
            p.stats.budget_exhausted = false;
            push_event({path_event_kind::budget_renewed, now, p.id, p.stats.state, p.stats.state, {}, {}});
        }
    }

    /// Records a datagram that leaves now and gives it its path sequence number. `owed`: bytes of it by which the peer
    /// earns a report; 0: it does not answer it.
    [[nodiscard]] std::uint16_t on_transmit(instant now, path_id id, std::size_t bytes, std::uint64_t owed) noexcept {
        record* p = find(id);
        if (p == nullptr) return 0;
        const std::uint64_t sequence = p->next_sequence++;
        p->sent.insert(sequence) = {now, static_cast<std::uint32_t>(owed)};
        ++p->stats.packets_sent;
        p->stats.bytes_sent += on_the_wire(*p, bytes);
        p->last_sent = now;
        if (owed != 0) p->owe(now, owed, report_worth(*p));
        return static_cast<std::uint16_t>(sequence);
    }

    // Receiving.

    /// Any packet that arrived on the path.
    [[nodiscard]] path_arrival on_arrival(instant now, wall_time wall, path_id id, std::uint16_t sequence,
                                          std::size_t bytes) noexcept {
        record* p = find(id);
        if (p == nullptr) return {};
        ++p->stats.packets_received;
        p->stats.bytes_received += on_the_wire(*p, bytes);
        p->budget.note(wall, on_the_wire(*p, bytes));
        p->last_arrival = now;
        return p->on_arrival(sequence);
    }

    /// The peer is another one, on the same paths.
    void on_peer_restart() noexcept {
        peer_in_funds_ = false;
        for (record& p : paths_)
            if (p.used) p.on_peer_restart();
    }

    /// Can the peer pay for reports from what it has put by? Before the `on_report` of the report that says so.
    void on_funds(bool in_funds) noexcept { peer_in_funds_ = in_funds; }

    /// The peer says that it has received this path's packets up to `word.newest_sequence`.
    void on_report(instant now, path_id id, const path_word& word) noexcept {
        record* p = find(id);
        if (p == nullptr || p->next_sequence == p->first_sequence) return;
        const std::int64_t newest = unwrap(*p, word.newest_sequence);
        // A number that was never sent is a lie or very old: no news.
        if (newest < 0 || static_cast<std::uint64_t>(newest) >= p->next_sequence || newest <= p->newest_reported)
            return;
        const auto covered = static_cast<std::uint64_t>(newest);
        const record::sent_packet* packet = p->sent.find(covered);
        const duration late = packet == nullptr ? duration{} : measure(now, *p, *packet, word);
        p->end_stall(now, word, covered, rtt(word.via) / 2);
        // News from before the silence, by another way, proves nothing. Where each packet is acknowledged on its own path,
        // nothing that comes by another way does: the flow would come back to a path whose acknowledgements are lost.
        const bool recent = packet == nullptr || packet->at >= p->dead_since;
        const bool alive = word.via == id || (recent && !p->config.acknowledged);
        if (p->stats.state == path_state::dead && !alive) {
            p->note_word(word, newest);
            p->begin_stall();
            return;
        }
        p->on_report_gap(now, p->config.acknowledged ? config_.acknowledgement_delay : config_.report_interval);
        p->note_word(word, newest);
        if (word.via == id) p->last_report = now;
        p->settle_owed(report_worth(*p));
        p->late_reports = late > late_limit(*p) ? p->late_reports + 1 : 0;
        revive(now, *p, late);
    }

    /// So many source packets that took the path were not there by their deadline, says the peer.
    void on_missed(path_id id, std::uint32_t count) noexcept {
        if (record* p = find(id)) p->steadiness.on_missed(count);
    }

    /// The peer's word, arrived over the path `via`, that this path has brought nothing after `newest_sequence` although
    /// something should have come. Follows `on_report` of the same report.
    void on_stall(instant now, path_id id, path_id via, std::uint16_t newest_sequence) noexcept {
        record* p = find(id);
        if (p == nullptr || p->next_sequence == p->first_sequence || unwrap(*p, newest_sequence) != p->newest_reported)
            return;
        p->await_credit(report_worth(*p) / notices_in_report, report_worth(*p));
        if (p->stuck) p->confirmed = true;
        // The flow may have left that path since: what the peer waits for went over another one.
        if (p->stats.state != path_state::active) p = find_active(via);
        if (p == nullptr) return;
        // Was anything due when the peer wrote this? A pause of the application is no stall. On the path that it names, by the
        // shortest round trip: the smoothed one remembers the last stall. One that the flow came to since may be longer now.
        const record::sent_packet* oldest = p->oldest_unreported();
        const duration forward = p->id == id ? p->stats.rtt_min / 2 : p->rtt() / 2 + config_.suspicion_margin;
        const duration under_way = forward + rtt(via) / 2;
        if (oldest == nullptr || now - oldest->at < under_way) return;
        suspect(now, *p, now - oldest->at, under_way);
        p->confirmed = true;
    }

    // Choosing.

    /// Where source packets go: the cheapest living path, the one with the shortest round trip among equals. A suspect
    /// gives way to one that lives; when none lives, the one that was heard of last. When that lasts they take turns, so
    /// that the first one that is back brings something, by which the peer earns what its answer costs. None only when
    /// every path is out of budget or there is none. `leaving`: does an unsteady path give way too?
    [[nodiscard]] std::optional<path_id> best(instant now, bool leaving = true) const noexcept {
        const record* chosen = nullptr;
        for (const record& p : paths_)
            if (is_usable(p) && (chosen == nullptr || better(now, p, *chosen, leaving))) chosen = &p;
        return id_of(chosen);
    }

    /// The best living path other than `avoid`, for what should fail independently of it; suspects do not count.
    [[nodiscard]] std::optional<path_id> alternative(path_id avoid) const noexcept {
        const record* chosen = nullptr;
        for (const record& p : paths_) {
            if (!is_usable(p) || p.id == avoid || rank(p) > 1 || p.stats.state == path_state::suspect) continue;
            if (chosen == nullptr || preferred(p, *chosen)) chosen = &p;
        }
        return id_of(chosen);
    }

    /// The other path for what always goes over two: any but a dead metered one beside a living one.
    [[nodiscard]] std::optional<path_id> companion(path_id of) const noexcept {
        const record* main = find(of);
        const bool is_certain = main != nullptr && is_proven(*main);
        const record* chosen = nullptr;
        for (const record& p : paths_) {
            const bool wasted = rank(p) == 2 && p.config.cost == cost_class::metered && is_certain;
            if (!is_usable(p) || p.id == of || wasted) continue;
            if (chosen == nullptr || rank(p) < rank(*chosen)) chosen = &p;
        }
        return id_of(chosen);
    }

    /// The path to share the flow of `main` with: both free and alive, and neither longer than the other by more than
    /// `skew` one way.
    [[nodiscard]] std::optional<path_id> partner(path_id main, duration skew) const noexcept {
        const record* first = find(main);
        if (first == nullptr || first->config.cost != cost_class::free || !is_proven(*first)) return std::nullopt;
        const record* chosen = nullptr;
        for (const record& p : paths_) {
            if (!is_usable(p) || p.id == main || p.config.cost != cost_class::free || !is_proven(p)) continue;
            const duration longer = (p.rtt() - first->rtt()) / 2;
            if (longer > skew || -longer > skew) continue;
            if (chosen == nullptr || preferred(p, *chosen)) chosen = &p;
        }
        return id_of(chosen);
    }

    /// Data flows, in one direction or the other: paths in reserve are worth measuring.
    void note_flow(instant now) noexcept { last_flow_ = now; }

    /// A source packet goes here now, and others to `other`.
    void activate(instant now, path_id id, std::optional<path_id> other = std::nullopt) noexcept {
        if (last_source_ != instant::before_all()) {
            const duration gap = std::min(now - last_source_, spacing_max);
            spacing_ += spacing_ == duration{} ? gap : (gap - spacing_) / 16;
        }
        last_source_ = now;
        note_flow(now);
        for (record& p : paths_) {
            if (!p.used) continue;
            const bool wanted = p.id == id || p.id == other;
            if (p.id == id) {
                p.last_source = now;
                p.steadiness.on_packet();
            }
            if (wanted && (p.stats.state == path_state::standby || p.stats.state == path_state::warm)) {
                p.active_since = now;
                change(now, p, path_state::active, {}, {});
            } else if (!wanted && p.stats.state == path_state::active) {
                change(now, p, path_state::warm, {}, {});
            }
        }
    }

    /// Between source packets, smoothed; pauses count as 200 ms. Zero before the second one.
    [[nodiscard]] duration spacing() const noexcept { return spacing_; }
    /// Does the flow stay away from the path, because it is unsteady?
    [[nodiscard]] bool is_left(instant now, path_id id) const noexcept {
        const record* p = find(id);
        return p != nullptr && p->steadiness.is_left(now);
    }

    // What is known of a path.

    /// Smoothed round trip, or the configured guess. Zero for an unknown path.
    [[nodiscard]] duration rtt(path_id id) const noexcept {
        const record* p = find(id);
        return p == nullptr ? duration{} : p->rtt();
    }
    /// Smoothed deviation of the round trip, by RFC 9002 section 5.3. Zero until measured.
    [[nodiscard]] duration rtt_deviation(path_id id) const noexcept {
        const record* p = find(id);
        return p == nullptr ? duration{} : p->stats.rtt_deviation;
    }
    /// The odds, in basis points, that a packet sent at `sent` and not reported yet comes more than `patience` later than
    /// on an idle path, by how the stalls of this path have ended so far.
    [[nodiscard]] std::int64_t chance_of_missing(instant now, path_id id, instant sent,
                                                 duration patience) const noexcept {
        const record* p = find(id);
        return p == nullptr ? 10'000 : p->chance_of_missing(now, sent, patience);
    }
    /// Has the path brought this packet or a later one?
    [[nodiscard]] bool passed(path_id id, std::uint64_t sequence) const noexcept {
        const record* p = find(id);
        return p == nullptr || p->newest_reported >= static_cast<std::int64_t>(sequence);
    }
    [[nodiscard]] path_state state(path_id id) const noexcept {
        const record* p = find(id);
        return p == nullptr ? path_state::dead : p->stats.state;
    }
    [[nodiscard]] const path_config* config(path_id id) const noexcept {
        const record* p = find(id);
        return p == nullptr ? nullptr : &p->config;
    }
    /// How long the path has been silent while it owed a report; zero when it owes none.
    [[nodiscard]] duration silence(instant now, path_id id) const noexcept {
        const record* p = find(id);
        return p == nullptr || !p->owed ? duration{} : std::max(now - p->silent_since(), duration{});
    }
    [[nodiscard]] path_statistics statistics(instant now, path_id id) const noexcept {
        const record* p = find(id);
        if (p == nullptr) return {};
        path_statistics out = p->stats;
        out.silence = silence(now, id);
        return out;
    }
    /// Received sequence state for a report to the peer; false when nothing has been received on the path.
    [[nodiscard]] bool received(instant now, path_id id, std::uint16_t& newest, duration& age,
                                std::uint16_t& count) const noexcept {
        const record* p = find(id);
        if (p == nullptr || !p->heard) return false;
        newest = static_cast<std::uint16_t>(p->newest_received);
        age = std::max(now - p->last_arrival, duration{});
        count = static_cast<std::uint16_t>(p->stats.packets_received - p->received_before);
        return true;
    }
    /// Calls `visit(path_id)` for every path, in the order in which they were added to free places.
    template <class Visit>
    void for_each_path(Visit visit) const noexcept {
        for (const record& p : paths_)
            if (p.used) visit(p.id);
    }

    // Time.

    void handle_timeout(instant now) noexcept {
        for (record& p : paths_) {
            if (!p.used) continue;
            if (p.owed && p.stats.state == path_state::active && now >= p.suspect_at(config_))
                suspect(now, p, now - p.silent_since(), p.threshold(config_));
            if (p.stats.state == path_state::suspect && now >= p.suspected_since + config_.dead_after)
                die(now, p, now - p.suspected_since, config_.dead_after);
            if (const instant back = p.steadiness.left_until(); p.is_unchecked() && now >= back)
                die(now, p, now - p.check_at, back - p.check_at);
        }
    }

    /// A path that should be probed now; the caller sends a probe on it (or is refused by a budget) and asks again.
    /// `measuring`: may it be probed only to know how long it takes? When not, that waits for the next time.
    [[nodiscard]] std::optional<path_id> poll_probe(instant now, bool measuring = true) noexcept {
        for (record& p : paths_) {
            if (!is_usable(p)) continue;
            if (const instant due = probe_due(p); due.is_never() || now < due) continue;
            p.probed_at = now;
            if (!measuring && now < p.probe_due(config_)) continue;
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

    /// `probing`: does anybody ask `poll_probe`?
    [[nodiscard]] instant next_timeout(bool probing = true) const noexcept {
        instant at = instant::never();
        for (const record& p : paths_) {
            if (!p.used) continue;
            if (p.owed && p.stats.state == path_state::active) at = std::min(at, p.suspect_at(config_));
            if (p.stats.state == path_state::suspect) at = std::min(at, p.suspected_since + config_.dead_after);
            if (p.is_unchecked()) at = std::min(at, p.steadiness.left_until());
            if (probing && is_usable(p)) at = std::min(at, probe_due(p));
        }
        return at;
    }

    /// Does one wait for `poll_event`?
    [[nodiscard]] bool has_event() const noexcept { return !events_.empty(); }
    [[nodiscard]] bool poll_event(path_event& out) noexcept {
        if (events_.empty()) return false;
        out = events_.pop();
        return true;
    }

private:
    using record = detail::path_record;

    void count_paths() noexcept {
        int used = 0;
        for (const record& p : paths_) used += p.used ? 1 : 0;
        for (record& p : paths_) p.alone = used == 1;
    }

    static constexpr duration probe_gap_max = duration::from_seconds(1);
    static constexpr duration standby_probe = duration::from_ms(250);
    static constexpr duration lasting = duration::from_ms(100);     ///< no path has lived for so long
    static constexpr duration relapse = duration::from_seconds(1);  ///< so soon after its return a path fails again
    static constexpr std::int64_t most_recoveries = 8;              ///< probation at most, in recovery times
    static constexpr duration spacing_max = duration::from_ms(200);
    /// A path in reserve is measured this often while data flows, and at first as often as the second says.
    static constexpr duration measure_gap = duration::from_seconds(3);
    static constexpr duration first_gap = duration::from_ms(250);
    static constexpr std::uint32_t first_samples = 4;
    static constexpr duration flow_memory = duration::from_ms(500);  ///< data still flows so long after a packet
    static constexpr std::uint64_t notices_in_report = 3;            ///< that cost as much as one full report

    explicit scheduler(const scheduler_config& config) noexcept : config_{config} {}

    /// Bytes that the peer must have received before it owes a report. One that is in funds owes it for any.
    [[nodiscard]] std::uint32_t report_worth(const record& p) const noexcept {
        if (p.config.acknowledged) return 0;
        return peer_in_funds_ ? 1 : config_.report_worth;
    }
    [[nodiscard]] static std::uint64_t on_the_wire(const record& p, std::size_t bytes) noexcept {
        return bytes + p.config.datagram_overhead + p.config.seal_overhead;
    }
    [[nodiscard]] static std::int64_t unwrap(const record& p, std::uint16_t sequence) noexcept {
        return unwrap_nearest(static_cast<std::int64_t>(p.next_sequence) - 1, sequence, 16);
    }

    [[nodiscard]] record* find(path_id id) noexcept {
        for (record& p : paths_)
            if (p.used && p.id == id) return &p;
        return nullptr;
    }
    [[nodiscard]] const record* find(path_id id) const noexcept {
        for (const record& p : paths_)
            if (p.used && p.id == id) return &p;
        return nullptr;
    }
    /// One that carries source packets, other than `apart_from`.
    [[nodiscard]] record* find_active(path_id apart_from) noexcept {
        for (record& p : paths_)
            if (p.used && p.id != apart_from && p.stats.state == path_state::active) return &p;
        return nullptr;
    }
    [[nodiscard]] static std::optional<path_id> id_of(const record* p) noexcept {
        return p == nullptr ? std::nullopt : std::optional<path_id>{p->id};
    }

    [[nodiscard]] static bool is_usable(const record& p) noexcept { return p.used && !p.stats.budget_exhausted; }
    /// 0 lives, 1 never tried, 2 dead.
    [[nodiscard]] static int rank(const record& p) noexcept {
        return p.stats.state == path_state::dead ? 2 : p.stats.state == path_state::standby ? 1 : 0;
    }
    [[nodiscard]] static bool is_proven(const record& p) noexcept {
        return p.stats.state == path_state::warm || p.stats.state == path_state::active;
    }
    /// Would a packet be better off on `other`, even if that one is dearer?
    [[nodiscard]] bool gives_way(instant now, const record& p, const record& other, bool leaving) const noexcept {
        if (!is_proven(other)) return false;
        if (config_.leave_suspects && p.stats.state == path_state::suspect) return true;
        return leaving && p.steadiness.is_left(now) && !other.steadiness.is_left(now) && other.carries;
    }
    [[nodiscard]] bool better(instant now, const record& a, const record& b, bool leaving) const noexcept {
        if ((rank(a) == 2) != (rank(b) == 2)) return rank(a) < rank(b);
        if (rank(a) == 2) {
            const bool for_long = now - std::max(a.dead_since, b.dead_since) >= lasting;
            return for_long ? a.last_source < b.last_source : a.last_report > b.last_report;
        }
        if (const bool yields = gives_way(now, a, b, leaving); yields != gives_way(now, b, a, leaving)) return !yields;
        return preferred(a, b);
    }
    /// Of two paths that are not dead.
    [[nodiscard]] static bool preferred(const record& a, const record& b) noexcept {
        if (a.config.cost != b.config.cost) return a.config.cost < b.config.cost;
        if (rank(a) != rank(b)) return rank(a) < rank(b);
        // A path keeps its traffic unless another is clearly shorter.
        const auto worth = [](const record& p) {
            return p.stats.state == path_state::active ? p.rtt() - p.rtt() / 4 : p.rtt();
        };
        return worth(a) < worth(b);
    }

    /// Round trips that spread so far make what is asked for too late.
    [[nodiscard]] duration unsteady_limit() const noexcept { return config_.late_after / 2; }
    /// Coming back takes half of what it takes to go.
    [[nodiscard]] duration late_limit(const record& p) const noexcept {
        return p.stats.state == path_state::dead ? config_.late_after / 2 : config_.late_after;
    }

    /// What the peer says of `packet` tells how long the path takes. How late is that, beyond the idle path: of the round
    /// trip, or one way when the word came over another path?
    [[nodiscard]] duration measure(instant now, record& p, const record::sent_packet& packet,
                                   const path_word& word) const noexcept {
        const duration taken = now - packet.at - word.age;
        if (word.via == p.id) {
            p.on_rtt_sample(now, taken);
            return taken - p.stats.rtt_min;
        }
        return p.stats.rtt_min == duration{} ? duration{} : taken - rtt(word.via) / 2 - p.stats.rtt_min / 2;
    }

    /// When the path should be probed: by itself, or to know how long it takes before it is needed.
    [[nodiscard]] instant probe_due(const record& p) const noexcept {
        const instant due = p.probe_due(config_);
        // A carrier that acknowledges also limits what it takes at once: its round trip says less than the guess.
        if (p.stats.state != path_state::warm || p.alone || p.config.acknowledged) return due;
        const instant measure =
            std::max(p.measured_at, p.probed_at) + (p.samples < first_samples ? first_gap : measure_gap);
        return measure <= last_flow_ + flow_memory ? std::min(due, measure) : due;
    }

    /// The path was heard of, the newest of its packets so late.
    void revive(instant now, record& p, duration late) noexcept {
        switch (p.stats.state) {
            case path_state::standby: change(now, p, path_state::warm, {}, {}); break;
            case path_state::suspect:
                change(now, p, path_state::active, {}, {});
                if (config_.leave_suspects && !p.alone && p.steadiness.on_stall(now, unsteady_limit())) {
                    p.leave(config_);
                    push_event({path_event_kind::unsteady, now, p.id, p.stats.state, p.stats.state,
                                p.steadiness.spread(), unsteady_limit()});
                }
                [[fallthrough]];
            case path_state::active:
                // A queue that makes packets worthless is as bad as an outage; one slow report is only a spike.
                if (p.late_reports >= 2) die(now, p, late, config_.late_after);
                break;
            case path_state::dead:
                p.begin_stall();
                if (p.late_reports != 0) {
                    p.answering_since = instant::never();
                    break;
                }
                if (p.answering_since.is_never()) p.answering_since = now;
                if (now - p.answering_since < p.probation) break;
                p.returned_at = now;
                change(now, p, path_state::warm, {}, {});
                break;
            case path_state::warm: break;
        }
    }

    /// A flow so slow that one packet at most is sent in that time never waits for a second answer: it risks no more than
    /// that packet, and the peer can afford few answers.
    [[nodiscard]] duration recovery_time() const noexcept {
        return spacing_ > config_.recovery_time * 3 / 4 ? duration{} : config_.recovery_time;
    }

    void suspect(instant now, record& p, duration measured, duration threshold) noexcept {
        change(now, p, path_state::suspect, measured, threshold);
        p.suspected_since = now;
        p.confirmed = false;
        p.begin_stall();
    }

    void die(instant now, record& p, duration measured, duration threshold) noexcept {
        change(now, p, path_state::dead, measured, threshold);
        p.dead_since = now;
        // One that fails again soon after it was back has to answer for longer each time.
        const bool again = now - p.returned_at < relapse;
        p.probation =
            again ? std::clamp(p.probation * 2, recovery_time() / 2, recovery_time() * most_recoveries) : duration{};
        p.answering_since = instant::never();
        p.next_probe = now;
        p.probe_gap = config_.probe_interval;
    }

    void change(instant now, record& p, path_state to, duration silence, duration threshold) noexcept {
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
    buffer<record> paths_;
    ring<path_event> events_;
    instant last_source_ = instant::before_all();
    duration spacing_{};
    instant last_flow_ = instant::before_all();
    bool peer_in_funds_ = false;
    std::array<std::uint16_t, 256>
        continue_at_{};  ///< by path id: the number of its next packet when it is added again
};

}  // namespace v0
}  // namespace duality
