// SPDX-License-Identifier: MIT
//
// Figures of a run as JSON, under the same names in every command.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "duality/lab/judge.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

/// One member per figure, and the packets' fates as an object of their own.
[[nodiscard]] inline nlohmann::ordered_json figures_json(const lab::figures& f) {
    nlohmann::ordered_json out;
    for (const lab::figure_info& figure : lab::figure_table()) {
        const double value = figure.get(f);
        if (figure.count)
            out[std::string{figure.name}] = static_cast<std::uint64_t>(value);
        else
            out[std::string{figure.name}] = value;
    }
    out["fates"] = {{"delivered", f.fates.delivered},
                    {"late", f.fates.late},
                    {"unrecoverable", f.fates.unrecoverable},
                    {"rejected", f.fates.rejected},
                    {"cancelled", f.fates.cancelled}};
    return out;
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
