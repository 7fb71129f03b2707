// SPDX-License-Identifier: MIT
//
// The enumerations that exist in the C interface only, and the headers of all the others.
#pragma once

#include <cstdint>

#include "duality/lab/simulation.hpp"
#include "duality/parity.hpp"
#include "duality/service_level.hpp"
#include "duality/session_config.hpp"
#include "duality/status.hpp"

namespace duality::capi {

enum class log_level : std::int32_t { none, error, warning, info, debug };

enum class config_kind : std::int32_t {
    session,
    jitter_hold,
    regime,
    controller,
    scheduler,
    rlc,
    rs,
    block,
    parity_policy,
    repair_generator,
    aggregator,
    clock_sync,
    service_level,
};

}  // namespace duality::capi
