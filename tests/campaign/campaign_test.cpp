// SPDX-License-Identifier: MIT
#include "campaign/campaign.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "campaign/bundle_file.hpp"
#include "campaign/spread.hpp"

using namespace duality;
using namespace duality::campaign;

namespace {

campaign_plan small_plan() {
    campaign_plan plan;
    plan.families = {lab::family::cable_ftth, lab::family::leo_satellite};
    plan.variants = {lab::variant::baseline, lab::variant::dual};
    plan.seeds = 3;
    plan.seconds = 2;
    plan.hold_ms = {15, 25};
    return plan;
}

campaign_options on_threads(unsigned threads, std::uint64_t order = 0) {
    campaign_options out;
    out.threads = threads;
    out.order = order;
    return out;
}

std::string all_of(const campaign_plan& plan, const campaign_result& result) {
    return campaign_csv(plan, result) + campaign_json(plan, result) + campaign_html(plan, result);
}

/// A file that is gone when the test is over.
class scratch_file {
public:
    explicit scratch_file(const std::string& name) : path_{std::filesystem::temp_directory_path() / name} {
        std::filesystem::remove_all(path_);
    }
    ~scratch_file() { std::filesystem::remove_all(path_); }
    scratch_file(const scratch_file&) = delete;
    scratch_file& operator=(const scratch_file&) = delete;

