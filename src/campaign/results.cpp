// SPDX-License-Identifier: MIT
#include <cstdio>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "campaign/plan_json.hpp"
#include "campaign/spread.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

namespace {

using json = nlohmann::ordered_json;

[[nodiscard]] std::string number_text(double value) {
    // The shortest text that reads back as the same number, as in the JSON.
    return json(value).dump();
}

[[nodiscard]] std::string value_text(double value, bool count) {
    return count ? std::to_string(static_cast<std::uint64_t>(value)) : number_text(value);
}

[[nodiscard]] json cell_json(const campaign_cell& cell) {
    return {{"family", lab::describe(cell.network).name},
            {"variant", lab::to_string(cell.protection)},
            {"packets_per_second", cell.packets_per_second},
            {"rtt_ms", cell.rtt_ms},
            {"hold_ms", cell.hold_ms},
            {"deadline_ms", cell.deadline_ms},
            {"payload", cell.payload}};
}

}  // namespace

std::string cell_label(const campaign_plan& plan, const campaign_cell& cell) {
    std::string out{lab::to_string(cell.protection)};
    const auto add = [&](bool several, const char* name, double value) {
        if (several) out += std::string{", "} + name + ' ' + number_text(value);
    };
    add(plan.packets_per_second.size() > 1, "pps", cell.packets_per_second);
    add(plan.rtt_ms.size() > 1, "rtt", cell.rtt_ms);
    add(plan.hold_ms.size() > 1, "hold", cell.hold_ms);
    add(plan.deadline_ms.size() > 1, "deadline", cell.deadline_ms);
    add(plan.payload.size() > 1, "payload", cell.payload);
    return out;
}

std::string campaign_csv(const campaign_plan& plan, const campaign_result& result) {
    std::string out = "family,variant,packets_per_second,rtt_ms,hold_ms,deadline_ms,payload,seed";
    for (const column_info& c : columns()) (out += ',') += c.name;
    out += ",event_hash,broken\n";
    for (std::size_t i = 0; i < result.cells.size(); ++i) {
        const campaign_cell& cell = result.cells[i];
        std::string head{lab::describe(cell.network).name};
        (head += ',') += lab::to_string(cell.protection);
        head += ',' + std::to_string(cell.packets_per_second);
        for (const double value : {cell.rtt_ms, cell.hold_ms, cell.deadline_ms}) head += ',' + number_text(value);
        head += ',' + std::to_string(cell.payload);
        for (std::size_t place = 0; place < result.runs[i].size(); ++place) {
            const campaign_run& run = result.runs[i][place];
            out += head + ',' + std::to_string(plan.first_seed + place);
            for (std::size_t c = 0; c < columns().size(); ++c)
                out += ',' + value_text(run.values[c], columns()[c].count);
            out += ',' + lab::hash_text(run.event_hash) + ',' + run.broken + '\n';
        }
    }
    return out;
}

std::string campaign_json(const campaign_plan& plan, const campaign_result& result) {
    json out{{"plan", plan_json(plan)}, {"cells", json::array()}};
    std::vector<double> values;
    for (std::size_t i = 0; i < result.cells.size(); ++i) {
        json row = cell_json(result.cells[i]);
        std::size_t broken = 0;
        for (const campaign_run& run : result.runs[i]) broken += run.broken.empty() ? 0 : 1;
        row["runs"] = result.runs[i].size();
        row["broken"] = broken;
        for (std::size_t c = 0; c < columns().size(); ++c) {
            values.clear();
            for (const campaign_run& run : result.runs[i]) values.push_back(run.values[c]);
            const spread s = spread_of(values);
            row["figures"][std::string{columns()[c].name}] = {{"mean", s.mean}, {"low", s.low},       {"high", s.high},
                                                              {"min", s.min},   {"median", s.median}, {"max", s.max}};
        }
        out["cells"].push_back(std::move(row));
    }
    return out.dump(1) + '\n';
}

}  // namespace campaign
}  // namespace v0
}  // namespace duality
