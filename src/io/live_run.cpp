// SPDX-License-Identifier: MIT
#include "io/live_run.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "duality/wire.hpp"
#include "io/loop_thread.hpp"
#include "io/network_namespace.hpp"
#include "io/rtp.hpp"
#include "io/udp_endpoint.hpp"
#include "io/udp_socket.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr std::uint64_t ip_udp_bytes = 28;
constexpr path_id primary_path = 0;
constexpr std::size_t packets_max = 65'536;          // an RTP sequence number names each of them
constexpr std::chrono::milliseconds last_reads{50};  // time to empty the network's sockets when the ends are silent
constexpr std::int64_t not_yet = instant::never().ns();
/// Opens the way through a carrier: no RTP packet, and answered by the receiver with itself.
constexpr std::uint8_t greeting[] = {'h', 'e', 'l', 'l', 'o'};
/// The receiver answers every so many packets, as one of RTP reports: a relay sends no more than some thousand payloads to
/// a target that is silent.
constexpr std::uint64_t packets_per_answer = 250;
constexpr duration greeting_interval = duration::from_ms(50);
constexpr std::chrono::milliseconds readiness_poll{5};

/// One variant's sockets and notes. Each note has one writer: the thread named beside it.
struct flow {
    /// What the far end saw of a packet.
    struct far_note {
        instant arrived = instant::never();
        instant available = instant::never();
        recovery recovered_by = recovery::none;
        std::uint8_t path = live_flow::no_path;
    };

    flow(lab::variant v, std::size_t packets) : variant{v}, sent(packets), released(packets), far_notes(packets) {
        for (std::atomic<std::int64_t>& at : sent) at.store(not_yet, std::memory_order_relaxed);
        for (std::atomic<std::int64_t>& at : released) at.store(not_yet, std::memory_order_relaxed);
    }

    [[nodiscard]] bool has_session() const noexcept { return variant != lab::variant::baseline; }
    [[nodiscard]] bool is_ready() const { return !carrier || (answered.load() && carrier->is_ready()); }

    lab::variant variant;

    // Destroyed in the reverse order; each sends to the one before it.
    std::unique_ptr<udp_socket> receiver;
    std::unique_ptr<udp_endpoint> far;
    std::vector<std::unique_ptr<impaired_path>> network;
    std::unique_ptr<udp_endpoint> near;
    std::unique_ptr<live_carrier> carrier;  ///< in place of both ends
    std::unique_ptr<udp_socket> sender;
    socket_address destination;  ///< of the sender

    std::vector<std::atomic<std::int64_t>> sent;          ///< sender
    std::uint64_t not_sent = 0;                           ///< sender
    std::vector<std::atomic<std::int64_t>> released;      ///< receiver
    std::uint64_t received = 0;                           ///< receiver
    std::uint64_t damaged = 0;                            ///< receiver
    std::uint64_t repeated = 0;                           ///< receiver
    std::vector<far_note> far_notes;                      ///< far end
    std::vector<live_path_change> path_changes;           ///< near end
    std::array<std::vector<live_trigger>, 2> triggers;    ///< near end, far end
    std::array<std::vector<live_datagram>, 2> datagrams;  ///< near end, far end
    std::array<std::atomic<path_state>, live_paths> path_states{};
    std::atomic<bool> answered = false;  ///< the receiver has heard the sender's greeting

    // The watcher's own.
    std::size_t judged = 0;  ///< packets whose deadline has passed
    std::uint64_t on_time = 0;
};

[[nodiscard]] std::uint64_t extra_bytes(const sender_statistics& s) noexcept {
    return s.extra_bytes();
}

}  // namespace

bool live_timers::excessive() const noexcept {
    return std::ranges::any_of(std::array{sender, endpoints, network},
                               [](const live_lateness& l) { return l.p99 > guard || l.most > guard_most; });
}

