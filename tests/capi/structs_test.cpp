// SPDX-License-Identifier: MIT
//
// Programs and libraries of different age: an older caller's struct is shorter than the library's, a newer one's longer.
// The library may touch the common part only; the memory behind it belongs to an address sanitizer or to a canary.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "sizes.hpp"
#include "support.hpp"

using capi_test::check_config;
using capi_test::check_output;
using capi_test::made;

namespace {

/// For a `…_create` function: makes and destroys.
template <class Handle, class Config>
auto creating(duality_status (*create)(const Config*, const duality_host*, duality_failure*, Handle**),
              duality_status (*destroy)(Handle*)) {
    return [=](const Config* config) {
        Handle* handle = nullptr;
        const duality_status said = create(config, nullptr, nullptr, &handle);
        return said == DUALITY_OK ? destroy(handle) : said;
    };
}

}  // namespace

TEST_CASE("C structs: what the library tells about itself fits callers of any age") {
    check_output<duality_error_info>([](duality_error_info* s) { return duality_error_find(3, s); });
    check_output<duality_bounds>([](duality_bounds* s) { return duality_bounds_at(DUALITY_CONFIG_REGIME, 1, s); });
}

TEST_CASE("C structs: configurations of callers of any age") {
    check_config<duality_jitter_hold_config>(duality_jitter_hold_config_default,
                                             creating(duality_jitter_hold_create, duality_jitter_hold_destroy));
    check_config<duality_regime_config>(duality_regime_config_default,
                                        creating(duality_regime_detector_create, duality_regime_detector_destroy));
    check_config<duality_controller_config>(duality_controller_config_default,
                                            creating(duality_controller_create, duality_controller_destroy));
    check_config<duality_parity_config>(duality_parity_config_default,
                                        creating(duality_parity_encoder_create, duality_parity_encoder_destroy));
    check_config<duality_parity_config>(duality_parity_config_default,
                                        creating(duality_parity_decoder_create, duality_parity_decoder_destroy));
    check_config<duality_block_config>(duality_block_config_default,
                                       creating(duality_block_code_create, duality_block_code_destroy));
    check_config<duality_repair_generator_config>(
        duality_repair_generator_config_default,
        creating(duality_repair_generator_create, duality_repair_generator_destroy));
    check_config<duality_aggregator_config>(duality_aggregator_config_default,
                                            creating(duality_aggregator_create, duality_aggregator_destroy));
    check_config<duality_service_level_config>(duality_service_level_config_default,
                                               creating(duality_service_level_create, duality_service_level_destroy));
    check_config<duality_clock_sync_config>(duality_clock_sync_config_default,
                                            creating(duality_clock_sync_create, duality_clock_sync_destroy));
    check_config<duality_session_config>(duality_session_config_default,
                                         creating(duality_session_create, duality_session_destroy));
    check_config<duality_scheduler_config>(duality_scheduler_config_default, [](const duality_scheduler_config* paths) {
        auto config = made<duality_session_config>();
        REQUIRE(duality_session_config_default(&config) == DUALITY_OK);
        config.paths = paths;
        return creating(duality_session_create, duality_session_destroy)(&config);
    });
    check_config<duality_path_config>(duality_path_config_default, [](const duality_path_config* path) {
        duality_session* session = nullptr;
        REQUIRE(duality_session_create(nullptr, nullptr, nullptr, &session) == DUALITY_OK);
        const duality_status said = duality_session_add_path(session, 0, 3, path);
        REQUIRE(duality_session_destroy(session) == DUALITY_OK);
        return said;
    });
    check_config<duality_stream_config>(duality_stream_config_default, [](const duality_stream_config* stream) {
        duality_session* session = nullptr;
        REQUIRE(duality_session_create(nullptr, nullptr, nullptr, &session) == DUALITY_OK);
        const duality_status said = duality_session_set_stream(session, 0, 3, stream);
        REQUIRE(duality_session_destroy(session) == DUALITY_OK);
        return said;
    });
    check_config<duality_parity_policy_config>(duality_parity_policy_config_default,
                                               [](const duality_parity_policy_config* config) {
                                                   auto conditions = made<duality_parity_conditions>();
                                                   conditions.interval_ns = conditions.deadline_ns = 1;
                                                   auto plan = made<duality_parity_plan>();
                                                   return duality_parity_make_plan(config, &conditions, &plan);
                                               });
}

