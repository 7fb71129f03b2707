// SPDX-License-Identifier: MIT
//
// Cost of the playout primitives per packet: jitter hold (push and release), regime detector, controller; speexdsp's
// JitterBuffer on the same arrivals beside it when this program was built with it. And how fast the change detector is
// on heavy-tailed jitter, with the false alarms it raises meanwhile: `detection` and `false_alarms` run once and report
// counters, their time means nothing.
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

/// Heavy-tailed jitter on a first-in-first-out path: Gaussian, 0.5 % spikes of 20 ms on average, random loss.
struct heavy_tailed_flow {
    xoshiro256 random;
    double spacing_ms;
    double sigma_ms = 3;
    double loss = 0.001;
    double shift_ms = 0;
    double ramp = 0;  ///< ms per ms, from `ramp_from_ms` on
    double ramp_from_ms = 0;
    std::uint64_t sequence = 0;
    double newest_ms = 0;

    [[nodiscard]] double send_time_ms() const { return static_cast<double>(sequence) * spacing_ms; }
    void step(regime_detector& detector) {
        const double origin = send_time_ms();
        const double delay = 30 + shift_ms + ramp * (origin - ramp_from_ms) + random.gaussian() * sigma_ms +
                             (random.chance(0.005) ? random.exponential(20) : 0);
        const std::uint64_t s = sequence++;
        if (random.chance(loss)) return;
        newest_ms = std::max(newest_ms, origin + std::max(delay, 1.0));
        benchmark::DoNotOptimize(detector.on_arrival(instant::from_ns(static_cast<std::int64_t>(newest_ms * 1e6)), s,
                                                     media_time::from_ns(static_cast<std::int64_t>(origin * 1e6))));
    }
};

enum change : std::int64_t { jitter_times_4, queue_ramp, loss_5_percent, step_50_ms };

/// Milliseconds from the moment the first changed packet is due on the old path to the event that tells of it, after a
/// minute to learn; 400 repetitions.
void detection(benchmark::State& state) {
    const auto spacing_ms = 1'000.0 / static_cast<double>(state.range(1));
    std::vector<double> latencies;
    int missed = 0;
    for (auto _ : state) {
        for (std::uint64_t seed = 0; seed < 400; ++seed) {
            auto detector = regime_detector::create({}, allocator::system());
            heavy_tailed_flow flow{xoshiro256{1'000 + seed}, spacing_ms};
            regime_event event;
            while (flow.send_time_ms() < 60'000) flow.step(*detector);
            while (detector->poll_event(event)) benchmark::DoNotOptimize(event);
            const double start = flow.send_time_ms() + 30;
            auto wanted = regime_event::kind::delay_worse;
            switch (static_cast<change>(state.range(0))) {
                case jitter_times_4: flow.sigma_ms = 12; break;
                case queue_ramp:
                    flow.ramp = 0.2;
                    flow.ramp_from_ms = flow.send_time_ms();
                    break;
                case loss_5_percent:
                    flow.loss = 0.05;
                    wanted = regime_event::kind::loss_worse;
                    break;
                case step_50_ms:
                    flow.shift_ms = 50;
                    wanted = regime_event::kind::level_step;
                    break;
            }
            double latency = -1;
            while (latency < 0 && flow.newest_ms < start + 5'000) {
                flow.step(*detector);
                while (detector->poll_event(event))
                    if (event.what == wanted && latency < 0) latency = static_cast<double>(event.at.ns()) / 1e6 - start;
            }
            if (latency < 0)
                ++missed;
            else
                latencies.push_back(latency);
        }
    }
    std::sort(latencies.begin(), latencies.end());
    if (latencies.empty()) return;
    state.counters["median_ms"] = latencies[latencies.size() / 2];
    state.counters["p95_ms"] = latencies[latencies.size() * 95 / 100];
    state.counters["missed"] = missed;
}
BENCHMARK(detection)
    ->ArgNames({"change", "pps"})
    ->ArgsProduct({{jitter_times_4, queue_ramp, loss_5_percent, step_50_ms}, {200, 50}})
    ->Iterations(1);

/// Alarms per hour over 48 hours in which nothing changes, at a wanted rate of one.
void false_alarms(benchmark::State& state) {
    constexpr double hours = 48;
    for (auto _ : state) {
        auto detector = regime_detector::create({}, allocator::system());
        heavy_tailed_flow flow{xoshiro256{99}, 1'000.0 / static_cast<double>(state.range(0))};
        regime_event event;
        while (flow.send_time_ms() < hours * 3.6e6) {
            flow.step(*detector);
            while (detector->poll_event(event)) benchmark::DoNotOptimize(event);
        }
        const regime_statistics& counted = detector->statistics();
        state.counters["delay_per_h"] = static_cast<double>(counted.delay_alarms) / hours;
        state.counters["loss_per_h"] = static_cast<double>(counted.loss_alarms) / hours;
        state.counters["level_steps_per_h"] = static_cast<double>(counted.level_steps) / hours;
    }
}
BENCHMARK(false_alarms)->ArgName("pps")->Arg(200)->Arg(50)->Iterations(1);

}  // namespace
