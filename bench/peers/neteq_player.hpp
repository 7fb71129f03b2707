// SPDX-License-Identifier: MIT
//
// WebRTC's NetEQ, from Debian's libtgowt-dev, playing a voice stream on a simulated clock: L16 at 16 kHz, 20 ms frames,
// 10 ms asked for at a time. It decodes a steady vowel-like tone, which its time stretching always likes.
#pragma once

#include <cstdint>
#include <vector>

namespace duality_bench {

struct neteq_figures {
    double concealed_share = 0;  ///< its own statistics: concealed samples of all samples given out
    double mean_delay_ms = 0;    ///< from sending to decoding over the frames decoded, on the arrivals' clock
    double unheard_share = 0;    ///< of the frames: never decoded
    std::uint64_t concealments = 0;
    std::uint64_t interruptions = 0;
};

/// `arrivals_ns`: frame `n` was sent at 20 n ms; −1 for one that never came. `max_delay_ms` 0: NetEQ's defaults.
[[nodiscard]] neteq_figures play_neteq(const std::vector<std::int64_t>& arrivals_ns, int max_delay_ms);

}  // namespace duality_bench
