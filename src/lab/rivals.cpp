// SPDX-License-Identifier: MIT
#include "duality/lab/rivals.hpp"
#include "lab/run_frame.hpp"

#include <algorithm>
#include <array>
#include <queue>
#include <utility>

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

constexpr std::string_view rival_names[] = {"fec_block", "fec_flush", "duplication", "failover", "nack"};

/// Nobody asks more often, however short the round trip.
constexpr duration ask_interval_min = duration::from_ms(1);

constexpr field_bounds rival_bounds[] = {
    {"fec_data", 1, 128, "packets"},    {"fec_parity", 0, 128, "packets"},     {"fec_flush", 0, 10'000, "ms"},
    {"fec_timeout", 0, 10'000, "ms"},   {"failover_timeout", 1, 60'000, "ms"}, {"probe_interval", 1, 60'000, "ms"},
    {"nack_span", 1, 1'000, "packets"}, {"nack_initial_rtt", 1, 10'000, "ms"},
};

/// A datagram under way. Ordered by arrival, then by departure.
struct in_flight {
    instant arrival = instant::never();
    std::uint64_t order = 0;
    std::uint64_t packet = datagram_record::no_packet;
    std::uint64_t tag = 0;  ///< what the model wants to know again
    transmit_kind kind = transmit_kind::source;
    path_id path = primary_path;
    bool to_far = false;

    bool operator>(const in_flight& other) const noexcept {
        return arrival != other.arrival ? arrival > other.arrival : order > other.order;
    }
};

/// The two links, what is under way on them, the virtual clock, and the packets that come out.
class world {
public:
    world(const scenario& network, const simulation_config& config, std::vector<packet_record>& packets)
        : config_{config}, packets_{packets}, links_{network.primary, network.second} {}

    [[nodiscard]] instant now() const noexcept { return now_; }
    [[nodiscard]] std::uint32_t payload() const noexcept { return config_.payload; }
    [[nodiscard]] const packet_record& packet(std::uint64_t index) const noexcept { return packets_[index]; }
    [[nodiscard]] instant deadline(std::uint64_t index) const noexcept {
        return packets_[index].sent + packets_[index].baseline + config_.deadline;
    }

    /// Puts a datagram with `bytes` of UDP payload on a path; `what` has its kind, packet, tag and direction.
    void send(in_flight what, std::uint32_t bytes) {
        path& p = links_[what.path];
        link& over = what.to_far ? p.forward : p.reverse;
        const std::uint32_t on_the_wire = bytes + ip_udp_bytes;
        if (what.kind == transmit_kind::source)
            framing_ += bytes - config_.payload;
        else
            extra_ += on_the_wire;
        what.arrival = over.transmit(now_, on_the_wire).arrival;
        what.order = order_++;
        if (config_.keep_datagrams)
            datagrams_.push_back({.sent = now_,
                                  .arrival = what.arrival,
                                  .packet = what.packet,
                                  .ip_bytes = on_the_wire,
                                  .path = what.path,
                                  .from_far = !what.to_far,
                                  .kind = what.kind});
        if (!what.arrival.is_never()) wire_.push(what);
    }
    /// Bytes that a datagram counted as extra carries of the application.
    void forgive(std::uint64_t bytes) noexcept { extra_ -= bytes; }

    void arrived(std::uint64_t index) noexcept { packets_[index].arrived = std::min(packets_[index].arrived, now_); }
    /// The packet is there, and the application gets it.
    void available(std::uint64_t index, recovery by) noexcept {
        packet_record& p = packets_[index];
        if (!p.available.is_never()) return;
        p.available = p.released = now_;
        p.recovered_by = by;
    }

    /// Runs a model, which has `submit(index)`, `arrive(datagram)`, `next_timeout()` and `handle_timeout()`.
    template <class Model>
    void run(Model& model) {
        const instant end = (packets_.empty() ? instant{} : packets_.back().sent) + settle_time;
        std::size_t next = 0;
        for (;;) {
            instant at = next < packets_.size() ? packets_[next].sent : instant::never();
            if (!wire_.empty()) at = std::min(at, wire_.top().arrival);
            at = std::min(at, model.next_timeout());
            if (at > end) return;
            now_ = std::max(now_, at);
            while (!wire_.empty() && wire_.top().arrival <= now_) {
                const in_flight d = wire_.top();
                wire_.pop();
                model.arrive(d);
            }
            for (; next < packets_.size() && packets_[next].sent <= now_; ++next) model.submit(next);
            if (model.next_timeout() <= now_) model.handle_timeout();
        }
    }

    void report(byte_totals& bytes, run_result& out) {
        bytes.extra = extra_;
        bytes.metered = links_[second_path].forward.stats().bytes_sent + links_[second_path].reverse.stats().bytes_sent;
        if (bytes.useful > 0)
            out.framing.framing_pct = 100 * static_cast<double>(framing_) / static_cast<double>(bytes.useful);
        out.datagrams = std::move(datagrams_);
    }

private:
    const simulation_config& config_;
    std::vector<packet_record>& packets_;
    std::array<path, 2> links_;
    std::priority_queue<in_flight, std::vector<in_flight>, std::greater<>> wire_;
    std::vector<datagram_record> datagrams_;
    std::uint64_t order_ = 0;
    std::uint64_t extra_ = 0;
    std::uint64_t framing_ = 0;
    instant now_{};
};

/// Groups of packets that leave at once, with parity behind them.
class fec_block {
public:
    fec_block(world& w, const rival_parameters& p) : world_{w}, p_{p} {}

    void submit(std::uint64_t index) {
        if (!open_) {
            groups_.push_back({.first = index});
            closes_at_ = world_.now() + p_.fec_timeout;
            open_ = true;
        }
        group& g = groups_.back();
        ++g.size;
        world_.send({.packet = index, .tag = groups_.size() - 1, .to_far = true}, shard_bytes());
        if (g.size == p_.fec_data) close();
    }
    void arrive(const in_flight& d) {
        group& g = groups_[d.tag];
        ++g.arrived;
        if (d.kind == transmit_kind::source) {
            world_.arrived(d.packet);
            world_.available(d.packet, recovery::none);
        } else {
            g.knows_size = true;
        }
        // Without a parity shard the receiver does not know how many packets the group has; then none is missing.
        if (!g.knows_size || g.arrived < g.size) return;
        for (std::uint64_t i = g.first; i < g.first + g.size; ++i) world_.available(i, recovery::parity);
    }
    [[nodiscard]] instant next_timeout() const noexcept { return open_ ? closes_at_ : instant::never(); }
    void handle_timeout() { close(); }

private:
    struct group {
        std::uint64_t first = 0;
        std::uint32_t size = 0;
        std::uint32_t arrived = 0;  ///< shards
        bool knows_size = false;
    };

    [[nodiscard]] std::uint32_t shard_bytes() const noexcept {
        return world_.payload() + p_.fec_shard_header + p_.fec_packet_header;
    }
    void close() {
        for (std::uint32_t i = 0; i < p_.fec_parity; ++i)
            world_.send({.tag = groups_.size() - 1, .kind = transmit_kind::parity, .to_far = true}, shard_bytes());
        open_ = false;
    }

    world& world_;
    const rival_parameters& p_;
    std::vector<group> groups_;
    instant closes_at_{};
    bool open_ = false;
};

/// Packets that wait for each other, are joined, and leave in shards. No shard is a source packet, so all its bytes count
/// as extra, and those of the bare flow are taken off again.
class fec_flush {
public:
    fec_flush(world& w, const rival_parameters& p) : world_{w}, p_{p} {}

    void submit(std::uint64_t index) {
        if (!open_) {
            groups_.push_back({.first = index});
            closes_at_ = world_.now() + p_.fec_flush;
            open_ = true;
        }
        ++groups_.back().packets;
    }
    void arrive(const in_flight& d) {
        group& g = groups_[d.tag];
        ++g.arrived;
        g.parity_used |= d.kind == transmit_kind::parity;
        if (g.arrived != g.shards) return;
        const recovery by = g.parity_used ? recovery::parity : recovery::none;
        for (std::uint64_t i = g.first; i < g.first + g.packets; ++i) {
            if (!g.parity_used) world_.arrived(i);
            world_.available(i, by);
        }
    }
    [[nodiscard]] instant next_timeout() const noexcept { return open_ ? closes_at_ : instant::never(); }
    void handle_timeout() {
        group& g = groups_.back();
        const std::uint64_t blob =
            p_.fec_blob_header + std::uint64_t{g.packets} * (world_.payload() + p_.fec_packet_header);
        const auto cut = [&](std::uint64_t shards) { return (blob + shards - 1) / shards; };
        const auto price = [&](std::uint64_t shards) {
            return (cut(shards) + p_.fec_shard_price) * (shards + p_.fec_parity);
        };
        g.shards = p_.fec_data;
        for (std::uint32_t shards = 1; shards < p_.fec_data; ++shards)
            if (price(shards) < price(g.shards)) g.shards = shards;
        const auto bytes = static_cast<std::uint32_t>(cut(g.shards)) + p_.fec_shard_header;
        for (std::uint32_t i = 0; i < g.shards + p_.fec_parity; ++i)
            world_.send({.tag = groups_.size() - 1,
                         .kind = i < g.shards ? transmit_kind::copy : transmit_kind::parity,
                         .to_far = true},
                        bytes);
        world_.forgive(std::uint64_t{g.packets} * (world_.payload() + ip_udp_bytes));
        open_ = false;
    }

private:
    struct group {
        std::uint64_t first = 0;
        std::uint32_t packets = 0;
        std::uint32_t shards = 0;  ///< that are enough
        std::uint32_t arrived = 0;
        bool parity_used = false;
    };

    world& world_;
    const rival_parameters& p_;
    std::vector<group> groups_;
    instant closes_at_{};
    bool open_ = false;
};

/// Everything twice.
class duplication {
public:
    duplication(world& w, const rival_parameters& p) : world_{w}, bytes_{w.payload() + p.sequence_header} {}

    void submit(std::uint64_t index) {
        world_.send({.packet = index, .to_far = true}, bytes_);
        world_.send({.packet = index, .kind = transmit_kind::copy, .path = second_path, .to_far = true}, bytes_);
    }
    void arrive(const in_flight& d) {
        if (d.path == primary_path) world_.arrived(d.packet);
        world_.available(d.packet, d.path == primary_path ? recovery::none : recovery::second_path);
    }
    [[nodiscard]] static instant next_timeout() noexcept { return instant::never(); }
    void handle_timeout() noexcept {}

private:
    world& world_;
    std::uint32_t bytes_;
};

/// The path with the shortest round trip that has answered within the timeout.
class failover {
public:
    failover(world& w, const rival_parameters& p) : world_{w}, p_{p} {}

    void submit(std::uint64_t index) {
        world_.send({.packet = index, .path = choose(), .to_far = true}, world_.payload() + p_.sequence_header);
    }
    void arrive(const in_flight& d) {
        if (d.kind == transmit_kind::source) {
            world_.arrived(d.packet);
            world_.available(d.packet, recovery::none);
            return;
        }
        if (d.to_far) {
            world_.send({.tag = d.tag, .kind = transmit_kind::probe, .path = d.path}, p_.probe_bytes);
            return;
        }
        watched& path = paths_[d.path];
        const duration rtt = world_.now() - instant::from_ns(static_cast<std::int64_t>(d.tag));
        path.rtt = path.rtt == duration::zero() ? rtt : path.rtt + (rtt - path.rtt) / 8;
        path.waiting_since = instant::never();
    }
    [[nodiscard]] instant next_timeout() const noexcept { return next_probe_; }
    void handle_timeout() {
        for (const path_id id : {primary_path, second_path}) {
            paths_[id].waiting_since = std::min(paths_[id].waiting_since, world_.now());
            world_.send({.tag = static_cast<std::uint64_t>(world_.now().ns()),
                         .kind = transmit_kind::probe,
                         .path = id,
                         .to_far = true},
                        p_.probe_bytes);
        }
        next_probe_ = world_.now() + p_.probe_interval;
    }

private:
    struct watched {
        duration rtt{};  ///< smoothed; zero until measured
        instant waiting_since = instant::never();
    };

    [[nodiscard]] bool alive(const watched& path) const noexcept {
        return path.waiting_since.is_never() || world_.now() - path.waiting_since < p_.failover_timeout;
    }
    [[nodiscard]] path_id choose() const noexcept {
        const auto& [primary, second] = paths_;
        if (second.rtt == duration::zero() || !alive(second)) return primary_path;
        if (!alive(primary)) return second_path;
        return primary.rtt == duration::zero() || primary.rtt <= second.rtt ? primary_path : second_path;
    }

    world& world_;
    const rival_parameters& p_;
    std::array<watched, 2> paths_{};
    instant next_probe_{};
};

/// Asks for what is missing, again and again.
class nack {
public:
    nack(world& w, const rival_parameters& p) : world_{w}, p_{p}, rtt_{p.nack_initial_rtt} {}

    void submit(std::uint64_t index) {
        world_.send({.packet = index, .to_far = true}, world_.payload() + p_.sequence_header);
    }
    void arrive(const in_flight& d) {
        if (!d.to_far) return answer(requests_[d.tag]);
        if (d.kind == transmit_kind::source) {
            world_.arrived(d.packet);
            world_.available(d.packet, recovery::none);
            for (; next_ < d.packet; ++next_) missing_.push_back({.index = next_, .ask_at = world_.now()});
            next_ = std::max(next_, d.packet + 1);
        } else {
            // Asked once, so the answer is to that one.
            const auto asked = std::ranges::find(missing_, d.packet, &wanted::index);
            if (asked != missing_.end() && asked->times == 1) {
                const duration sample = world_.now() - asked->asked_at;
                rtt_ = measured_ ? rtt_ + (sample - rtt_) / 8 : sample;
                measured_ = true;
            }
            world_.available(d.packet, recovery::reactive);
        }
        std::erase_if(missing_, [&](const wanted& m) { return m.index == d.packet; });
    }
    [[nodiscard]] instant next_timeout() const noexcept {
        instant at = instant::never();
        for (const wanted& m : missing_) at = std::min(at, m.ask_at);
        return at;
    }
    void handle_timeout() {
        std::erase_if(missing_, [&](const wanted& m) { return world_.now() >= world_.deadline(m.index); });
        std::vector<std::uint64_t> asked;
        for (wanted& m : missing_) {
            if (m.ask_at > world_.now()) continue;
            asked.push_back(m.index);
            m.asked_at = world_.now();
            m.ask_at = world_.now() + std::max(rtt_, ask_interval_min);
            ++m.times;
        }
        if (asked.empty()) return;
        std::uint32_t bytes = p_.nack_header;
        std::uint64_t covered = 0;
        for (const std::uint64_t index : asked) {
            if (index < covered) continue;
            bytes += p_.nack_entry;
            covered = index + p_.nack_span;
        }
        requests_.push_back(std::move(asked));
        world_.send({.tag = requests_.size() - 1, .kind = transmit_kind::feedback}, bytes);
    }

private:
    struct wanted {
        std::uint64_t index = 0;
        instant ask_at;
        instant asked_at{};
        std::uint32_t times = 0;
    };

    void answer(const std::vector<std::uint64_t>& request) {
        for (const std::uint64_t index : request)
            world_.send({.packet = index, .kind = transmit_kind::reactive_repair, .to_far = true},
                        world_.payload() + p_.resend_header);
    }

    world& world_;
    const rival_parameters& p_;
    std::vector<wanted> missing_;  ///< ascending
    std::vector<std::vector<std::uint64_t>> requests_;
    std::uint64_t next_ = 0;  ///< the lowest number that nothing is known of
    duration rtt_;
    bool measured_ = false;
};

template <class Model>
void run_model(world& w, const rival_parameters& parameters) {
    Model model{w, parameters};
    w.run(model);
}

}  // namespace

std::string_view to_string(rival r) noexcept {
    return rival_names[static_cast<std::size_t>(r)];
}

result<run_result> simulate_rival(const scenario& network, rival who, const simulation_config& config,
                                  const rival_parameters& parameters, std::span<const instant> send_times) {
    if (const config_check check = check_simulation(config); !check.ok()) return check.error();
    config_check check{rival_bounds};
    check.in_range("fec_data", parameters.fec_data)
        .in_range("fec_parity", parameters.fec_parity)
        .in_range("fec_flush", parameters.fec_flush.ns() / 1'000'000)
        .in_range("fec_timeout", parameters.fec_timeout.ns() / 1'000'000)
        .in_range("failover_timeout", parameters.failover_timeout.ns() / 1'000'000)
        .in_range("probe_interval", parameters.probe_interval.ns() / 1'000'000)
        .in_range("nack_span", parameters.nack_span)
        .in_range("nack_initial_rtt", parameters.nack_initial_rtt.ns() / 1'000'000);
    if (!check.ok()) return check.error();

    std::vector<packet_record> packets = make_packets(network, send_times);
    byte_totals bytes;
    bytes.useful = packets.size() * std::uint64_t{config.payload + ip_udp_bytes};
    run_result out;
    world w{network, config, packets};
    switch (who) {
        case rival::fec_block: run_model<fec_block>(w, parameters); break;
        case rival::fec_flush: run_model<fec_flush>(w, parameters); break;
        case rival::duplication: run_model<duplication>(w, parameters); break;
        case rival::failover: run_model<failover>(w, parameters); break;
        case rival::nack: run_model<nack>(w, parameters); break;
    }
    w.report(bytes, out);
    out.outcome = judge(packets, bytes, {.hold = config.hold, .deadline = config.deadline});
    if (config.keep_packets) out.packets = std::move(packets);
    return out;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
