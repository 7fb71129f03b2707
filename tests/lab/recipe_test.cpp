// SPDX-License-Identifier: MIT
#include "duality/lab/recipe.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "duality/lab/bundle.hpp"
#include "duality/random.hpp"

using namespace duality;
using namespace duality::lab;
using namespace duality::literals;

namespace {

run_result done(const recipe& what) {
    auto ran = lab::run(what);
    REQUIRE(ran.has_value());
    return std::move(ran).value();
}

recipe short_recipe(family id) {
    return {.network = id, .seed = 5, .length = 5_s};
}

/// A path of 20 ms that loses the packets of the second half of its fourth second.
trace recorded() {
    trace out;
    for (std::int64_t ms = 0; ms < 6'000; ms += 5)
        out.rows.push_back({ms * 1'000'000, ms >= 3'500 && ms < 4'000 ? trace_row::lost : 20'000'000});
    return out;
}

}  // namespace

TEST_CASE("recipe: it is the run that the family's scenario gives") {
    for (const family_info& f : families()) {
        const recipe what = short_recipe(f.id);
        const auto direct = simulate(make_scenario(f.id, 5, 5_s), what.config);
        REQUIRE(direct.has_value());
        CHECK(done(what).event_hash == direct.value().event_hash);
    }
}

TEST_CASE("recipe: leaving a feature out leaves the others as they were") {
    recipe what = short_recipe(family::mobile_hotspot);
    what.left_out[0].add(feature::loss);
    what.left_out[0].add(feature::outages);
    auto calm = prepare(what);
    REQUIRE(calm.has_value());
    const scenario whole = make_scenario(family::mobile_hotspot, 5, 5_s);
    const lab::link& with = whole.primary.forward;
    const lab::link& without_loss = calm->network.primary.forward;
    REQUIRE(with.slot_count() == without_loss.slot_count());
    std::size_t lost = 0;
    for (std::size_t i = 0; i < with.slot_count(); ++i) {
        CHECK(with.slot(i).extra == without_loss.slot(i).extra);
        CHECK_FALSE(without_loss.slot(i).lost);
        lost += with.slot(i).lost ? 1u : 0u;
    }
    CHECK(lost > 0);
    CHECK(without_loss.outages().empty());
    CHECK(without(describe(family::reference).model, {}) == describe(family::reference).model);
}

TEST_CASE("recipe: another round trip moves the baseline alone") {
    recipe what = short_recipe(family::reference);
    what.rtt = 80_ms;
    auto far = prepare(what);
    REQUIRE(far.has_value());
    CHECK(far->network.primary.forward.baseline(instant{}) == 40_ms);
    CHECK(far->network.primary.forward.slot(9).extra ==
          make_scenario(family::reference, 5, 5_s).primary.forward.slot(9).extra);
}

TEST_CASE("recipe: what is out of range is named") {
    const auto field_of = [](const recipe& what) { return std::string{prepare(what).error().where.field}; };
    CHECK(field_of({.length = 0_s}) == "length");
    CHECK(field_of({.length = 3'601_s}) == "length");
    CHECK(field_of({.packets_per_second = 0}) == "packets_per_second");
    CHECK(field_of({.packets_per_second = 1'001}) == "packets_per_second");
    CHECK(field_of({.rtt = 10'001_ms}) == "rtt");
    // The satellite's steps would make the delay negative.
    CHECK(field_of({.network = family::leo_satellite, .rtt = 1_ms}) == "steps");
}

TEST_CASE("recipe: the promises are kept, and a broken one is told by its name") {
    const recipe what = short_recipe(family::wifi_contention);
    run_result r = done(what);
    CHECK(broken_promise(r, what.config).empty());
    const auto broken_when = [&](auto change) {
        run_result changed = r;
        change(changed);
        return std::string{broken_promise(changed, what.config)};
    };
    CHECK(broken_when([](run_result& x) { ++x.outcome.fates.late; }) == "fates");
    CHECK(broken_when([](run_result& x) { x.wrong_releases = 1; }) == "exactly_once");
    CHECK(broken_when([](run_result& x) { x.outcome.overhead_pct = 10.01; }) == "overhead_cap");
    CHECK(broken_when([](run_result& x) { x.metered_sent[1] = 200'000'001; }) == "metered_budget");
    CHECK(broken_expectation(r, what.config, {.figure = "packets", .at_most = 999}) == "figure");
    CHECK(broken_expectation(r, what.config, {.figure = "packets", .at_most = 1'000}).empty());
}

TEST_CASE("recipe: shrinking keeps what fails and drops the rest") {
    // Fails when an outage of the primary path costs the bare flow packets.
    const auto fails = [](const recipe& what) {
        const auto r = lab::run(what);
        return r && r.value().outcome.longest_gap_ms >= 100;
    };
    recipe start{.network = family::cable_ftth, .seed = 6, .length = 30_s};
    start.config.protection = variant::hold;
    start.config.payload = 700;
    start.config.suspicion_margin = 25_ms;
    REQUIRE(fails(start));
    const shrunk<recipe> found = shrink(start, fails, 300);
    CHECK(fails(found.smallest));
    CHECK(found.smallest.length < start.length);
    CHECK(found.smallest.config.protection == variant::baseline);
    CHECK(found.smallest.config.payload == simulation_config{}.payload);
    CHECK(found.smallest.config.suspicion_margin == simulation_config{}.suspicion_margin);
    CHECK(found.smallest.left_out[0].has(feature::jitter));
    CHECK_FALSE(found.smallest.left_out[0].has(feature::outages));
    CHECK(found.taken <= found.tried);
}

TEST_CASE("recipe: shrinking a trace cuts it down to where it fails") {
    const auto fails = [](const recipe& what) {
        const auto r = lab::run(what);
        return r && r.value().outcome.longest_gap_ms >= 400;
    };
    recipe start{.length = 10_s, .packets_per_second = 0, .primary = recorded()};
    start.config.protection = variant::baseline;
    REQUIRE(fails(start));
    const shrunk<recipe> found = shrink(start, fails, 200);
    CHECK(fails(found.smallest));
    CHECK(found.smallest.primary.length() <= 3_s);
    CHECK(found.smallest.primary.rows.front().send_ns == 0);
}

TEST_CASE("bundle: names say what failed, and do not collide") {
    const run_bundle a{.what = short_recipe(family::rural_dsl), .expected = {}, .broken = "", .event_hash = 0xABC};
    CHECK(file_name(a) == "rural_dsl-dual-0000000000000abc.json");
    CHECK(file_name(chaos_bundle{.what = {}, .broken = "", .event_hash = 1}) == "chaos-0000000000000001.json");
    CHECK(hash_text(0xFEDCBA9876543210u) == "fedcba9876543210");
}
