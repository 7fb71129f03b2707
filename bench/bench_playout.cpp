// SPDX-License-Identifier: MIT
//
// Cost of the playout primitives per packet: jitter hold (push and release), regime detector, controller; speexdsp's
// JitterBuffer on the same arrivals beside it when this program was built with it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "duality/controller.hpp"
#include "duality/jitter_hold.hpp"
#include "duality/random.hpp"
#include "duality/regime.hpp"
#if defined(DUALITY_BENCH_SPEEXDSP)
#include <speex/speex_jitter.h>
#endif

using namespace duality;

namespace {

struct arrival {
    instant at;
    std::uint64_t sequence = 0;
    media_time origin;
};

/// 200 packets/s over a FIFO path: jitter σ 3 ms, 5 % spikes of 20 ms on average, 0.5 % loss.
const std::vector<arrival>& flow() {
    static const std::vector<arrival> packets = [] {
        std::vector<arrival> made;
        xoshiro256 random{1};
        instant newest = instant::before_all();
        for (std::uint64_t s = 0; s < 20'000; ++s) {
            const double delay =
                30 + std::abs(random.gaussian()) * 3 + (random.chance(0.05) ? random.exponential(20) : 0);
            if (random.chance(0.005)) continue;
            const std::int64_t origin = static_cast<std::int64_t>(s) * 5'000'000;
            newest = std::max(newest, instant::from_ns(origin + static_cast<std::int64_t>(delay * 1e6)));
            made.push_back({newest, s, media_time::from_ns(origin)});
        }
        return made;
    }();
    return packets;
}

void count_packets(benchmark::State& state) {
    state.counters["packet"] =
        benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(flow().size()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void jitter_hold_push_release(benchmark::State& state) {
    const std::vector<arrival>& packets = flow();
    for (auto _ : state) {
        state.PauseTiming();
        auto hold = jitter_hold::create({}, allocator::system());
        state.ResumeTiming();
        released_packet out;
        for (const arrival& a : packets) {
            while (hold->next_timeout() <= a.at)
                if (hold->poll(hold->next_timeout(), out)) benchmark::DoNotOptimize(out);
            benchmark::DoNotOptimize(hold->push(a.at, {a.sequence, a.origin, a.sequence, recovery::none}));
        }
    }
    count_packets(state);
}
BENCHMARK(jitter_hold_push_release);

void regime_on_arrival(benchmark::State& state) {
    const std::vector<arrival>& packets = flow();
    for (auto _ : state) {
        state.PauseTiming();
        auto detector = regime_detector::create({}, allocator::system());
        state.ResumeTiming();
        for (const arrival& a : packets) benchmark::DoNotOptimize(detector->on_arrival(a.at, a.sequence, a.origin));
    }
    count_packets(state);
}
BENCHMARK(regime_on_arrival);

void regime_features_once(benchmark::State& state) {
    auto detector = regime_detector::create({}, allocator::system());
    for (const arrival& a : flow()) benchmark::DoNotOptimize(detector->on_arrival(a.at, a.sequence, a.origin));
    const instant now = flow().back().at;
    for (auto _ : state) {
        regime_features f = detector->features(now);
        benchmark::DoNotOptimize(f);
    }
}
BENCHMARK(regime_features_once);

void controller_update(benchmark::State& state) {
    auto detector = regime_detector::create({}, allocator::system());
    for (const arrival& a : flow()) benchmark::DoNotOptimize(detector->on_arrival(a.at, a.sequence, a.origin));
    controller_config config;
    config.law = state.range(0) == 0 ? control_law::reference : control_law::adaptive;
    auto law = controller::create(config, allocator::system());
    control_inputs in;
    in.features = detector->features(flow().back().at);
    in.rtt = duration::from_ms(60);
    instant now;
    decision_event event;
    for (auto _ : state) {
        now += duration::from_ms(5);
        in.features.loss20 = now.ns() % 7 == 0;
        benchmark::DoNotOptimize(law->update(now, in));
        while (law->poll_event(event)) benchmark::DoNotOptimize(event);
    }
}
BENCHMARK(controller_update)->ArgName("adaptive")->Arg(0)->Arg(1);

#if defined(DUALITY_BENCH_SPEEXDSP)
/// The same arrivals, one frame taken per 5 ms tick, timestamps in units of 1/8000 s as its interface has them.
void speexdsp_put_get(benchmark::State& state) {
    const std::vector<arrival>& packets = flow();
    for (auto _ : state) {
        state.PauseTiming();
        JitterBuffer* buffer = jitter_buffer_init(40);
        state.ResumeTiming();
        std::int64_t tick = packets.front().at.ns();
        char bytes[8]{};
        char received[8];
        for (const arrival& a : packets) {
            while (tick <= a.at.ns()) {
                JitterBufferPacket taken{};
                taken.data = received;
                taken.len = sizeof received;
                benchmark::DoNotOptimize(jitter_buffer_get(buffer, &taken, 40, nullptr));
                jitter_buffer_tick(buffer);
                tick += 5'000'000;
            }
            JitterBufferPacket put{};
            put.data = bytes;
            put.len = sizeof bytes;
            put.timestamp = static_cast<spx_uint32_t>(a.sequence * 40);
            put.span = 40;
            put.sequence = static_cast<spx_uint16_t>(a.sequence);
            jitter_buffer_put(buffer, &put);
        }
        state.PauseTiming();
        jitter_buffer_destroy(buffer);
        state.ResumeTiming();
    }
    count_packets(state);
}
BENCHMARK(speexdsp_put_get);
#endif

}  // namespace
