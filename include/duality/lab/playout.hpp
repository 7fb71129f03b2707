// SPDX-License-Identifier: MIT
//
// One stream of voice over a simulated or recorded path, played out by different buffers: what each makes up, and how
// long it delays. The same arrivals go to all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "duality/controller.hpp"
#include "duality/lab/link.hpp"
#include "duality/time.hpp"
#include "duality/voice_playout.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// Frame `n` is sent at `n × frame`.
struct voice_stream {
    duration frame = duration::from_ms(20);
    std::vector<std::int64_t> arrivals_ns;  ///< on the sender's clock; `lost` for a frame that never came

    static constexpr std::int64_t lost = -1;
    /// Least delay of all frames; 0 when none came. Delays below are told above it.
    [[nodiscard]] std::int64_t least_delay_ns() const noexcept;
    /// Delay of every frame above the least one; `lost` where there is none.
    [[nodiscard]] std::vector<std::int64_t> delays_ns() const;
};

/// Sends a stream for `length`.
[[nodiscard]] voice_stream send_voice(link over, duration length, duration frame = duration::from_ms(20));

/// What a player did, over the time from the first arrival to the last.
struct playout_figures {
    double concealed_share = 0;  ///< of the audio given out
    double mean_delay_ms = 0;    ///< from sending to decoding, above the stream's least delay, over the frames played
    double unheard_share = 0;    ///< of the frames: lost, late or left out
    double recovery_s =
        0;  ///< longest time from the end of a stall until the delay was within 10 ms of its wanted value
    std::uint64_t concealments = 0;
    std::uint64_t interruptions = 0;  ///< concealments of 150 ms or more
};

/// One tick, or one frame, of a player: for plots.
struct playout_sample {
    std::int64_t at_ns = 0;
    std::int64_t baseline_ns = 0;  ///< above the stream's least delay, as the next two
    std::int64_t wanted_ns = 0;
    std::int64_t played_ns = -1;  ///< delay of the frame decoded; −1 for none
    std::int64_t concealed_ns = 0;
};

/// `voice_playout`.
[[nodiscard]] playout_figures play_adaptive(const voice_stream& stream, const voice_playout_config& config,
                                            std::vector<playout_sample>* samples = nullptr);
/// Slots at baseline + hold, the hold by a control law: a frame that is late for its slot is made up.
[[nodiscard]] playout_figures play_slots(const voice_stream& stream, control_law law,
                                         std::vector<playout_sample>* samples = nullptr);
/// Slots at a fixed delay above the least one of the whole stream (which no player could know).
[[nodiscard]] playout_figures play_fixed(const voice_stream& stream, duration depth,
                                         std::vector<playout_sample>* samples = nullptr);

/// The smallest `rises_per_hour` with which `voice_playout` has at most this mean delay; the largest allowed when none
/// has. Found by bisection: 17 runs.
[[nodiscard]] std::uint32_t rises_for_delay(const voice_stream& stream, voice_playout_config config,
                                            double mean_delay_ms);

}  // namespace lab
}  // namespace v0
}  // namespace duality
