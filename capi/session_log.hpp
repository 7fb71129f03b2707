// SPDX-License-Identifier: MIT
//
// What a session tells in events, as lines for the host's log.
#pragma once

#include "duality/session_config.hpp"
#include "objects.hpp"

namespace duality::capi {

/// One line, if the host wants events of its level. Precondition: the host has a log.
void log_event(const host& owner, const session_event& event) noexcept;

}  // namespace duality::capi
