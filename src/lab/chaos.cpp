// SPDX-License-Identifier: MIT
#include "duality/lab/chaos.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "duality/lab/event_log.hpp"
#include "duality/session.hpp"
#include "lab/chaos_draw.hpp"
#include "lab/flight.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

constexpr std::string_view trouble_names[] = {"loss",       "jitter",      "duplication", "reordering",
                                              "corruption", "clock_jumps", "path_flaps",  "stalls",
                                              "overruns",   "misuse",      "closing"};
static_assert(std::size(trouble_names) == trouble_count);

constexpr field_bounds chaos_bounds[] = {{"steps", 1, 100'000, "steps"}};

constexpr path_id free_path = 0;
constexpr path_id metered_path = 1;
constexpr std::uint32_t around = 28;  ///< bytes around each datagram
constexpr std::uint64_t metered_cap = 60'000;
constexpr std::uint32_t outputs_max = 5'000;    ///< of one drain
constexpr std::uint32_t idle_rounds_max = 200;  ///< of the event loop without time passing
constexpr std::uint32_t wake_ups_per_ms_max = 50;
constexpr duration quiet_time = duration::from_seconds(5);
constexpr std::size_t id_bytes = 8;

/// The system's heap, counted: nothing may be taken after creation, and everything must come back.
class counted_memory {
public:
    [[nodiscard]] allocator get() noexcept {
        return {this,
                [](void* user, std::size_t bytes, std::size_t alignment) noexcept -> void* {
                    auto& self = *static_cast<counted_memory*>(user);
                    ++self.calls_;
                    self.live_ += bytes;
                    const allocator heap = allocator::system();
                    return heap.allocate(heap.user, bytes, alignment);
                },
                [](void* user, void* memory, std::size_t bytes, std::size_t alignment) noexcept {
                    static_cast<counted_memory*>(user)->live_ -= bytes;
                    const allocator heap = allocator::system();
                    heap.release(heap.user, memory, bytes, alignment);
                }};
    }
    [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
    [[nodiscard]] std::uint64_t live() const noexcept { return live_; }

private:
    std::uint64_t calls_ = 0;
    std::uint64_t live_ = 0;
};

enum class packet_state : std::uint8_t { accepted, rejected, delivered, late };

struct chaos_packet {
    instant sent;
    std::uint32_t size = 0;
    stream_id stream = 0;
    packet_state state = packet_state::accepted;
};

/// One end: the session, its clock, and what its application knows.
struct chaos_end {
    explicit chaos_end(session made) noexcept : session_{std::move(made)} {}

    session session_;
    duration ahead{};                      ///< its clock, against the world's
    instant seen = instant::before_all();  ///< the latest time it was told
    instant stalled_since = instant::before_all();
    instant stalled_until = instant::before_all();
    duration longest_stall{};
    bool disturbed = false;  ///< stalled or jumped since it was last drained
    bool has_free_path = true;
    std::vector<chaos_packet> packets;  ///< sent from here
    std::set<std::uint64_t> numbers;    ///< delivered here
    std::uint64_t metered_sent = 0;
    std::uint64_t deliveries = 0;
    std::uint64_t handed = 0;  ///< datagrams that its session must have counted
    std::uint64_t malformed = 0;
    datagram_fates datagrams;  ///< sent from here
    duration longest_delay{};  ///< of what was sent from here and not held back on purpose
};

/// The world of one seed.
class chaos_world {
public:
    chaos_world(const chaos_recipe& what, xoshiro256 random, const session_config& config, std::array<path, 2> links,
                detail::chaos_network network, session near, session far, const counted_memory& memory)
        : what_{what},
          random_{random},
          weather_{derive_seed(what.seed, 2)},
          config_{config},
          links_{std::move(links)},
          network_{network},
          ends_{chaos_end{std::move(near)}, chaos_end{std::move(far)}},
          memory_{memory},
          calls_at_start_{memory.calls()} {}

    void run() {
        for (chaos_end& e : ends_) open(e);
        for (step_ = 1; step_ <= what_.steps && ok(); ++step_) {
            step();
            pass_until(now_ + duration::from_us(static_cast<std::int64_t>(random_.below(4'000))));
            check();
        }
        if (ok()) come_to_rest();
    }

    void report(chaos_result& out) const {
        out.broken = broken_;
        out.broken_at = broken_.empty() ? 0 : std::min(step_, what_.steps);
        out.event_hash = log_.hash();
        out.events = log_.count();
        out.checks = checks_;
        out.memory_bytes = memory_.live();
        for (std::size_t e = 0; e < 2; ++e) {
            out.packets[e] = fates_of(e);
            out.datagrams[e] = ends_[e].datagrams;
        }
    }

private:
    [[nodiscard]] bool ok() const noexcept { return broken_.empty(); }
    void require(bool holds, std::string_view promise) noexcept {
        if (!holds && ok()) broken_ = promise;
    }
    [[nodiscard]] bool is_hostile() const noexcept { return network_.damage > 0; }
    [[nodiscard]] std::size_t other(std::size_t e) const noexcept { return 1 - e; }
    [[nodiscard]] duration draw_ms(std::uint64_t below) noexcept {
        return duration::from_ms(static_cast<std::int64_t>(random_.below(below)));
    }

    [[nodiscard]] instant shown_by(const chaos_end& e) const noexcept { return now_ + e.ahead; }
    /// The same, to be told to the session, which never goes back behind it.
    [[nodiscard]] instant local(chaos_end& e) const noexcept {
        e.seen = std::max(e.seen, shown_by(e));
        return shown_by(e);
    }

    void open(chaos_end& e) {
        const path_config metered{.cost = cost_class::metered,
                                  .budget = {.day_bytes = metered_cap, .month_bytes = metered_cap}};
        require(e.session_.add_path(local(e), free_path, {}) == status::ok, "misuse");
        require(e.session_.add_path(local(e), metered_path, metered) == status::ok, "misuse");
    }

    // The application

    void step() {
        const std::size_t e = random_.below(2);
        const std::uint64_t kind = random_.below(60);
        const std::uint64_t size = random_.below(1'000);
        switch (kind) {
            case 0:
                if (what_.has(trouble::path_flaps)) flap(e);
                break;
            case 1: {
                const duration pause = draw_ms(400);
                pass_until(now_ + pause);
                break;
            }
            case 2: {
                const duration length = draw_ms(500);
                if (what_.has(trouble::stalls)) stall(e, length);
                break;
            }
            case 3:
            case 4:
            case 5: misuse(e, random_.below(8)); break;
            case 6: {
                const bool closes = random_.chance(0.02);
                if (what_.has(trouble::closing) && closes) close(e);
                break;
            }
            case 7: {
                const bool back = random_.chance(0.5);
                const duration by = draw_ms(back ? 200 : 2'000);
                if (what_.has(trouble::clock_jumps)) jump(e, back ? -by : by);
                break;
            }
            case 8: {
                const duration deadline = duration::from_ms(static_cast<std::int64_t>(20 + size % 300));
                stream_config changed = config_.stream;
                changed.deadline = deadline;
                const status answer = session_of(e).set_stream(shown_by(ends_[e]), stream_of(size), changed);
                require(answer == status::ok || answer == status::closed, "misuse");
                break;
            }
            case 9:
                if (size < 200 && what_.has(trouble::overruns))
                    for (std::uint64_t n = std::uint64_t{2} * config_.queue; n > 0 && ok(); --n) send(e, size + n);
                break;
            case 10:
                if (is_hostile()) forge(e);
                break;
            case 11:
            case 12:
            case 13:
            case 14: mend(e); break;
            default: send(e, size);
        }
        if (ends_[e].stalled_until <= now_) drain(e);
    }

    [[nodiscard]] session& session_of(std::size_t e) noexcept { return ends_[e].session_; }
    [[nodiscard]] static stream_id stream_of(std::uint64_t any) noexcept {
        return static_cast<stream_id>(any % detail::chaos_streams);
    }

    static void fill(std::uint64_t id, byte_span out) noexcept {
        std::uint64_t state = id;
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (i < id_bytes) {
                out[i] = static_cast<std::uint8_t>(id >> (8 * i));
                continue;
            }
            if (i % 8 == 0) (void)splitmix64(state);
            out[i] = static_cast<std::uint8_t>(state >> (8 * (i % 8)));
        }
    }

    void send(std::size_t from, std::uint64_t any) {
        chaos_end& e = ends_[from];
        chaos_packet p{.sent = now_,
                       .size = static_cast<std::uint32_t>(16 + any % (detail::chaos_payload - 15)),
                       .stream = stream_of(any)};
        std::array<std::uint8_t, detail::chaos_payload> bytes{};
        fill(id_of(from, e.packets.size()), byte_span{bytes}.first(p.size));
        const status answer = e.session_.send(local(e), p.stream, byte_view{bytes}.first(p.size));
        const bool known = answer == status::ok || answer == status::queue_full || answer == status::over_budget ||
                           answer == status::closed || answer == status::too_large;
        require(known, "misuse");
        if (answer != status::ok) p.state = packet_state::rejected;
        log_.append({now_, answer == status::ok ? event_kind::submitted : event_kind::rejected,
                     static_cast<std::uint32_t>(from), e.packets.size(), p.size});
        e.packets.push_back(p);
    }
    [[nodiscard]] static std::uint64_t id_of(std::size_t from, std::uint64_t index) noexcept {
        return index << 1 | from;
    }

    void flap(std::size_t e) {
        // The free path only: the metered one must keep its budget for the whole run.
        session& s = session_of(e);
        const status removed = s.remove_path(local(ends_[e]), free_path);
        require(removed == (ends_[e].has_free_path ? status::ok : status::unknown_path), "misuse");
        ends_[e].has_free_path = false;
    }
    void mend(std::size_t e) {
        if (ends_[e].has_free_path) return;
        const status added = session_of(e).add_path(local(ends_[e]), free_path, {});
        require(added == status::ok || added == status::closed, "misuse");
        ends_[e].has_free_path = added == status::ok;
    }

    void stall(std::size_t which, duration length) {
        chaos_end& e = ends_[which];
        if (e.stalled_until <= now_) e.stalled_since = now_;
        e.stalled_until = std::max(e.stalled_until, now_ + length);
        e.longest_stall = std::max(e.longest_stall, e.stalled_until - e.stalled_since);
        e.disturbed = true;
    }

    void jump(std::size_t e, duration by) {
        ends_[e].ahead += by;
        ends_[e].disturbed = true;
        jumped_ = true;
    }

    void close(std::size_t e) {
        const status answer = session_of(e).close(local(ends_[e]), wire::close_reason::normal);
        require(answer == status::ok || answer == status::closed, "misuse");
        closing_ = true;
    }

    void misuse(std::size_t e, std::uint64_t which) {
        if (!what_.has(trouble::misuse)) return;
        session& s = session_of(e);
        const instant at = shown_by(ends_[e]);
        static constexpr std::array<std::uint8_t, detail::chaos_payload + 1> zeros{};
        const auto expect = [&](status got, status wanted) {
            require(got == wanted || got == status::closed, "misuse");
        };
        switch (which) {
            case 0:
                expect(s.send(at, detail::chaos_streams, byte_view{zeros}.first(20)), status::unknown_stream);
                break;
            case 1: expect(s.send(at, 0, zeros), status::too_large); break;
            case 2: expect(s.set_stream(at, 200, config_.stream), status::unknown_stream); break;
            case 3: {
                stream_config wrong = config_.stream;
                wrong.deadline = duration{};
                expect(s.set_stream(at, 0, wrong), status::invalid_config);
                break;
            }
            case 4: expect(s.remove_path(at, 9), status::unknown_path); break;
            case 5: expect(s.add_path(at, metered_path, {}), status::invalid_argument); break;
            case 6: expect(s.handle_datagram(at, 7, byte_view{zeros}.first(30)), status::unknown_path); break;
            default: s.handle_timeout(at - duration::from_ms(10)); break;
        }
    }

    void forge(std::size_t e) {
        std::array<std::uint8_t, 61> data{wire::version};
        const std::size_t size = 1 + random_.below(60);
        for (std::size_t i = 1; i < size; ++i) data[i] = static_cast<std::uint8_t>(random_.next());
        ++ends_[other(e)].datagrams.sent;
        hand(e, static_cast<path_id>(random_.below(3)), byte_view{data}.first(size));
    }

    // Time

    /// When an end wants to be woken, on the world's clock.
    [[nodiscard]] instant wake_of(chaos_end& e) noexcept {
        const instant due = e.session_.next_timeout();
        if (due.is_never()) return due;
        return std::max({due - e.ahead, e.stalled_until, now_});
    }

    void pass_until(instant until) {
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

    // The network

    void transmit(std::size_t from, const transmission& t) {
        chaos_end& e = ends_[from];
        const std::uint32_t ip_bytes = static_cast<std::uint32_t>(t.bytes.size()) + around;
        require(t.bytes.size() <= detail::air::block_size && t.path <= metered_path, "bounded_output");
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

    void put(instant arrival, std::size_t from, const transmission& t) {
        std::array<std::uint8_t, detail::air::block_size> bytes;
        std::size_t size = t.bytes.size();
        std::copy(t.bytes.begin(), t.bytes.end(), bytes.begin());
        if (weather_.chance(network_.damage))
            bytes[weather_.below(size)] ^= static_cast<std::uint8_t>(1 + weather_.below(255));
        if (weather_.chance(network_.damage)) size = weather_.below(size);
        air_.put(arrival, t.path, from == 0, byte_view{bytes}.first(size));
    }

    void arrive() {
        const detail::in_flight d = air_.take();
        const std::size_t to = d.to_far ? 1 : 0;
        hand(to, d.path, air_.bytes(d));
        air_.release(d);
        if (ends_[to].stalled_until <= now_) drain(to);
    }

    void hand(std::size_t to, path_id over, byte_view bytes) {
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

    // What comes out

    void drain(std::size_t from) {
        chaos_end& e = ends_[from];
        std::uint32_t count = 0;
        while (ok() && e.session_.poll_output(local(e), out_)) {
            require(++count < outputs_max, "bounded_output");
            switch (out_.kind) {
                case output_kind::transmit: transmit(from, out_.transmit); break;
                case output_kind::deliver: deliver(from, out_.deliver); break;
                case output_kind::event:
                    if (out_.event.kind == session_event_kind::peer_closed) closing_ = true;
                    break;
                case output_kind::none: break;
            }
        }
        e.disturbed = false;
        require(!ok() || e.session_.next_timeout() > e.seen, "progress");
    }

    void deliver(std::size_t to, const delivery& d) {
        chaos_end& e = ends_[to];
        ++e.deliveries;
        log_.append({now_, event_kind::released, static_cast<std::uint32_t>(to), d.number, d.bytes.size()});
        require(e.numbers.insert(d.number).second, "exactly_once");
        require(d.stream < detail::chaos_streams && d.held >= duration{} && d.lateness >= duration{}, "intact");
        std::vector<chaos_packet>& sent = ends_[other(to)].packets;
        const chaos_packet* const known = find(other(to), d.bytes);
        // Whoever can change bytes on the way can make packets of their own.
        if (known == nullptr || d.stream != known->stream) {
            require(is_hostile(), "intact");
            return;
        }
        chaos_packet& p = sent[static_cast<std::size_t>(known - sent.data())];
        require(p.state == packet_state::accepted || is_hostile(), "exactly_once");
        if (p.state != packet_state::accepted) return;
        p.state = d.past_deadline ? packet_state::late : packet_state::delivered;
        check_deadline(e, ends_[other(to)], p, d);
    }

    /// The packet that was sent with these bytes, or nothing.
    [[nodiscard]] const chaos_packet* find(std::size_t from, byte_view bytes) const noexcept {
        if (bytes.size() < id_bytes) return nullptr;
        std::uint64_t id = 0;
        for (std::size_t i = 0; i < id_bytes; ++i) id |= std::uint64_t{bytes[i]} << (8 * i);
        if ((id & 1) != from || id >> 1 >= ends_[from].packets.size()) return nullptr;
        const chaos_packet& p = ends_[from].packets[id >> 1];
        std::array<std::uint8_t, detail::chaos_payload> expected{};
        fill(id, byte_span{expected}.first(p.size));
        const bool same = bytes.size() == p.size && std::memcmp(bytes.data(), expected.data(), p.size) == 0;
        return same ? &p : nullptr;
    }

    /// Where late packets are to be dropped none comes late, unless this end was not asked in time; and by the world's
    /// clock no packet is older than the deadline allows over the slowest path seen.
    void check_deadline(const chaos_end& here, const chaos_end& there, const chaos_packet& p, const delivery& d) {
        if (config_.stream.late == late_policy::deliver || here.disturbed) return;
        require(!d.past_deadline, "deadline");
        if (jumped_ || is_hostile()) return;
        constexpr duration deadline_max = duration::from_ms(320);
        const duration slack = config_.hold.hold_max + config_.hold.lead + duration::from_ms(5);
        // A packet that waits for its own end to move looks like a slow path.
        const duration slowest = there.longest_delay + there.longest_stall;
        require(now_ - p.sent <= deadline_max + slowest + slack, "deadline");
    }

    // Promises

    [[nodiscard]] static std::uint64_t extra(const sender_statistics& s) noexcept {
        return s.parity.bytes + s.reactive.bytes + s.copies.bytes + s.control.bytes;
    }

    void check() {
        ++checks_;
        const session_statistics a = session_of(0).statistics();
        const session_statistics b = session_of(1).statistics();
        const std::uint64_t source = a.sender.source.bytes + b.sender.source.bytes;
        // Forged source packets earn too.
        const bool within = (extra(a.sender) + extra(b.sender)) * 10'000 <= source * config_.overhead_cap_bp;
        require(within || is_hostile(), "overhead_cap");
        require(memory_.calls() == calls_at_start_, "memory");
        const session_statistics* const all[] = {&a, &b};
        for (std::size_t e = 0; e < 2; ++e) {
            const session_statistics& s = *all[e];
            require(s.receiver.delivered == ends_[e].deliveries, "counters");
            require(s.receiver.delivered <= s.receiver.accepted, "counters");
            require(s.datagrams_received == ends_[e].handed, "counters");
            require(s.malformed == ends_[e].malformed, "counters");
            require(ends_[other(e)].datagrams.duplicate == s.repeated_datagrams, "counters");
            for (stream_id i = 0; i < detail::chaos_streams; ++i)
                require(session_of(e).hold(i).size() <= config_.receive_packets, "memory");
        }
    }

    /// Left alone, both ends come to rest: every wake-up leads somewhere, and nothing is held for ever.
    void come_to_rest() {
        step_ = what_.steps;
        for (std::size_t e = 0; e < 2; ++e) {
            ends_[e].disturbed |= ends_[e].stalled_until > now_;
            ends_[e].stalled_until = instant::before_all();
            drain(e);
        }
        pass_until(now_ + quiet_time);
        check();
        for (std::size_t e = 0; e < 2 && ok(); ++e) {
            for (stream_id i = 0; i < detail::chaos_streams; ++i) require(session_of(e).hold(i).size() == 0, "rest");
            const sender_statistics s = session_of(e).statistics().sender;
            const auto accepted = static_cast<std::uint64_t>(std::ranges::count_if(
                ends_[e].packets, [](const chaos_packet& p) { return p.state != packet_state::rejected; }));
            // Every accepted packet has been put on a path, or was refused one and counted.
            if (!closing_) require(s.source.packets + s.source_refused == accepted, "fates");
        }
        while (!air_.empty()) {
            const detail::in_flight d = air_.take();
            ++ends_[d.to_far ? 0 : 1].datagrams.cancelled;
            air_.release(d);
        }
        for (std::size_t e = 0; e < 2; ++e) {
            const chaos_fates fates = fates_of(e);
            require(fates.sum() == fates.sent && fates.duplicate == 0, "fates");
            require(ends_[e].datagrams.sum() == ends_[e].datagrams.sent, "fates");
        }
    }

    [[nodiscard]] chaos_fates fates_of(std::size_t from) const noexcept {
        chaos_fates out;
        out.sent = ends_[from].packets.size();
        for (const chaos_packet& p : ends_[from].packets) {
            switch (p.state) {
                case packet_state::delivered: ++out.delivered; break;
                case packet_state::late: ++out.late; break;
                case packet_state::rejected: ++out.rejected; break;
                case packet_state::accepted: ++(closing_ ? out.cancelled : out.unrecoverable); break;
            }
        }
        return out;
    }

    const chaos_recipe& what_;
    xoshiro256 random_;   ///< of the steps
    xoshiro256 weather_;  ///< of the datagrams
    session_config config_;
    std::array<path, 2> links_;
    detail::chaos_network network_;
    std::array<chaos_end, 2> ends_;
    const counted_memory& memory_;
    std::uint64_t calls_at_start_;
    detail::air air_;
    session_output out_;
    event_log log_;
    std::string_view broken_;
    std::uint32_t step_ = 0;
    std::uint64_t checks_ = 0;
    bool closing_ = false;
    bool jumped_ = false;
    instant now_{};
};

}  // namespace

std::string_view to_string(trouble t) noexcept {
    return trouble_names[static_cast<std::size_t>(t)];
}

std::optional<trouble> find_trouble(std::string_view name) noexcept {
    for (std::size_t i = 0; i < trouble_count; ++i)
        if (trouble_names[i] == name) return static_cast<trouble>(i);
    return std::nullopt;
}

result<chaos_result> run_chaos(const chaos_recipe& what) noexcept {
    config_check check{chaos_bounds};
    if (!check.in_range("steps", what.steps).ok()) return check.error();
    xoshiro256 random{derive_seed(what.seed, 1)};
    const session_config config = detail::draw_chaos_config(random);
    std::array<path, 2> links;
    for (std::size_t i = 0; i < links.size(); ++i) {
        const path_model model = detail::draw_chaos_path(random, what);
        result<path> made = path::create(model, derive_seed(what.seed, 3 + i), duration::from_seconds(4));
        if (!made) return made.error();
        links[i] = std::move(made).value();
    }
    const detail::chaos_network network{random, what};

    chaos_result out;
    counted_memory memory;
    {
        result<session> near = session::create(config, memory.get());
        if (!near) return near.error();
        result<session> far = session::create(config, memory.get());
        if (!far) return far.error();
        chaos_world world{
            what, random, config, std::move(links), network, std::move(near).value(), std::move(far).value(), memory};
        world.run();
        world.report(out);
    }
    if (out.broken.empty() && memory.live() != 0) out.broken = "memory";
    return out;
}

std::vector<chaos_recipe> simpler(const chaos_recipe& what) {
    std::vector<chaos_recipe> out;
    for (const std::uint32_t fewer : {what.steps / 2, what.steps * 3 / 4, what.steps - 1}) {
        if (fewer < 1 || fewer >= what.steps) continue;
        out.push_back(what);
        out.back().steps = fewer;
    }
    for (std::size_t t = 0; t < trouble_count; ++t) {
        if (!what.has(static_cast<trouble>(t))) continue;
        out.push_back(what);
        out.back().leave_out(static_cast<trouble>(t));
    }
    return out;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