class live_run::impl {
public:
    explicit impl(live_run_config config) : config_{std::move(config)} {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() { stop(); }

    [[nodiscard]] bool open(std::string& error) {
        if (config_.packets.empty() || config_.packets.size() > packets_max) {
            error = "between 1 and " + std::to_string(packets_max) + " packets can be sent";
            return false;
        }
        for (std::unique_ptr<loop_thread>* thread : all_threads())
            if (!(*thread = loop_thread::create(error))) return false;
        origin_ = config_.origin.value_or(monotonic_now() + config_.lead);
        for (const lab::variant v : config_.variants) {
            flows_.push_back(std::make_unique<flow>(v, config_.packets.size()));
            if (!open(*flows_.back(), error)) return false;
        }
        ticker_ = wake_timer::create(
            sender_->loop(), [this] { send_due(); }, error);
        greeter_ = wake_timer::create(
            sender_->loop(), [this] { greet(); }, error);
        if (!ticker_ || !greeter_ || !open_carriers(error)) return false;
        ticker_->wake_at(origin_);
        start_threads();
        return true;
    }

    [[nodiscard]] live_progress progress() {
        const instant now = monotonic_now();
        live_progress out;
        out.elapsed = now - origin_;
        const instant network_time = instant{} + out.elapsed;
        out.in_outage = {config_.network.primary.forward.in_outage(network_time),
                         config_.network.second.forward.in_outage(network_time)};
        for (const std::unique_ptr<flow>& f : flows_) {
            count_judged(*f, now);
            live_progress::flow& view = out.flows.emplace_back();
            view.variant = f->variant;
            view.received = f->on_time;
            view.lost = f->judged - f->on_time;
            for (std::size_t p = 0; p < live_paths; ++p) view.paths[p] = f->path_states[p].load();
            if (!f->has_session()) view.paths[primary_path] = path_state::active;
        }
        return out;
    }

    [[nodiscard]] instant end() const noexcept {
        return origin_ + config_.network.interval * static_cast<std::int64_t>(config_.packets.size()) + config_.settle;
    }

    /// From the sender on, so that what one thread has sent is still read by the next.
    void stop() noexcept {
        for (std::unique_ptr<loop_thread>* thread : {&sender_, &near_, &far_, &network_, &receiver_}) {
            if (thread == &network_) std::this_thread::sleep_for(last_reads);
            if (*thread) (*thread)->stop();
        }
    }

    [[nodiscard]] live_result result() const {
        live_result out;
        note(out.timers.sender, ticker_->lateness());
        out.length = config_.network.interval * static_cast<std::int64_t>(config_.packets.size() - 1);
        for (const std::unique_ptr<flow>& f : flows_) {
            out.flows.push_back(judged(*f));
            for (const udp_endpoint* end : {f->near.get(), f->far.get()})
                if (end != nullptr) note(out.timers.endpoints, end->timer_lateness());
            if (f->carrier) {
                const live_carried carried = f->carrier->finish();
                note(out.timers.endpoints, carried.near_timer);
                note(out.timers.endpoints, carried.far_timer);
            }
            for (const std::unique_ptr<impaired_path>& path : f->network) {
                const impaired_path_stats& stats = path->stats();
                note(out.timers.network, {stats.lateness, stats.lateness_max});
            }
        }
        return out;
    }

private:
    [[nodiscard]] std::array<std::unique_ptr<loop_thread>*, 5> all_threads() noexcept {
        return {&receiver_, &far_, &network_, &near_, &sender_};
    }

    void start_threads() {
        for (std::unique_ptr<loop_thread>* thread : all_threads()) (*thread)->start();
    }

    /// Lets the carriers connect over the network, then sets time zero for it and everybody.
    [[nodiscard]] bool open_carriers(std::string& error) {
        if (std::ranges::none_of(flows_, [](const auto& f) { return f->carrier != nullptr; })) return true;
        const auto is_ready = [](const std::unique_ptr<flow>& f) { return f->is_ready(); };
        const instant limit = monotonic_now() + config_.patience;
        greeter_->wake_at(monotonic_now());
        start_threads();
        while (!std::ranges::all_of(flows_, is_ready) && monotonic_now() < limit)
            std::this_thread::sleep_for(readiness_poll);
        for (std::unique_ptr<loop_thread>* thread : all_threads()) (*thread)->stop();
        for (const std::unique_ptr<flow>& f : flows_) {
            if (f->is_ready()) continue;
            error = "'" + std::string{lab::to_string(f->variant)} + "' found no way within " +
                    std::to_string(config_.patience.ns() / 1'000'000'000) + " s: " + f->carrier->state();
            return false;
        }
        greeter_->wake_at(instant::never());
        origin_ = monotonic_now() + config_.lead;
        for (const std::unique_ptr<flow>& f : flows_) {
            if (f->carrier) f->carrier->begin(origin_);
            f->path_changes.clear();  // their times counted from elsewhere
            for (std::vector<live_trigger>& of_end : f->triggers) of_end.clear();
            for (std::size_t i = 0; i < f->network.size(); ++i) {
                f->network[i]->change_network(model_of(static_cast<path_id>(i)),
                                              static_cast<std::uint64_t>(origin_.ns()));
                f->network[i]->count_lateness_from_origin();
            }
        }
        return true;
    }

    [[nodiscard]] const lab::path& model_of(path_id id) const noexcept {
        return id == primary_path ? config_.network.primary : config_.network.second;
    }

    // Building, from the receiver backwards: each part is told the address of the next.

    [[nodiscard]] bool open(flow& f, std::string& error) {
        if (!open_application(f, error)) return false;
        if (!f.has_session()) {
            if (!open_path(f, config_.network.primary, f.receiver->local(), error)) return false;
            f.destination = f.network.front()->local();
            return true;
        }

        const bool two = f.variant == lab::variant::dual || f.variant == lab::variant::hot;
        const std::size_t paths = two ? live_paths : 1;
        if (config_.carrier) return open_carrier(f, paths, error);
        udp_endpoint_config far = endpoint_config(f, paths, true);
        far.application = f.receiver->local();
        far.on_datagram = [this, &f, then = far.on_datagram](instant now, path_id path, byte_view bytes) {
            if (then) then(now, path, bytes);
            on_arrived(f, now, path, bytes);
        };
        far.on_delivery = [this, &f](instant now, const delivery& d) { on_delivered(f, now, d); };
        {
            const namespace_scope inside{config_.peer.network_namespace};
            f.far = udp_endpoint::create(far_->loop(), std::move(far), error);
        }
        if (!f.far) return false;

        udp_endpoint_config near = endpoint_config(f, paths, false);
        for (path_id p = 0; p < paths; ++p) {
            near.paths[p].peer = open_way(f, p, error);
            if (!near.paths[p].peer) return false;
        }
        if (near.security) near.security->rules.initiate = true;
        const namespace_scope inside{config_.client.network_namespace};
        f.near = udp_endpoint::create(near_->loop(), std::move(near), error);
        if (!f.near) return false;
        f.destination = f.near->application_side();
        return true;
    }

    [[nodiscard]] bool open_carrier(flow& f, std::size_t paths, std::string& error) {
        live_carrier_order order{.variant = f.variant,
                                 .near = near_->loop(),
                                 .far = far_->loop(),
                                 .bind = config_.client.bind,
                                 .receiver = f.receiver->local(),
                                 .paths = {},
                                 .hold = config_.rules.hold,
                                 .open_way = {},
                                 .on_arrived = {},
                                 .on_delivered = {},
                                 .on_near_event = {}};
        for (const udp_endpoint_path& path : endpoint_config(f, paths, false).paths) order.paths.push_back(path.limits);
        order.open_way = [this, &f](path_id id, const socket_address& to, std::string& why) -> std::optional<live_way> {
            if (!open_path(f, model_of(id), to, why)) return std::nullopt;
            return live_way{f.network.back()->local(), f.network.back()->exit()};
        };
        order.on_arrived = [this, &f](instant now, path_id path, byte_view frame) { on_arrived(f, now, path, frame); };
        order.on_delivered = [this, &f](instant now, const delivery& d) { on_delivered(f, now, d); };
        order.on_near_event = [this, &f](instant now, const session_event& e) { on_event(f, false, now, e); };
        f.carrier = config_.carrier(std::move(order), error);
        if (!f.carrier) return false;
        f.destination = f.carrier->application_side();
        return true;
    }

    [[nodiscard]] bool open_application(flow& f, std::string& error) {
        {
            const namespace_scope inside{config_.receiver.network_namespace};
            f.receiver = udp_socket::create(
                receiver_->loop(), config_.receiver.bind,
                [this, &f](instant now, const socket_address& from, byte_view bytes) {
                    const bool greeted = f.carrier && std::ranges::equal(bytes, greeting);
                    if (!greeted) on_received(f, now, bytes);
                    if (greeted || (f.carrier && f.received % packets_per_answer == 0))
                        (void)f.receiver->send(from, greeting);
                },
                error);
        }
        const namespace_scope inside{config_.client.network_namespace};
        f.sender = udp_socket::create(
            sender_->loop(), config_.client.bind,
            [&f](instant, const socket_address&, byte_view) { f.answered.store(true); }, error);
        return f.receiver && f.sender;
    }

    /// Where the near end sends to for this path; empty when there is none.
    [[nodiscard]] std::optional<socket_address> open_way(flow& f, path_id id, std::string& error) {
        const socket_address to = f.far->path_side(id);
        if (config_.outside_path) return config_.outside_path(id, to, origin_, error);
        if (!open_path(f, model_of(id), to, error)) return std::nullopt;
        return f.network.back()->local();
    }

    [[nodiscard]] bool open_path(flow& f, const lab::path& model, const socket_address& to, std::string& error) {
        impaired_path_config path;
        path.listen = config_.client.bind;
        path.forward = to;
        path.network = model;
        path.origin_ns = static_cast<std::uint64_t>(origin_.ns());
        f.network.push_back(impaired_path::create(network_->loop(), std::move(path), error));
        return f.network.back() != nullptr;
    }

    [[nodiscard]] udp_endpoint_config endpoint_config(flow& f, std::size_t paths, bool is_far) {
        lab::simulation_config rules = config_.rules;
        rules.protection = f.variant;
        rules.payload = 0;
        for (const voice_packet& packet : config_.packets)
            rules.payload = std::max(rules.payload, static_cast<std::uint32_t>(packet.size()));
        udp_endpoint_config end;
        end.protocol = lab::session_for(rules);
        end.bind = is_far ? config_.peer.bind : config_.client.bind;
        end.start = origin_;
        end.calendar = config_.calendar;
        end.on_event = [this, &f, is_far](instant now, const session_event& e) { on_event(f, is_far, now, e); };
        if (config_.record) record(f, is_far, end);
        if (!config_.psk.empty()) end.security = {.psk = config_.psk, .rules = {.initiate = false}};
        end.paths.resize(paths);
        end.paths[primary_path].limits.max_datagram = config_.network.mtu - static_cast<std::uint32_t>(ip_udp_bytes);
        for (std::size_t p = 1; p < paths; ++p) {
            end.paths[p].limits.cost = cost_class::metered;
            end.paths[p].limits.budget = rules.metered_budget;
        }
        return end;
    }

    void record(flow& f, bool is_far, udp_endpoint_config& end) {
        end.record = {{"network", config_.network.name},
                      {"variant", std::string{lab::to_string(f.variant)}},
                      {"end", is_far ? "far" : "near"}};
        for (const lab::recording_note& note : config_.notes) end.record->push_back(note);
        const auto noted = [this, &f, is_far](bool sent) {
            return [this, &f, is_far, sent](instant now, path_id path, byte_view bytes) {
                f.datagrams[is_far ? 1 : 0].push_back(
                    {since_origin(now), path, is_far, sent, static_cast<std::uint32_t>(bytes.size())});
            };
        };
        end.on_transmit = noted(true);
        end.on_datagram = noted(false);
    }

    // The sender's thread.

    void greet() {
        for (const std::unique_ptr<flow>& f : flows_)
            if (f->carrier && !f->answered.load()) (void)f->sender->send(f->destination, greeting);
        greeter_->wake_at(monotonic_now() + greeting_interval);
    }

    void send_due() {
        for (; next_ < config_.packets.size(); ++next_) {
            const instant due = origin_ + config_.network.interval * static_cast<std::int64_t>(next_);
            if (due > monotonic_now()) {
                ticker_->wake_at(due);
                return;
            }
            for (const std::unique_ptr<flow>& f : flows_) {
                f->sent[next_].store(monotonic_now().ns(), std::memory_order_relaxed);
                if (!f->sender->send(f->destination, config_.packets[next_])) ++f->not_sent;
            }
        }
    }

    // The thread of the end.

    void on_event(flow& f, bool is_far, instant now, const session_event& e) {
        if (e.kind == session_event_kind::path || e.kind == session_event_kind::decision) {
            f.triggers[is_far ? 1 : 0].push_back({since_origin(now), is_far, e});
        }
        if (is_far || e.kind != session_event_kind::path || e.path.kind != path_event_kind::state_changed) return;
        f.path_changes.push_back({since_origin(e.path.at), e.path.path, e.path.to});
        if (e.path.path < live_paths) f.path_states[e.path.path].store(e.path.to);
    }

    // The far ends' thread.

    void on_arrived(flow& f, instant now, path_id path, byte_view datagram) {
        wire::packet_reader in{datagram};
        wire::packet_header header;
        wire::frame frame;
        if (in.start(header) != status::ok) return;
        while (in.next(frame) == status::ok) {
            if (frame.type != wire::frame_type::data) continue;
            const std::optional<std::size_t> index = index_of(frame.data.payload);
            if (!index || now >= f.far_notes[*index].arrived) continue;
            f.far_notes[*index].arrived = now;
            f.far_notes[*index].path = path;
        }
    }

    void on_delivered(flow& f, instant now, const delivery& d) {
        const std::optional<std::size_t> index = index_of(d.bytes);
        if (!index) return;
        f.far_notes[*index].available = now - d.held;
        f.far_notes[*index].recovered_by = d.recovered_by;
    }

    // The receivers' thread.

    void on_received(flow& f, instant now, byte_view bytes) {
        ++f.received;
        const std::optional<std::size_t> index = index_of(bytes);
        if (!index || !std::ranges::equal(bytes, config_.packets[*index])) {
            ++f.damaged;
            return;
        }
        if (f.released[*index].load(std::memory_order_relaxed) != not_yet)
            ++f.repeated;
        else
            f.released[*index].store(now.ns(), std::memory_order_relaxed);
    }

    // Everybody's.

    [[nodiscard]] std::optional<std::size_t> index_of(byte_view packet) const noexcept {
        const std::optional<std::uint16_t> sequence = rtp_sequence(packet);
        if (!sequence || *sequence >= config_.packets.size()) return std::nullopt;
        return *sequence;
    }

    [[nodiscard]] instant since_origin(instant at) const noexcept {
        return at.is_never() ? at : instant{} + (at - origin_);
    }

    /// The packet's latest useful arrival; never while it is not sent.
    [[nodiscard]] instant deadline_of(instant sent) const noexcept {
        return sent + config_.network.primary.forward.baseline(since_origin(sent)) + config_.rules.deadline;
    }

    void count_judged(flow& f, instant now) const {
        for (; f.judged < f.sent.size(); ++f.judged) {
            const instant deadline = deadline_of(instant::from_ns(f.sent[f.judged].load(std::memory_order_relaxed)));
            if (deadline > now) return;
            if (f.released[f.judged].load(std::memory_order_relaxed) <= deadline.ns()) ++f.on_time;
        }
    }

    static void note(live_lateness& worst, const lateness_record& one) {
        worst.p50 = std::max(worst.p50, one.spread.quantile(5'000));
        worst.p99 = std::max(worst.p99, one.spread.quantile(9'900));
        worst.most = std::max(worst.most, one.most);
    }

    /// The threads have ended.
    [[nodiscard]] live_flow judged(const flow& f) const {
        live_flow out;
        out.variant = f.variant;
        out.packets.resize(config_.packets.size());
        out.arrived_over.resize(config_.packets.size());
        for (std::size_t i = 0; i < out.packets.size(); ++i) {
            lab::packet_record& p = out.packets[i];
            p.sent = since_origin(instant::from_ns(f.sent[i].load()));
            p.cancelled = p.sent.is_never();  // the sender's thread fell behind by more than the settling time
            p.baseline = config_.network.primary.forward.baseline(p.sent);
            p.released = since_origin(instant::from_ns(f.released[i].load()));
            const flow::far_note& note = f.far_notes[i];
            p.arrived = f.has_session() ? since_origin(note.arrived) : p.released;
            p.available = f.has_session() ? since_origin(note.available) : p.released;
            p.recovered_by = note.recovered_by;
            out.arrived_over[i] = f.has_session()          ? note.path
                                  : !p.released.is_never() ? primary_path
                                                           : live_flow::no_path;
            out.bytes.useful += config_.packets[i].size() + ip_udp_bytes;
        }

        for (const std::unique_ptr<impaired_path>& path : f.network) {
            const impaired_path_stats& stats = path->stats();
            out.on_the_wire += stats.forward.bytes + stats.reverse.bytes;
            out.socket_errors += stats.forward.send_failed + stats.reverse.send_failed;
            out.paths.push_back(stats);
        }
        if (out.paths.size() > 1) out.bytes.metered = out.paths[1].forward.bytes + out.paths[1].reverse.bytes;
        out.socket_errors += f.not_sent;
        for (const udp_endpoint* end : {f.near.get(), f.far.get()}) {
            if (end == nullptr) continue;
            out.socket_errors += end->stats().unsent + end->stats().undelivered;
            out.never_sent += end->stats().unsent_bytes;
            out.bytes.extra += extra_bytes(end->protocol().statistics().sender);
            out.hello_bytes += end->stats().hello_bytes;
        }
        if (f.carrier) {
            const live_carried carried = f.carrier->finish();
            out.near = carried.near;
            out.far = carried.far;
            out.bytes.extra = extra_bytes(out.near.sender) + extra_bytes(out.far.sender);
            out.socket_errors += carried.unsent;
            out.carrier_sent = carried.near_sent + carried.far_sent;
            const std::uint64_t answers = out.far.sender.source.bytes + out.far.sender.framing_bytes;
            const std::uint64_t told_apart =
                out.bytes.useful + out.bytes.extra + out.near.sender.framing_bytes + answers;
            out.transport_bytes = static_cast<std::int64_t>(out.on_the_wire) - static_cast<std::int64_t>(told_apart);
        } else if (f.has_session()) {
            out.near = f.near->protocol().statistics();
            out.far = f.far->protocol().statistics();
        }
        if (f.has_session()) {
            const double percent = 100.0 / static_cast<double>(out.bytes.useful);
            out.framing.framing_pct = static_cast<double>(out.near.sender.framing_bytes) * percent;
            out.framing.hot_pct = static_cast<double>(out.near.sender.hot_copies.bytes) * percent;
        }
        out.path_changes = f.path_changes;
        for (const auto& of_end : f.triggers) out.triggers.insert(out.triggers.end(), of_end.begin(), of_end.end());
        std::ranges::stable_sort(out.triggers, {}, &live_trigger::told);
        for (const auto& of_end : f.datagrams) out.datagrams.insert(out.datagrams.end(), of_end.begin(), of_end.end());
        if (f.near) out.near_recording = f.near->finish_recording();
        if (f.far) out.far_recording = f.far->finish_recording();
        out.damaged = f.damaged;
        out.repeated = f.repeated;
        out.outcome = lab::judge(out.packets, out.bytes, {config_.rules.hold, config_.rules.deadline});
        return out;
    }

    const live_run_config config_;
    instant origin_;
    std::unique_ptr<loop_thread> receiver_;
    std::unique_ptr<loop_thread> far_;
    std::unique_ptr<loop_thread> network_;
    std::unique_ptr<loop_thread> near_;
    std::unique_ptr<loop_thread> sender_;
    std::vector<std::unique_ptr<flow>> flows_;
    std::unique_ptr<wake_timer> ticker_;
    std::unique_ptr<wake_timer> greeter_;  ///< until the carriers are ready
    std::size_t next_ = 0;                 ///< packet to send; the sender's
};

live_run::live_run(std::unique_ptr<impl> state) noexcept : impl_{std::move(state)} {}
live_run::~live_run() = default;

std::unique_ptr<live_run> live_run::start(live_run_config config, std::string& error) {
    auto state = std::make_unique<impl>(std::move(config));
    if (!state->open(error)) return nullptr;
    return std::unique_ptr<live_run>{new live_run{std::move(state)}};
}

live_progress live_run::progress() {
    return impl_->progress();
}

bool live_run::finished() const noexcept {
    return monotonic_now() >= impl_->end();
}

live_result live_run::finish() {
    std::this_thread::sleep_for(
        std::chrono::nanoseconds{std::max<std::int64_t>(0, (impl_->end() - monotonic_now()).ns())});
    impl_->stop();
    return impl_->result();
}

}  // namespace io
}  // namespace v0
}  // namespace duality
