// SPDX-License-Identifier: MIT
#include "duality/voice_playout.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;

namespace {

/// A player with 20 ms frames and 10 ms ticks; frame `n` is produced at 20 n ms. What it plays is kept.
struct player {
    voice_playout playout;
    std::int64_t now_ms = 0;
    std::vector<std::uint64_t> decoded;
    duration media{};
    duration concealed{};
    duration silent{};
    duration passed{};
    duration last_delay{};

    explicit player(const voice_playout_config& config = {}) : playout{make(config)} {}

    static voice_playout make(const voice_playout_config& config) {
        auto made = voice_playout::create(config, allocator::system());
        REQUIRE(made.has_value());
        return std::move(made).value();
    }
    status push(std::uint64_t frame, std::int64_t origin_ms) {
        return playout.push(instant::from_ns(now_ms * 1'000'000),
                            {frame, media_time::from_ns(origin_ms * 1'000'000), frame, recovery::none});
    }
    status push(std::uint64_t frame) { return push(frame, static_cast<std::int64_t>(frame) * 20); }
    voice_tick tick() {
        voice_tick out;
        playout.tick(instant::from_ns(now_ms * 1'000'000), out);
        for (std::uint32_t i = 0; i < out.frame_count; ++i) {
            decoded.push_back(out.frames[i].token);
            last_delay = instant::from_ns(now_ms * 1'000'000) - instant::from_ns(out.frames[i].origin.ns());
        }
        media += out.media;
        concealed += out.concealed;
        silent += out.silent;
        passed += out.passed;
        now_ms += 10;
        return out;
    }
    /// Frames `first … last`, each `delay_ms` after its origin, and the ticks meanwhile.
    void run(std::uint64_t first, std::uint64_t last, std::int64_t delay_ms) {
        for (std::uint64_t n = first; n <= last; ++n) {
            const std::int64_t arrival = static_cast<std::int64_t>(n) * 20 + delay_ms;
            while (now_ms < arrival) tick();
            REQUIRE(push(n) == status::ok);
        }
    }
};

}  // namespace

