// SPDX-License-Identifier: MIT
//
// Addresses as options give them.
#pragma once

#include <string>

#include "cli/failure.hpp"
#include "io/address.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

/// ADDRESS:PORT, or ends the command with what `what` was given.
[[nodiscard]] inline io::socket_address address_from(const char* command, const std::string& what,
                                                     const std::string& text) {
    const result<io::socket_address> address = io::socket_address::parse(text);
    if (!address) fail(command, what + ": '" + text + "' is not ADDRESS:PORT, or not known");
    return address.value();
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
