// SPDX-License-Identifier: MIT
//
// The C++ side of bench_python.py: the same work on the same data.
//
//   python_reference FILE    1,000,000 arrival times, then as many origins: int64, ns
//
// Reads the name of a case per line and answers with the nanoseconds that one round of it took.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "duality/parity.hpp"
#include "duality/random.hpp"
#include "duality/regime.hpp"

namespace {

using namespace duality;

/// One repair over 40 packets after every 20 of 10,000 packets of 1200 bytes; the repairs are kept, as in Python.
void encode(const std::vector<std::uint8_t>& packets) {
    constexpr std::size_t count = 10'000;
    constexpr std::size_t size = 1'200;
    auto encoder = rlc_encoder::create({}, allocator::system());
    if (!encoder || failed(encoder->expect_repairs(40, 20))) std::abort();
    std::vector<std::uint8_t> symbols(count / 20 * (size + source_unit_header));
    std::vector<repair_payload_id> ids(count / 20);
    for (std::size_t i = 0; i < count; ++i) {
        if (failed(encoder->push(static_cast<std::uint32_t>(i), 0, {packets.data() + i * size, size}))) std::abort();
        if (i % 20 != 19) continue;
        std::size_t made = 0;
        std::uint8_t* const symbol = symbols.data() + i / 20 * (size + source_unit_header);
        if (failed(encoder->make_repair(40, ids[i / 20], {symbol, size + source_unit_header}, made))) std::abort();
    }
}

struct arrivals {
    std::vector<std::int64_t> now;
    std::vector<std::int64_t> origin;
};

void detect(const arrivals& flow) {
    auto detector = regime_detector::create({}, allocator::system());
    if (!detector) std::abort();
    std::vector<std::int8_t> statuses(flow.now.size());
    std::vector<std::uint8_t> regimes(flow.now.size());
    std::vector<regime_event> events;
    regime_event event;
    for (std::size_t i = 0; i < flow.now.size(); ++i) {
        statuses[i] = static_cast<std::int8_t>(
            detector->on_arrival(instant::from_ns(flow.now[i]), i, media_time::from_ns(flow.origin[i])));
        regimes[i] = static_cast<std::uint8_t>(detector->current());
        while (detector->poll_event(event)) events.push_back(event);
    }
}

}  // namespace

int main(int argc, char** argv) {
    xoshiro256 random{1};
    std::vector<std::uint8_t> packets(12'000'000);
    for (std::uint8_t& byte : packets) byte = static_cast<std::uint8_t>(random.next());
    arrivals flow{std::vector<std::int64_t>(1'000'000), std::vector<std::int64_t>(1'000'000)};
    std::FILE* const file = argc == 2 ? std::fopen(argv[1], "rb") : nullptr;
    if (file == nullptr) return 2;
    const bool read = std::fread(flow.now.data(), 8, flow.now.size(), file) == flow.now.size() &&
                      std::fread(flow.origin.data(), 8, flow.origin.size(), file) == flow.origin.size();
    (void)std::fclose(file);
    if (!read) return 2;
    char line[64];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        const auto begin = std::chrono::steady_clock::now();
        if (std::strcmp(line, "parity\n") == 0)
            encode(packets);
        else if (std::strcmp(line, "detector\n") == 0)
            detect(flow);
        else
            return 1;
        const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
        std::printf("%lld\n", static_cast<long long>(took.count()));
        std::fflush(stdout);
    }
    return 0;
}