TEST_CASE("voice on an even path: every frame once, in order, nothing made up", "[voice_playout]") {
    player p;
    p.run(0, 2'000, 30);
    REQUIRE(p.concealed == duration::zero());
    REQUIRE(p.decoded.size() > 1'990);
    for (std::size_t i = 0; i < p.decoded.size(); ++i) REQUIRE(p.decoded[i] == i);
    REQUIRE(p.playout.statistics().late == 0);
    REQUIRE(p.playout.statistics().concealment.events() == 0);
    // Steady: within a tick of the wanted delay.
    const duration wanted = p.playout.baseline() + p.playout.depth();
    REQUIRE(p.last_delay >= wanted);
    REQUIRE(p.last_delay < wanted + duration::from_ms(10));
}

TEST_CASE("each tick is a tick long, warped by a tenth at most", "[voice_playout]") {
    player p;
    xoshiro256 random{3};
    std::uint64_t next = 0;
    for (int i = 0; i < 20'000; ++i) {
        while (static_cast<std::int64_t>(next) * 20 + 30 <= p.now_ms) {
            if (!random.chance(0.02)) (void)p.push(next);
            ++next;
        }
        if (random.chance(0.001)) {  // a stall
            for (int k = 0; k < 20; ++k) p.tick();
        }
        const voice_tick t = p.tick();
        const duration rest = duration::from_ms(10) - t.concealed - t.silent;
        if (t.concealed + t.silent == duration::zero()) {
            REQUIRE(t.media >= duration::from_ms(9));
            REQUIRE(t.media <= duration::from_ms(11));
        } else {
            REQUIRE(t.media == rest);
        }
        REQUIRE(p.playout.decoded() >= duration::zero());
    }
}

TEST_CASE("where warp is not allowed every tick plays exactly its length", "[voice_playout]") {
    voice_playout_config config;
    config.warp_permille = 0;
    player p{config};
    for (std::uint64_t n = 0; n < 500; ++n) {
        while (p.now_ms < static_cast<std::int64_t>(n) * 20 + 30 + (n % 50 == 49 ? 90 : 0)) {
            const voice_tick t = p.tick();
            REQUIRE(t.media + t.concealed + t.silent == duration::from_ms(10));
        }
        (void)p.push(n);
    }
    REQUIRE(p.playout.statistics().stretched == duration::zero());
    REQUIRE(p.playout.statistics().shrunk == duration::zero());
}

TEST_CASE("a lone lost frame is covered by stretching what is beside it", "[voice_playout]") {
    player p;
    p.run(0, 500, 30);
    const duration before = p.last_delay;
    while (p.now_ms < 502 * 20 + 30) p.tick();  // 501 never comes
    REQUIRE(p.push(502) == status::ok);
    p.run(503, 1'200, 30);
    REQUIRE(p.concealed < duration::from_ms(20));
    REQUIRE(p.passed + p.concealed >= duration::from_ms(20));
    const duration after = p.last_delay;
    REQUIRE(after <= before + duration::from_ms(20));  // the delay is back where it is wanted
    REQUIRE(p.playout.statistics().played == p.decoded.size());
}

TEST_CASE("after a long stall playout goes on near the wanted delay, not with all that piled up", "[voice_playout]") {
    player p;
    p.run(0, 500, 30);
    const duration depth = p.playout.depth();
    while (p.now_ms < 500 * 20 + 430) p.tick();  // 400 ms of nothing, then all of it at once
    for (std::uint64_t n = 501; n <= 520; ++n) REQUIRE(p.push(n) == status::ok);
    p.tick();
    REQUIRE(p.concealed >= duration::from_ms(300));
    REQUIRE(p.last_delay < duration::from_ms(430));
    p.run(521, 521 + 150, 30);  // 3 s
    const duration above = p.last_delay - duration::from_ms(30);
    REQUIRE(above < p.playout.depth() + duration::from_ms(20));
    REQUIRE(p.playout.depth() > depth);  // and the stall is remembered
    REQUIRE(p.playout.statistics().concealment.interruptions() == 1);
    REQUIRE(p.playout.statistics().passed_over > 0);
}

TEST_CASE("a sender's pause is silence, not concealment", "[voice_playout]") {
    player p;
    p.run(0, 500, 30);
    const std::int64_t resumes_ms = 500 * 20 + 2'000;  // the numbers go on, the origins leap
    while (p.now_ms < resumes_ms + 30) p.tick();
    for (std::uint64_t n = 501; n < 700; ++n) {
        const std::int64_t origin = resumes_ms + static_cast<std::int64_t>(n - 501) * 20;
        while (p.now_ms < origin + 30) p.tick();
        REQUIRE(p.push(n, origin) == status::ok);
    }
    p.tick();
    REQUIRE(p.playout.statistics().concealment.concealed() == duration::zero());
    REQUIRE(p.playout.statistics().concealment.interruptions() == 0);
    REQUIRE(p.playout.statistics().silent > duration::from_ms(1'500));
    REQUIRE(p.decoded.size() >= 690);
}

TEST_CASE("frames out of order are played in order; duplicates and late ones are not", "[voice_playout]") {
    player p;
    p.run(0, 300, 30);
    p.now_ms = 302 * 20 + 30;
    REQUIRE(p.push(302) == status::ok);
    REQUIRE(p.push(301) == status::ok);
    REQUIRE(p.push(301) == status::duplicate);
    p.run(303, 400, 30);
    for (std::size_t i = 1; i < p.decoded.size(); ++i) REQUIRE(p.decoded[i] > p.decoded[i - 1]);
}

TEST_CASE("more frames than it keeps: what is kept is dropped and playout goes on", "[voice_playout]") {
    voice_playout_config config;
    config.capacity = 64;
    player p{config};
    p.run(0, 100, 30);
    for (std::uint64_t n = 101; n < 300; ++n) {  // without a tick
        p.now_ms = static_cast<std::int64_t>(n) * 20 + 30;
        REQUIRE(p.push(n) == status::ok);
    }
    REQUIRE(p.playout.statistics().flushed > 0);
    p.tick();
    REQUIRE(p.decoded.back() > 101);
}

TEST_CASE("a sender that restarts is heard again", "[voice_playout]") {
    player p;
    p.run(1'000, 1'300, 30);
    const std::int64_t begin = p.now_ms;
    std::size_t heard = 0;
    for (std::uint64_t n = 0; n < 50; ++n) {  // numbers and clock from anew, on the same path
        while (p.now_ms < begin + static_cast<std::int64_t>(n) * 20) p.tick();
        heard += p.push(n, static_cast<std::int64_t>(n) * 20) == status::ok;
    }
    REQUIRE(heard >= 45);
    REQUIRE(p.decoded.back() < 50);
    REQUIRE(p.playout.arrivals().restarts == 1);
}

TEST_CASE("200 ppm between the clocks is warped away", "[voice_playout]") {
    for (const std::int64_t ppm : {-200, 200}) {
        player p;
        for (std::uint64_t n = 0; n < 30'000; ++n) {  // ten minutes: 120 ms of drift
            const std::int64_t sent_us = static_cast<std::int64_t>(n) * 20'000;
            const std::int64_t arrival_us = sent_us + sent_us * ppm / 1'000'000 + 200'000;
            while (p.now_ms * 1'000 < arrival_us) p.tick();
            REQUIRE(p.push(n) == status::ok);
        }
        REQUIRE(p.concealed <= duration::from_ms(20));
        REQUIRE(p.playout.statistics().passed_over == 0);
        const duration above = p.last_delay - p.playout.baseline();
        REQUIRE(above < p.playout.depth() + duration::from_ms(20));
    }
}

TEST_CASE("before the first frame there is silence; a clock that goes back is counted", "[voice_playout]") {
    player p;
    const voice_tick t = p.tick();
    REQUIRE(t.silent == duration::from_ms(10));
    REQUIRE(t.concealed == duration::zero());
    p.tick();
    p.now_ms = 0;
    p.tick();
    REQUIRE(p.playout.statistics().clock_backwards == 1);
}

TEST_CASE("a voice configuration out of range is refused by name", "[voice_playout]") {
    const auto refused = [](auto change) {
        voice_playout_config config;
        change(config);
        const auto made = voice_playout::create(config, allocator::system());
        REQUIRE(made.code() == status::invalid_config);
        return made.error().where.field;
    };
    REQUIRE(refused([](auto& c) { c.frame = duration::from_ms(1); }) == "frame");
    REQUIRE(refused([](auto& c) { c.tick = duration::from_ms(30); }) == "tick");
    REQUIRE(refused([](auto& c) { c.warp_permille = 101; }) == "warp_permille");
    REQUIRE(refused([](auto& c) { c.rises_per_hour = 0; }) == "rises_per_hour");
    REQUIRE(refused([](auto& c) { c.depth_min = duration::from_seconds(2); }) == "depth_min");
    REQUIRE(refused([](auto& c) { c.depth_max = -duration::from_ms(1); }) == "depth_max");
    REQUIRE(refused([](auto& c) { c.capacity = 4; }) == "capacity");
}

TEST_CASE("depth: fewer rises allowed is deeper, rises make it deeper, and it is forgotten", "[delay_target]") {
    delay_target target;
    std::int64_t ms = 0;
    for (int i = 0; i < 3'000; ++i) target.add(instant::from_ns((ms += 20) * 1'000'000), duration::from_ms(1));
    const duration quiet = target.depth(360);
    REQUIRE(target.depth(60) > quiet);
    REQUIRE(target.depth(100'000) <= duration::from_ms(1));
    for (int i = 0; i < 10; ++i) {
        target.add(instant::from_ns((ms += 20) * 1'000'000), duration::from_ms(250));
        for (int k = 0; k < 50; ++k) target.add(instant::from_ns((ms += 20) * 1'000'000), duration::from_ms(1));
    }
    const duration rough = target.depth(360);
    REQUIRE(rough >= duration::from_ms(250));
    REQUIRE(rough <= duration::from_ms(260));
    for (int i = 0; i < 15'000; ++i) target.add(instant::from_ns((ms += 20) * 1'000'000), duration::from_ms(1));
    REQUIRE(target.depth(360) <= quiet + duration::from_ms(2));
}

TEST_CASE("concealment: events, interruptions, what a pause excuses", "[voice_quality]") {
    concealment_counters c;
    c.add(duration::from_ms(10));
    c.end_run();
    c.add(duration::from_ms(100));
    c.add(duration::from_ms(60));
    REQUIRE(c.events() == 2);
    REQUIRE(c.interruptions() == 1);
    c.excuse(duration::from_ms(100));
    REQUIRE(c.interruptions() == 0);
    c.end_run();
    c.end_run();
    c.add_output(duration::from_ms(7'000));
    REQUIRE(c.events() == 2);
    REQUIRE(c.concealed() == duration::from_ms(70));
    REQUIRE(c.share_ppm() == 10'000);
    REQUIRE(c.longest() == duration::from_ms(60));
}

TEST_CASE("E-model: default conditions, delay and loss", "[voice_quality]") {
    REQUIRE(e_model_rating({}) == 93.2);
    voice_conditions far;
    far.delay = duration::from_ms(300);
    REQUIRE(std::abs(e_model_rating(far) - (93.2 - 7.2 - 13.497)) < 1e-9);
    voice_conditions lossy;
    lossy.loss_pct = 5;
    REQUIRE(std::abs(e_model_rating(lossy) - (93.2 - 95.0 * 5 / 30.1)) < 1e-9);
    lossy.burst_ratio = 2;
    REQUIRE(e_model_rating(lossy) < 93.2 - 95.0 * 5 / 30.1);
    lossy.loss_pct = 100;
    lossy.delay = duration::from_seconds(5);
    REQUIRE(e_model_rating(lossy) == 0);
    // G.107, annex B: R 93.2 is a mean opinion score of 4.41, R 50 of 2.58.
    REQUIRE(std::abs(e_model_mos(93.2) - 4.41) < 0.005);
    REQUIRE(std::abs(e_model_mos(50) - 2.575) < 0.005);
    REQUIRE(e_model_mos(-1) == 1.0);
    REQUIRE(e_model_mos(120) == 4.5);
}

TEST_CASE("voice playout: memory is taken at creation only, and its lack is reported", "[voice_playout]") {
    test::counting_allocator counted;
    {
        auto made = voice_playout::create({}, counted.get());
        REQUIRE(made.has_value());
        const std::size_t calls = counted.calls();
        voice_tick out;
        for (std::int64_t ms = 0; ms < 20'000; ms += 10) {
            const auto n = static_cast<std::uint64_t>(ms / 20);
            if (ms % 20 == 0 && n % 37 != 0)
                (void)made->push(instant::from_ns(ms * 1'000'000),
                                 {n, media_time::from_ns(ms * 1'000'000), n, recovery::none});
            made->tick(instant::from_ns(ms * 1'000'000), out);
        }
        REQUIRE(counted.calls() == calls);
        for (std::size_t allowed = 0; allowed < calls; ++allowed) {
            test::counting_allocator scarce{allowed};
            REQUIRE(voice_playout::create({}, scarce.get()).code() == status::out_of_memory);
            REQUIRE(scarce.live_blocks() == 0);
        }
    }
    REQUIRE(counted.live_blocks() == 0);
}
