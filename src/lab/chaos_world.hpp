// SPDX-License-Identifier: MIT
//
// The world of one seed of chaos: two ends, the network between them, and the promises that are looked at all the time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "duality/lab/chaos.hpp"
#include "duality/lab/event_log.hpp"
#include "duality/lab/link.hpp"
#include "duality/random.hpp"
#include "duality/session.hpp"
#include "lab/chaos_draw.hpp"
#include "lab/chaos_end.hpp"
#include "lab/flight.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace detail {

inline constexpr path_id free_path = 0;
inline constexpr path_id metered_path = 1;
inline constexpr std::uint64_t metered_cap = 60'000;  ///< bytes a day, of either end
inline constexpr std::size_t id_bytes = 8;            ///< at the beginning of a payload: which packet it is

/// The world of one seed.
class chaos_world {
public:
    chaos_world(const chaos_recipe& what, xoshiro256 random, const session_config& config, std::array<path, 2> links,
                chaos_network network, session near, session far, const counted_memory& memory)
        : what_{what},
          random_{random},
          weather_{derive_seed(what.seed, 2)},
          config_{config},
          links_{std::move(links)},
          network_{network},
          ends_{chaos_end{std::move(near)}, chaos_end{std::move(far)}},
          memory_{memory},
          calls_at_start_{memory.calls()} {}

    void run();
    void report(chaos_result& out) const;

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

    void open(chaos_end& e);

    // The application

    void step();

    [[nodiscard]] session& session_of(std::size_t e) noexcept { return ends_[e].session_; }
    [[nodiscard]] static stream_id stream_of(std::uint64_t any) noexcept {
        return static_cast<stream_id>(any % chaos_streams);
    }

    static void fill(std::uint64_t id, byte_span out) noexcept;
    void send(std::size_t from, std::uint64_t any);
    [[nodiscard]] static std::uint64_t id_of(std::size_t from, std::uint64_t index) noexcept {
        return index << 1 | from;
    }

    void flap(std::size_t e);
    void mend(std::size_t e);
    void stall(std::size_t which, duration length);
    void jump(std::size_t e, duration by);
    void close(std::size_t e);
    void misuse(std::size_t e, std::uint64_t which);
    void forge(std::size_t e);

    // Time

    /// When an end wants to be woken, on the world's clock.
    [[nodiscard]] instant wake_of(chaos_end& e) noexcept {
        const instant due = e.session_.next_timeout();
        if (due.is_never()) return due;
        return std::max({due - e.ahead, e.stalled_until, now_});
    }

    void pass_until(instant until);

    // The network

    void transmit(std::size_t from, const transmission& t);
    void put(instant arrival, std::size_t from, const transmission& t);
    void arrive();
    void hand(std::size_t to, path_id over, byte_view bytes);

    // What comes out

    void drain(std::size_t from);
    void deliver(std::size_t to, const delivery& d);

    /// The packet that was sent with these bytes, or nothing.
    [[nodiscard]] const chaos_packet* find(std::size_t from, byte_view bytes) const noexcept;

    /// Where late packets are to be dropped none comes late, unless this end was not asked in time; and by the world's
    /// clock no packet is older than the deadline allows over the slowest path seen.
    void check_deadline(const chaos_end& here, const chaos_end& there, const chaos_packet& p, const delivery& d);

    // Promises

    [[nodiscard]] static std::uint64_t extra(const sender_statistics& s) noexcept { return s.extra_bytes(); }

    void check();

    /// Left alone, both ends come to rest: every wake-up leads somewhere, and nothing is held for ever.
    void come_to_rest();
    [[nodiscard]] chaos_fates fates_of(std::size_t from) const noexcept;

    const chaos_recipe& what_;
    xoshiro256 random_;   ///< of the steps
    xoshiro256 weather_;  ///< of the datagrams
    session_config config_;
    std::array<path, 2> links_;
    chaos_network network_;
    std::array<chaos_end, 2> ends_;
    const counted_memory& memory_;
    std::uint64_t calls_at_start_;
    air air_;
    session_output out_;
    event_log log_;
    std::string_view broken_;
    std::uint32_t step_ = 0;
    std::uint64_t checks_ = 0;
    bool closing_ = false;
    bool jumped_ = false;
    instant now_{};
};

}  // namespace detail
}  // namespace lab
}  // namespace v0
}  // namespace duality
