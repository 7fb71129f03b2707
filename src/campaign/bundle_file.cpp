// SPDX-License-Identifier: MIT
#include "campaign/bundle_file.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace duality {
inline namespace v0 {
namespace campaign {

namespace {

using json = nlohmann::ordered_json;

/// A trace of a day at one packet a millisecond is not a bundle any more.
constexpr std::size_t rows_max = 10'000'000;

/// Why a bundle was refused.
struct bad_bundle : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] void refuse(const std::string& field, const char* why) {
    throw bad_bundle{field + ": " + why};
}

[[nodiscard]] const json& member(const json& of, std::string_view name) {
    const std::string key{name};
    if (!of.is_object() || !of.contains(key)) refuse(key, "is missing");
    return of[key];
}

template <class T>
[[nodiscard]] T whole(const json& value, const std::string& name, T low, T high) {
    if constexpr (std::is_signed_v<T>) {
        if (!value.is_number_integer()) refuse(name, "is not a whole number");
    } else {
        if (!value.is_number_unsigned()) refuse(name, "is not a whole number from 0 on");
    }
    if (std::is_signed_v<T> && value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)
        refuse(name, "is out of range");
    const auto wide = value.get<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>();
    if (wide < low || wide > high) refuse(name, "is out of range");
    return static_cast<T>(wide);
}

template <class T>
[[nodiscard]] T whole_member(const json& of, const std::string& name, T low = 0,
                             T high = std::numeric_limits<T>::max()) {
    return whole<T>(member(of, name), name, low, high);
}

[[nodiscard]] std::string text_member(const json& of, const std::string& name) {
    const json& value = member(of, name);
    if (!value.is_string()) refuse(name, "is not text");
    return value.get<std::string>();
}

/// A name that `find` knows.
template <class Find>
[[nodiscard]] auto named(const std::string& field, const std::string& name, Find find) {
    const auto found = find(name);
    if (!found) refuse(field, "has an unknown name");
    return *found;
}

[[nodiscard]] std::uint64_t hash_member(const json& of, const std::string& name) {
    const std::string text = text_member(of, name);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.size() != 16 || error != std::errc{} || end != text.data() + text.size())
        refuse(name, "is not sixteen hexadecimal digits");
    return value;
}

[[nodiscard]] lab::trace trace_member(const json& of, const std::string& name) {
    lab::trace out;
    if (!of.contains(name)) return out;
    const json& given = of[name];
    const json& two_way = member(given, "round_trip");
    if (!two_way.is_boolean()) refuse("round_trip", "is neither true nor false");
    out.round_trip = two_way.get<bool>();
    const json& rows = member(given, "rows");
    if (!rows.is_array() || rows.size() > rows_max) refuse("rows", "is not a list, or too long a one");
    constexpr std::int64_t day_ns = 86'400'000'000'000;
    constexpr std::int64_t hour_ns = 3'600'000'000'000;
    std::int64_t last = 0;
    for (const json& row : rows) {
        if (!row.is_array() || row.size() != 2) refuse("rows", "has a row that is not a pair");
        lab::trace_row r;
        r.send_ns = whole<std::int64_t>(row[0], "rows", last, day_ns);
        r.delay_ns = row[1].is_null() ? lab::trace_row::lost : whole<std::int64_t>(row[1], "rows", 0, hour_ns);
        last = r.send_ns;
        out.rows.push_back(r);
    }
    if (!out.rows.empty() && out.rows.front().send_ns != 0) refuse("rows", "does not begin at 0");
    return out;
}

[[nodiscard]] duration duration_member(const json& of, const std::string& name) {
    constexpr std::int64_t day_ns = 86'400'000'000'000;
    return duration::from_ns(whole_member<std::int64_t>(of, name, 0, day_ns));
}

[[nodiscard]] control_law law_of(const std::string& name) {
    if (name == "reference") return control_law::reference;
    if (name != "adaptive") refuse("law", "has an unknown name");
    return control_law::adaptive;
}

[[nodiscard]] lab::recipe recipe_of(const json& given) {
    lab::recipe out;
    out.network = named("family", text_member(given, "family"), lab::find_family);
    out.seed = whole_member<std::uint64_t>(given, "seed");
    out.length = duration_member(given, "length_ns");
    out.packets_per_second = whole_member<std::uint32_t>(given, "packets_per_second");
    out.rtt = duration_member(given, "rtt_ns");
    const json& left_out = member(given, "left_out");
    if (!left_out.is_array() || left_out.size() != out.left_out.size()) refuse("left_out", "is not two lists");
    for (std::size_t path = 0; path < out.left_out.size(); ++path)
        for (const json& name : left_out[path])
            out.left_out[path].add(
                named("left_out", name.is_string() ? name.get<std::string>() : "", lab::find_feature));
    out.primary = trace_member(given, "primary");
    out.second = trace_member(given, "second");
    lab::simulation_config& c = out.config;
    c.protection = named("variant", text_member(given, "variant"), lab::find_variant);
    c.law = law_of(text_member(given, "law"));
    c.hold = duration_member(given, "hold_ns");
    c.deadline = duration_member(given, "deadline_ns");
    c.payload = whole_member<std::uint32_t>(given, "payload");
    c.overhead_cap_bp = whole_member<std::uint32_t>(given, "overhead_cap_bp");
    c.metered_budget.day_bytes = whole_member<std::uint64_t>(given, "metered_day_bytes");
    c.metered_budget.month_bytes = whole_member<std::uint64_t>(given, "metered_month_bytes");
    c.metered_budget.ahead_bp = whole_member<std::uint32_t>(given, "metered_ahead_bp");
    // Not in the first bundles.
    constexpr const char* carry = "metered_carry_bp";
    if (given.contains(carry)) c.metered_budget.carry_bp = whole_member<std::uint32_t>(given, carry);
    constexpr const char* margin = "suspicion_margin_ns";
    if (given.contains(margin)) c.suspicion_margin = duration_member(given, margin);
    return out;
}

[[nodiscard]] lab::run_bundle run_bundle_of(const json& given) {
    lab::run_bundle out;
    out.what = recipe_of(member(given, "run"));
    out.broken = text_member(given, "broken");
    out.event_hash = hash_member(given, "event_hash");
    if (!given.contains("expected")) return out;
    const json& expected = given["expected"];
    out.expected.figure = text_member(expected, "figure");
    const json& limit = member(expected, "at_most");
    if (!limit.is_number()) refuse("at_most", "is not a number");
    out.expected.at_most = limit.get<double>();
    for (const lab::figure_info& figure : lab::figure_table())
        if (figure.name == out.expected.figure) return out;
    refuse("figure", "has an unknown name");
}

[[nodiscard]] lab::chaos_bundle chaos_bundle_of(const json& given) {
    lab::chaos_bundle out;
    const json& chaos = member(given, "chaos");
    out.what.seed = whole_member<std::uint64_t>(chaos, "seed");
    out.what.steps = whole_member<std::uint32_t>(chaos, "steps");
    const json& left_out = member(chaos, "left_out");
    if (!left_out.is_array()) refuse("left_out", "is not a list");
    for (const json& name : left_out)
        out.what.leave_out(named("left_out", name.is_string() ? name.get<std::string>() : "", lab::find_trouble));
    out.broken = text_member(given, "broken");
    out.event_hash = hash_member(given, "event_hash");
    return out;
}

[[nodiscard]] std::string why(const failure& f) {
    const std::string reason{to_string(f.code)};
    return f.where.field.empty() ? reason : reason + ": " + std::string{f.where.field};
}

template <class Bundle>
[[nodiscard]] shrunk_bundle shrink_one(const Bundle& bundle, std::size_t tries) {
    const replay_verdict first = replay(bundle);
    if (!first.error.empty()) return {bundle, 0, 0, first.error};
    if (first.broken.empty())
        return {bundle, 0, 0, "nothing is broken here, so there is nothing to keep while it shrinks"};
    const auto with = [&](const auto& what) {
        Bundle candidate = bundle;
        candidate.what = what;
        return candidate;
    };
    const auto still_fails = [&](const auto& what) { return replay(with(what)).broken == first.broken; };
    auto found = lab::shrink(bundle.what, still_fails, tries);
    Bundle smallest = with(found.smallest);
    smallest.broken = first.broken;
    smallest.event_hash = replay(smallest).event_hash;
    return {std::move(smallest), found.tried, found.taken, {}};
}

}  // namespace

