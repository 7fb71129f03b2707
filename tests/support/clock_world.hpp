// SPDX-License-Identifier: MIT
//
// A clock, another one that drifts, and a network between them, in virtual time: what `clock_sync` should find out.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "duality/clock_sync.hpp"
#include "duality/random.hpp"

namespace duality::test {

enum class jitter_shape : std::uint8_t {
    folded,  ///< |N(0, sigma)| above the idle path's delay, as on the lab's links
    normal,  ///< N(0, sigma) around it, cut off at no delay
};

struct clock_world_config {
    duration forward = duration::from_ms(15);  ///< idle path, one way
    duration reverse = duration::from_ms(15);
    duration sigma = duration::from_ms(5);
    jitter_shape shape = jitter_shape::folded;
    std::int64_t skew_ppm = 50;
    duration offset = duration::from_seconds(100'000);
    double loss = 0;  ///< of either direction
};

class clock_world {
public:
    clock_world(const clock_world_config& config, const clock_sync_config& rules, std::uint64_t seed)
        : model{config}, sync{std::move(clock_sync::create(rules, allocator::system())).value()}, random{seed} {}

    [[nodiscard]] instant now() const { return now_; }
    /// What the peer's clock shows.
    [[nodiscard]] media_time peer_clock(instant at) const {
        return media_time::from_ns((at + model.offset + duration::from_ns(at.ns() / 1'000'000 * model.skew_ppm)).ns());
    }
    [[nodiscard]] duration true_offset() const { return duration::from_ns(peer_clock(now_).ns() - now_.ns()); }
    /// Of what is shown now; absolute.
    [[nodiscard]] duration error() const {
        const duration e = sync.estimate(now_).offset - true_offset();
        return e < duration::zero() ? -e : e;
    }
    [[nodiscard]] bool inside_bound() const { return error() <= sync.estimate(now_).error_bound; }

    /// Requests when due while `asking`, carries them there and back. `on_answer` is called after each response.
    void run_until(instant end, const std::function<void()>& on_answer = {}) {
        for (;;) {
            const instant ask = asking ? std::max(sync.next_request(), now_) : instant::never();
            const instant answer = answers_.empty() ? instant::never() : answers_.begin()->first;
            const instant next = std::min(ask, answer);
            if (next > end) break;
            now_ = std::max(now_, next);
            if (answer <= ask) {
                const exchange x = answers_.begin()->second;
                answers_.erase(answers_.begin());
                (void)sync.on_response(now_, x.t1, x.t2, x.t3);
                newest = x;
                if (on_answer) on_answer();
                continue;
            }
            const instant t1 = sync.on_request(now_);
            if (random.chance(model.loss) || random.chance(model.loss)) continue;
            const instant there = now_ + one_way(model.forward);
            const instant leaves = there + duration::from_us(static_cast<std::int64_t>(random.below(5'000)));
            answers_.emplace(leaves + one_way(model.reverse), exchange{t1, peer_clock(there), peer_clock(leaves)});
        }
        now_ = std::max(now_, end);
    }

    /// Its answer arrives at `now()`.
    struct exchange {
        instant t1;
        media_time t2;
        media_time t3;
    };

    clock_world_config model;
    clock_sync sync;
    xoshiro256 random;
    bool asking = true;
    exchange newest{};

private:
    [[nodiscard]] duration one_way(duration idle) {
        double jitter = random.gaussian() * static_cast<double>(model.sigma.ns());
        if (model.shape == jitter_shape::folded) jitter = std::abs(jitter);
        return std::max(idle + duration::from_ns(static_cast<std::int64_t>(jitter)), duration::zero());
    }

    std::multimap<instant, exchange> answers_;
    instant now_{};
};

}  // namespace duality::test
