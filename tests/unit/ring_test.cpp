// SPDX-License-Identifier: MIT
#include "duality/ring.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <utility>

#include "duality/random.hpp"
#include "support/counting_allocator.hpp"

using namespace duality;
using duality::test::counting_allocator;

TEST_CASE("ring: capacity is rounded up to a power of two") {
    const std::pair<std::size_t, std::size_t> cases[] = {{0, 1}, {1, 1}, {2, 2}, {3, 4}, {64, 64}, {65, 128}};
    for (const auto& [asked, given] : cases) {
        ring<int> r;
        REQUIRE(r.create(asked, allocator::system()));
        CHECK(r.capacity() == given);
        CHECK(r.empty());
    }
}

TEST_CASE("ring: a full one refuses and loses nothing") {
    ring<int> r;
    REQUIRE(r.create(4, allocator::system()));
    for (int i = 0; i < 4; ++i) REQUIRE(r.push(i));
    CHECK(r.full());
    CHECK_FALSE(r.push(99));
    CHECK(r.front() == 0);
    CHECK(r.back() == 3);
    for (int i = 0; i < 4; ++i) CHECK(r.pop() == i);
    CHECK(r.empty());
    CHECK(r.push(99));
}

TEST_CASE("ring: one that was never created refuses everything") {
    ring<int> r;
    CHECK(r.capacity() == 0);
    CHECK(r.empty());
    CHECK_FALSE(r.push(1));
}

TEST_CASE("ring and window: without memory creation says so, and takes one block with it") {
    counting_allocator none{0};
    counting_allocator memory;
    ring<int> r;
    sequence_window<int> w;
    CHECK_FALSE(r.create(8, none.get()));
    CHECK_FALSE(w.create(8, none.get()));
    CHECK_FALSE(r.push(1));

    REQUIRE(r.create(8, memory.get()));
    REQUIRE(w.create(8, memory.get()));
    const std::size_t taken = memory.calls();
    CHECK(taken == 2);
    for (int i = 0; i < 1'000; ++i) {
        REQUIRE(r.push(i));
        CHECK(r.pop() == i);
        w.insert(static_cast<std::uint64_t>(i)) = i;
    }
    CHECK(memory.calls() == taken);
}

TEST_CASE("ring: behaves as a queue under random use") {
    xoshiro256 random{11};
    ring<std::uint64_t> r;
    std::deque<std::uint64_t> model;
    REQUIRE(r.create(16, allocator::system()));
    for (int step = 0; step < 20'000; ++step) {
        if (random.chance(0.52)) {
            const std::uint64_t value = random.next();
            REQUIRE(r.push(value) == (model.size() < 16));
            if (model.size() < 16) model.push_back(value);
        } else if (!model.empty()) {
            REQUIRE(r.pop() == model.front());
            model.pop_front();
        }
        REQUIRE(r.size() == model.size());
        if (model.empty()) continue;
        REQUIRE(r.front() == model.front());
        REQUIRE(r.back() == model.back());
        const std::size_t i = static_cast<std::size_t>(random.below(model.size()));
        REQUIRE(r[i] == model[i]);
    }
}

TEST_CASE("ring: creating again starts empty; clear empties and keeps the capacity") {
    ring<int> r;
    REQUIRE(r.create(4, allocator::system()));
    REQUIRE(r.push(1));
    r.clear();
    CHECK(r.empty());
    CHECK(r.capacity() == 4);
    REQUIRE(r.push(2));
    REQUIRE(r.create(2, allocator::system()));
    CHECK(r.empty());
    CHECK(r.capacity() == 2);
}