loaded_bundle parse_bundle(std::string_view text) {
    try {
        const json given = json::parse(text);
        if (whole_member<std::uint32_t>(given, "format") != 1) refuse("format", "is one this build does not know");
        const std::string kind = text_member(given, "kind");
        if (kind == "run") return {run_bundle_of(given), {}};
        if (kind == "chaos") return {chaos_bundle_of(given), {}};
        refuse("kind", "is neither run nor chaos");
    } catch (const json::exception& e) {
        return {{}, e.what()};
    } catch (const bad_bundle& e) {
        return {{}, e.what()};
    }
}

loaded_bundle load_bundle(const std::string& file) {
    std::ifstream in{file, std::ios::binary};
    if (!in) return {{}, "cannot be read"};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    return parse_bundle(text);
}

replay_verdict replay(const lab::run_bundle& bundle) {
    const result<lab::run_result> run = lab::run(bundle.what);
    if (!run) return {why(run.error()), 0, {}};
    return {{},
            run.value().event_hash,
            std::string{lab::broken_expectation(run.value(), bundle.what.config, bundle.expected)}};
}

replay_verdict replay(const lab::chaos_bundle& bundle) {
    const result<lab::chaos_result> run = lab::run_chaos(bundle.what);
    if (!run) return {why(run.error()), 0, {}};
    return {{}, run.value().event_hash, std::string{run.value().broken}};
}

shrunk_bundle shrink_bundle(const any_bundle& bundle, std::size_t tries) {
    return std::visit([&](const auto& b) { return shrink_one(b, tries); }, bundle);
}

std::string save_bundle(const any_bundle& bundle, const std::string& folder) {
    const std::filesystem::path where{folder};
    std::error_code ignored;
    std::filesystem::create_directories(where, ignored);
    const auto write = [&](const auto& b) {
        const std::string file = (where / lab::file_name(b)).string();
        std::ofstream out{file, std::ios::binary};
        out << lab::to_json(b);
        return out.flush() ? file : std::string{};
    };
    return std::visit(write, bundle);
}

}  // namespace campaign
}  // namespace v0
}  // namespace duality
