// SPDX-License-Identifier: MIT
//
// Campaigns: families × seeds × variants × settings, on all cores, with the same results in any order of execution.
//
// The work is cut into units: one realisation of one network, run by every variant with all settings. A state file gets
// one line for each finished unit; a campaign that was stopped goes on from there. Results contain nothing that
// depends on the machine, its speed or the order of the units, so two campaigns of one plan are equal byte by byte.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duality/lab/bundle.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

/// Every combination is run. Lists hold at least one value.
struct campaign_plan {
    std::vector<lab::family> families;
    std::vector<lab::variant> variants;
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 20;
    std::uint32_t seconds = 60;
    std::vector<std::uint32_t> packets_per_second{200};
    std::vector<double> rtt_ms{0};  ///< of the idle primary path; 0: the family's own
    std::vector<double> hold_ms{15};
    std::vector<double> deadline_ms{100};
    std::vector<std::uint32_t> payload{400};
    control_law law = control_law::adaptive;
    std::uint32_t overhead_cap_bp = 1'000;
    /// Apparent loss, in per cent, that a service-level monitor watches each run for; 0.0001 … 50.
    double level_pct = 0.2;
    std::vector<lab::expectation> expected;  ///< of every run, beside its promises
};

/// One value of each list but the seeds: what the runs of a row of the result share.
struct campaign_cell {
    lab::family network{};
    std::uint32_t packets_per_second = 0;
    double rtt_ms = 0;
    double hold_ms = 0;
    double deadline_ms = 0;
    std::uint32_t payload = 0;
    lab::variant protection{};
};

/// One run: the figures in the order of `columns()`.
struct campaign_run {
    std::vector<double> values;
    std::uint64_t event_hash = 0;
    std::string broken;  ///< the promise or "figure"; empty: everything as expected
    bool operator==(const campaign_run&) const = default;
};

/// Names of a run's figures; `count` tells whole numbers.
struct column_info {
    std::string_view name;
    bool count = false;
};
[[nodiscard]] std::span<const column_info> columns();
/// Precondition: there is one of that name.
[[nodiscard]] std::size_t column_index(std::string_view name);

struct campaign_options {
    unsigned threads = 0;       ///< 0: one per core
    std::uint64_t order = 0;    ///< not 0: the units are run in an order drawn from this seed
    std::size_t units_max = 0;  ///< not 0: stops after so many units, as if it had been killed
    std::string state_file;     ///< empty: cannot be resumed
    std::string bundle_folder;  ///< empty: no bundles
    std::function<void(std::size_t done, std::size_t all)> progress;  ///< called by the caller's own thread
};

struct campaign_result {
    std::vector<campaign_cell> cells;
    std::vector<std::vector<campaign_run>> runs;  ///< by cell, then by seed
    std::vector<std::string> bundles;             ///< files written, in order
    bool complete = false;
    std::string error;
};

/// All cells of a plan, in the order of the results.
[[nodiscard]] std::vector<campaign_cell> cells_of(const campaign_plan& plan);
/// The recipe of one run.
[[nodiscard]] lab::recipe recipe_of(const campaign_plan& plan, const campaign_cell& cell, std::uint64_t seed);

[[nodiscard]] campaign_result run_campaign(const campaign_plan& plan, const campaign_options& options);

// Output. The same result gives the same bytes.

/// One line per run.
[[nodiscard]] std::string campaign_csv(const campaign_plan& plan, const campaign_result& result);
/// The plan, and for each cell mean, spread and 95 % confidence interval of the mean of every figure.
[[nodiscard]] std::string campaign_json(const campaign_plan& plan, const campaign_result& result);
/// A page without anything beside it: how each figure is distributed over the seeds, and the table.
[[nodiscard]] std::string campaign_html(const campaign_plan& plan, const campaign_result& result);

/// "dual", with the settings that the plan has several values of.
[[nodiscard]] std::string cell_label(const campaign_plan& plan, const campaign_cell& cell);

}  // namespace campaign
}  // namespace v0
}  // namespace duality
