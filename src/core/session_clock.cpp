// SPDX-License-Identifier: MIT
#include "duality/detail/session_clock.hpp"

#include <utility>

#include "duality/session.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

namespace {

constexpr std::size_t frame_overhead = 3;  ///< type and length
constexpr std::size_t request_size = frame_overhead + 9;
constexpr std::size_t response_size = frame_overhead + 25;

[[nodiscard]] std::uint64_t on_the_wire(instant t) noexcept {
    return static_cast<std::uint64_t>(t.ns());
}

}  // namespace

session_clock::session_clock(bool asks, clock_sync sync) noexcept : asks_{asks}, sync_{std::move(sync)} {}

result<session_clock> session_clock::create(const session_config& config, const allocator& memory) noexcept {
    result<clock_sync> sync = clock_sync::create(config.clock, memory);
    if (!sync) return sync.error();
    const bool asks = config.sync_clock || config.hold.mode == playout_mode::deadline;
    session_clock made{asks, std::move(sync).value()};
    if (!made.answers_.create(answers_max, memory)) return status::out_of_memory;
    return made;
}

void session_clock::on_frame(instant now, path_id path, const wire::clock_frame& frame) noexcept {
    if (!frame.response) {
        (void)answers_.push({path, frame.t1, now});
        return;
    }
    // Counted there whatever it is.
    (void)sync_.on_response(now, instant::from_ns(static_cast<std::int64_t>(frame.t1)),
                            media_time::from_ns(static_cast<std::int64_t>(frame.t2)),
                            media_time::from_ns(static_cast<std::int64_t>(frame.t3)));
}

std::size_t session_clock::riding_size(instant now, path_id path) const noexcept {
    std::size_t size = asks_at(now) ? request_size : 0;
    for (std::size_t i = 0; i < answers_.size(); ++i)
        if (answers_[i].path == path) size += response_size;
    return size;
}

void session_clock::write(instant now, path_id path, wire::writer& out) const noexcept {
    if (asks_at(now)) wire::write_delimited(out, wire::clock_frame{false, on_the_wire(now), 0, 0});
    for (std::size_t i = 0; i < answers_.size(); ++i) {
        const answer& a = answers_[i];
        if (a.path == path)
            wire::write_delimited(out, wire::clock_frame{true, a.t1, on_the_wire(a.asked), on_the_wire(now)});
    }
}

void session_clock::on_sent(instant now, path_id path) noexcept {
    if (asks_at(now)) (void)sync_.on_request(now);
    drop_answers(path);
}

void session_clock::on_refused(instant now, path_id path) noexcept {
    if (asks_at(now)) sync_.on_request_refused(now);
    drop_answers(path);
}

void session_clock::drop_answers(path_id path) noexcept {
    for (std::size_t left = answers_.size(); left > 0; --left) {
        const answer a = answers_.pop();
        if (a.path != path) (void)answers_.push(a);
    }
}

std::optional<planned_datagram> session_clock::take_overdue(instant now) noexcept {
    if (next_timeout() > now) return std::nullopt;
    const answer a = answers_.pop();
    return planned_datagram{.kind = transmit_kind::clock,
                            .path = a.path,
                            .clock = {.response = true, .t1 = a.t1, .t2 = on_the_wire(a.asked), .t3 = 0}};
}

instant session_clock::next_timeout() const noexcept {
    return answers_.empty() ? instant::never() : answers_.front().asked + patience;
}

void session_receiver::share_clock(instant now, const clock_sync& sync, duration one_way) noexcept {
    const bool locked = sync.estimate(now).state != clock_state::acquiring;
    const std::int64_t peer = sync.to_peer(now).ns();
    const auto ticks = static_cast<std::uint64_t>(peer) >> wire::tick_bits;
    constexpr std::uint64_t circle = (std::uint64_t{1} << wire::origin_bits) - 1;
    constexpr std::int64_t tick = std::int64_t{1} << wire::tick_bits;
    const std::int64_t origin = unwrap_nearest(origin_ticks_, ticks & circle, wire::origin_bits);
    const duration shared = duration::from_ns(now.ns() - (origin * tick + (peer & (tick - 1))));
    for (auto& h : holds_) h->set_media_offset(locked ? shared : h->baseline() - one_way);
}

}  // namespace detail

clock_estimate session::clock(instant now) const noexcept {
    return clock_.sync().estimate(std::max(now, now_));
}

media_time session::peer_clock(instant now) const noexcept {
    return clock_.sync().to_peer(std::max(now, now_));
}

void session::advance_clock(instant now) noexcept {
    while (const std::optional<detail::planned_datagram> answer = clock_.take_overdue(now)) (void)sender_.plan(*answer);
    if (config_.hold.mode != playout_mode::deadline || now < share_clock_at_) return;
    constexpr duration share_interval = duration::from_ms(10);
    share_clock_at_ = now + share_interval;
    const std::optional<path_id> best = paths_.best(now);
    receiver_.share_clock(now, clock_.sync(), best ? paths_.rtt(*best) / 2 : duration{});
}

std::size_t session::clock_rides(instant now, path_id path) noexcept {
    const std::size_t size = clock_.riding_size(now, path);
    if (size == 0 || spares(size)) return size;
    clock_.on_refused(now, path);
    return 0;
}

bool session::spares(std::uint64_t bytes) const noexcept {
    return sender_.spares(bytes) || receiver_.spares(bytes);
}

void session::pay_for_rider(std::uint64_t bytes) noexcept {
    if (!sender_.spares(bytes) || !sender_.spend(bytes)) receiver_.spend(bytes);
    sender_.statistics().control.bytes += bytes;
}

}  // namespace v0
}  // namespace duality
