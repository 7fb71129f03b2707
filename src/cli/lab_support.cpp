// SPDX-License-Identifier: MIT
#include "cli/lab_support.hpp"

#include "cli/failure.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <utility>

#include "io/trace_file.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

void fail_lab(const std::string& why) {
    fail("lab", why);
}

void fail_lab(const failure& why) {
    const field_bounds& where = why.where;
    fail_lab(where.field.empty() ? std::string{to_string(why.code)}
                                 : std::string{where.field} + " must be between " + std::to_string(where.low) +
                                       " and " + std::to_string(where.high) + " " + std::string{where.unit});
}

duration from_ms(double ms) noexcept {
    return duration::from_ns(static_cast<std::int64_t>(std::llround(ms * 1e6)));
}

std::vector<std::string> family_names() {
    std::vector<std::string> out{"all"};
    for (const lab::family_info& f : lab::families()) out.emplace_back(f.name);
    return out;
}

std::vector<lab::family> families_of(const std::vector<std::string>& names) {
    std::vector<lab::family> out;
    for (const std::string& name : names) {
        if (name == "all") {
            out.clear();
            for (const lab::family_info& f : lab::families()) out.push_back(f.id);
            break;
        }
        out.push_back(*lab::find_family(name));
    }
    return out;
}

std::vector<std::string> variant_names() {
    std::vector<std::string> out{"all"};
    for (const lab::variant v : lab::all_variants) out.emplace_back(lab::to_string(v));
    return out;
}

std::vector<lab::variant> variants_of(const std::vector<std::string>& names) {
    std::vector<lab::variant> out;
    for (const std::string& name : names) {
        if (name == "all") return {std::begin(lab::all_variants), std::end(lab::all_variants)};
        out.push_back(*lab::find_variant(name));
    }
    return out;
}

lab::trace load_lab_trace(const std::string& source, bool round_trip) {
    io::loaded_trace loaded = io::load_trace(source, round_trip);
    if (!loaded.ok()) fail_lab(loaded.error);
    return std::move(loaded.trace);
}

void add_path_options(CLI::App& command, path_options& options) {
    std::vector<std::string> names = family_names();
    names.erase(names.begin());
    CLI::Option* trace = command.add_option(
        "--trace", options.trace, "Recorded path: CSV, may be gzip; FILE:CARRIER[@N] where a file has several");
    command.add_flag("--rtt", options.round_trip, "The trace's delays are round trips: half of each is taken")
        ->needs(trace);
    command.add_option("--family", options.family, "Simulated path instead, of this family")
        ->check(CLI::IsMember(names))
        ->excludes(trace)
        ->capture_default_str();
    command.add_option("--seed", options.seed, "Seed of the simulated path")->capture_default_str();
    command.add_option("--seconds", options.seconds, "Length of the simulated flow")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
}

lab::path replay_path(const lab::trace& recorded, const std::string& source) {
    result<lab::path> path = lab::path::create(recorded);
    if (!path) fail_lab(source + ": " + std::string{to_string(path.code())});
    return std::move(path).value();
}

std::vector<instant> send_times(const lab::trace& recorded, std::uint32_t pps) {
    std::vector<instant> out;
    if (pps == 0) {
        for (const lab::trace_row& row : recorded.rows) out.push_back(instant::from_ns(row.send_ns));
        return out;
    }
    const duration interval = duration::from_ns(1'000'000'000 / pps);
    for (instant at{}; at <= instant{} + recorded.length(); at += interval) out.push_back(at);
    return out;
}

void write_text(const std::string& text, const std::string& file) {
    if (file == "-") {
        std::cout << text;
        return;
    }
    std::ofstream out{file};
    out << text;
    if (!out.flush()) fail_lab("cannot write " + file);
}

void write_json(const nlohmann::ordered_json& document, const std::string& file) {
    write_text(document.dump(2) + '\n', file);
}

progress_counter::progress_counter() : shown_{isatty(STDERR_FILENO) == 1} {}

progress_counter::~progress_counter() {
    if (shown_) std::fputs("\r\033[K", stderr);
}

void progress_counter::show(std::size_t done, std::size_t all, std::string_view what) {
    if (shown_) std::fprintf(stderr, "\r\033[K%zu/%zu  %.*s", done, all, static_cast<int>(what.size()), what.data());
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
