// SPDX-License-Identifier: MIT
//
// Connections and bonds with nothing to do: what is kept for them is packed, and is where it was when they go on.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstring>
#include <vector>

#include "duality/random.hpp"
#include "masque/home.hpp"
#include "support/counting_allocator.hpp"
#include "support/masque_world.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::bytes;
using test::masque_world;

namespace {

/// A block and what must be in it.
struct block {
    std::uint8_t* place = nullptr;
    bytes content;
    [[nodiscard]] bool is_right() const { return std::memcmp(place, content.data(), content.size()) == 0; }
};

block fill(void* place, std::size_t size, xoshiro256& random) {
    block made{static_cast<std::uint8_t*>(place), bytes(size)};
    // As in the libraries' blocks, most is zero.
    for (std::uint8_t& b : made.content)
        if (random.next() % 4 == 0) b = static_cast<std::uint8_t>(random.next());
    if (random.next() % 4 == 0) std::fill(made.content.begin(), made.content.end(), std::uint8_t{0});
    std::memcpy(made.place, made.content.data(), size);
    return made;
}

}  // namespace

TEST_CASE("a home's blocks keep their places and contents, whatever order they come, go and rest in") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        xoshiro256 random{seed};
        test::counting_allocator heap;
        home_pool pool{connection_home::usual_size};
        {
            connection_home home;
            home.open(heap.get(), &pool);
            std::vector<block> all;
            for (int step = 0; step < 3'000; ++step) {
                const std::size_t size = 1 + random.next() % (random.next() % 8 == 0 ? 12'000 : 400);
                const std::size_t which = all.empty() ? 0 : random.next() % all.size();
                const std::uint64_t choice = random.next() % 16;
                if (choice < 5) {
                    all.push_back(fill(home.allocate(size), size, random));
                } else if (choice < 8) {
                    auto* const made = static_cast<std::uint8_t*>(home.allocate_zeroed(1, size));
                    REQUIRE(std::all_of(made, made + size, [](std::uint8_t b) { return b == 0; }));
                    all.push_back(fill(made, size, random));
                } else if (choice < 13 && !all.empty()) {
                    REQUIRE(all[which].is_right());
                    home.release(all[which].place);
                    all[which] = std::move(all.back());
                    all.pop_back();
                } else if (choice < 14 && !all.empty()) {
                    block& b = all[which];
                    b.place = static_cast<std::uint8_t*>(home.reallocate(b.place, size));
                    b.content.resize(std::min(b.content.size(), size));
                    REQUIRE(b.is_right());
                    b = fill(b.place, size, random);
                } else if (choice == 15 && home.rest()) {
                    REQUIRE(home.rests());
                    REQUIRE(pool.resting() == 1);
                    home.wake();
                    REQUIRE(pool.resting() == 0);
                    for (const block& b : all) REQUIRE(b.is_right());
                }
            }
            for (const block& b : all) {
                REQUIRE(b.is_right());
                home.release(b.place);
            }
            REQUIRE(heap.live_blocks() == 0);
            REQUIRE_FALSE(home.rest());  // nothing is left
        }
        connection_home next;  // in the same place
        next.open(heap.get(), &pool);
        auto* const clean = static_cast<std::uint8_t*>(next.allocate_zeroed(1, 100'000));
        REQUIRE(std::all_of(clean, clean + 100'000, [](std::uint8_t b) { return b == 0; }));
        next.release(clean);
    }
}

TEST_CASE("a home in which nothing would be gained stays awake") {
    test::counting_allocator heap{0};
    home_pool pool{connection_home::usual_size};
    connection_home home;
    home.open(heap.get(), &pool);
    const auto size = GENERATE(std::size_t{1'000}, std::size_t{60'000});
    auto* const block = static_cast<std::uint8_t*>(home.allocate(size));
    if (block == nullptr) SKIP("this system has no pages for homes");
    std::memset(block, 7, size);
    CHECK_FALSE(home.rest());
    CHECK(std::all_of(block, block + size, [](std::uint8_t b) { return b == 7; }));
    CHECK(home.allocate(connection_home::usual_size) == nullptr);  // does not fit, and there is no other memory
    home.release(block);
}

TEST_CASE("a home that is left at rest is another's, empty") {
    test::counting_allocator heap;
    home_pool pool{connection_home::usual_size};
    {
        connection_home home;
        home.open(heap.get(), &pool);
        std::memset(home.allocate_zeroed(1, 50'000), 7, 5'000);
        (void)home.rest();
    }
    CHECK(pool.resting() == 0);
    CHECK(heap.live_blocks() == 0);
    connection_home next;
    next.open(heap.get(), &pool);
    auto* const block = static_cast<std::uint8_t*>(next.allocate_zeroed(10, 1'000));
    CHECK(std::all_of(block, block + 10'000, [](std::uint8_t b) { return b == 0; }));
    next.release(block);
}

TEST_CASE("a connection with nothing to do rests, and goes on as if it had not") {
    masque_world w;
    const auto resting = [&] { return w.relay->statistics().resting_connections; };
    bool possible = true;
    SECTION("from the client") {}
    SECTION("but not if it shall not") {
        w.relay_config.rest_after = duration::zero();
        possible = false;
    }
    w.start_tunnel();
    const flow_id flow = w.open();
    w.run_for(200_ms);
    CHECK(w.find(tunnel_event_kind::flow_open) != nullptr);
    CHECK(resting() == 0);
    std::size_t echoes = 0;
    for (int i = 0; i < 30; ++i) {
        w.run_for(4_s);  // some of it in rest, some with a keep-alive
        CHECK(resting() == (possible ? 1 : 0));
        CHECK(w.send(flow, {static_cast<std::uint8_t>(i)}) == status::ok);
        w.run_for(21_ms);
        CHECK(w.delivered().size() == ++echoes);
        CHECK(resting() == 0);
    }
    w.run_for(600_s);  // kept alive all the while
    CHECK(w.tunnel().is_connected());
    CHECK(resting() == (possible ? 1 : 0));
    w.tunnel().close(w.now);
    w.run_for(5_s);
    CHECK(w.relay->is_idle());
    CHECK(resting() == 0);
    CHECK_FALSE(w.stuck);
}

TEST_CASE("a payload of its target wakes a connection") {
    masque_world w;
    w.echo = false;
    w.start_tunnel();
    const flow_id flow = w.open();
    CHECK(w.send(flow, {1}) == status::ok);
    w.run_for(5_s);
    REQUIRE(w.at_target.size() == 1);
    CHECK(w.relay->handle_target_datagram(w.now, w.at_target[0].id, bytes{2, 3}) == status::ok);
    w.drain();
    w.run_for(11_ms);
    REQUIRE(w.delivered().size() == 1);
    CHECK(w.delivered()[0].content == bytes{2, 3});
}

TEST_CASE("a bond with nothing to do rests, and goes on as if it had not") {
    masque_world w;
    const auto resting = [&] { return w.relay->statistics().resting_bonds; };
    const bool possible = GENERATE(true, false);
    if (!possible) w.relay_config.rest_after = duration::zero();
    w.start_bond();
    w.run_for(500_ms);
    CHECK(w.count(bond_event_kind::leg_up) == 2);
    const auto& delivered = w.bonds[0]->delivered;
    // Enough to pay for the probe after which the second path is known to work; before that it is asked again and again.
    constexpr std::uint8_t first = 60;
    for (std::uint8_t i = 0; i < first; ++i) {
        CHECK(w.bond().send(w.now, bytes(200, i)) == status::ok);
        w.drain();
        w.run_for(10_ms);
    }
    std::uint64_t reports = 0;
    for (std::uint8_t i = first + 1; i <= first + 30; ++i) {
        w.run_for(4_s);
        CHECK(resting() == (possible ? 1 : 0));
        // What it did is known while it rests.
        const relay_statistics at_rest = w.relay->statistics();
        CHECK(at_rest.bonds.receiver.delivered == i - 1u);
        CHECK(at_rest.bonds.sender.source.packets == i - 1u);
        CHECK(w.bond().send(w.now, bytes(200, i)) == status::ok);
        w.drain();
        w.run_for(40_ms);
        REQUIRE(delivered.size() == i);
        CHECK(delivered.back().content == bytes(200, i));
        CHECK(resting() == 0);
        const relay_statistics awake = w.relay->statistics();
        CHECK(awake.bonds.receiver.delivered == i);
        CHECK(awake.bonds.sender.control.packets >= reports);
        reports = awake.bonds.sender.control.packets;
    }
    w.run_for(610_s);  // its paths are probed now and then all the while
    CHECK(w.count(bond_event_kind::leg_down) == 0);
    CHECK(resting() == (possible ? 1 : 0));
    SECTION("of its client") {
        w.bond().close(w.now);
        w.drain();
        w.run_for(5_s);
    }
    SECTION("of its target") {
        CHECK(w.relay->target_lost(w.now, w.targets.begin()->first) == status::ok);
        w.drain();
        w.run_for(20_ms);
        w.bond().close(w.now);
        w.drain();
        w.run_for(5_s);
    }
    CHECK(w.relay->statistics().open_bonds == 0);
    CHECK(resting() == 0);
    CHECK(w.relay->is_idle());
    CHECK_FALSE(w.stuck);
}

TEST_CASE("a path lost while a bond rests, and a payload of its target, find it awake") {
    masque_world w;
    w.echo = false;
    w.start_bond();
    w.run_for(500_ms);
    for (std::uint8_t i = 0; i < 60; ++i) {
        CHECK(w.bond().send(w.now, bytes(200, i)) == status::ok);
        w.drain();
        w.run_for(10_ms);
    }
    w.run_for(5_s);
    REQUIRE(w.at_target.size() == 60);
    CHECK(w.relay->statistics().resting_bonds == 1);
    SECTION("a path is lost") {
        CHECK(w.bond().path_down(w.now, 0) == status::ok);
        w.drain();
        w.run_for(100_ms);
        CHECK(w.relay->statistics().resting_bonds == 0);
        w.run_for(5_s);
        CHECK(w.relay->statistics().resting_bonds == 1);
    }
    SECTION("nothing happens") {}
    for (std::uint8_t i = 1; i <= 5; ++i) {
        CHECK(w.relay->handle_target_datagram(w.now, w.at_target[0].id, bytes{2, i}) == status::ok);
        w.drain();
        w.run_for(40_ms);
        REQUIRE(w.bonds[0]->delivered.size() == i);
        CHECK(w.bonds[0]->delivered.back().content == bytes{2, i});
    }
    w.relay.reset();  // as it is
}

TEST_CASE("what has no room in a home is kept beside it") {
    test::counting_allocator heap;
    {
        home_pool pool{100'000};
        plain_home home;
        home.open(heap.get(), &pool);
        const allocator memory = home.get();
        auto* const first = static_cast<std::uint8_t*>(memory.allocate(memory.user, 70'000, 64));
        auto* const second = static_cast<std::uint8_t*>(memory.allocate(memory.user, 70'000, 64));
        REQUIRE(first != nullptr);
        REQUIRE(second != nullptr);
        CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
        xoshiro256 random{7};
        const block one = fill(first, 70'000, random);
        const block other = fill(second, 70'000, random);
        CHECK(heap.live_blocks() == 1);
        CHECK(home.rest());
        CHECK(home.rests());
        CHECK(pool.resting() == 1);
        home.wake();
        CHECK(pool.resting() == 0);
        CHECK(heap.live_blocks() == 1);
        CHECK(one.is_right());
        CHECK(other.is_right());
        memory.release(memory.user, second, 70'000, 64);
        memory.release(memory.user, first, 70'000, 64);
    }
    CHECK(heap.live_blocks() == 0);
}

TEST_CASE("many connections rest, and a relay that drains or ends wakes them to say so") {
    masque_world w;
    for (std::uint16_t i = 0; i < 40; ++i) {
        w.tunnel_config.path.local.port = static_cast<std::uint16_t>(41'000 + i);
        w.start_tunnel();
        (void)w.open("198.51.100.9", 7, i);
    }
    w.run_for(3_s);
    CHECK(w.relay->statistics().open_tunnels == 40);
    const bool possible = w.relay->statistics().resting_connections == 40;
    SECTION("drained") {
        w.relay->drain(w.now);
        w.drain();
        CHECK(w.relay->statistics().resting_connections == 0);
        w.run_for(3_s);
        CHECK(w.relay->statistics().resting_connections == (possible ? 40 : 0));
    }
    SECTION("closed") {
        w.relay->close(w.now);
        w.drain();
        w.run_for(100_ms);
        for (std::size_t i = 0; i < 40; ++i) CHECK(w.tunnel(i).cause() == close_cause::peer);
        w.run_for(5_s);
        CHECK(w.relay->is_idle());
        CHECK(w.relay->statistics().resting_connections == 0);
    }
    SECTION("dropped as they are") {
        w.relay.reset();
    }
}
