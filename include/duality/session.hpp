// SPDX-License-Identifier: MIT
//
// A session: everything DUALITY does, as one object. The same object runs at both ends and protects both directions.
//
//     session.send(now, stream, bytes);                  // the application has a packet
//     session.handle_datagram(now, path, bytes);         // a path brought one
//     session.handle_timeout(now);                       // next_timeout() has come
//     while (session.poll_output(now, out)) …            // put on a path, deliver, or tell
//
// A packet on its way: `send` numbers it, keeps it for repairs and plans a datagram on the best path; `poll_output`
// builds the datagram. At the other end `handle_datagram` accepts its number once, gives it to the erasure decoder and
// to the jitter hold of its stream, and `poll_output` delivers it at its slot. Feedback goes the other way every few
// milliseconds: it says what arrived, what is missing, and by its absence that a path has failed.
//
// Sans-I/O: no clock, socket, thread, exception or allocation after `create`. One session belongs to one thread at a
// time. Every call except the const ones can change `next_timeout()`. A `now` before that of an earlier call counts as
// the earlier one.
#pragma once

#include <cstdint>
#include <optional>

#include "duality/clock_sync.hpp"
#include "duality/detail/farewell.hpp"
#include "duality/detail/session_clock.hpp"
#include "duality/detail/session_epoch.hpp"
#include "duality/detail/session_events.hpp"
#include "duality/detail/session_memory.hpp"
#include "duality/detail/session_receiver.hpp"
#include "duality/detail/session_sender.hpp"
#include "duality/memory.hpp"
#include "duality/multipath.hpp"
#include "duality/ring.hpp"
#include "duality/session_config.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

class session {
public:
    /// Legal range of a configuration field, in the unit of the table; nullptr for an unknown name.
    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        return find_bounds(session_bounds, field);
    }
    /// `invalid_config` (naming the field) or `out_of_memory`. Takes all the memory the session will ever use.
    [[nodiscard]] static result<session> create(const session_config& config, const allocator& memory) noexcept;

    // Paths. An id means the same path at both ends.

    /// A path can now carry datagrams. `invalid_argument`: the id is in use; `queue_full`: too many paths.
    [[nodiscard]] status add_path(instant now, path_id id, const path_config& config) noexcept;
    /// It no longer can; what was under way on it goes again over the others, as far as the overhead cap allows.
    /// `unknown_path` when it never could.
    [[nodiscard]] status remove_path(instant now, path_id id) noexcept;
    /// The path carries datagrams of so many bytes from now on. `unknown_path`.
    [[nodiscard]] status set_max_datagram(path_id id, std::uint32_t bytes) noexcept {
        return paths_.set_max_datagram(id, bytes);
    }

    // The four verbs.

    /// Sends one packet of a stream. `queue_full`: drain `poll_output` first; `too_large`: more than `max_payload` or
    /// than the path carries; `over_budget`: no path is left; `unknown_stream`, `closed`. Only `ok` means accepted.
    [[nodiscard]] status send(instant now, stream_id stream, byte_view payload) noexcept;
    /// Sends one event of at most 100 bytes over the event lane: at once, outside of all streams and holds, again with
    /// each of the next events, and by itself until `repeat_until`. All but the first time is paid from the overhead cap.
    /// `too_large`, `queue_full`: drain `poll_output` first; `wrong_state`: there is no lane; `closed`.
    [[nodiscard]] status send_event(instant now, byte_view event,
                                    instant repeat_until = instant::before_all()) noexcept;
    /// Takes a datagram that arrived on a path. `malformed`, `unsupported_version`: not ours, counted; frames before the
    /// broken byte are kept. `duplicate`: the network delivered it twice. `late`: sent before the peer restarted.
    /// `unknown_path`, `closed`.
    status handle_datagram(instant now, path_id path, byte_view datagram) noexcept;
    /// What carries an `acknowledged` path says that the peer has the datagram of this path sequence number (bytes 1 and
    /// 2 of it). Oldest first, where several become known at once. `unknown_path`, `closed`.
    status handle_acknowledgement(instant now, path_id path, std::uint16_t path_sequence) noexcept;
    /// Lets time pass. Call it when `next_timeout()` has come; before that it changes nothing.
    void handle_timeout(instant now) noexcept;
    /// The next thing to do; false when there is nothing until `next_timeout()`. Views in `out` stay valid until the
    /// next call of any verb.
    [[nodiscard]] bool poll_output(instant now, session_output& out) noexcept;
    /// When to call `handle_timeout` and `poll_output` again if nothing else happens: at once while outputs wait,
    /// `never()` when idle.
    [[nodiscard]] instant next_timeout() const noexcept;

    // Changes at run time.

    /// From now on. `unknown_stream`; `invalid_config` when deadline or weight is out of range.
    [[nodiscard]] status set_stream(instant now, stream_id stream, const stream_config& config) noexcept;
    /// Tells the calendar time of an instant, so that daily and monthly budgets renew. Without it the calendar starts
    /// in 1970 at instant zero.
    void set_wall_clock(instant now, wall_time wall) noexcept;
    /// Ends the session: the peer is told, again and again until it answers or `close_timeout` is over, from credit kept
    /// for that as soon as anything was earned; what is held is still delivered; then a `closed` event comes, at both
    /// ends. Nothing can be sent afterwards. `closed` when it was already.
    status close(instant now, wire::close_reason reason) noexcept;

    // Looking inside. Cheap enough for every frame.

    [[nodiscard]] session_statistics statistics() const noexcept;
    [[nodiscard]] path_statistics path(instant now, path_id id) const noexcept { return paths_.statistics(now, id); }
    /// Precondition: `stream < max_streams`.
    [[nodiscard]] const jitter_hold& hold(stream_id stream) const noexcept { return receiver_.hold(stream); }
    [[nodiscard]] const regime_detector& detector() const noexcept { return receiver_.detector(); }
    /// What is known of the peer's clock; nothing unless `sync_clock` is set or playout is by deadline. Asking costs some
    /// 40 bytes an exchange, which ride on other datagrams and are paid from the overhead cap when it has more than
    /// repairs need: ten a second for 5 s, then ever fewer.
    [[nodiscard]] clock_estimate clock(instant now) const noexcept;
    /// What the peer's clock shows now; meaningful as soon as `clock` has samples.
    [[nodiscard]] media_time peer_clock(instant now) const noexcept;
    /// Of the events that came; zeros without a lane.
    [[nodiscard]] event_lane_statistics events() const noexcept {
        return lane_.size() != 0 ? lane_[0]->receiver.statistics() : event_lane_statistics{};
    }
    [[nodiscard]] const clock_sync_statistics& clock_statistics() const noexcept { return clock_.sync().statistics(); }
    [[nodiscard]] bool is_closed() const noexcept { return state_ == life::closed; }

