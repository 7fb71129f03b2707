// SPDX-License-Identifier: MIT
//
// Parity: everything that rebuilds lost packets from extra ones. docs/parity.md explains which part is for what.
#pragma once

#include "duality/parity_block.hpp"
#include "duality/parity_codec.hpp"
#include "duality/parity_policy.hpp"
#include "duality/parity_rlc.hpp"
