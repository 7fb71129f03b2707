// SPDX-License-Identifier: MIT
//
// Level A: what a session on real sockets was given, with its times, gives the identical hash when it is played where
// nothing moves. This does not depend on how well the machine keeps time. DUALITY_RECORDED_RUNS asks for more runs.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "duality/lab/session_recording.hpp"
#include "io/demo_network.hpp"
#include "io/live_run.hpp"
#include "io/rtp.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

constexpr std::size_t at_once = 10;
constexpr std::size_t packets_per_run = 60;  // 0.3 s

[[nodiscard]] std::size_t wanted_runs() {
    const char* const text = std::getenv("DUALITY_RECORDED_RUNS");  // NOLINT(concurrency-mt-unsafe): one thread
    return text == nullptr ? 50 : static_cast<std::size_t>(std::stoul(text));
}

/// Every variant with a session in turn, each run over another network; every third one sealed.
[[nodiscard]] std::unique_ptr<io::live_run> start(std::size_t number) {
    constexpr lab::variant variants[] = {lab::variant::dual, lab::variant::hot, lab::variant::single,
                                         lab::variant::parity, lab::variant::hold};
    io::live_run_config config{.network = io::demo_network(number + 1, 2_s, 5_ms),
                               .variants = {variants[number % std::size(variants)]},
                               .packets = io::numbered_packets(packets_per_run, 160)};
    if (number % 3 == 0) config.psk.assign(32, 0x5A);
    config.lead = 50_ms;
    config.settle = 200_ms;
    config.record = true;
    config.notes = {{"seed", std::to_string(number + 1)}};
    std::string error;
    std::unique_ptr<io::live_run> run = io::live_run::start(std::move(config), error);
    INFO(error);
    REQUIRE(run);
    return run;
}

void check_same(const std::vector<std::uint8_t>& recording, const session_statistics& live) {
    const lab::recording_replay played = lab::replay_recording(recording, allocator::system());
    INFO(played.reason);
    CHECK(played.code == status::ok);
    CHECK(played.replayed_hash == played.recorded_hash);
    CHECK(played.outputs > 0);
    CHECK(played.statistics.datagrams_received == live.datagrams_received);
    CHECK(played.statistics.sender.source.bytes == live.sender.source.bytes);
    CHECK(played.statistics.receiver.delivered == live.receiver.delivered);
}

}  // namespace

TEST_CASE("every recorded live run replays to the identical hash") {
    const std::size_t runs = wanted_runs();
    for (std::size_t first = 0; first < runs; first += at_once) {
        std::vector<std::unique_ptr<io::live_run>> batch;
        for (std::size_t i = first; i < std::min(first + at_once, runs); ++i) batch.push_back(start(i));
        for (const std::unique_ptr<io::live_run>& run : batch) {
            const io::live_result result = run->finish();
            const io::live_flow& flow = result.flows.front();
            check_same(flow.near_recording, flow.near);
            check_same(flow.far_recording, flow.far);
        }
    }
}