private:
    enum class life : std::uint8_t { open, closing, closed };

    session(detail::session_memory memory, const session_config& config, scheduler paths, detail::session_sender sender,
            detail::session_receiver receiver, detail::session_clock clock) noexcept;

    [[nodiscard]] instant clamp(instant now) noexcept;
    [[nodiscard]] detail::session_context context(instant now) noexcept {
        return {now, paths_, {streams_.data(), streams_.size()}};
    }
    [[nodiscard]] wall_time wall(instant now) const noexcept;
    void advance(instant now) noexcept;
    void advance_clock(instant now) noexcept;
    void handle_frame(instant now, path_id path, const wire::frame& frame) noexcept;
    /// Reads the epoch, if there is one. False: the datagram is of a life that the peer has left.
    [[nodiscard]] bool handle_epoch(instant now, byte_view datagram) noexcept;
    void handle_close(instant now, path_id path, const wire::close_frame& close) noexcept;
    void say_goodbye(instant now) noexcept;
    [[nodiscard]] duration longest_round_trip() const noexcept;
    void push_event(const session_event& event) noexcept;
    void push_error(instant now, error_code error) noexcept;

    [[nodiscard]] bool take_output(instant now, session_output& out) noexcept;
    [[nodiscard]] bool poll_transmission(instant now, transmission& out) noexcept;
    [[nodiscard]] bool transmit_planned(instant now, detail::planned_datagram& planned, transmission& out) noexcept;
    [[nodiscard]] bool transmit_report(instant now, transmission& out) noexcept;
    /// nullptr: there is none.
    [[nodiscard]] detail::session_events* lane() noexcept { return lane_.size() != 0 ? &*lane_[0] : nullptr; }
    [[nodiscard]] bool transmit_events(instant now, transmission& out) noexcept;
    void handle_events(path_id path, byte_view message) noexcept;
    [[nodiscard]] instant events_at() const noexcept;
    [[nodiscard]] bool afford(const detail::planned_datagram& planned, std::uint64_t bytes) const noexcept;
    /// Writes the header of a packet and the epoch, if that rides; the bytes of the latter.
    [[nodiscard]] std::size_t begin_packet(instant now, wire::writer& out) noexcept;
    /// Bytes of clock frames that ride on a datagram over `path`, and can be paid.
    [[nodiscard]] std::size_t clock_rides(instant now, path_id path) noexcept;
    [[nodiscard]] bool spares(std::uint64_t bytes) const noexcept;
    void pay_for_rider(std::uint64_t bytes) noexcept;
    void finish(instant now, path_id path, std::size_t size, std::uint64_t owed, transmission& out) noexcept;
    [[nodiscard]] std::uint64_t on_the_wire(path_id path, std::size_t bytes) const noexcept;

    detail::session_memory memory_;  ///< goes last
    session_config config_;
    scheduler paths_;
    detail::session_sender sender_;
    detail::session_receiver receiver_;
    detail::session_clock clock_;
    instant share_clock_at_ = instant::before_all();
    buffer<stream_config> streams_;
    buffer<std::uint8_t> scratch_;  ///< the datagram in the caller's hands
    ring<session_event> events_;
    buffer<std::optional<detail::session_events>> lane_;  ///< one, set by `create`, or none
    detail::session_epoch epoch_;
    life state_ = life::open;
    detail::farewell farewell_;
    instant now_ = instant::before_all();
    instant advanced_ = instant::never();  ///< when time last passed for every part
    duration wall_offset_{};
    session_statistics stats_;
};

}  // namespace v0
}  // namespace duality
