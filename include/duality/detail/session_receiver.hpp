// SPDX-License-Identifier: MIT
//
// The receiving half of a session: accepts each packet once, rebuilds what is missing, holds it for an even pace and
// tells the peer what arrived. No promise of stability.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "duality/clock_sync.hpp"
#include "duality/controller.hpp"
#include "duality/detail/last_calls.hpp"
#include "duality/detail/session_sender.hpp"
#include "duality/detail/stall_watch.hpp"
#include "duality/jitter_hold.hpp"
#include "duality/memory.hpp"
#include "duality/multipath.hpp"
#include "duality/parity_rlc.hpp"
#include "duality/policy.hpp"
#include "duality/regime.hpp"
#include "duality/ring.hpp"
#include "duality/session_config.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class session_receiver {
public:
    [[nodiscard]] static result<session_receiver> create(const session_config& config,
                                                         const allocator& memory) noexcept;

    /// A datagram came over a path whose numbers it continues, or not. Before its frames.
    void on_datagram(instant now, const path_arrival& arrival) noexcept {
        skipped_ = arrival.newly_lost != 0;
        if (arrival.overtaken) reorders_until_ = now + reorder_memory;
    }
    void on_data(const session_context& c, path_id path, const wire::data_frame& frame) noexcept;
    void on_copy(const session_context& c, path_id path, const wire::copy_frame& frame) noexcept;
    /// New events came, of so many bytes: their datagram earns what reports cost, like any of the application.
    void on_events(const scheduler& paths, path_id path, const event_gain& gain) noexcept;
    void on_repair(const session_context& c, path_id path, const wire::repair_frame& frame) noexcept;

    /// The next packet whose slot has come.
    [[nodiscard]] bool poll_delivery(const session_context& c, delivery& out) noexcept;

    /// When the next report to the peer is due; `never()` when there is nothing to say.
    [[nodiscard]] instant report_at() const noexcept;
    /// From one report to the next, while there is something to say.
    [[nodiscard]] duration report_interval() const noexcept;
    /// A source packet leaves that could take a report along.
    void on_ride(instant now) noexcept;
    [[nodiscard]] bool may_ride() const noexcept { return !goes_alone_; }
    /// The path a report should take.
    [[nodiscard]] path_id report_path(instant now) const noexcept;
    /// Writes a report as of now, as the last frame of a packet or with its length.
    void write_report(const session_context& c, wire::writer& out, bool delimited) noexcept;
    /// May `bytes` of the report that was just written, or of an answer to a probe, leave? They are paid by what was
    /// received. All but last calls and the notice of a stall leave enough for one, and last calls for a goodbye.
    [[nodiscard]] bool covers(std::uint64_t bytes) const noexcept {
        return reports_.covers(bytes + (notices_left_ != 0 ? 0 : call_ ? close_bytes : notice_bytes));
    }
    /// May they leave for something that can wait? It keeps what reports need.
    [[nodiscard]] bool spares(std::uint64_t bytes) const noexcept { return covers(bytes + reserve / 2); }
    /// A goodbye may use all there is.
    [[nodiscard]] bool covers_close(std::uint64_t bytes) const noexcept { return reports_.covers(bytes); }
    /// Only when they are covered.
    void spend(std::uint64_t bytes) noexcept {
        (void)reports_.spend(bytes);
        in_funds_ = reports_.covers(in_funds_ ? reserve / 2 : reserve);
    }
    /// The report that was written leaves and costs so much.
    void on_report_sent(const session_context& c, std::uint64_t bytes) noexcept;
    /// It did not ride on a source packet; it is tried again a little later, in a datagram of its own when there was no
    /// room.
    void on_report_refused(instant now, bool no_room) noexcept {
        retry_at_ = now + report_retry;
        goes_alone_ = no_room;
    }
    /// Nothing can pay for it before something arrives; for one that asks for something, only if this one did.
    void on_report_unaffordable(instant now) noexcept {
        unaffordable_ = holes_open_ ? unaffordable::all : unaffordable::news;
        if (request_at_ <= now) request_at_ = instant::never();
        notices_left_ = 0;
        call_.reset();
        echo_path_.reset();
    }

    /// The peer is another one, with numbers and a clock of its own. What is held is due at once.
    void on_peer_restart(instant now) noexcept;

    void handle_timeout(const session_context& c) noexcept;
    [[nodiscard]] instant next_timeout() const noexcept;
    [[nodiscard]] bool poll_decision(decision_event& out) noexcept { return controller_.poll_event(out); }
    [[nodiscard]] bool poll_regime(regime_event& out) noexcept { return detector_.poll_event(out); }

    void set_deadline(stream_id stream, duration deadline) noexcept { holds_[stream]->set_deadline(deadline); }
    /// Deadline playout: tells the holds when the peer's clock shows what; until it is known, what a route as long in
    /// both directions would make of it. `one_way` is half the round trip.
    void share_clock(instant now, const clock_sync& sync, duration one_way) noexcept;
    /// Packets accepted and not yet delivered.
    [[nodiscard]] std::size_t held() const noexcept { return held_; }
    [[nodiscard]] const receiver_statistics& statistics() const noexcept { return stats_; }
    [[nodiscard]] const jitter_hold& hold(stream_id stream) const noexcept { return *holds_[stream]; }
    [[nodiscard]] const regime_detector& detector() const noexcept { return detector_; }

