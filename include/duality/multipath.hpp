// SPDX-License-Identifier: MIT
//
// Many paths, one flow: the `scheduler` says where a packet should go, the `aggregator` makes one exactly-once flow of
// what arrives.
#pragma once

#include "duality/aggregator.hpp"
#include "duality/path.hpp"
#include "duality/scheduler.hpp"
