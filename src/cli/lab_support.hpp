// SPDX-License-Identifier: MIT
//
// What the commands of `duality lab` share: networks by name or from files, progress, and results as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "duality/lab/families.hpp"
#include "duality/lab/simulation.hpp"
#include "duality/lab/trace.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace CLI {
class App;
}

namespace duality {
inline namespace v0 {
namespace cli {

/// Says why on standard error and ends the command.
[[noreturn]] void fail_lab(const std::string& why);
/// The same for a configuration that was refused, naming the field and its range.
[[noreturn]] void fail_lab(const failure& why);

[[nodiscard]] duration from_ms(double ms) noexcept;

/// One path: a recorded one, or one of a family.
struct path_options {
    std::string trace;
    bool round_trip = false;
    std::string family = "cable_ftth";
    std::uint64_t seed = 1;
    std::uint32_t seconds = 60;

    [[nodiscard]] const std::string& source() const noexcept { return trace.empty() ? family : trace; }
};
/// --trace, --rtt, --family, --seed and --seconds.
void add_path_options(CLI::App& command, path_options& options);
/// The recorded path, or ends the command.
[[nodiscard]] lab::path replay_path(const lab::trace& recorded, const std::string& source);

/// "all" and every family, as an option accepts them.
[[nodiscard]] std::vector<std::string> family_names();
/// The families that an option names; "all" stands for all of them. Names are known to be valid.
[[nodiscard]] std::vector<lab::family> families_of(const std::vector<std::string>& names);

/// "all" and every variant; the variants that an option names, likewise.
[[nodiscard]] std::vector<std::string> variant_names();
[[nodiscard]] std::vector<lab::variant> variants_of(const std::vector<std::string>& names);

/// Reads a trace or ends the command.
[[nodiscard]] lab::trace load_lab_trace(const std::string& source, bool round_trip);
/// The trace's own send times, or evenly spaced ones for a rate above 0.
[[nodiscard]] std::vector<instant> send_times(const lab::trace& recorded, std::uint32_t pps);

/// To a file, or to standard output for "-".
void write_text(const std::string& text, const std::string& file);
void write_json(const nlohmann::ordered_json& document, const std::string& file);

/// One line that is written over while the work goes on; silent where nobody watches. For one thread.
class progress_counter {
public:
    progress_counter();
    ~progress_counter();
    progress_counter(const progress_counter&) = delete;
    progress_counter& operator=(const progress_counter&) = delete;

    /// "17/140 runs  cable_ftth"
    void show(std::size_t done, std::size_t all, std::string_view what);

private:
    bool shown_;
};

/// The same, counting by itself.
class progress_line {
public:
    explicit progress_line(std::size_t total) : total_{total} {}
    void step(std::string_view what) { counter_.show(++done_, total_, what); }

private:
    progress_counter counter_;
    std::size_t total_;
    std::size_t done_ = 0;
};

}  // namespace cli
}  // namespace v0
}  // namespace duality