private:
    static constexpr duration report_retry = duration::from_ms(5);
    static constexpr duration request_spacing = duration::from_ms(2);
    /// A path on which a datagram overtook another is expected to let it happen again for so long.
    static constexpr duration reorder_memory = duration::from_seconds(10);
    static constexpr duration control_interval = duration::from_ms(20);
    /// A path is in use while source packets came over it this recently.
    static constexpr duration path_memory = duration::from_ms(200);
    static constexpr std::uint64_t notice_bytes = 64;
    static constexpr std::uint64_t close_bytes = 40;
    /// Put by for what asks for something, which comes in bursts, and for answers to probes, which decide on a slow flow when
    /// it gets its path back: who cannot pay for them loses packets. With twice as much, news waits for nothing but the
    /// report interval.
    static constexpr std::uint64_t reserve = 16 * notice_bytes;
    /// Until it is there, what is only news waits until so many times the price of the report before it was earned.
    static constexpr std::uint64_t saving_factor = 2;
    /// A request is told twice only when so much is left: reports of new losses come first.
    static constexpr std::uint64_t echo_credit = 8 * notice_bytes;
    static constexpr std::uint32_t stall_notices = 3;                 ///< for one stall, a report interval apart
    static constexpr duration calls_together = duration::from_ms(6);  ///< due so soon after one, they share a report
    /// A path that was silent for no longer lives.
    static constexpr duration quiet = duration::from_ms(20);
    /// Packets that were stuck together come within so long.
    static constexpr duration burst_length = duration::from_ms(1);
    /// How much more often than usual such news is told at most.
    static constexpr std::int64_t late_news_factor = 5;
    static constexpr duration report_gap_max = duration::from_seconds(2);
    static constexpr std::uint32_t regime_every = 5;  ///< reports between two with the regime features

    /// Which reports have to wait for something to arrive.
    enum class unaffordable : std::uint8_t { nothing, news, all };

    struct accepted_packet {
        std::uint64_t number = 0;
        media_time sent{};
    };
    struct pending_call {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::uint8_t odds = 0;
        path_id path = 0;
    };
    struct path_note {
        bool used = false;
        path_id id = 0;
        instant last_source = instant::before_all();  ///< a source packet or repair
        instant last_help = instant::before_all();    ///< a copy sent because another path fell silent
        std::uint16_t reported = 0;                   ///< packets received as of the last report
        std::uint16_t written = 0;                    ///< the same, of a report that has not left yet
    };

    session_receiver(const session_config& config, controller law, regime_detector detector, aggregator flow,
                     rlc_decoder decoder) noexcept;

    /// Is it a packet that is new and of use?
    [[nodiscard]] std::optional<accepted_packet> accept(const session_context& c, std::uint32_t esi,
                                                        std::uint32_t origin, stream_id stream) noexcept;
    /// Puts a packet that the decoder keeps into the hold of its stream, which takes it over.
    void hold(instant now, const accepted_packet& accepted, stream_id stream, std::uint32_t packet,
              recovery how) noexcept;
    /// A packet that came whole: places it, earns by it what reports cost, once, and lets the decoder make what it can of
    /// it.
    void admit(const session_context& c, path_id path, std::uint32_t esi, std::uint32_t origin, stream_id stream,
               byte_view payload, recovery how) noexcept;
    void collect_rebuilt(const session_context& c) noexcept;
    void note_path(instant now, path_id path, bool help) noexcept;
    /// A source packet came, known or not.
    void note_source(instant now, const wire::data_frame& frame, bool helps) noexcept;
    /// A new source packet came on its own.
    void watch_flow(const session_context& c, path_id path, const wire::data_frame& frame) noexcept;
    void earn(const session_context& c, path_id path, std::size_t payload_bytes) noexcept;
    /// Asks for packets whose last call has come.
    void call_overdue(const session_context& c) noexcept;
    /// When a packet was sent: known, interpolated, or guessed from the pace.
    [[nodiscard]] std::optional<media_time> origin_of(std::uint64_t number) const noexcept;
    /// When what is only news should be told.
    [[nodiscard]] instant news_due() const noexcept;
    [[nodiscard]] bool is_saving() const noexcept {
        return !reports_.covers(2 * reserve) && reports_.earned() < news_at_;
    }
    [[nodiscard]] wire::last_call call_now() const noexcept;
    void update_wanted(instant now) noexcept;
    [[nodiscard]] wire::deficit_report deficit(instant now) const noexcept;
    /// How old a hole grows before it counts as a loss.
    [[nodiscard]] duration hole_patience(instant now) const noexcept;
    /// Paths that brought source packets, repairs or copies a little while ago.
    [[nodiscard]] int paths_in_use(instant now) const noexcept;
    [[nodiscard]] media_time unwrap_origin(std::uint32_t origin) noexcept;
    [[nodiscard]] duration longest_deadline() const noexcept;
    /// How long after it was sent a packet that is missing, of whatever stream, is worth something.
    [[nodiscard]] duration expiry() const noexcept;
    void control(const session_context& c) noexcept;
    void fill_acknowledgements(wire::feedback_frame& out) const noexcept;
    void drop(std::uint32_t packet) noexcept {
        decoder_.drop(packet);
        --held_;
    }

    session_config config_;
    controller controller_;
    regime_detector detector_;
    aggregator flow_;
    rlc_decoder decoder_;
    buffer<std::optional<jitter_hold>> holds_;        ///< all set by `create`
    std::size_t held_ = 0;                            ///< packets in them and in the caller's hands
    std::uint32_t in_hand_ = rlc_decoder::no_packet;  ///< its bytes are in the caller's hands until the next call
    share_budget reports_;
    bool in_funds_ = false;                 ///< the reserve was there, and half of it still is
    duration report_gap_ = report_gap_max;  ///< smoothed
    instant last_ride_ = instant::before_all();
    duration ride_gap_{};  ///< before it; zero: too long to wait for another one
    bool goes_alone_ = false;
    std::uint64_t news_at_ = 0;  ///< bytes earned in all at which the next one is paid for
    std::array<path_note, 16> notes_{};

    std::int64_t origin_ticks_ = 0;  ///< newest origin, unwrapped
    stream_id newest_stream_ = 0;
    std::uint64_t wanted_from_ = 0;  ///< everything before is known or worthless
    std::uint16_t missed_ = 0;       ///< packets not known by their deadline, so far
    std::uint16_t missed_told_ = 0;  ///< in the last report that said so
    bool last_repair_reactive_ = false;

    duration report_interval_{};
    stall_watch watch_;
    last_calls calls_;
    instant next_call_ = instant::never();
    std::optional<pending_call> call_;  ///< goes into the next report
    instant last_source_ = instant::before_all();
    path_id flow_path_ = 0;                       ///< that brought the last source packet
    instant flow_moved_ = instant::before_all();  ///< when it was another one before
    std::uint32_t watched_esi_ = 0;
    media_time watched_origin_{};
    std::uint32_t notices_left_ = 0;      ///< of a stall
    path_id notice_path_ = 0;             ///< that the next one takes
    path_id notice_turn_ = 0;             ///< and the one after it
    bool skipped_ = false;                ///< the datagram at hand came after lost ones
    std::uint64_t asked_for_ = 0;         ///< newest missing packet in the report at hand
    std::uint64_t newest_requested_ = 0;  ///< newest missing packet that was asked for
    std::optional<path_id> echo_path_;    ///< the last report asked for something new, and goes over this path as well
    instant late_news_since_ = instant::never();  ///< a packet came after its last call
    bool unreported_ = false;
    instant news_since_{};  ///< when that began
    instant reorders_until_ = instant::before_all();
    bool urgent_ = false;                    ///< the flow changed its path: the peer should hear that at once
    bool holes_open_ = false;                ///< the last report asked for something
    instant request_at_ = instant::never();  ///< a hole becomes a loss
    instant last_report_ = instant::before_all();
    instant retry_at_ = instant::before_all();
    unaffordable unaffordable_ = unaffordable::nothing;
    std::uint32_t reports_since_regime_ = 0;
    bool regime_in_report_ = false;
    instant last_control_ = instant::before_all();
    receiver_statistics stats_;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
