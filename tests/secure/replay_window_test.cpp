// SPDX-License-Identifier: MIT
#include "duality/detail/replay_window.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <utility>

#include "duality/random.hpp"

using namespace duality;
using detail::replay_window;

namespace {

replay_window made(std::size_t packets) {
    replay_window w;
    REQUIRE(w.create(packets, allocator::system()));
    return w;
}

/// What it should say, by remembering everything.
struct oracle {
    std::set<std::uint64_t> seen;
    std::uint64_t size;

    [[nodiscard]] status judge(std::uint64_t n) const {
        if (!seen.empty() && *seen.rbegin() >= n && *seen.rbegin() - n >= size) return status::late;
        return seen.contains(n) ? status::duplicate : status::ok;
    }
};

}  // namespace

TEST_CASE("replay window: remembers as many as asked for") {
    for (std::size_t packets = 64; packets <= 4'096; packets += 17) REQUIRE(made(packets).size() >= packets);
}

TEST_CASE("replay window: every pair of numbers, in either order") {
    replay_window w = made(64);
    const std::uint64_t last = w.size() * 2 + 70;
    for (std::uint64_t a = 0; a < last; ++a) {
        CAPTURE(a);
        bool right = true;
        for (std::uint64_t b = 0; b < last; ++b) {
            w.clear();
            oracle truth{{a}, w.size()};
            w.mark(a);
            right = right && w.judge(a) == status::duplicate && w.judge(b) == truth.judge(b);
            if (w.judge(b) != status::ok) continue;
            w.mark(b);
            truth.seen.insert(b);
            // Nothing else was touched.
            for (std::uint64_t n = b < 65 ? 0 : b - 65; n < b + 65; ++n) right = right && w.judge(n) == truth.judge(n);
        }
        REQUIRE(right);
    }
}

TEST_CASE("replay window: long random walks with jumps") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        xoshiro256 random{seed};
        replay_window w = made(64 + random.below(200));
        oracle truth{{}, w.size()};
        std::uint64_t at = 0;
        for (int i = 0; i < 5'000; ++i) {
            at += random.below(random.chance(0.01) ? 1'000 : 4);
            const std::uint64_t back = random.below(2 * w.size());
            const std::uint64_t n = at > back && random.chance(0.5) ? at - back : at;
            const status expected = truth.judge(n);
            REQUIRE(w.judge(n) == expected);
            if (expected != status::ok) continue;
            w.mark(n);
            truth.seen.insert(n);
        }
    }
}

TEST_CASE("replay window: near the end of the numbers") {
    replay_window w = made(64);
    w.mark(~std::uint64_t{0} - 1);
    CHECK(w.judge(~std::uint64_t{0} - 1) == status::duplicate);
    CHECK(w.judge(~std::uint64_t{0} - 2) == status::ok);
    CHECK(w.judge(0) == status::late);
}
