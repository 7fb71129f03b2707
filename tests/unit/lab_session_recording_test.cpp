// SPDX-License-Identifier: MIT
//
// A recording plays to the same answers, and whatever was changed in it is told.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "duality/lab/recorded_session.hpp"
#include "duality/lab/session_recording.hpp"
#include "duality/random.hpp"
#include "lab/recording_fields.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

struct any_value {
    template <class T>
    operator T() const noexcept;
};

/// How many members an aggregate has.
template <class T, class... Values>
[[nodiscard]] constexpr std::size_t members(Values... values) {
    if constexpr (requires { T{values..., any_value{}}; })
        return members<T>(values..., any_value{});
    else
        return sizeof...(Values);
}

template <class Config>
[[nodiscard]] std::size_t visited() {
    std::size_t count = 0;
    Config config;
    lab::detail::visit_fields(config, [&](const char*, auto&, std::int64_t = 0) { ++count; });
    return count;
}

/// Two recorded sessions whose datagrams cross on two paths, some lost, for half a second.
struct recorded_pair {
    lab::recorded_session near = made("near");
    lab::recorded_session far = made("far");

    static lab::recorded_session made(const char* end) {
        session_config config;
        config.max_payload = 200;
        config.sync_clock = true;
        config.hold.hold_max = 25_ms;
        const lab::recording_note notes[] = {{"end", end}, {"seed", "7"}};
        result<session> s = session::create(config, allocator::system());
        REQUIRE(s);
        return lab::recorded_session{std::move(s).value(), std::make_unique<lab::session_recorder>(config, notes)};
    }

    struct flying {
        instant arrival;
        bool to_far;
        path_id path;
        std::vector<std::uint8_t> bytes;
    };
    std::vector<flying> wire;
    xoshiro256 random{7};

