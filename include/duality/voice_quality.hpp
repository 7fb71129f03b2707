// SPDX-License-Identifier: MIT
//
// What a listener got: concealment counters and the E-model's rating of a call (ITU-T G.107).
//
// Both are for reports: counting is integer arithmetic, the rating is in double. No object here takes memory.
#pragma once

#include <algorithm>
#include <cstdint>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

/// Audio that had to be made up: how much, in how many runs, and how many of them lasted 150 ms or longer (the limit
/// above which WebRTC's statistics speak of an interruption). A run that goes on is counted as it stands.
class concealment_counters {
public:
    static constexpr duration interruption = duration::from_ms(150);

    /// Made-up audio that follows on what was added before.
    void add(duration made_up) noexcept { run_ += made_up; }
    /// The last `d` of the present run were no concealment after all (the sender had paused).
    void excuse(duration d) noexcept { run_ = std::max(run_ - d, duration::zero()); }
    /// Real audio, or silence that was meant, follows.
    void end_run() noexcept {
        events_ += run_ != duration::zero();
        interruptions_ += run_ >= interruption;
        concealed_ += run_;
        longest_ = std::max(longest_, run_);
        run_ = duration::zero();
    }
    /// Audio given out, of whatever kind.
    void add_output(duration d) noexcept { output_ += d; }

    [[nodiscard]] std::uint64_t events() const noexcept { return events_ + (run_ != duration::zero()); }
    [[nodiscard]] std::uint64_t interruptions() const noexcept { return interruptions_ + (run_ >= interruption); }
    [[nodiscard]] duration concealed() const noexcept { return concealed_ + run_; }
    [[nodiscard]] duration longest() const noexcept { return std::max(longest_, run_); }
    [[nodiscard]] duration output() const noexcept { return output_; }
    /// Concealed share of the output, in parts per million; 0 without output. Right for up to 100 days of it.
    [[nodiscard]] std::uint32_t share_ppm() const noexcept {
        const std::int64_t whole_us = output_.us();
        return whole_us == 0 ? 0 : static_cast<std::uint32_t>(concealed().us() * 1'000'000 / whole_us);
    }

private:
    duration run_{};
    duration concealed_{};
    duration longest_{};
    duration output_{};
    std::uint64_t events_ = 0;
    std::uint64_t interruptions_ = 0;
};

/// How a codec suffers from loss, for the E-model (ITU-T G.113, appendix I, which also has other codecs).
struct codec_impairment {
    double ie = 0;      ///< equipment impairment factor without loss
    double bpl = 25.1;  ///< packet-loss robustness; the defaults are those of G.711 with concealment
};

struct voice_conditions {
    duration delay{};        ///< from mouth to ear
    double loss_pct = 0;     ///< packets lost or too late, in percent
    double burst_ratio = 1;  ///< mean length of loss runs over that of random loss at the same rate; >= 1
    codec_impairment codec{};
};

/// Rating R of the E-model, 0 (useless) to 93.2 (the default conditions of G.107): delay costs Id, loss costs Ie,eff.
/// Everything else is at the standard's defaults (no echo, normal levels). Id is the two-line fit of Cole and Rosenbluth
/// (Voice over IP performance monitoring, 2001), right within 2 points up to 400 ms; Ie,eff is equation 7-29 of G.107.
[[nodiscard]] inline double e_model_rating(const voice_conditions& c) noexcept {
    const double delay_ms = std::max(c.delay.ms(), 0.0);
    const double loss = std::clamp(c.loss_pct, 0.0, 100.0);
    const double burst = std::max(c.burst_ratio, 1.0);
    const double id = 0.024 * delay_ms + (delay_ms > 177.3 ? 0.11 * (delay_ms - 177.3) : 0.0);
    const double ie_eff = c.codec.ie + (95.0 - c.codec.ie) * loss / (loss / burst + c.codec.bpl);
    return std::clamp(93.2 - id - ie_eff, 0.0, 100.0);
}

/// Mean opinion score, 1 to 4.5, that a rating corresponds to (G.107, annex B).
[[nodiscard]] inline double e_model_mos(double rating) noexcept {
    if (rating <= 0) return 1.0;
    if (rating >= 100) return 4.5;
    return std::max(1.0, 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6);
}

}  // namespace v0
}  // namespace duality
