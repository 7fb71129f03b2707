// SPDX-License-Identifier: MIT
//
// The log of `duality impair` beside what the two ends sent and read: is every datagram there, and how late was each
// hop?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace live {

struct capture_row {
    instant at;  ///< when the network got it
    bool is_reverse = false;
    std::uint64_t ip_bytes = 0;
    bool delivered = false;
    instant due;  ///< when it was to leave
};

/// Rows of a log. False, with the reason in `error`, when a line is none.
[[nodiscard]] bool read_capture(const std::string& file, std::vector<capture_row>& rows, std::string& error);

/// One end's view: when it put a datagram on this path or read one from it.
struct hop_end {
    std::vector<instant> sent;
    std::vector<instant> read;
};

struct hop_check {
    bool agree = false;   ///< as many datagrams at either side of every hop
    duration lateness{};  ///< of the latest one: from sending to the network's log, from leaving it to being read
};

/// What sets out after `until` need not arrive.
[[nodiscard]] hop_check check_hops(const std::vector<capture_row>& rows, const hop_end& near, const hop_end& far,
                                   instant until);

}  // namespace live
}  // namespace v0
}  // namespace duality
