// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "campaign/campaign.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

/// Everything that a plan says.
[[nodiscard]] inline nlohmann::ordered_json plan_json(const campaign_plan& plan) {
    nlohmann::ordered_json out;
    out["families"] = nlohmann::ordered_json::array();
    for (const lab::family f : plan.families) out["families"].push_back(lab::describe(f).name);
    out["variants"] = nlohmann::ordered_json::array();
    for (const lab::variant v : plan.variants) out["variants"].push_back(lab::to_string(v));
    out["first_seed"] = plan.first_seed;
    out["seeds"] = plan.seeds;
    out["seconds"] = plan.seconds;
    out["packets_per_second"] = plan.packets_per_second;
    out["rtt_ms"] = plan.rtt_ms;
    out["hold_ms"] = plan.hold_ms;
    out["deadline_ms"] = plan.deadline_ms;
    out["payload"] = plan.payload;
    out["law"] = plan.law == control_law::reference ? "reference" : "adaptive";
    out["overhead_cap_bp"] = plan.overhead_cap_bp;
    out["level_pct"] = plan.level_pct;
    out["expected"] = nlohmann::ordered_json::array();
    for (const lab::expectation& e : plan.expected)
        out["expected"].push_back({{"figure", e.figure}, {"at_most", e.at_most}});
    return out;
}

}  // namespace campaign
}  // namespace v0
}  // namespace duality