    [[nodiscard]] std::string name() const { return path_.string(); }
    [[nodiscard]] std::string text() const {
        std::ifstream in{path_};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    void write(const std::string& text) const { std::ofstream{path_} << text; }

private:
    std::filesystem::path path_;
};

}  // namespace

TEST_CASE("campaign: one order or another, one thread or three: the same bytes") {
    const campaign_plan plan = small_plan();
    const campaign_result first = run_campaign(plan, on_threads(1));
    REQUIRE(first.complete);
    REQUIRE(first.cells.size() == 8);
    const std::string expected = all_of(plan, first);
    for (const std::uint64_t order : {1u, 2u}) {
        const campaign_result other = run_campaign(plan, on_threads(3, order));
        CHECK(other.runs == first.runs);
        CHECK(all_of(plan, other) == expected);
    }
}

TEST_CASE("campaign: every run is the recipe's own") {
    const campaign_plan plan = small_plan();
    const campaign_result result = run_campaign(plan, {});
    for (std::size_t cell = 0; cell < result.cells.size(); ++cell) {
        for (std::size_t place = 0; place < plan.seeds; ++place) {
            const auto alone = lab::run(recipe_of(plan, result.cells[cell], plan.first_seed + place));
            REQUIRE(alone.has_value());
            CHECK(alone.value().event_hash == result.runs[cell][place].event_hash);
            CHECK(alone.value().outcome.jitter_p95_ms ==
                  result.runs[cell][place].values[column_index("jitter_p95_ms")]);
            CHECK(result.runs[cell][place].broken.empty());
        }
    }
}

TEST_CASE("campaign: the service-level monitor tells a bad run from a good one") {
    campaign_plan plan = small_plan();
    plan.families = {lab::family::leo_satellite};
    plan.hold_ms = {15};
    plan.seconds = 20;
    const auto share_and_time = [&](double level_pct, std::size_t cell) {
        plan.level_pct = level_pct;
        const campaign_result done = run_campaign(plan, on_threads(1));
        REQUIRE(done.complete);
        std::pair<double, double> mean{};
        for (const campaign_run& run : done.runs[cell]) {
            mean.first += run.values[column_index("level_alarm")] / static_cast<double>(plan.seeds);
            mean.second += run.values[column_index("level_alarm_s")] / static_cast<double>(plan.seeds);
        }
        return mean;
    };
    // Bare packets lose more than 1 % there; of 0.01 % that is far too much, and nobody agreed on half of them.
    const auto [all, soon] = share_and_time(0.01, 0);
    CHECK(all == 1);
    CHECK(soon < 15);
    const auto [none, whole] = share_and_time(50, 0);
    CHECK(none == 0);
    CHECK(whole > 19);
    plan.level_pct = 0;
    CHECK(run_campaign(plan, on_threads(1)).error.starts_with("miss_max_ppm"));
}

TEST_CASE("campaign: one that was stopped goes on, and ends as if it had not been") {
    const campaign_plan plan = small_plan();
    const std::string expected = all_of(plan, run_campaign(plan, {}));
    const scratch_file state{"duality_campaign_state"};
    const auto go_on = [&](std::size_t units) {
        campaign_options options = on_threads(2, 5);
        options.units_max = units;
        options.state_file = state.name();
        return run_campaign(plan, options);
    };
    CHECK_FALSE(go_on(2).complete);
    // Killed while it wrote.
    const std::string whole = state.text();
    state.write(whole.substr(0, whole.size() - 40));
    CHECK_FALSE(go_on(1).complete);
    std::size_t calls = 0;
    campaign_options last = on_threads(1);
    last.state_file = state.name();
    last.progress = [&](std::size_t, std::size_t) { ++calls; };
    const campaign_result result = run_campaign(plan, last);
    CHECK(result.complete);
    CHECK(calls == 4);  // of six, one was kept from the first time and one from the second
    CHECK(all_of(plan, result) == expected);

    campaign_plan other = plan;
    other.seconds = 3;
    CHECK(run_campaign(other, last).error.find("another campaign") != std::string::npos);
    state.write("not even JSON\n");
    CHECK_FALSE(run_campaign(plan, last).error.empty());
    last.state_file = "/nowhere/at/all";
    CHECK_FALSE(run_campaign(plan, last).error.empty());
}

TEST_CASE("campaign: runs that are not as expected leave bundles that replay") {
    campaign_plan plan = small_plan();
    plan.expected = {{.figure = "apparent_loss_pct", .at_most = 0.0}};
    const scratch_file folder{"duality_campaign_bundles"};
    campaign_options options;
    options.bundle_folder = folder.name();
    const campaign_result result = run_campaign(plan, options);
    const std::size_t loss = column_index("apparent_loss_pct");
    std::size_t broken = 0;
    for (const auto& runs : result.runs)
        for (const campaign_run& run : runs) {
            CHECK((run.broken == "figure") == (run.values[loss] > 0));
            broken += run.broken.empty() ? 0 : 1;
        }
    REQUIRE(broken > 0);
    REQUIRE(result.bundles.size() == broken);
    for (const std::string& file : result.bundles) {
        const loaded_bundle read = load_bundle(file);
        REQUIRE(read.ok());
        const auto& bundle = std::get<lab::run_bundle>(read.bundle);
        CHECK(replay(bundle).same(bundle.event_hash));
        CHECK(replay(bundle).broken == "figure");
    }
}

TEST_CASE("campaign: a plan that cannot be run says why") {
    campaign_plan plan = small_plan();
    plan.rtt_ms = {1};  // the satellite's steps would make the delay negative
    const campaign_result result = run_campaign(plan, on_threads(2));
    CHECK_FALSE(result.complete);
    CHECK(result.error.find("steps") != std::string::npos);
}

TEST_CASE("campaign: spread and interval of known values") {
    const std::vector<double> same(5, 2.5);
    CHECK(spread_of(same).low == 2.5);
    CHECK(spread_of(same).high == 2.5);
    std::vector<double> values;
    for (int i = 1; i <= 100; ++i) values.push_back(i);
    const spread s = spread_of(values);
    CHECK(std::abs(s.mean - 50.5) < 1e-9);
    CHECK(s.median == 50);
    CHECK(s.min == 1);
    CHECK(s.max == 100);
    // The standard error of the mean is 2.9; 1.96 of it either side.
    CHECK(std::abs(s.low - 44.8) < 1.0);
    CHECK(std::abs(s.high - 56.2) < 1.0);
}