TEST_CASE("ring: goes round in no more of its memory than it needs") {
    constexpr std::uint8_t untouched = 0xA5;
    static std::uint8_t memory[1'024 * sizeof(std::uint64_t)];
    const allocator patterned{nullptr, [](void*, std::size_t, std::size_t) noexcept -> void* { return memory; },
                              [](void*, void*, std::size_t, std::size_t) noexcept {}};
    std::fill(std::begin(memory), std::end(memory), untouched);
    const auto touched = [&] {
        return static_cast<std::size_t>(
            std::count_if(std::begin(memory), std::end(memory), [&](std::uint8_t b) { return b != untouched; }));
    };
    ring<std::uint64_t> r;
    REQUIRE(r.create(1'024, patterned));
    CHECK(r.capacity() == 1'024);
    CHECK(touched() == 0);
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        REQUIRE(r.push(i));
        if (i >= 3) REQUIRE(r.pop() == i - 3);
    }
    CHECK(touched() <= 8 * sizeof(std::uint64_t));
    std::uint64_t next = 10'000;
    while (r.push(next)) ++next;
    CHECK(r.size() == 1'024);
    for (std::uint64_t i = 10'000 - 3; i < next; ++i) REQUIRE(r.pop() == i);
}

TEST_CASE("ring: moving hands everything over") {
    ring<int> r;
    REQUIRE(r.create(4, allocator::system()));
    REQUIRE(r.push(1));
    ring<int> other = std::move(r);
    CHECK(other.pop() == 1);
    REQUIRE(other.push(2));
    ring<int> third;
    third = std::move(other);
    CHECK(third.size() == 1);
    CHECK(third.pop() == 2);
}

TEST_CASE("sequence window: finds what it holds and nothing else") {
    sequence_window<int> w;
    REQUIRE(w.create(8, allocator::system()));
    CHECK(w.find(0) == nullptr);
    w.insert(0) = 10;
    w.insert(7) = 17;
    REQUIRE(w.find(0) != nullptr);
    CHECK(*w.find(0) == 10);
    CHECK(*std::as_const(w).find(7) == 17);
    CHECK(std::as_const(w).find(1) == nullptr);
    CHECK(w.find(8) == nullptr);   // the place of 0
    CHECK(w.find(15) == nullptr);  // the place of 7
}

TEST_CASE("sequence window: a new number takes the place of the one a window ago") {
    sequence_window<int> w;
    REQUIRE(w.create(8, allocator::system()));
    w.insert(3) = 33;
    w.insert(11) = 111;
    CHECK(w.find(3) == nullptr);
    CHECK(*w.find(11) == 111);
    CHECK(w.insert(11) == 0);  // fresh each time
    w.erase(3);                // no longer there: 11 stays
    CHECK(w.find(11) != nullptr);
    w.erase(11);
    CHECK(w.find(11) == nullptr);
    w.insert(4) = 1;
    w.clear();
    CHECK(w.find(4) == nullptr);
    CHECK(w.capacity() == 8);
}

TEST_CASE("sequence window: large numbers, up to the last it can hold") {
    sequence_window<int> w;
    REQUIRE(w.create(4, allocator::system()));
    const std::uint64_t last = ~std::uint64_t{0} - 1;
    w.insert(last) = 5;
    REQUIRE(w.find(last) != nullptr);
    CHECK(*w.find(last) == 5);
    CHECK(w.find(last - 4) == nullptr);
    CHECK(w.find(last & 3) == nullptr);
}

TEST_CASE("sequence window: behaves as a map of the newest numbers under random use") {
    xoshiro256 random{13};
    sequence_window<std::uint64_t> w;
    REQUIRE(w.create(32, allocator::system()));
    std::map<std::uint64_t, std::uint64_t> model;  // place -> sequence
    std::uint64_t newest = 1'000'000;
    for (int step = 0; step < 20'000; ++step) {
        newest += random.below(3);
        const std::uint64_t sequence = newest - random.below(40);
        if (random.chance(0.6)) {
            w.insert(sequence) = sequence * 3;
            model[sequence % 32] = sequence;
        } else if (random.chance(0.2)) {
            w.erase(sequence);
            if (const auto at = model.find(sequence % 32); at != model.end() && at->second == sequence) model.erase(at);
        }
        const auto at = model.find(sequence % 32);
        const bool held = at != model.end() && at->second == sequence;
        REQUIRE((w.find(sequence) != nullptr) == held);
        if (held) REQUIRE(*w.find(sequence) == sequence * 3);
    }
}
