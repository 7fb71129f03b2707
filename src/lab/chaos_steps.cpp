// SPDX-License-Identifier: MIT
//
// What happens in one step of chaos: what the application, the clocks and whoever forges datagrams do.
#include <array>

#include "lab/chaos_world.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

void chaos_world::open(chaos_end& e) {
    const path_config metered{.cost = cost_class::metered,
                              .budget = {.day_bytes = metered_cap, .month_bytes = metered_cap}};
    require(e.session_.add_path(local(e), free_path, {}) == status::ok, "misuse");
    require(e.session_.add_path(local(e), metered_path, metered) == status::ok, "misuse");
}

void chaos_world::step() {
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

void chaos_world::fill(std::uint64_t id, byte_span out) noexcept {
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

void chaos_world::send(std::size_t from, std::uint64_t any) {
    chaos_end& e = ends_[from];
    chaos_packet p{
        .sent = now_, .size = static_cast<std::uint32_t>(16 + any % (chaos_payload - 15)), .stream = stream_of(any)};
    std::array<std::uint8_t, chaos_payload> bytes{};
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

void chaos_world::flap(std::size_t e) {
    // The free path only: the metered one must keep its budget for the whole run.
    session& s = session_of(e);
    const status removed = s.remove_path(local(ends_[e]), free_path);
    require(removed == (ends_[e].has_free_path ? status::ok : status::unknown_path), "misuse");
    ends_[e].has_free_path = false;
}

void chaos_world::mend(std::size_t e) {
    if (ends_[e].has_free_path) return;
    const status added = session_of(e).add_path(local(ends_[e]), free_path, {});
    require(added == status::ok || added == status::closed, "misuse");
    ends_[e].has_free_path = added == status::ok;
}

void chaos_world::stall(std::size_t which, duration length) {
    chaos_end& e = ends_[which];
    if (e.stalled_until <= now_) e.stalled_since = now_;
    e.stalled_until = std::max(e.stalled_until, now_ + length);
    e.longest_stall = std::max(e.longest_stall, e.stalled_until - e.stalled_since);
    e.disturbed = true;
}

void chaos_world::jump(std::size_t e, duration by) {
    ends_[e].ahead += by;
    ends_[e].disturbed = true;
    jumped_ = true;
}

void chaos_world::close(std::size_t e) {
    const status answer = session_of(e).close(local(ends_[e]), wire::close_reason::normal);
    require(answer == status::ok || answer == status::closed, "misuse");
    closing_ = true;
}

void chaos_world::misuse(std::size_t e, std::uint64_t which) {
    if (!what_.has(trouble::misuse)) return;
    session& s = session_of(e);
    const instant at = shown_by(ends_[e]);
    static constexpr std::array<std::uint8_t, chaos_payload + 1> zeros{};
    const auto expect = [&](status got, status wanted) { require(got == wanted || got == status::closed, "misuse"); };
    switch (which) {
        case 0: expect(s.send(at, chaos_streams, byte_view{zeros}.first(20)), status::unknown_stream); break;
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

void chaos_world::forge(std::size_t e) {
    std::array<std::uint8_t, 61> data{wire::version};
    const std::size_t size = 1 + random_.below(60);
    for (std::size_t i = 1; i < size; ++i) data[i] = static_cast<std::uint8_t>(random_.next());
    ++ends_[other(e)].datagrams.sent;
    hand(e, static_cast<path_id>(random_.below(3)), byte_view{data}.first(size));
}

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