TEST_CASE("C structs: fields an older caller does not know keep their defaults") {
    struct older_config {  // as it was before `hold_max_ns` came
        std::uint32_t struct_size;
        std::uint32_t capacity;
        std::int64_t hold_min_ns;
    } const older{sizeof(older_config), 64, 5'000'000};
    duality_jitter_hold* hold = nullptr;
    REQUIRE(duality_jitter_hold_create(reinterpret_cast<const duality_jitter_hold_config*>(&older), nullptr, nullptr,
                                       &hold) == DUALITY_OK);
    REQUIRE(duality_jitter_hold_set_hold(hold, 0, 1) == DUALITY_OK);
    auto statistics = made<duality_jitter_hold_statistics>();
    REQUIRE(duality_jitter_hold_get_statistics(hold, &statistics) == DUALITY_OK);
    CHECK(statistics.hold_ns == 5'000'000);
    REQUIRE(duality_jitter_hold_set_hold(hold, 0, 1'000'000'000) == DUALITY_OK);
    REQUIRE(duality_jitter_hold_get_statistics(hold, &statistics) == DUALITY_OK);
    CHECK(statistics.hold_ns == 30'000'000);
    CHECK(duality_jitter_hold_destroy(hold) == DUALITY_OK);
}

TEST_CASE("C structs: outputs of the primitives for callers of any age") {
    duality_jitter_hold* hold = nullptr;
    REQUIRE(duality_jitter_hold_create(nullptr, nullptr, nullptr, &hold) == DUALITY_OK);
    check_output<duality_jitter_hold_statistics>(
        [&](duality_jitter_hold_statistics* s) { return duality_jitter_hold_get_statistics(hold, s); });
    check_output<duality_released_packet>([&](duality_released_packet* s) {
        REQUIRE(duality_jitter_hold_reset(hold, 0) == DUALITY_OK);
        REQUIRE(duality_jitter_hold_push(hold, 0, 1, -5, 77, DUALITY_RECOVERY_REACTIVE) == DUALITY_OK);
        const duality_status said = duality_jitter_hold_poll(hold, 1'000'000'000, s);
        auto rest = made<duality_released_packet>();
        (void)duality_jitter_hold_poll(hold, 1'000'000'000, &rest);
        (void)duality_jitter_hold_destroy(hold);
        REQUIRE(duality_jitter_hold_create(nullptr, nullptr, nullptr, &hold) == DUALITY_OK);
        return said;
    });
    CHECK(duality_jitter_hold_destroy(hold) == DUALITY_OK);

    duality_regime_detector* detector = nullptr;
    REQUIRE(duality_regime_detector_create(nullptr, nullptr, nullptr, &detector) == DUALITY_OK);
    for (std::uint64_t i = 0; i < 50; ++i)
        REQUIRE(duality_regime_detector_on_arrival(detector, static_cast<std::int64_t>(i) * 5'000'000, i * 2,
                                                   static_cast<std::int64_t>(i) * 4'000'000) >= 0);
    check_output<duality_regime_features>(
        [&](duality_regime_features* s) { return duality_regime_detector_get_features(detector, 250'000'000, s); });
    check_output<duality_regime_statistics>(
        [&](duality_regime_statistics* s) { return duality_regime_detector_get_statistics(detector, s); });
    CHECK(duality_regime_detector_destroy(detector) == DUALITY_OK);

    duality_controller* control = nullptr;
    REQUIRE(duality_controller_create(nullptr, nullptr, nullptr, &control) == DUALITY_OK);
    check_output<duality_control_outputs>(
        [&](duality_control_outputs* s) { return duality_controller_get_outputs(control, s); });
    check_output<duality_controller_statistics>(
        [&](duality_controller_statistics* s) { return duality_controller_get_statistics(control, s); });
    check_output<duality_control_inputs>(duality_control_inputs_default);
    CHECK(duality_controller_destroy(control) == DUALITY_OK);

    duality_parity_decoder* decoder = nullptr;
    REQUIRE(duality_parity_decoder_create(nullptr, nullptr, nullptr, &decoder) == DUALITY_OK);
    REQUIRE(duality_parity_decoder_begin(decoder, 5) == DUALITY_OK);
    const std::uint8_t data[4] = {1, 2, 3, 4};
    REQUIRE(duality_parity_decoder_push_source(decoder, 8, 0, data, sizeof data) == DUALITY_OK);
    check_output<duality_deficit>([&](duality_deficit* s) { return duality_parity_decoder_get_deficit(decoder, s); });
    check_output<duality_parity_decoder_statistics>(
        [&](duality_parity_decoder_statistics* s) { return duality_parity_decoder_get_statistics(decoder, s); });
    CHECK(duality_parity_decoder_destroy(decoder) == DUALITY_OK);

    duality_parity_encoder* encoder = nullptr;
    REQUIRE(duality_parity_encoder_create(nullptr, nullptr, nullptr, &encoder) == DUALITY_OK);
    REQUIRE(duality_parity_encoder_push(encoder, 5, 1, data, sizeof data) == DUALITY_OK);
    check_output<duality_parity_encoder_statistics>(
        [&](duality_parity_encoder_statistics* s) { return duality_parity_encoder_get_statistics(encoder, s); });
    CHECK(duality_parity_encoder_destroy(encoder) == DUALITY_OK);

    const std::uint8_t wire[8] = {0x12, 0x34, 0xFA, 0xBC, 0xDE, 0xAD, 0xBE, 0xEF};
    check_output<duality_repair>([&](duality_repair* s) { return duality_repair_parse(wire, sizeof wire, s); });
}

TEST_CASE("C structs: outputs of a session and of the lab for callers of any age") {
    duality_session* session = nullptr;
    REQUIRE(duality_session_create(nullptr, nullptr, nullptr, &session) == DUALITY_OK);
    REQUIRE(duality_session_add_path(session, 0, 0, nullptr) == DUALITY_OK);
    check_output<duality_session_statistics>(
        [&](duality_session_statistics* s) { return duality_session_get_statistics(session, s); });
    check_output<duality_path_statistics>(
        [&](duality_path_statistics* s) { return duality_session_get_path(session, 0, 0, s); });
    check_output<duality_session_output>([&](duality_session_output* s) {
        (void)duality_session_destroy(session);
        REQUIRE(duality_session_create(nullptr, nullptr, nullptr, &session) == DUALITY_OK);
        REQUIRE(duality_session_close(session, 0, DUALITY_CLOSE_NORMAL) == DUALITY_OK);
        const duality_status said = duality_session_poll_output(session, 0, s);
        // An address differs from session to session.
        constexpr std::size_t from = offsetof(duality_session_output, event);
        if (said == DUALITY_OK && s->struct_size > from)
            std::memset(reinterpret_cast<std::uint8_t*>(s) + from, 0,
                        std::min<std::size_t>(s->struct_size - from, sizeof s->event));
        return said;
    });
    CHECK(duality_session_destroy(session) == DUALITY_OK);

    auto config = made<duality_lab_config>();
    REQUIRE(duality_lab_config_default(&config) == DUALITY_OK);
    config.length_ns = 1'000'000'000;
    config.packets_per_second = 20;
    check_output<duality_lab_config>(duality_lab_config_default);
    check_output<duality_lab_result>([&](duality_lab_result* s) { return duality_lab_run(&config, nullptr, s); });
}
