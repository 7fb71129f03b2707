// SPDX-License-Identifier: MIT
#include "campaign/state_file.hpp"

#include <filesystem>
#include <optional>
#include <utility>

#include "campaign/plan_json.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

namespace {

using json = nlohmann::ordered_json;

/// The plan, and the hash of a short run: a program that behaves differently must not go on with old results.
[[nodiscard]] json first_line(const campaign_plan& plan) {
    const lab::recipe probe{.length = duration::from_seconds(5)};
    const result<lab::run_result> run = lab::run(probe);
    return {{"plan", plan_json(plan)}, {"probe", lab::hash_text(run ? run.value().event_hash : 0)}};
}

[[nodiscard]] json line_of(std::size_t unit, const std::vector<campaign_run>& runs) {
    json out{{"unit", unit}, {"runs", json::array()}};
    for (const campaign_run& run : runs)
        out["runs"].push_back({{"values", run.values}, {"hash", run.event_hash}, {"broken", run.broken}});
    return out;
}

[[nodiscard]] std::optional<std::vector<campaign_run>> runs_of(const json& line) {
    std::vector<campaign_run> out;
    for (const json& given : line.at("runs")) {
        campaign_run& run = out.emplace_back();
        run.values = given.at("values").get<std::vector<double>>();
        run.event_hash = given.at("hash").get<std::uint64_t>();
        run.broken = given.at("broken").get<std::string>();
        if (run.values.size() != columns().size()) return std::nullopt;
    }
    return out;
}

}  // namespace

std::string state_file::open(const std::string& file, const campaign_plan& plan, const taker& take) {
    active_ = true;
    const json expected = first_line(plan);
    std::uintmax_t good = 0;  // bytes of whole lines
    if (std::ifstream in{file, std::ios::binary}; in) {
        std::string text;
        while (std::getline(in, text) && !in.eof()) {
            const json line = json::parse(text, nullptr, false);
            if (line.is_discarded()) return file + ": is not the state of a campaign";
            try {
                if (good == 0) {
                    if (line != expected)
                        return file + ": belongs to another campaign, or to another version of the program";
                } else {
                    std::optional<std::vector<campaign_run>> runs = runs_of(line);
                    if (!runs || !take(line.at("unit").get<std::size_t>(), std::move(*runs)))
                        return file + ": does not fit the campaign";
                }
            } catch (const json::exception& e) {
                return file + ": " + e.what();
            }
            good += text.size() + 1;
        }
    }
    std::error_code failed;
    if (std::filesystem::exists(file)) std::filesystem::resize_file(file, good, failed);
    out_.open(file, std::ios::binary | std::ios::app);
    if (good == 0) out_ << expected.dump() << '\n' << std::flush;
    return failed || !out_ ? file + ": cannot be written" : std::string{};
}

bool state_file::append(std::size_t unit, const std::vector<campaign_run>& runs) {
    if (!active_) return true;
    out_ << line_of(unit, runs).dump() << '\n' << std::flush;
    return static_cast<bool>(out_);
}

}  // namespace campaign
}  // namespace v0
}  // namespace duality
