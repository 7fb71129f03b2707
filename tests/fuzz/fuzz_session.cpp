// SPDX-License-Identifier: MIT
//
// Any sequence of calls on two sessions joined by links that lose, repeat, reorder, cut and damage datagrams, and on
// which anybody may put bytes of their own: no crash, every view can be read, every loop over outputs ends, a metered
// path never sends a byte over its cap, and both ends come to rest.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "duality/session.hpp"

using namespace duality;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

class script {
public:
    script(const std::uint8_t* data, std::size_t size) noexcept : left_{data, size} {}

    [[nodiscard]] bool empty() const noexcept { return left_.empty(); }
    std::uint8_t u8() noexcept { return bytes(1).empty() ? std::uint8_t{0} : last_[0]; }
    std::uint16_t u16() noexcept {
        const std::uint8_t high = u8();
        return static_cast<std::uint16_t>(high << 8 | u8());
    }
    byte_view bytes(std::size_t count) noexcept {
        last_ = left_.first(std::min(count, left_.size()));
        left_ = left_.subspan(last_.size());
        return last_;
    }

private:
    byte_view left_;
    byte_view last_;
};

struct datagram {
    std::size_t to = 0;
    path_id path = 0;
    std::vector<std::uint8_t> bytes;
};

constexpr std::uint64_t metered_cap = 20'000;
constexpr path_id metered_path = 1;
constexpr std::uint32_t overhead_per_datagram = 28;

class world {
public:
    explicit world(script& in) : in_{in}, ends_{make(in), make(in)} {
        for (session& s : ends_) {
            require(s.add_path(now_, 0, {}) == status::ok);
            add_metered(s);
        }
    }

    void run() {
        while (!in_.empty()) step();
        settle();
    }

private:
    static session make(script& in) {
        session_config c;
        c.max_payload = 64;
        c.max_streams = 2;
        c.protected_packets = 16;
        c.receive_packets = 32;
        c.queue = 16;
        const std::uint8_t options = in.u8();
        const std::uint8_t more = in.u8();
        c.events = (more & 1) != 0;
        c.epoch = (more & 2) != 0 ? 1 + (more >> 4) : 0;
        if ((more & 4) != 0) c.close_timeout = duration::from_ms(more);
        c.parity = (options & 1) != 0;
        c.reactive = (options & 2) != 0;
        c.second_path = (options & 4) != 0;
        if ((options & 8) != 0) c.stream.mode = stream_mode::hot;
        if ((options & 16) != 0) c.stream.late = late_policy::deliver;
        if ((options & 32) != 0) c.control.law = control_law::reference;
        c.sync_clock = (options & 128) != 0;
        if ((options & 64) != 0) c.hold.hold_min = c.hold.hold_max = c.hold.hold_initial = duration::zero();
        if ((options & 128) != 0) c.overhead_cap_bp = c.control_share_bp = 100'000;
        result<session> made = session::create(c, allocator::system());
        require(made.has_value());
        return std::move(made).value();
    }

    void add_metered(session& s) {
        (void)s.add_path(now_, metered_path,
                         {.cost = cost_class::metered,
                          .budget = {.day_bytes = metered_cap},
                          .datagram_overhead = overhead_per_datagram,
                          .max_datagram = 200});
    }

    void step() {
        const std::uint8_t verb = in_.u8();
        const std::size_t who = verb & 1;
        session& s = ends_[who];
        switch (verb >> 1 & 15) {
            case 0:
            case 1:
            case 2: (void)s.send(now_, in_.u8() & 3, in_.bytes(in_.u8() & 127)); break;
            case 3: now_ += duration::from_us(in_.u16()); break;
            case 4: now_ += duration::from_ms(in_.u16()); break;
            case 5: (void)s.send(now_ - duration::from_ms(in_.u8()), 0, {}); break;
            case 6:
            case 7: carry(0xFF); break;
            case 8: carry(in_.u8()); break;
            case 9: raw(who); break;
            case 10: s.handle_timeout(now_); break;
            case 11: poll(who, in_.u8() & 7); break;
            case 12: poll(who, 1'000'000); break;
            case 13: change_paths(who); break;
            case 14: {
                const std::uint8_t how = in_.u8();
                (void)s.set_stream(now_, how & 3,
                                   {.mode = static_cast<stream_mode>((how >> 4) % 3),
                                    .deadline = duration::from_ms(in_.u8()),
                                    .late = (how & 8) != 0 ? late_policy::deliver : late_policy::drop,
                                    .weight = how});
                break;
            }
            default: rarely(who); break;
        }
    }

