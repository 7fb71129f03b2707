// SPDX-License-Identifier: MIT
//
// How wrong clock sync is after 5 s, over many seeds, with the clock filter of RFC 5905 (of the last eight exchanges the
// one with the shortest round trip) on the same exchanges beside it; how long it keeps that up; and what an exchange
// costs. 15 ms one way, jitter of σ 5 ms in both directions, skew 50 ppm.
//
//   bench_clock [--quick] [--json FILE|-]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "parity_report.hpp"
#include "support/clock_world.hpp"

namespace {

using namespace duality;
using parity_bench::row;
using test::clock_world;

/// RFC 5905, section 10, without its ageing.
class shortest_of_eight {
public:
    void add(const clock_world& world) {
        const clock_world::exchange& x = world.newest;
        const duration there = x.t3 - x.t2;
        const duration away = world.now() - x.t1;
        const std::int64_t sum = (x.t2.ns() - x.t1.ns()) + (x.t3.ns() - world.now().ns());
        last_[next_++ % last_.size()] = {away - there, duration::from_ns(sum / 2)};
    }
    duration offset() const {
        const auto used = std::min(next_, last_.size());
        return std::min_element(last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(used))->second;
    }

private:
    std::array<std::pair<duration, duration>, 8> last_{};
    std::size_t next_ = 0;
};

struct outcome {
    std::vector<double> ours;  ///< ms, smallest first
    std::vector<double> reference;
    std::uint64_t outside = 0;  ///< seeds that were outside of their bound at any moment
};

outcome run(const test::clock_world_config& model, std::int64_t seconds, std::uint64_t seeds) {
    outcome out;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        clock_world world{model, {}, seed};
        shortest_of_eight filter;
        bool inside = true;
        world.run_until(instant{} + duration::from_seconds(seconds), [&] {
            filter.add(world);
            inside = inside && world.inside_bound();
        });
        out.outside += inside && world.inside_bound() ? 0u : 1u;
        out.ours.push_back(world.error().ms());
        out.reference.push_back(std::abs((filter.offset() - world.true_offset()).ms()));
    }
    std::sort(out.ours.begin(), out.ours.end());
    std::sort(out.reference.begin(), out.reference.end());
    return out;
}

double at(const std::vector<double>& sorted, double share) {
    return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

void add(std::vector<row>& rows, const std::string& name, const outcome& o, double share, double floor, double target) {
    const double ours = at(o.ours, share);
    const double reference = at(o.reference, share);
    rows.push_back({name, ours, "ms", "shortest of 8", reference, ours / reference, floor, target, false, true});
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 2;
    const std::uint64_t seeds = options.quick ? 100 : 2'000;
    std::vector<row> rows;

    const outcome folded = run({}, 5, seeds);
    add(rows, "error after 5 s, folded jitter, p50", folded, 0.5, 2, 0.5);
    add(rows, "error after 5 s, folded jitter, p99", folded, 0.99, 2, 0.5);
    add(rows, "error after 5 s, folded jitter, most", folded, 1, 2, 0);
    const outcome normal = run({.shape = test::jitter_shape::normal}, 5, seeds);
    add(rows, "error after 5 s, two-sided jitter, p50", normal, 0.5, 2, 0.5);
    add(rows, "error after 5 s, two-sided jitter, p99", normal, 0.99, 2, 0);
    const outcome lossy = run({.loss = 0.1}, 5, seeds);
    add(rows, "error after 5 s, folded, 10 % lost each way, p99", lossy, 0.99, 2, 0.5);
    const outcome lopsided = run({.forward = duration::from_ms(5), .reverse = duration::from_ms(45)}, 5, seeds / 4);
    add(rows, "error after 5 s, 5 ms there and 45 ms back, p99", lopsided, 0.99, 0, 0);
    const outcome minute = run({}, 60, seeds / 4);
    add(rows, "error after 60 s, folded jitter, p99", minute, 0.99, 0, 0);
    const outcome later = run({}, 600, seeds / 20);
    add(rows, "error after 600 s, folded jitter, p99", later, 0.99, 0, 0);
    const auto outside = static_cast<double>(folded.outside + normal.outside + lossy.outside + lopsided.outside +
                                             minute.outside + later.outside);
    rows.push_back({"runs that left their own bound", outside, "", "", 0, 0, 0, 0, false, true});

    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t exchanges = 0;
    for (std::uint64_t seed = 1; seed <= seeds / 20; ++seed) {
        clock_world world{{}, {}, seed};
        world.run_until(instant{} + duration::from_seconds(600));
        exchanges += world.sync.statistics().accepted;
    }
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    rows.push_back(
        {"time of an exchange", took.count() / static_cast<double>(exchanges), "us", "", 0, 0, 0, 0, false, true});

    parity_bench::print(parity_bench::table_output(options), "Clock sync (lower is better)", rows);
    return parity_bench::finish(options, "bench_clock", rows);
}
