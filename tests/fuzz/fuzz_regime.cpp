// SPDX-License-Identifier: MIT
//
// Any arrivals, in any order, at any times: the detector's features stay within their ranges, every answer is one of
// those documented, and its timer never asks for the past again and again.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "duality/regime.hpp"
#include "support/fuzz_input.hpp"

using namespace duality;
using test::reader;
using test::require;

namespace {

/// `newest`: the latest time the detector knows.
void check(const regime_detector& detector, instant at, instant newest) {
    const regime_features f = detector.features(at);
    require(f.loss20 <= 20 && f.loss_ppm <= 1'000'000 && f.loss_slow_ppm <= 1'000'000);
    require(f.j_fast >= duration::zero() && f.j_slow >= duration::zero());
    require(f.gap >= duration::zero() && f.gap_limit > duration::zero() && f.interval >= duration::zero());
    require(f.delay_p50 <= f.delay_p95 && f.delay_p95 <= f.delay_p99);
    for (std::size_t i = 1; i < miss_holds.size(); ++i) require(f.miss_ppm[i] <= f.miss_ppm[i - 1]);
    const regime_statistics& s = detector.statistics();
    require(s.lost <= s.expected && s.loss_bursts <= s.lost);
    require(detector.change().delay_evidence() >= 0 && detector.change().loss_evidence() >= 0);
    // At the end of time, a timer beyond it is never too.
    const bool idle = f.packets == 0 || detector.current() == regime::outage;
    require(detector.next_timeout().is_never() == idle || newest > instant::from_ns(detail::time_max / 2));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader input{data, size};
    regime_config config;
    const auto options = input.take<std::uint8_t>();
    config.change.enabled = (options & 1) == 0;
    config.change.false_alarms_per_1000_hours = (options & 2) != 0 ? 1 : 1'000'000;
    config.baseline.capacity = 64;
    auto detector = regime_detector::create(config, allocator::system());
    require(detector.has_value());

    std::int64_t now = 0;
    std::int64_t newest = 0;
    std::uint64_t sequence = 0;
    std::int64_t origin = 0;
    std::uint64_t arrivals = 0;
    regime_event event;
    while (!input.empty()) {
        const auto verb = input.take<std::uint8_t>();
        now = detail::saturating_add(now, input.take<std::int16_t>() * std::int64_t{1'000});
        switch (verb % 16) {
            case 0: now = input.take<std::int64_t>(); break;
            case 1: sequence = input.take<std::uint64_t>(); break;
            case 2: origin = input.take<std::int64_t>(); break;
            case 3:
                detector->handle_timeout(instant::from_ns(now));
                require(detector->next_timeout().is_never() || detector->next_timeout() > instant::from_ns(now));
                break;
            case 4:
                while (detector->poll_event(event)) require(event.from <= regime::outage && event.to <= regime::outage);
                break;
            default: {
                sequence += static_cast<std::uint64_t>(std::int64_t{input.take<std::int8_t>()} / 16);
                origin = detail::saturating_add(origin, input.take<std::int16_t>() * std::int64_t{1'000});
                // A run of packets of one spacing, so that little input reaches far.
                for (int i = 0; i < 1 + verb / 16; ++i) {
                    const status answer =
                        detector->on_arrival(instant::from_ns(now), sequence, media_time::from_ns(origin));
                    require(answer == status::ok || answer == status::duplicate || answer == status::late ||
                            answer == status::out_of_window);
                    arrivals += answer == status::ok;
                    ++sequence;
                    now = detail::saturating_add(now, 5'000'000);
                    origin = detail::saturating_add(origin, 5'000'000);
                }
            }
        }
        newest = std::max(newest, now);
        check(*detector, instant::from_ns(now), instant::from_ns(newest));
    }
    require(detector->statistics().arrivals == arrivals);
    return 0;
}