    void rarely(std::size_t who) {
        session& s = ends_[who];
        const std::uint8_t what = in_.u8();
        switch (what & 7) {
            case 0: now_ += duration::from_seconds(in_.u16()); break;
            case 1: now_ += duration::from_seconds(std::int64_t{in_.u16()} << 16); break;
            case 2: (void)s.close(now_, static_cast<wire::close_reason>(in_.u8())); break;
            case 4: (void)s.send_event(now_, in_.bytes(in_.u8() & 127), now_ + duration::from_ms(in_.u8())); break;
            case 3:
                wall_[who] = duration::from_seconds(in_.u16()) * ((what & 8) != 0 ? 1 : -1);
                s.set_wall_clock(now_, wall_time::from_ns(now_.ns()) + wall_[who]);
                break;
            default: {
                const session_statistics seen = s.statistics();
                require(seen.receiver.delivered <= seen.receiver.accepted);
                (void)s.path(now_, what >> 4);
                (void)s.hold(0).baseline();
            }
        }
    }

    /// The oldest datagram under way reaches its end, whole or not.
    void carry(std::uint8_t how) {
        if (wire_.empty()) return;
        const std::size_t index = how == 0xFF ? 0 : std::min<std::size_t>(how & 15, wire_.size() - 1);
        datagram d = wire_[index];
        if ((how & 0x30) != 0x10) wire_.erase(wire_.begin() + static_cast<std::ptrdiff_t>(index));
        if ((how & 0x30) == 0x20) return;
        if (how != 0xFF && (how & 0xC0) == 0x40) d.bytes.resize(in_.u8() % (d.bytes.size() + 1));
        if (how != 0xFF && (how & 0xC0) == 0x80 && !d.bytes.empty())
            d.bytes[in_.u8() % d.bytes.size()] ^= static_cast<std::uint8_t>(in_.u8() | 1);
        (void)ends_[d.to].handle_datagram(now_, d.path, d.bytes);
    }

    void raw(std::size_t to) {
        const path_id path = in_.u8() & 3;
        std::vector<std::uint8_t> bytes{wire::version};
        const byte_view rest = in_.bytes(in_.u8());
        bytes.insert(bytes.end(), rest.begin(), rest.end());
        (void)ends_[to].handle_datagram(now_, path, bytes);
    }

    void change_paths(std::size_t who) {
        session& s = ends_[who];
        const std::uint8_t how = in_.u8();
        if ((how & 1) == 0)
            (void)s.remove_path(now_, how >> 1 & 3);
        else if ((how >> 1 & 3) != metered_path)
            (void)s.add_path(now_, how >> 1 & 3, {.max_datagram = std::uint32_t{40} + (how >> 3)});
    }

    std::size_t poll(std::size_t who, std::size_t most) {
        session_output out;
        std::size_t count = 0;
        while (count < most && ends_[who].poll_output(now_, out)) {
            require(++count < 10'000);
            unsigned sum = 0;
            if (out.kind == output_kind::transmit) {
                for (const std::uint8_t b : out.transmit.bytes) sum += b;
                if (out.transmit.path == metered_path) {
                    spend(who, out.transmit.bytes.size() + overhead_per_datagram);
                }
                if (wire_.size() == 256) wire_.erase(wire_.begin());
                wire_.push_back({1 - who, out.transmit.path, {out.transmit.bytes.begin(), out.transmit.bytes.end()}});
            } else if (out.kind == output_kind::deliver) {
                for (const std::uint8_t b : out.deliver.bytes) sum += b;
                require(out.deliver.bytes.size() <= 64 && out.deliver.stream < 2);
                require(out.deliver.held >= duration::zero() && out.deliver.lateness >= duration::zero());
            } else {
                require(out.kind == output_kind::event ||
                        (out.kind == output_kind::lane && out.lane.bytes.size() <= event_size_max));
            }
            sink_ = sink_ + sum;
        }
        return count;
    }

    /// A day that has begun never ends early.
    void spend(std::size_t who, std::uint64_t bytes) {
        const std::int64_t day = duality::detail::day_of(wall_time::from_ns(now_.ns()) + wall_[who]);
        if (day > day_[who]) {
            day_[who] = day;
            metered_[who] = 0;
        }
        metered_[who] += bytes;
        require(metered_[who] <= metered_cap);
    }

    /// With nothing coming any more, the sessions want to be woken less and less often, never in a circle.
    void settle() {
        for (std::size_t who : {0u, 1u}) {
            instant now = now_;
            const instant end = now + duration::from_seconds(10);
            for (std::size_t wake_ups = 0;; ++wake_ups) {
                require(wake_ups < 20'000);
                now_ = now;
                (void)poll(who, 1'000'000);
                const instant next = ends_[who].next_timeout();
                if (next > end || next.is_never()) break;
                now = std::max(now, next);
                ends_[who].handle_timeout(now);
            }
        }
    }

    script& in_;
    std::array<session, 2> ends_;
    std::vector<datagram> wire_;
    std::array<std::uint64_t, 2> metered_{};  ///< sent on the metered path during `day_`
    std::array<std::int64_t, 2> day_{-1'000'000'000, -1'000'000'000};
    std::array<duration, 2> wall_{};
    instant now_{};
    volatile unsigned sink_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    script in{data, size};
    world{in}.run();
    return 0;
}
