// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "duality/lab/event_log.hpp"

using namespace duality;
using lab::event;
using lab::event_kind;
using lab::event_log;

namespace {

const event first{instant::from_ns(1), event_kind::submitted, 2, 3, 4};
const event second{instant::from_ns(5), event_kind::released, 6, 7, 8};

std::uint64_t hash_of(std::initializer_list<event> events) {
    event_log log;
    for (const event& e : events) log.append(e);
    return log.hash();
}

}  // namespace

TEST_CASE("the hash is the documented chain") {
    std::uint64_t expected = event_log::hash_start;
    for (const std::uint64_t word : {1u, 1u + 256u * 2u, 3u, 4u}) {
        std::uint64_t state = expected ^ word;
        expected = splitmix64(state);
    }
    CHECK(hash_of({first}) == expected);
    CHECK(hash_of({}) == event_log::hash_start);
}

TEST_CASE("the hash tells order, number and every field") {
    CHECK(hash_of({first, second}) != hash_of({second, first}));
    CHECK(hash_of({first, first}) != hash_of({first}));
    event changed = first;
    changed.at = instant::from_ns(2);
    CHECK(hash_of({changed}) != hash_of({first}));
    changed = first;
    changed.kind = event_kind::rejected;
    CHECK(hash_of({changed}) != hash_of({first}));
    changed = first;
    changed.subject = 0xFFFFFFFF;
    CHECK(hash_of({changed}) != hash_of({first}));
    changed = first;
    changed.a = 0;
    CHECK(hash_of({changed}) != hash_of({first}));
    changed = first;
    changed.b = 0;
    CHECK(hash_of({changed}) != hash_of({first}));
}

TEST_CASE("events are kept only when asked for, and the hash does not depend on it") {
    event_log plain;
    event_log keeping{event_log::retention::all};
    for (event_log* log : {&plain, &keeping}) {
        log->append(first);
        log->append(second);
    }
    CHECK(plain.events().empty());
    REQUIRE(keeping.events().size() == 2);
    CHECK(keeping.events()[1] == second);
    CHECK(plain.hash() == keeping.hash());
    CHECK(plain.count() == 2);
    CHECK(to_string(event_kind::released) == "released");
}
