// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

#include "duality/multipath.hpp"
#include "duality/random.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

aggregator open_aggregator(std::uint32_t window = 64) {
    auto made = aggregator::create({.window = window}, allocator::system());
    REQUIRE(made.has_value());
    return std::move(made).value();
}

media_time origin(std::int64_t ms) {
    return media_time{} + duration::from_ms(ms);
}

/// Offers the packet with this number on the wire.
aggregator::acceptance offer(aggregator& a, std::uint32_t esi, std::int64_t origin_ms = 0) {
    return a.accept({}, a.unwrap(esi), origin(origin_ms));
}

}  // namespace

TEST_CASE("aggregator: each packet is accepted exactly once, whatever the order and the copies") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        xoshiro256 random{seed};
        aggregator a = open_aggregator(128);
        // Every number twice, shuffled within 60 places.
        std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
        for (std::uint32_t esi = 0; esi < 2'000; ++esi)
            for (int copy = 0; copy < 2; ++copy) order.emplace_back(esi + random.below(60), esi);
        std::sort(order.begin(), order.end());
        (void)offer(a, 0);
        std::uint64_t accepted = 1;
        for (const auto& [place, esi] : order) accepted += offer(a, esi).code == status::ok ? 1u : 0u;
        CHECK(accepted == 2'000);
        CHECK(a.statistics().accepted == 2'000);
        CHECK(a.statistics().duplicates == 2'001);
        CHECK(a.statistics().restarts == 0);
    }
}

TEST_CASE("aggregator: holes are counted when they show and remembered with their time and origin") {
    aggregator a = open_aggregator();
    CHECK_FALSE(a.started());
    CHECK(a.accept(instant{}, a.unwrap(10), origin(100)).newly_missing == 0);
    const auto jump = a.accept(instant{} + 7_ms, a.unwrap(14), origin(140));
    CHECK(jump.code == status::ok);
    CHECK(jump.newly_missing == 3);
    for (std::uint32_t esi = 11; esi <= 13; ++esi) {
        const auto* r = a.find(a.unwrap(esi));
        REQUIRE(r != nullptr);
        CHECK_FALSE(r->known);
        CHECK(r->noticed == instant{} + 7_ms);
        CHECK(r->origin == origin(10 * std::int64_t{esi}));
        CHECK_FALSE(a.known(a.unwrap(esi)));
    }
    const auto filled = a.accept(instant{} + 9_ms, a.unwrap(12), origin(121));
    CHECK(filled.code == status::ok);
    CHECK(filled.newly_missing == 0);
    CHECK(a.known(a.unwrap(12)));
    CHECK(a.newest() == a.unwrap(14));
    CHECK(a.oldest() == a.unwrap(10));
}

TEST_CASE("aggregator: numbers go on over 2^32") {
    aggregator a = open_aggregator();
    std::uint64_t last = 0;
    for (std::uint32_t i = 0; i < 200; ++i) {
        const auto taken = offer(a, 0xFFFFFFFFu - 99 + i);
        REQUIRE(taken.code == status::ok);
        if (i > 0) CHECK(taken.esi == last + 1);
        last = taken.esi;
    }
    CHECK(offer(a, 50).code == status::duplicate);
    CHECK(offer(a, 0xFFFFFFFF).code == status::late);
}

TEST_CASE("aggregator: the first number may be any, and what came before it was never expected") {
    for (const std::uint32_t first : {0u, 1u, 0x80000000u, 0xFFFFFFFFu}) {
        aggregator a = open_aggregator();
        CHECK(offer(a, first).code == status::ok);
        CHECK(offer(a, first - 1).code == status::late);
        CHECK(offer(a, first + 1).code == status::ok);
        CHECK(a.statistics().outdated == 1);
    }
}

TEST_CASE("aggregator: below the window is outdated") {
    aggregator a = open_aggregator(64);
    CHECK(offer(a, 0).code == status::ok);
    CHECK(offer(a, 63).code == status::ok);
    CHECK(offer(a, 1).code == status::ok);
    CHECK(offer(a, 65).code == status::ok);
    CHECK(offer(a, 2).code == status::ok);  // the oldest still inside: 65 - 63
    CHECK(offer(a, 1).code == status::late);
    CHECK(offer(a, 0).code == status::late);
    CHECK(a.oldest() == a.unwrap(2));
}

TEST_CASE("aggregator: one number far ahead is a stray, a second one behind it a restart") {
    aggregator a = open_aggregator(64);
    for (std::uint32_t esi = 0; esi < 10; ++esi) REQUIRE(offer(a, esi).code == status::ok);
    CHECK(offer(a, 100'000).code == status::out_of_window);
    CHECK(a.statistics().implausible == 1);
    CHECK(a.newest() == a.unwrap(9));  // nothing moved
    CHECK(offer(a, 10).code == status::ok);
    CHECK(offer(a, 100'001).code == status::out_of_window);  // the flow went on meanwhile: a stray again
    CHECK(offer(a, 100'002).code == status::ok);
    CHECK(a.statistics().restarts == 1);
    CHECK(a.newest() == a.unwrap(100'002));
    CHECK(offer(a, 100'001).code == status::late);  // before the new beginning
    CHECK(offer(a, 11).code == status::late);
    CHECK(offer(a, 100'003).code == status::ok);
}

TEST_CASE("aggregator: the same stray twice proves nothing") {
    aggregator a = open_aggregator(64);
    REQUIRE(offer(a, 0).code == status::ok);
    for (int i = 0; i < 10; ++i) CHECK(offer(a, 5'000).code == status::out_of_window);
    CHECK(offer(a, 9'000).code == status::out_of_window);
    CHECK(a.statistics().restarts == 0);
    CHECK(a.statistics().implausible == 11);
    CHECK(offer(a, 1).code == status::ok);
}

TEST_CASE("aggregator: exactly the window's length is the most that is believed at once") {
    aggregator a = open_aggregator(64);
    REQUIRE(offer(a, 0).code == status::ok);
    CHECK(offer(a, 63).newly_missing == 62);
    CHECK(offer(a, 63 + 64).code == status::out_of_window);
}

TEST_CASE("aggregator: creation checks its configuration and its memory") {
    CHECK(aggregator::create({.window = 63}, allocator::system()).code() == status::invalid_config);
    CHECK(aggregator::create({.window = 65'537}, allocator::system()).code() == status::invalid_config);
    test::counting_allocator none{0};
    CHECK(aggregator::create({}, none.get()).code() == status::out_of_memory);
    REQUIRE(aggregator::bounds("window") != nullptr);
    CHECK(aggregator::bounds("window")->high == 65'536);
    CHECK(aggregator::bounds("height") == nullptr);
}
