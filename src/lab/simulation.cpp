// SPDX-License-Identifier: MIT
#include "duality/lab/simulation.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "duality/session.hpp"
#include "lab/flight.hpp"
#include "lab/run_frame.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

constexpr std::string_view variant_names[] = {"baseline", "hold", "parity", "single", "dual", "hot"};

constexpr std::size_t payload_room = 1'200;
/// A failover this soon after an outage was caused by it.
constexpr duration recent_time = duration::from_ms(250);

constexpr field_bounds simulation_bounds[] = {
    {"hold", 0, 1'000, "ms"},
    {"deadline", 1, 10'000, "ms"},
    {"payload", 16, 1'200, "bytes"},
    {"overhead_cap", 0, 100'000, "1/10,000"},
    {"suspicion_margin", 1, 1'000, "ms"},
};

/// Two sessions, the links between them, and the virtual clock.
class protected_run {
public:
    protected_run(const scenario& network, const simulation_config& config, std::vector<packet_record>& packets,
                  session near, session far)
        : config_{config},
          packets_{packets},
          links_{network.primary, network.second},
          near_{std::move(near)},
          far_{std::move(far)},
          log_{config.keep_events},
          heard_{!config.far_hears_first, !config.far_hears_first} {}

    [[nodiscard]] status open(std::uint32_t mtu) {
        const bool two = config_.protection == variant::dual || config_.protection == variant::hot;
        for (session* s : {&near_, &far_}) {
            const path_config primary{.max_datagram = mtu - ip_udp_bytes};
            const path_config metered{.cost = cost_class::metered, .budget = config_.metered_budget};
            if (const status added = s->add_path(instant{}, primary_path, primary); failed(added)) return added;
            if (!two) continue;
            if (const status added = s->add_path(instant{}, second_path, metered); failed(added)) return added;
        }
        return status::ok;
    }

    void run() {
        const instant last = packets_.empty() ? instant{} : packets_.back().sent;
        const instant end = last + settle_time;
        std::size_t next = 0;
        instant near_due = near_.next_timeout();
        instant far_due = far_.next_timeout();
        for (;;) {
            instant now = next < packets_.size() ? packets_[next].sent : instant::never();
            now = std::min({now, air_.next_arrival(), near_due, far_due});
            if (now > end) break;
            now_ = std::max(now_, now);

            while (air_.next_arrival() <= now_) deliver_datagram();
            for (; next < packets_.size() && packets_[next].sent <= now_; ++next) submit(next);
            wake(near_, false, near_due);
            wake(far_, true, far_due);
        }
        log_.append({now_, event_kind::closed, 0, 0, 0});
    }

    void report(run_result& out) {
        out.near = near_.statistics();
        out.far = far_.statistics();
        out.alarms = alarms_;
        out.event_hash = log_.hash();
        out.events = log_.count();
        out.wrong_releases = wrong_releases_;
        out.metered_sent = {links_[1].forward.stats().bytes_sent, links_[1].reverse.stats().bytes_sent};
        out.log.assign(log_.events().begin(), log_.events().end());
        out.datagrams = std::move(datagrams_);
    }

private:
    /// Lets time pass at an end that is due, and sees when it is due next. Nothing else wakes an end: it does not know
    /// what happens at the other one.
    void wake(session& s, bool is_far, instant& due) {
        if (std::exchange(touched_[is_far], false)) due = s.next_timeout();
        if (due > now_) return;
        s.handle_timeout(now_);
        drain(s, is_far);
        due = s.next_timeout();
    }

    void submit(std::size_t index) {
        // The payload says which packet it is, so that a delivery can be checked byte by byte.
        std::array<std::uint8_t, payload_room> bytes;
        fill(index, bytes);
        touched_[0] = true;
        const status sent = near_.send(now_, 0, byte_view{bytes}.first(config_.payload));
        if (failed(sent)) {
            packets_[index].rejected = true;
            log_.append({now_, event_kind::rejected, 0, index, static_cast<std::uint64_t>(sent)});
            return;
        }
        index_of_.push_back(index);
        log_.append({now_, event_kind::submitted, 0, index, config_.payload});
        drain(near_, false);
    }

    /// The payload of a packet, in whole words; what is beyond its size is not looked at.
    void fill(std::size_t index, std::array<std::uint8_t, payload_room>& out) const noexcept {
        std::uint64_t state = index;
        for (std::size_t i = 0; i < config_.payload; i += 8) {
            const std::uint64_t word = splitmix64(state);
            for (std::size_t j = 0; j < 8; ++j) out[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
        }
    }

    void deliver_datagram() {
        const detail::in_flight d = air_.take();
        const byte_view bytes = air_.bytes(d);
        if (d.to_far) note_own_arrival(bytes);
        if (d.to_far) heard_[d.path] = true;
        session& to = d.to_far ? far_ : near_;
        touched_[d.to_far] = true;
        const status taken = to.handle_datagram(now_, d.path, bytes);
        log_.append({now_, event_kind::received, subject(d.path, d.to_far), d.size,
                     static_cast<std::uint64_t>(static_cast<std::int64_t>(taken))});
        air_.release(d);
        drain(to, d.to_far);
    }

    /// A source packet that reaches the other end by itself.
    void note_own_arrival(byte_view bytes) noexcept {
        wire::packet_reader in{bytes};
        wire::packet_header header;
        wire::frame frame;
        if (in.start(header) != status::ok) return;
        while (in.next(frame) == status::ok) {
            if (frame.type != wire::frame_type::data || frame.data.esi >= index_of_.size()) continue;
            instant& arrived = packets_[index_of_[frame.data.esi]].arrived;
            arrived = std::min(arrived, now_);
        }
    }

    /// Fills in what a datagram says: the application's packet that it carries, as it is or as a copy; a stall.
    void describe(byte_view bytes, datagram_record& out) const noexcept {
        wire::packet_reader in{bytes};
        wire::packet_header header;
        wire::frame frame;
        if (in.start(header) != status::ok) return;
        while (in.next(frame) == status::ok) {
            if (frame.type == wire::frame_type::feedback) out.tells_stall |= frame.feedback.stalled;
            if (frame.type != wire::frame_type::data && frame.type != wire::frame_type::copy) continue;
            const std::uint32_t esi = frame.type == wire::frame_type::data ? frame.data.esi : frame.copy.data.esi;
            if (!out.from_far && esi < index_of_.size()) out.packet = index_of_[esi];
        }
    }

    void drain(session& from, bool is_far) {
        while (from.poll_output(now_, out_)) {
            switch (out_.kind) {
                case output_kind::transmit: transmit(out_.transmit, is_far); break;
                case output_kind::deliver:
                    if (is_far) release(out_.deliver);
                    break;
                case output_kind::event: note_event(out_.event, is_far); break;
                case output_kind::lane:
                case output_kind::none: break;
            }
        }
    }

    void transmit(const transmission& t, bool from_far) {
        if (from_far && !heard_[t.path]) return;  // nowhere to send to
        path& p = links_[t.path];
        link& over = from_far ? p.reverse : p.forward;
        const link_outcome outcome = over.transmit(now_, t.bytes.size() + ip_udp_bytes);
        const std::uint32_t who = subject(t.path, from_far);
        if (config_.keep_datagrams) {
            datagrams_.push_back({.sent = now_,
                                  .arrival = outcome.arrival,
                                  .ip_bytes = static_cast<std::uint32_t>(t.bytes.size()) + ip_udp_bytes,
                                  .path = t.path,
                                  .from_far = from_far,
                                  .kind = t.kind});
            describe(t.bytes, datagrams_.back());
        }
        if (outcome.fate != packet_fate::delivered) {
            log_.append({now_, event_kind::lost, who, t.bytes.size(), static_cast<std::uint64_t>(outcome.fate)});
            return;
        }
        log_.append(
            {now_, event_kind::transmitted, who, t.bytes.size(), static_cast<std::uint64_t>(outcome.arrival.ns())});
        air_.put(outcome.arrival, t.path, !from_far, t.bytes);
    }

    void release(const delivery& d) {
        const auto esi = static_cast<std::uint32_t>(d.number);
        if (esi >= index_of_.size()) {
            ++wrong_releases_;
            return;
        }
        const std::size_t index = index_of_[esi];
        packet_record& p = packets_[index];
        std::array<std::uint8_t, payload_room> expected;
        fill(index, expected);
        const bool intact =
            d.bytes.size() == config_.payload && std::memcmp(d.bytes.data(), expected.data(), config_.payload) == 0;
        log_.append({now_, event_kind::released, 0, index,
                     static_cast<std::uint64_t>(d.recovered_by) | (intact ? 0u : 0x100u)});
        // A packet with wrong bytes was never delivered; nor is one delivered twice.
        if (!intact || !p.released.is_never()) {
            ++wrong_releases_;
            return;
        }
        p.released = now_;
        p.available = now_ - d.held;
        p.recovered_by = d.recovered_by;
    }

    /// Was the primary path out within the time that a silence takes to show?
    [[nodiscard]] bool recent_outage() const noexcept {
        const instant since = now_ - recent_time;
        for (const outage& o : links_[0].forward.outages())
            if (o.begin <= now_ && o.end >= since) return true;
        return false;
    }

    void note_alarm(const path_event& e) noexcept {
        if (e.kind != path_event_kind::state_changed || e.path != primary_path) return;
        if (e.to == path_state::suspect) ++alarms_.suspicions;
        if (e.to != path_state::dead) return;
        ++alarms_.failovers;
        if (!links_[0].forward.outages().empty() && !recent_outage()) ++alarms_.false_alarms;
    }

    void note_event(const session_event& e, bool is_far) {
        if (e.kind == session_event_kind::path && !is_far) note_alarm(e.path);
        if (e.kind == session_event_kind::path)
            log_.append({now_, event_kind::regime, subject(e.path.path, is_far),
                         static_cast<std::uint64_t>(e.path.from), static_cast<std::uint64_t>(e.path.to)});
        if (e.kind == session_event_kind::decision)
            log_.append(
                {now_, event_kind::decision, static_cast<std::uint32_t>(e.decision.output) << 1 | (is_far ? 1 : 0),
                 static_cast<std::uint64_t>(e.decision.old_value), static_cast<std::uint64_t>(e.decision.new_value)});
    }

    static std::uint32_t subject(path_id path, bool from_far) noexcept {
        return static_cast<std::uint32_t>(path << 1 | (from_far ? 1 : 0));
    }

    const simulation_config& config_;
    std::vector<packet_record>& packets_;
    std::array<path, 2> links_;
    session near_;
    session far_;
    event_log log_;
    alarm_figures alarms_;
    std::vector<datagram_record> datagrams_;
    detail::air air_;
    std::vector<std::size_t> index_of_;        ///< packet index by source number
    std::array<bool, 2> touched_{true, true};  ///< since `wake`: near, far
    std::array<bool, 2> heard_;                ///< by path: the far end knows where it leads
    session_output out_;                       ///< kept, as it is large
    std::uint64_t wrong_releases_ = 0;
    instant now_{};
};

void run_bare(const scenario& network, const simulation_config& config, std::vector<packet_record>& packets,
              run_result& out) {
    link primary = network.primary.forward;
    event_log log{config.keep_events};
    for (std::size_t i = 0; i < packets.size(); ++i) {
        packet_record& p = packets[i];
        log.append({p.sent, event_kind::submitted, 0, i, config.payload});
        const link_outcome outcome = primary.transmit(p.sent, config.payload + ip_udp_bytes);
        p.arrived = p.available = p.released = outcome.arrival;
        if (outcome.fate == packet_fate::delivered)
            log.append({outcome.arrival, event_kind::released, 0, i, 0});
        else
            log.append({p.sent, event_kind::lost, 0, i, static_cast<std::uint64_t>(outcome.fate)});
    }
    out.event_hash = log.hash();
    out.events = log.count();
    out.log.assign(log.events().begin(), log.events().end());
}

[[nodiscard]] std::uint64_t extra_bytes(const sender_statistics& s) noexcept {
    return s.extra_bytes();
}

}  // namespace

std::string_view to_string(variant v) noexcept {
    return variant_names[static_cast<std::size_t>(v)];
}

std::optional<variant> find_variant(std::string_view name) noexcept {
    for (const variant v : all_variants)
        if (to_string(v) == name) return v;
    return std::nullopt;
}

session_config session_for(const simulation_config& config) noexcept {
    session_config s;
    s.max_payload = config.payload;
    s.max_streams = 1;
    s.overhead_cap_bp = config.overhead_cap_bp;
    s.control_share_bp = std::min(s.control_share_bp, config.overhead_cap_bp / 2);
    s.paths.suspicion_margin = config.suspicion_margin;
    s.stream.deadline = config.deadline;
    s.stream.late = late_policy::deliver;  // the judge counts it as late; dropping it here would hide it
    if (config.protection == variant::hot) s.stream.mode = stream_mode::hot;
    s.control.law = config.law;

    const bool holds = config.protection != variant::parity;
    s.hold.hold_min = s.hold.hold_initial = holds ? config.hold : duration{};
    s.hold.hold_max = holds ? std::max(config.hold, s.hold.hold_max) : duration{};
    s.parity = s.reactive = s.second_path = true;
    switch (config.protection) {
        case variant::baseline:
        case variant::hold:
            s.parity = s.reactive = s.second_path = false;
            s.control_share_bp = 0;  // nobody acts on reports
            break;
        case variant::parity: s.reactive = s.second_path = false; break;
        case variant::single: s.second_path = false; break;
        case variant::dual:
        case variant::hot: break;
    }
    if (!s.parity) s.control.parity_max_bp = 0;
    s.control.reactive_enabled = s.reactive;
    s.control.second_path_enabled = s.second_path;
    return s;
}

config_check check_simulation(const simulation_config& config) noexcept {
    config_check check{simulation_bounds};
    check.in_range("hold", config.hold.ns() / 1'000'000)
        .in_range("deadline", config.deadline.ns() / 1'000'000)
        .in_range("payload", config.payload)
        .in_range("overhead_cap", config.overhead_cap_bp)
        .in_range("suspicion_margin", config.suspicion_margin.ns() / 1'000'000);
    return check;
}

std::vector<packet_record> make_packets(const scenario& network, std::span<const instant> send_times) {
    std::vector<packet_record> packets;
    const auto add = [&](instant at) {
        packets.push_back({.sent = at, .baseline = network.primary.forward.baseline(at)});
    };
    for (const instant at : send_times) add(at);
    if (send_times.empty())
        for (instant at{}; at < instant{} + network.length; at += network.interval) add(at);
    return packets;
}

result<run_result> simulate(const scenario& network, const simulation_config& config,
                            std::span<const instant> send_times) {
    const config_check check = check_simulation(config);
    if (!check.ok()) return check.error();

    std::vector<packet_record> packets = make_packets(network, send_times);
    run_result out;
    byte_totals bytes;
    bytes.useful = packets.size() * std::uint64_t{config.payload + ip_udp_bytes};
    if (config.protection == variant::baseline) {
        run_bare(network, config, packets, out);
    } else {
        const session_config ends = session_for(config);
        result<session> near = session::create(ends, allocator::system());
        if (!near) return near.error();
        result<session> far = session::create(ends, allocator::system());
        if (!far) return far.error();
        protected_run run{network, config, packets, std::move(near).value(), std::move(far).value()};
        if (const status opened = run.open(network.mtu); failed(opened)) return opened;
        run.run();
        run.report(out);
        bytes.extra = extra_bytes(out.near.sender) + extra_bytes(out.far.sender);
        bytes.metered = out.metered_sent[0] + out.metered_sent[1];
        const double percent = bytes.useful == 0 ? 0 : 100.0 / static_cast<double>(bytes.useful);
        out.framing.framing_pct = static_cast<double>(out.near.sender.framing_bytes) * percent;
        out.framing.hot_pct = static_cast<double>(out.near.sender.hot_copies.bytes) * percent;
    }
    out.outcome = judge(packets, bytes, {.hold = config.hold, .deadline = config.deadline});
    if (config.keep_packets) out.packets = std::move(packets);
    return out;
}

result<scenario> replay_scenario(const trace& primary, const trace* second, std::uint64_t seed) noexcept {
    result<path> first = path::create(primary);
    if (!first) return first.error();
    const duration length = primary.length();
    result<path> other = second != nullptr
                             ? path::create(*second)
                             : path::create(second_path_model(), derive_seed(seed, 2), length + scenario_tail);
    if (!other) return other.error();
    return scenario{.name = "trace",
                    .primary = std::move(first).value(),
                    .second = std::move(other).value(),
                    .length = length,
                    .interval = duration::from_ms(5)};
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
