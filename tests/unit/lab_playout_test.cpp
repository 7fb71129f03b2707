// SPDX-License-Identifier: MIT
#include "duality/lab/playout.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "duality/lab/clairvoyant.hpp"
#include "duality/lab/families.hpp"

using namespace duality;

namespace {

lab::voice_stream mobile(std::uint64_t seed) {
    const lab::scenario network = lab::make_scenario(lab::family::mobile_hotspot, seed, duration::from_seconds(30), 50);
    return lab::send_voice(network.primary.forward, duration::from_seconds(30));
}

}  // namespace

TEST_CASE("an ideal path: nothing is made up by any player", "[lab][playout]") {
    const lab::voice_stream stream = lab::send_voice(lab::link{}, duration::from_seconds(20));
    REQUIRE(stream.arrivals_ns.size() == 1'001);
    CHECK(lab::play_adaptive(stream, {}).concealed_share == 0);
    CHECK(lab::play_slots(stream, control_law::reference).concealed_share == 0);
    CHECK(lab::play_fixed(stream, duration::zero()).concealed_share == 0);
    CHECK(lab::clairvoyant_loss(stream.delays_ns(), {}, 0) == 0);
}

TEST_CASE("a fixed buffer makes up exactly what is late for it", "[lab][playout]") {
    lab::voice_stream stream;
    for (std::int64_t n = 0; n < 100; ++n)
        stream.arrivals_ns.push_back(n * 20'000'000 + 5'000'000 + (n % 10 == 0 ? 30'000'000 : 0));
    stream.arrivals_ns[5] = lab::voice_stream::lost;
    CHECK(std::abs(lab::play_fixed(stream, duration::from_ms(29)).concealed_share - 0.11) < 1e-12);
    const lab::playout_figures deep = lab::play_fixed(stream, duration::from_ms(30));
    CHECK(std::abs(deep.concealed_share - 0.01) < 1e-12);
    CHECK(deep.mean_delay_ms == 30);
    CHECK(deep.concealments == 1);
    CHECK(deep.interruptions == 0);
}

TEST_CASE("more rises allowed: less delay; the one found has the wanted mean delay", "[lab][playout]") {
    const lab::voice_stream stream = mobile(3);
    voice_playout_config config;
    config.rises_per_hour = 200;
    const lab::playout_figures deep = lab::play_adaptive(stream, config);
    config.rises_per_hour = 5'000;
    const lab::playout_figures shallow = lab::play_adaptive(stream, config);
    CHECK(deep.mean_delay_ms > shallow.mean_delay_ms + 10);
    CHECK(deep.concealed_share < shallow.concealed_share);
    const double wanted = (deep.mean_delay_ms + shallow.mean_delay_ms) / 2;
    config.rises_per_hour = lab::rises_for_delay(stream, config, wanted);
    const double found = lab::play_adaptive(stream, config).mean_delay_ms;
    CHECK(found <= wanted);
    CHECK(found > wanted - 12);  // a tick, and a little
}

TEST_CASE("the bound is under every player at its own delay", "[lab][playout]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const lab::voice_stream stream = mobile(seed);
        const auto delays = stream.delays_ns();
        for (const lab::playout_figures& f :
             {lab::play_adaptive(stream, {}), lab::play_slots(stream, control_law::adaptive),
              lab::play_slots(stream, control_law::reference), lab::play_fixed(stream, duration::from_ms(60))})
            CHECK(lab::clairvoyant_loss(delays, {}, f.mean_delay_ms) <= f.concealed_share);
    }
}

TEST_CASE("adaptive playout makes up less than a fixed buffer of the same mean delay", "[lab][playout]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const lab::voice_stream stream = mobile(seed);
        const lab::playout_figures ours = lab::play_adaptive(stream, {});
        const auto depth = duration::from_us(static_cast<std::int64_t>(ours.mean_delay_ms * 1'000));
        CHECK(ours.concealed_share < lab::play_fixed(stream, depth).concealed_share);
    }
}

TEST_CASE("a stream of which nothing came", "[lab][playout]") {
    lab::voice_stream stream;
    stream.arrivals_ns.assign(50, lab::voice_stream::lost);
    CHECK(lab::play_adaptive(stream, {}).concealed_share == 0);
    CHECK(lab::play_fixed(stream, duration::from_ms(20)).concealed_share == 1);
    CHECK(lab::play_slots(stream, control_law::reference).concealed_share == 1);
    CHECK(stream.least_delay_ns() == 0);
}
