// SPDX-License-Identifier: MIT
#include "campaign/bundle_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <string>
#include <variant>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::campaign;
using namespace duality::literals;

namespace {

lab::run_bundle odd_bundle() {
    lab::run_bundle out;
    out.what = {.network = lab::family::leo_satellite, .seed = 0xFFFFFFFFFFFFFFFF, .length = 7_s, .rtt = 60_ms};
    out.what.left_out[0].add(lab::feature::spikes);
    out.what.left_out[1].add(lab::feature::outages);
    out.what.config.protection = lab::variant::single;
    out.what.config.law = control_law::reference;
    out.what.config.hold = 20_ms;
    out.what.config.payload = 99;
    out.what.config.metered_budget = {.day_bytes = 5'000'000, .carry_bp = 1'234};
    out.what.config.suspicion_margin = 25_ms;
    out.expected = {.figure = "longest_gap_ms", .at_most = 12.5};
    out.broken = "a \"word\"\n";
    out.event_hash = 0xFEDCBA9876543210;
    return out;
}

lab::run_bundle trace_bundle() {
    lab::run_bundle out;
    out.what.packets_per_second = 0;
    for (std::int64_t ms = 0; ms < 2'000; ms += 5)
        out.what.primary.rows.push_back(
            {ms * 1'000'000, ms % 65 == 0 ? lab::trace_row::lost : 20'000'000 + ms * 1'000});
    out.what.primary.round_trip = true;
    return out;
}

template <class Bundle>
Bundle read_back(const Bundle& written) {
    const loaded_bundle read = parse_bundle(lab::to_json(written));
    INFO(read.error);
    REQUIRE(read.ok());
    REQUIRE(std::holds_alternative<Bundle>(read.bundle));
    return std::get<Bundle>(read.bundle);
}

}  // namespace

TEST_CASE("bundle file: what is written is read back, to the last bit") {
    for (const lab::run_bundle& b : {odd_bundle(), trace_bundle(), lab::run_bundle{}}) {
        const lab::run_bundle again = read_back(b);
        CHECK(lab::to_json(again) == lab::to_json(b));
        CHECK(again.what.left_out == b.what.left_out);
        CHECK(again.what.primary.rows == b.what.primary.rows);
        CHECK(again.what.primary.round_trip == b.what.primary.round_trip);
        CHECK(again.broken == b.broken);
        CHECK(replay(again).event_hash == replay(b).event_hash);
    }
    lab::chaos_bundle c{.what = {.seed = 9, .steps = 33}, .broken = "fates", .event_hash = 7};
    c.what.leave_out(lab::trouble::stalls);
    CHECK(read_back(c).what == c.what);
}

TEST_CASE("bundle file: one that was written before there were all fields is read as it was meant") {
    std::string text = lab::to_json(trace_bundle());
    for (const std::string_view newer : {",\"metered_carry_bp\":5000", ",\"suspicion_margin_ns\":10000000"}) {
        const std::size_t at = text.find(newer);
        REQUIRE(at != std::string::npos);
        text.erase(at, newer.size());
    }
    const loaded_bundle read = parse_bundle(text);
    INFO(read.error);
    REQUIRE(read.ok());
    const lab::simulation_config& config = std::get<lab::run_bundle>(read.bundle).what.config;
    CHECK(config.metered_budget.carry_bp == byte_budget_config{}.carry_bp);
    CHECK(config.suspicion_margin == scheduler_config{}.suspicion_margin);
}

TEST_CASE("bundle file: a replay tells the same events from others") {
    lab::run_bundle b = odd_bundle();
    b.event_hash = replay(b).event_hash;
    CHECK(replay(b).same(b.event_hash));
    ++b.what.seed;
    CHECK_FALSE(replay(b).same(b.event_hash));
    b.what.config.payload = 1;
    CHECK(replay(b).error.find("payload") != std::string::npos);
    CHECK_FALSE(replay(b).same(0));
}

TEST_CASE("bundle file: whatever else it holds is refused with the field's name") {
    const std::string good = lab::to_json(trace_bundle());
    const auto error_with = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const std::size_t at = text.find(from);
        REQUIRE(at != std::string::npos);
        text.replace(at, from.size(), to);
        const loaded_bundle read = parse_bundle(text);
        CHECK_FALSE(read.ok());
        return read.error;
    };
    CHECK(error_with("\"kind\":\"run\"", "\"kind\":\"walk\"").starts_with("kind"));
    CHECK(error_with("\"format\":1", "\"format\":2").starts_with("format"));
    CHECK(error_with("\"seed\":1", "\"seed\":-1").starts_with("seed"));
    CHECK(error_with("\"seed\":1", "\"seed\":1.5").starts_with("seed"));
    CHECK(error_with("\"seed\":1", "\"sead\":1").starts_with("seed"));
    CHECK(error_with("\"payload\":400", "\"payload\":99999999999").starts_with("payload"));
    CHECK(error_with("\"family\":\"reference\"", "\"family\":\"paradise\"").starts_with("family"));
    CHECK(error_with("[0,null]", "[1,null]").starts_with("rows"));
    CHECK(error_with("[0,null]", "[0]").starts_with("rows"));
    CHECK(error_with("[5000000,20005000]", "[5000000,-3]").starts_with("rows"));
    CHECK(error_with("[10000000,", "[4999999,").starts_with("rows"));
    CHECK(error_with("\"left_out\":[[],[]]", "\"left_out\":[[],[3]]").starts_with("left_out"));
    CHECK(error_with("\"event_hash\":\"0", "\"event_hash\":\"x").starts_with("event_hash"));
    CHECK_FALSE(parse_bundle("").ok());
    CHECK_FALSE(parse_bundle("[]").ok());
    CHECK_FALSE(load_bundle("/nowhere/at/all").ok());
}

TEST_CASE("bundle file: no cut or changed byte crashes the reader") {
    const std::string good = lab::to_json(odd_bundle());
    for (std::size_t size = 0; size < good.size(); ++size) (void)parse_bundle(good.substr(0, size));
    xoshiro256 random{4};
    for (int i = 0; i < 3'000; ++i) {
        std::string text = good;
        for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
            text[random.below(text.size())] = static_cast<char>(random.below(256));
        const loaded_bundle read = parse_bundle(text);
        CHECK((read.ok() || !read.error.empty()));
    }
}

TEST_CASE("bundle file: a smaller bundle breaks the same") {
    lab::run_bundle b;
    b.what = {.network = lab::family::reference, .seed = 3, .length = 20_s};
    b.what.config.protection = lab::variant::single;
    b.expected = {.figure = "longest_gap_ms", .at_most = 100};
    const shrunk_bundle found = shrink_bundle(b, 100);
    REQUIRE(found.error.empty());
    const auto& smaller = std::get<lab::run_bundle>(found.bundle);
    CHECK(smaller.what.length < b.what.length);
    CHECK(replay(smaller).broken == "figure");
    CHECK(replay(smaller).same(smaller.event_hash));

    b.expected = {};
    CHECK_FALSE(shrink_bundle(b, 100).error.empty());
}

TEST_CASE("bundle file: saved under its name, in a folder that is made") {
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / "duality_bundle_test" / "deep";
    std::filesystem::remove_all(folder);
    const std::string file = save_bundle(odd_bundle(), folder.string());
    CHECK(file == (folder / "leo_satellite-single-fedcba9876543210.json").string());
    CHECK(load_bundle(file).ok());
    std::filesystem::remove_all(folder.parent_path());
    CHECK(save_bundle(odd_bundle(), "/proc/nowhere").empty());
}
