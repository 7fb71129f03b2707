// SPDX-License-Identifier: MIT
//
// The primitives in C do what they do in C++: the same calls on both sides, the same answers.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "duality/controller.hpp"
#include "duality/jitter_hold.hpp"
#include "duality/parity.hpp"
#include "duality/random.hpp"
#include "duality/regime.hpp"
#include "support.hpp"

using capi_test::made;

namespace {

constexpr std::int64_t ms = 1'000'000;

}  // namespace

TEST_CASE("C jitter hold: the same decisions as in C++, over a jittery flow") {
    duality_jitter_hold* c = nullptr;
    REQUIRE(duality_jitter_hold_create(nullptr, nullptr, nullptr, &c) == DUALITY_OK);
    auto cpp = duality::jitter_hold::create({}, duality::allocator::system());
    REQUIRE(cpp);

    duality::xoshiro256 random{7};
    std::int64_t now = 0;
    std::uint64_t released = 0;
    for (std::uint64_t i = 0; i < 2'000; ++i) {
        const std::int64_t origin = static_cast<std::int64_t>(i) * 5 * ms;
        now = std::max(now, origin + 20 * ms + static_cast<std::int64_t>(random.next() % (30 * ms)));
        const std::uint64_t sequence = i % 7 == 3 ? i - 1 : i;  // some twice
        const duality_status said = duality_jitter_hold_push(c, now, sequence, origin, i, DUALITY_RECOVERY_PARITY);
        const auto expected = cpp->push(duality::instant::from_ns(now),
                                        {sequence, duality::media_time::from_ns(origin), i, duality::recovery::parity});
        REQUIRE(said == static_cast<duality_status>(expected));
        std::int64_t at = 0;
        REQUIRE(duality_jitter_hold_next_timeout(c, &at) == DUALITY_OK);
        REQUIRE(at == cpp->next_timeout().ns());
        auto out = made<duality_released_packet>();
        duality::released_packet same;
        while (duality_jitter_hold_poll(c, now, &out) == DUALITY_OK) {
            REQUIRE(cpp->poll(duality::instant::from_ns(now), same));
            REQUIRE(out.token == same.packet.token);
            REQUIRE(out.sequence == same.packet.sequence);
            REQUIRE(out.origin_ns == same.packet.origin.ns());
            REQUIRE(out.due_ns == same.due.ns());
            REQUIRE(out.lateness_ns == same.lateness.ns());
            REQUIRE(out.held_ns == same.held.ns());
            REQUIRE(out.recovered_by == DUALITY_RECOVERY_PARITY);
            ++released;
        }
        REQUIRE_FALSE(cpp->poll(duality::instant::from_ns(now), same));
    }
    CHECK(released > 1'000);
    auto statistics = made<duality_jitter_hold_statistics>();
    REQUIRE(duality_jitter_hold_get_statistics(c, &statistics) == DUALITY_OK);
    CHECK(statistics.released == released);
    CHECK(statistics.released_by[DUALITY_RECOVERY_PARITY] == released);
    CHECK(statistics.duplicates == cpp->statistics().duplicates);
    CHECK(statistics.duplicates > 100);
    CHECK(statistics.baseline_ns == cpp->baseline().ns());
    CHECK(duality_jitter_hold_destroy(c) == DUALITY_OK);
}

TEST_CASE("C detector and controller: the same regimes and decisions as in C++") {
    duality_regime_detector* detector = nullptr;
    duality_controller* control = nullptr;
    REQUIRE(duality_regime_detector_create(nullptr, nullptr, nullptr, &detector) == DUALITY_OK);
    REQUIRE(duality_controller_create(nullptr, nullptr, nullptr, &control) == DUALITY_OK);
    auto detector_cpp = duality::regime_detector::create({}, duality::allocator::system());
    auto control_cpp = duality::controller::create({}, duality::allocator::system());
    REQUIRE((detector_cpp && control_cpp));

    duality::xoshiro256 random{11};
    std::int64_t now = 0;
    std::size_t decisions = 0;
    std::size_t events = 0;
    for (std::uint64_t i = 0; i < 4'000; ++i) {
        const std::int64_t origin = static_cast<std::int64_t>(i) * 5 * ms;
        const std::int64_t jitter = (i > 2'000 ? 40 : 2) * ms;
        now = std::max(now, origin + static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(jitter)));
        if (random.next() % 50 == 0) continue;  // lost
        const duality_status said = duality_regime_detector_on_arrival(detector, now, i, origin);
        REQUIRE(said == static_cast<duality_status>(detector_cpp->on_arrival(duality::instant::from_ns(now), i,
                                                                             duality::media_time::from_ns(origin))));
        auto features = made<duality_regime_features>();
        REQUIRE(duality_regime_detector_get_features(detector, now, &features) == DUALITY_OK);
        const duality::regime_features same = detector_cpp->features(duality::instant::from_ns(now));
        REQUIRE(features.j_fast_ns == same.j_fast.ns());
        REQUIRE(features.loss_ppm == same.loss_ppm);
        REQUIRE(std::equal(same.miss_ppm.begin(), same.miss_ppm.end(), features.miss_ppm));
        REQUIRE(features.current == static_cast<std::int32_t>(detector_cpp->current()));

        auto inputs = made<duality_control_inputs>();
        REQUIRE(duality_control_inputs_default(&inputs) == DUALITY_OK);
        inputs.features = &features;
        inputs.current = features.current;
        inputs.rtt_ns = 120 * ms;
        auto outputs = made<duality_control_outputs>();
        REQUIRE(duality_controller_update(control, now, &inputs, &outputs) == DUALITY_OK);
        duality::control_inputs inputs_cpp;
        inputs_cpp.features = same;
        inputs_cpp.current = detector_cpp->current();
        inputs_cpp.rtt = duality::duration::from_ms(120);
        const duality::control_outputs& outputs_cpp = control_cpp->update(duality::instant::from_ns(now), inputs_cpp);
        REQUIRE(outputs.hold_ns == outputs_cpp.hold.ns());
        REQUIRE(outputs.parity_bp == outputs_cpp.parity_bp);

        auto decision = made<duality_decision>();
        while (duality_controller_poll_event(control, &decision) == DUALITY_OK) {
            duality::decision_event event;
            REQUIRE(control_cpp->poll_event(event));
            CHECK(decision.reason == static_cast<std::int32_t>(event.reason));
            CHECK(decision.new_value == event.new_value);
            REQUIRE(decision.inputs->features->struct_size == sizeof(duality_regime_features));
            CHECK(decision.inputs->rtt_ns == 120 * ms);
            CHECK(decision.inputs->features->loss_ppm == event.inputs.features.loss_ppm);
            ++decisions;
        }
        auto event = made<duality_regime_event>();
        while (duality_regime_detector_poll_event(detector, &event) == DUALITY_OK) ++events;
    }
    CHECK(decisions > 10);
    CHECK(events > 2);
    auto statistics = made<duality_regime_statistics>();
    REQUIRE(duality_regime_detector_get_statistics(detector, &statistics) == DUALITY_OK);
    CHECK(statistics.lost == detector_cpp->statistics().lost);
    auto counted = made<duality_controller_statistics>();
    REQUIRE(duality_controller_get_statistics(control, &counted) == DUALITY_OK);
    CHECK(counted.updates == control_cpp->statistics().updates);
    CHECK(duality_regime_detector_destroy(detector) == DUALITY_OK);
    CHECK(duality_controller_destroy(control) == DUALITY_OK);
}

TEST_CASE("C parity: lost packets come back, by every code, and the payload ID survives the wire") {
    for (const std::int32_t code : {DUALITY_PARITY_RLC, DUALITY_PARITY_BLOCK, DUALITY_PARITY_RS}) {
        CAPTURE(code);
        duality_parity_encoder* encoder = nullptr;
        duality_parity_decoder* decoder = nullptr;
        REQUIRE(duality_parity_encoder_create(nullptr, nullptr, nullptr, &encoder) == DUALITY_OK);
        REQUIRE(duality_parity_decoder_create(nullptr, nullptr, nullptr, &decoder) == DUALITY_OK);
        REQUIRE(duality_parity_encoder_use(encoder, code) == DUALITY_OK);
        REQUIRE(duality_parity_decoder_begin(decoder, 100) == DUALITY_OK);
        const auto payload = [](std::uint32_t esi) {
            std::vector<std::uint8_t> bytes(50 + esi % 13);
            for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(esi * 31 + i);
            return bytes;
        };
        for (std::uint32_t esi = 100; esi < 110; ++esi) {
            const auto bytes = payload(esi);
            REQUIRE(duality_parity_encoder_push(encoder, esi, 9, bytes.data(), bytes.size()) == DUALITY_OK);
            if (esi == 103 || esi == 107) continue;
            REQUIRE(duality_parity_decoder_push_source(decoder, esi, 9, bytes.data(), bytes.size()) == DUALITY_OK);
        }
        auto deficit = made<duality_deficit>();
        REQUIRE(duality_parity_decoder_get_deficit(decoder, &deficit) == DUALITY_OK);
        CHECK(deficit.missing == 2);
        CHECK(deficit.first_missing == 103);
        for (int i = 0; i < 2; ++i) {
            auto repair = made<duality_repair>();
            std::size_t needed = 0;
            REQUIRE(duality_parity_encoder_repair(encoder, 100, 10, &repair, nullptr, 0, &needed) ==
                    DUALITY_BUFFER_TOO_SMALL);
            REQUIRE(needed > 50);
            std::vector<std::uint8_t> symbol(needed);
            REQUIRE(duality_parity_encoder_repair(encoder, 100, 10, &repair, symbol.data(), symbol.size(), &needed) ==
                    DUALITY_OK);
            std::array<std::uint8_t, 8> wire{};
            REQUIRE(duality_repair_write(&repair, wire.data(), wire.size(), &needed) == DUALITY_OK);
            REQUIRE(needed == 8);
            auto arrived = made<duality_repair>();
            arrived.code = code;
            REQUIRE(duality_repair_parse(wire.data(), wire.size(), &arrived) == DUALITY_OK);
            CHECK(arrived.code == code);
            CHECK(arrived.repair_key == repair.repair_key);
            REQUIRE(duality_parity_decoder_push_repair(decoder, &arrived, symbol.data(), symbol.size()) == DUALITY_OK);
        }
        for (const std::uint32_t esi : {103u, 107u}) {
            auto recovered = made<duality_recovered>();
            REQUIRE(duality_parity_decoder_poll(decoder, &recovered) == DUALITY_OK);
            CHECK(recovered.esi == esi);
            CHECK(recovered.flow == 9);
            const auto bytes = payload(esi);
            CHECK(std::equal(recovered.data, recovered.data + recovered.size, bytes.begin(), bytes.end()));
        }
        auto nothing = made<duality_recovered>();
        CHECK(duality_parity_decoder_poll(decoder, &nothing) == DUALITY_NEED_MORE);
        auto statistics = made<duality_parity_decoder_statistics>();
        REQUIRE(duality_parity_decoder_get_statistics(decoder, &statistics) == DUALITY_OK);
        CHECK(statistics.recovered == 2);
        CHECK(statistics.repairs_used == 2);
        CHECK(duality_parity_encoder_destroy(encoder) == DUALITY_OK);
        CHECK(duality_parity_decoder_destroy(decoder) == DUALITY_OK);
    }
}

TEST_CASE("C blocks: any two of eight symbols can be lost") {
    duality_block_code* code = nullptr;
    REQUIRE(duality_block_code_create(nullptr, nullptr, nullptr, &code) == DUALITY_OK);
    constexpr std::size_t size = 100;
    std::array<std::array<std::uint8_t, size>, 8> sent{};
    std::array<std::array<std::uint8_t, size>, 2> repair{};
    duality::xoshiro256 random{5};
    for (auto& symbol : sent)
        for (auto& byte : symbol) byte = static_cast<std::uint8_t>(random.next());
    std::array<const std::uint8_t*, 8> sources{};
    for (std::size_t i = 0; i < 8; ++i) sources[i] = sent[i].data();
    const std::array<std::uint8_t*, 2> outputs{repair[0].data(), repair[1].data()};
    REQUIRE(duality_block_code_encode(code, sources.data(), 8, outputs.data(), 2, 0, size) == DUALITY_OK);

    for (std::size_t a = 0; a < 8; ++a)
        for (std::size_t b = a + 1; b < 8; ++b) {
            auto received = sent;
            received[a].fill(0);
            received[b].fill(0);
            std::array<std::uint8_t*, 8> targets{};
            std::array<std::uint8_t, 8> present{};
            for (std::size_t i = 0; i < 8; ++i) {
                targets[i] = received[i].data();
                present[i] = i != a && i != b ? 1 : 0;
            }
            const std::array<const std::uint8_t*, 2> symbols{repair[0].data(), repair[1].data()};
            const std::array<std::uint32_t, 2> indices{0, 1};
            REQUIRE(duality_block_code_decode(code, targets.data(), present.data(), 8, symbols.data(), indices.data(),
                                              1, size) == DUALITY_NEED_MORE);
            REQUIRE(duality_block_code_decode(code, targets.data(), present.data(), 8, symbols.data(), indices.data(),
                                              2, size) == DUALITY_OK);
            REQUIRE(received == sent);
        }
    CHECK(duality_block_code_destroy(code) == DUALITY_OK);
}

TEST_CASE("C parity plan: nothing on a clean path, something on a lossy one") {
    auto conditions = made<duality_parity_conditions>();
    conditions.deadline_ns = 100 * ms;
    conditions.interval_ns = 5 * ms;
    conditions.burst_x100 = 100;
    auto plan = made<duality_parity_plan>();
    REQUIRE(duality_parity_make_plan(nullptr, &conditions, &plan) == DUALITY_OK);
    CHECK(plan.rate_bp == 0);
    conditions.loss_ppm = 20'000;
    REQUIRE(duality_parity_make_plan(nullptr, &conditions, &plan) == DUALITY_OK);
    CHECK(plan.rate_bp == 400);
    CHECK(plan.window > 1);
    auto config = made<duality_parity_policy_config>();
    REQUIRE(duality_parity_policy_config_default(&config) == DUALITY_OK);
    config.max_window = 5'000;
    CHECK(duality_parity_make_plan(&config, &conditions, &plan) == DUALITY_INVALID_CONFIG);
}