    void drain(lab::recorded_session& from, bool is_far, instant now) {
        session_output out;
        while (from.poll_output(now, out)) {
            if (out.kind != output_kind::transmit || random.chance(0.08)) continue;
            wire.push_back({now + 15_ms + duration::from_us(static_cast<std::int64_t>(random.below(4'000))),
                            !is_far,
                            out.transmit.path,
                            {out.transmit.bytes.begin(), out.transmit.bytes.end()}});
        }
    }

    void run() {
        for (lab::recorded_session* s : {&near, &far}) {
            s->set_wall_clock({}, wall_time::from_ns(1'700'000'000'000'000'000));
            REQUIRE(s->add_path({}, 0, {}) == status::ok);
            REQUIRE(s->add_path({}, 1, {.cost = cost_class::metered, .budget = {.day_bytes = 20'000}}) == status::ok);
        }
        REQUIRE(near.set_stream({}, 0, {.mode = stream_mode::hot, .deadline = 80_ms}) == status::ok);
        for (instant now{}; now < instant{} + 500_ms; now += 1_ms) {
            for (std::size_t i = 0; i < wire.size();) {
                if (wire[i].arrival > now) {
                    ++i;
                    continue;
                }
                const flying f = wire[i];
                wire.erase(wire.begin() + static_cast<std::ptrdiff_t>(i));
                lab::recorded_session& to = f.to_far ? far : near;
                (void)to.handle_datagram(now, f.path, f.bytes);
                drain(to, f.to_far, now);
            }
            const std::uint8_t payload[150]{static_cast<std::uint8_t>(now.ns() >> 20)};
            if (now.ns() % 5'000'000 == 0) (void)near.send(now, 0, payload);
            for (lab::recorded_session* s : {&near, &far}) {
                s->handle_timeout(now);
                drain(*s, s == &far, now);
            }
        }
        const instant end = instant{} + 500_ms;
        (void)far.remove_path(end, 1);
        (void)near.close(end, wire::close_reason::going_away);
        drain(near, false, end);
        for (lab::recorded_session* s : {&near, &far}) s->recorder()->finish();
    }
};

[[nodiscard]] lab::recording_replay play(const std::vector<std::uint8_t>& recording) {
    return lab::replay_recording(recording, allocator::system());
}

}  // namespace

TEST_CASE("a recording knows every field of every configuration") {
    // Whoever adds a field adds it to src/lab/recording_fields.hpp; members that are configurations count as what they
    // hold.
    CHECK(visited<stream_config>() == members<stream_config>());
    CHECK(visited<path_config>() == members<path_config>() - 1 + members<byte_budget_config>());
    CHECK(visited<scheduler_config>() == members<scheduler_config>());
    CHECK(visited<clock_sync_config>() == members<clock_sync_config>());
    CHECK(visited<controller_config>() == members<controller_config>());
    CHECK(visited<regime_config>() == members<regime_config>() - 2 + members<change_config>());
    CHECK(visited<jitter_hold_config>() == members<jitter_hold_config>() - 1);
    CHECK(visited<session_config>() ==
          members<session_config>() - 7 + visited<stream_config>() + visited<event_lane_config>() +
              visited<jitter_hold_config>() + visited<regime_config>() + visited<controller_config>() +
              visited<scheduler_config>() + visited<clock_sync_config>() + 2 * members<baseline_config>());
}

TEST_CASE("a recording plays to the same answers") {
    recorded_pair pair;
    pair.run();
    for (lab::recorded_session* s : {&pair.near, &pair.far}) {
        const std::uint64_t hash = s->recorder()->hash();
        const std::uint64_t calls = s->recorder()->calls();
        const lab::recording_replay played = play(s->recorder()->take());
        INFO(played.reason);
        CHECK(played.code == status::ok);
        CHECK(played.recorded_hash == hash);
        CHECK(played.replayed_hash == hash);
        CHECK(played.calls == calls);
        CHECK(played.length == 500_ms);
        CHECK(played.config.sync_clock);
        CHECK(played.config.hold.hold_max == 25_ms);
        REQUIRE(played.notes.size() == 2);
        CHECK(played.notes[0].value == (s == &pair.near ? "near" : "far"));
        CHECK(played.statistics.datagrams_received == s->get().statistics().datagrams_received);
    }
    CHECK(pair.far.get().statistics().receiver.delivered > 50);
    CHECK(pair.near.recorder()->hash() != pair.far.recorder()->hash());
}

TEST_CASE("a changed recording is told from the real one") {
    recorded_pair pair;
    pair.run();
    const std::vector<std::uint8_t> real = pair.far.recorder()->take();

    std::vector<std::uint8_t> flipped = real;
    flipped.back() ^= 1;
    CHECK(play(flipped).code == status::inconsistent);
    CHECK(play(flipped).reason == "the hash differs");

    for (const std::size_t keep : {std::size_t{0}, std::size_t{5}, std::size_t{40}, real.size() / 2, real.size() - 1}) {
        const lab::recording_replay cut = play({real.begin(), real.begin() + static_cast<std::ptrdiff_t>(keep)});
        CHECK(failed(cut.code) != (cut.code == status::need_more));
        CHECK(!cut.reason.empty());
    }
    CHECK(play({real.begin(), real.end() - 20}).reason == "ends too early, the recording is truncated");

    std::vector<std::uint8_t> longer = real;
    longer.push_back(0);
    CHECK(play(longer).code == status::malformed);
    std::vector<std::uint8_t> newer = real;
    newer[7] = 2;
    CHECK(play(newer).code == status::unsupported_version);

    // One bit anywhere, even in bytes that change no answer.
    for (std::size_t at = 0; at < real.size(); at += real.size() / 50) {
        std::vector<std::uint8_t> damaged = real;
        damaged[at] ^= 0x10;
        CHECK(play(damaged).code != status::ok);
    }
}

TEST_CASE("a recording names what is wrong with its configuration") {
    session_config config;
    config.max_payload = 300;
    lab::session_recorder recorder{config, {}};
    recorder.finish();
    const std::vector<std::uint8_t> real = recorder.take();
    CHECK(play(real).code == status::ok);
    CHECK(play(real).config.max_payload == 300);

    const std::string name = "max_streams";
    const auto at = std::search(real.begin(), real.end(), name.begin(), name.end());
    REQUIRE(at != real.end());
    const auto value = static_cast<std::size_t>(at - real.begin()) + name.size();

    std::vector<std::uint8_t> out_of_range = real;
    out_of_range[value] = 0;
    CHECK(play(out_of_range).code == status::invalid_config);
    CHECK(play(out_of_range).reason.find("max_streams") != std::string::npos);
    std::vector<std::uint8_t> negative = real;
    negative[value] = 1;
    CHECK(play(negative).reason.find("out of range: 'max_streams'") != std::string::npos);
    std::vector<std::uint8_t> unknown = real;
    unknown[value - 1] = 'z';
    CHECK(play(unknown).reason.find("unknown configuration field 'max_streamz'") != std::string::npos);
}
