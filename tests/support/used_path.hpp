// SPDX-License-Identifier: MIT
//
// Schedulers with paths in use, for tests that need no session around them.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <utility>
#include <vector>

#include "duality/multipath.hpp"

namespace duality::test {

using namespace literals;

[[nodiscard]] inline scheduler open_scheduler(const scheduler_config& config = {}) {
    auto made = scheduler::create(config, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}

/// With a free path 0 and a metered path 1.
[[nodiscard]] inline scheduler open_two_paths(const scheduler_config& config = {}) {
    scheduler s = open_scheduler(config);
    REQUIRE(s.add_path({}, 0, {}) == status::ok);
    REQUIRE(s.add_path({}, 1, {.cost = cost_class::metered}) == status::ok);
    return s;
}

[[nodiscard]] inline wall_time wall_of(instant now) {
    return wall_time::from_ns(now.ns());
}

[[nodiscard]] inline std::vector<path_event> events_of(scheduler& s) {
    std::vector<path_event> out;
    path_event e;
    while (s.poll_event(e)) out.push_back(e);
    return out;
}

/// A path in use whose peer reports every packet one round trip later, until it goes silent.
class used_path {
public:
    used_path(scheduler& s, path_id id, duration rtt) : s_{s}, id_{id}, rtt_{rtt} {}

    /// Sends a packet every 5 ms for a while; a report comes every 20 ms as long as the path lives.
    void run(instant& now, duration length, bool alive) {
        for (const instant end = now + length; now < end; now += 5_ms) {
            s_.activate(now, id_);
            const std::uint16_t sequence = s_.on_transmit(now, id_, 100, 128);
            sent_.push_back({now + rtt_, sequence});
            s_.handle_timeout(now);
            if (!alive || now < next_report_) continue;
            next_report_ = now + 20_ms;
            std::uint16_t newest = 0;
            bool any = false;
            while (!sent_.empty() && sent_.front().first <= now) {
                newest = sent_.front().second;
                any = true;
                sent_.erase(sent_.begin());
            }
            if (any) s_.on_report(now, id_, {id_, newest, 0_ms, {}});
        }
    }

private:
    scheduler& s_;
    path_id id_;
    duration rtt_;
    std::vector<std::pair<instant, std::uint16_t>> sent_;
    instant next_report_{};
};

}  // namespace duality::test
