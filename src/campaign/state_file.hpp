// SPDX-License-Identifier: MIT
//
// What a campaign has finished so far: a line for the plan, then one for each unit. A line that was cut off when the
// campaign was killed is left out, and its unit is run again.
#pragma once

#include <cstddef>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

class state_file {
public:
    /// Takes one finished unit; false when it does not belong to the plan.
    using taker = std::function<bool(std::size_t unit, std::vector<campaign_run> runs)>;

    /// Reads what is there and goes on behind it. An error when the file belongs to another plan or to a program that
    /// behaves differently; empty when all is well.
    [[nodiscard]] std::string open(const std::string& file, const campaign_plan& plan, const taker& take);
    /// True without a file.
    [[nodiscard]] bool append(std::size_t unit, const std::vector<campaign_run>& runs);

private:
    std::ofstream out_;
    bool active_ = false;
};

}  // namespace campaign
}  // namespace v0
}  // namespace duality
