// SPDX-License-Identifier: MIT
#include "duality/secure_datagram.hpp"

#include <openssl/crypto.h>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>

#include "secure/secure_pair.hpp"
#include "support/counting_allocator.hpp"
#include "support/wire_text.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;
using test::channel_of;
using test::greet;
using test::open;
using test::sealed;
using test::seeded_entropy;

namespace {

std::size_t openssl_allocations = 0;

/// Before OpenSSL takes anything.
const bool counting = CRYPTO_set_mem_functions(
                          [](std::size_t size, const char*, int) {
                              ++openssl_allocations;
                              return std::malloc(size);
                          },
                          [](void* memory, std::size_t size, const char*, int) {
                              ++openssl_allocations;
                              return std::realloc(memory, size);
                          },
                          [](void* memory, const char*, int) { std::free(memory); }) == 1;

const bytes hello_world{'h', 'e', 'l', 'l', 'o'};

/// Two ends that have agreed.
struct pair {
    explicit pair(const secure_config& config = {}, const secure_config& other = {.initiate = false})
        : a{channel_of(config, 1, entropy)}, b{channel_of(other, 1, entropy)} {
        greet(a, b, now);
        REQUIRE(a.established());
        REQUIRE(b.established());
    }

    seeded_entropy entropy{7};
    instant now{};
    secure_channel a;
    secure_channel b;
};

}  // namespace

TEST_CASE("secure: configuration is checked, by name") {
    struct wrong {
        const char* field;
        secure_config config;
    };
    const wrong all[] = {
        {"suite", {.suite = static_cast<aead_suite>(0)}},
        {"suite", {.suite = static_cast<aead_suite>(4)}},
        {"max_paths", {.max_paths = 0}},
        {"replay_packets", {.replay_packets = 63}},
        {"rotate_packets", {.rotate_packets = 1u << 25}},
        {"rotate_after", {.rotate_after = 10_ms}},
        {"grace", {.grace = 0_ms}},
        {"hello_interval", {.hello_interval = 0_ms}},
        {"silence", {.silence = 0_ms}},
    };
    for (const wrong& w : all) {
        CAPTURE(w.field);
        const auto made =
            secure_channel::create(w.config, test::psk_of(1), entropy_source::system(), allocator::system());
        REQUIRE_FALSE(made.has_value());
        CHECK(made.error().where.field == w.field);
    }
    for (const std::size_t size : {0u, 15u, 65u}) {
        const auto made = secure_channel::create({}, bytes(size, 1), entropy_source::system(), allocator::system());
        REQUIRE_FALSE(made.has_value());
        CHECK(made.error().where.field == "psk");
    }
    CHECK(secure_channel::create({}, test::psk_of(1), {}, allocator::system()).code() == status::invalid_argument);
}

TEST_CASE("secure: memory that runs out at any call is a clean failure") {
    for (std::size_t allowed = 0;; ++allowed) {
        test::counting_allocator memory{allowed};
        {
            const auto made = secure_channel::create({}, test::psk_of(1), entropy_source::system(), memory.get());
            if (made.has_value()) break;
            REQUIRE(made.code() == status::out_of_memory);
        }
        REQUIRE(memory.live_blocks() == 0);
        REQUIRE(allowed < 100);
    }
}

TEST_CASE("secure: three hellos agree, and both directions are open") {
    for (const aead_suite suite : {aead_suite::aes_128_gcm, aead_suite::aes_256_gcm, aead_suite::chacha20_poly1305}) {
        seeded_entropy entropy{1};
        secure_channel a = channel_of({.suite = suite, .max_paths = 2}, 1, entropy);
        secure_channel b = channel_of({.suite = suite, .initiate = false, .max_paths = 2}, 1, entropy);
        CHECK_FALSE(sealed(a, {}, 0, hello_world));
        CHECK(b.next_timeout().is_never());
        CHECK(greet(a, b, {}) <= 6);
        for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
            const auto datagram = sealed(*from, {}, 1, hello_world);
            REQUIRE(datagram);
            CHECK(datagram->size() == hello_world.size() + 20);
            CHECK(std::search(datagram->begin(), datagram->end(), hello_world.begin(), hello_world.end()) ==
                  datagram->end());
            const auto [answer, plain] = open(*to, {}, 1, *datagram);
            CHECK(answer == status::ok);
            CHECK(plain == hello_world);
        }
        CHECK(a.statistics().associations == 1);
        CHECK(b.statistics().associations == 1);
    }
}

TEST_CASE("secure: the bytes are those of docs/wire-format.md, section 10.4") {
    // Made by another program, from the document.
    const char* const hello_hex[] = {
        "800101a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00000000000000000000000000000000c45b22e6ae88970feb0a48cf05a33d63",
        "800101b0b1b2b3b4b5b6b7b8b9babbbcbdbebfa0a1a2a3a4a5a6a7a8a9aaabacadaeaf76f7f2792cef99de73d829f8f53763f1",
        "810101a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfd385f0350d93d7b5ebb9cf6738b68d12"};
    bytes psk(32);
    for (std::size_t i = 0; i < psk.size(); ++i) psk[i] = static_cast<std::uint8_t>(i);
    const auto counting_from = [](std::uint8_t& first) {
        return entropy_source{
            &first, [](void* user, byte_span out) noexcept {
                for (std::uint8_t& b : out)
                    b = static_cast<std::uint8_t>(*static_cast<std::uint8_t*>(user) + (&b - out.data()));
                return true;
            }};
    };
    std::uint8_t salt_a = 0xA0;
    std::uint8_t salt_b = 0xB0;
    auto a = secure_channel::create({.rotate_packets = 16}, psk, counting_from(salt_a), allocator::system());
    auto b = secure_channel::create({.initiate = false}, psk, counting_from(salt_b), allocator::system());
    REQUIRE(a->add_path(1) == status::ok);
    REQUIRE(b->add_path(1) == status::ok);
    secure_channel* ends[] = {&*a, &*b};
    for (std::size_t i = 0; i < 3; ++i) {
        const auto hello = test::hellos(*ends[i % 2], {});
        REQUIRE(hello.size() == 1);
        CHECK(test::to_hex(hello.front().second) == hello_hex[i]);
        CHECK(open(*ends[1 - i % 2], {}, 1, hello.front().second).answer == status::no_change);
    }
    CHECK(test::to_hex(*sealed(*a, {}, 1, hello_world)) == "40000000c1b6fab6a735f66fe10408058b9f3c5cbab503a202");
    for (int i = 1; i < 16; ++i) (void)sealed(*a, {}, 1, hello_world);
    CHECK(test::to_hex(*sealed(*a, {}, 1, hello_world)) == "500000103f2f5d3fe421682a34cee9070be2ca89066a983784");
}

TEST_CASE("secure: both may begin at once, from behind what lets nobody in") {
    seeded_entropy entropy{2};
    secure_channel a = channel_of({}, 1, entropy);
    secure_channel b = channel_of({}, 1, entropy);
    // The first hellos cross each other.
    const auto first = test::hellos(a, {});
    const auto second = test::hellos(b, {});
    for (const auto& [path, hello] : first) CHECK(open(b, {}, path, hello).answer == status::no_change);
    for (const auto& [path, hello] : second) CHECK(open(a, {}, path, hello).answer == status::no_change);
    greet(a, b, {});
    REQUIRE(a.established());
    REQUIRE(b.established());
    CHECK(open(b, {}, 0, *sealed(a, {}, 0, hello_world)).answer == status::ok);
    CHECK(open(a, {}, 0, *sealed(b, {}, 0, hello_world)).answer == status::ok);
}

TEST_CASE("secure: the first sealed datagram stands for a lost last hello") {
    seeded_entropy entropy{3};
    secure_channel a = channel_of({}, 1, entropy);
    secure_channel b = channel_of({.initiate = false}, 1, entropy);
    for (const auto& [path, hello] : test::hellos(a, {})) (void)open(b, {}, path, hello);
    for (const auto& [path, hello] : test::hellos(b, {})) (void)open(a, {}, path, hello);
    REQUIRE(a.established());
    REQUIRE_FALSE(b.established());
    CHECK_FALSE(test::hellos(a, {}).empty());  // lost
    CHECK(open(b, {}, 0, *sealed(a, {}, 0, hello_world)).answer == status::ok);
    CHECK(b.established());
}

TEST_CASE("secure: lost hellos come again, ever more slowly") {
    seeded_entropy entropy{4};
    secure_channel a = channel_of({}, 1, entropy);
    instant now{};
    std::vector<duration> waits;
    for (int i = 0; i < 8; ++i) {
        CHECK(test::hellos(a, now).size() == 2);  // one per path
        CHECK(test::hellos(a, now).empty());
        waits.push_back(a.next_timeout() - now);
        now = a.next_timeout();
    }
    CHECK(waits.front() == 100_ms);
    CHECK(waits.back() == 2_s);
    secure_channel b = channel_of({.initiate = false}, 1, entropy);
    greet(a, b, now);
    CHECK(b.established());
}

TEST_CASE("secure: what is not sealed for this path and direction is refused") {
    pair p;
    const bytes datagram = *sealed(p.a, p.now, 0, hello_world);
    CHECK(open(p.b, p.now, 1, datagram).answer == status::malformed);
    CHECK(open(p.b, p.now, 7, datagram).answer == status::unknown_path);
    CHECK(open(p.a, p.now, 0, datagram).answer == status::malformed);  // back to who sealed it
    CHECK(open(p.b, p.now, 0, datagram).answer == status::ok);
    CHECK(open(p.b, p.now, 0, datagram).answer == status::duplicate);
    CHECK(p.b.statistics().forged == 1);
    CHECK(p.a.statistics().forged == 1);
    CHECK(p.b.statistics().replayed == 1);
    CHECK(p.b.statistics().opened == 1);
}

TEST_CASE("secure: every changed, missing or added byte of a datagram or hello is refused") {
    pair p;
    const bytes datagram = *sealed(p.a, p.now, 0, hello_world);
    for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
        bytes changed = datagram;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        const status answer = open(p.b, p.now, 0, changed).answer;
        REQUIRE((failed(answer) || answer == status::late));
    }
    for (std::size_t size = 0; size < datagram.size(); ++size)
        REQUIRE(failed(
            open(p.b, p.now, 0, bytes(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(size))).answer));
    bytes longer = datagram;
    longer.push_back(0);
    REQUIRE(failed(open(p.b, p.now, 0, longer).answer));
    CHECK(open(p.b, p.now, 0, datagram).answer == status::ok);

    seeded_entropy entropy{5};
    secure_channel c = channel_of({}, 1, entropy);
    const bytes hello = test::hellos(c, p.now).front().second;
    const std::uint64_t before = p.b.statistics().hellos_received;
    for (std::size_t bit = 0; bit < hello.size() * 8; ++bit) {
        bytes changed = hello;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        REQUIRE(failed(open(p.b, p.now, 0, changed).answer));
    }
    CHECK(p.b.statistics().hellos_received == before);
    CHECK(test::hellos(p.b, p.now).empty());  // nobody is answered who cannot prove himself
}

TEST_CASE("secure: another key, another suite and one's own hello are refused") {
    seeded_entropy entropy{6};
    secure_channel a = channel_of({}, 1, entropy);
    secure_channel foreign = channel_of({.initiate = false}, 2, entropy);
    secure_channel other = channel_of({.suite = aead_suite::chacha20_poly1305, .initiate = false}, 1, entropy);
    const bytes hello = test::hellos(a, {}).front().second;
    CHECK(open(foreign, {}, 0, hello).answer == status::malformed);
    CHECK(foreign.statistics().forged == 1);
    CHECK(open(other, {}, 0, hello).answer == status::malformed);
    CHECK(other.statistics().other_suite == 1);
    CHECK(open(a, {}, 0, hello).answer == status::malformed);
    CHECK(a.statistics().reflected == 1);
    CHECK(test::hellos(foreign, {}).empty());
    CHECK(test::hellos(other, {}).empty());
}

TEST_CASE("secure: hellos recorded before do not move an association") {
    seeded_entropy entropy{8};
    secure_channel b = channel_of({.initiate = false}, 1, entropy);
    std::vector<std::pair<path_id, bytes>> recorded;
    std::vector<bytes> old_datagrams;
    for (int life = 0; life < 3; ++life) {  // the other end starts three times
        secure_channel a = channel_of({}, 1, entropy);
        for (int round = 0; round < 4; ++round) {
            for (auto& h : test::hellos(a, {})) {
                (void)open(b, {}, h.first, h.second);
                recorded.push_back(std::move(h));
            }
            for (const auto& [path, hello] : test::hellos(b, {})) (void)open(a, {}, path, hello);
        }
        REQUIRE(a.established());
        REQUIRE(b.established());
        old_datagrams.push_back(*sealed(a, {}, 0, hello_world));
        if (life < 2) {
            CHECK(open(b, {}, 0, old_datagrams.back()).answer == status::ok);
            continue;
        }
        const std::uint64_t associations = b.statistics().associations;
        CHECK(associations == 3);
        for (int i = 0; i < 3; ++i)
            for (const auto& [path, hello] : recorded) (void)open(b, {}, path, hello);
        CHECK(b.statistics().associations == associations);
        for (int i = 0; i < 2; ++i)
            CHECK(open(b, {}, 0, old_datagrams[static_cast<std::size_t>(i)]).answer != status::ok);
        CHECK(open(b, {}, 0, *sealed(a, {}, 0, hello_world)).answer == status::ok);
        CHECK(open(a, {}, 0, *sealed(b, {}, 0, hello_world)).answer == status::ok);
    }
}

TEST_CASE("secure: keys rotate by count and by time, and the one before has its grace") {
    pair p{{.rotate_packets = 16, .rotate_after = 10_s}, {.initiate = false, .grace = 1_s}};
    bytes held;
    for (int i = 0; i < 100; ++i) {
        const bytes datagram = *sealed(p.a, p.now, 0, hello_world);
        if (i == 15) {
            held = datagram;
            continue;
        }
        REQUIRE(open(p.b, p.now, 0, datagram).answer == status::ok);
        if (i == 20) CHECK(open(p.b, p.now, 0, held).answer == status::ok);  // late, with the key before
        if (i == 30) held = datagram;
    }
    CHECK(p.a.statistics().rotations == 6);
    CHECK(p.b.statistics().peer_rotations == 6);
    p.now += 10_s;
    CHECK(open(p.b, p.now, 0, *sealed(p.a, p.now, 0, hello_world)).answer == status::ok);
    CHECK(p.a.statistics().rotations == 7);

    // Past the grace the old key is worth nothing.
    bytes old;
    for (int i = 0; i < 16; ++i) {
        const bytes datagram = *sealed(p.a, p.now, 0, hello_world);
        if (i == 0)
            old = datagram;
        else
            REQUIRE(open(p.b, p.now, 0, datagram).answer == status::ok);
    }
    CHECK(p.a.statistics().rotations == 8);
    CHECK(open(p.b, p.now + 2_s, 0, old).answer == status::late);
    CHECK(p.b.statistics().expired == 1);
}

TEST_CASE("secure: a whole generation of keys may be lost") {
    pair p{{.rotate_packets = 16}};
    REQUIRE(open(p.b, p.now, 0, *sealed(p.a, p.now, 0, hello_world)).answer == status::ok);
    for (int i = 0; i < 31; ++i) (void)sealed(p.a, p.now, 0, hello_world);
    CHECK(open(p.b, p.now, 0, *sealed(p.a, p.now, 0, hello_world)).answer == status::ok);
    CHECK(p.b.statistics().peer_rotations == 1);
}

TEST_CASE("secure: a peer that started anew is found by silence, and nothing old is taken for new") {
    pair p;
    seeded_entropy entropy{9};
    const bytes before = *sealed(p.a, p.now, 0, hello_world);
    p.b = channel_of({.initiate = false}, 1, entropy);
    CHECK(open(p.b, p.now, 0, before).answer == status::wrong_state);
    CHECK(p.b.statistics().unready == 1);
    CHECK(p.a.next_timeout() == p.now + 3_s);
    CHECK(test::hellos(p.a, p.now + 2_s).empty());
    p.now += 3_s;
    greet(p.a, p.b, p.now);
    CHECK(p.a.statistics().associations == 2);
    CHECK(p.b.established());
    CHECK(open(p.b, p.now, 0, before).answer == status::malformed);
    CHECK(open(p.b, p.now, 0, *sealed(p.a, p.now, 0, hello_world)).answer == status::ok);
}

TEST_CASE("secure: what was under way when a new association began is still opened") {
    pair p;
    const bytes under_way = *sealed(p.b, p.now, 0, hello_world);
    (void)sealed(p.a, p.now, 0, hello_world);  // lost: nothing comes back
    p.now += 3_s;
    greet(p.a, p.b, p.now);
    REQUIRE(p.a.statistics().associations == 2);
    CHECK(open(p.a, p.now, 0, under_way).answer == status::ok);
    CHECK(open(p.a, p.now, 0, under_way).answer == status::duplicate);
    const bytes later = *sealed(p.b, p.now, 0, hello_world);
    CHECK(open(p.a, p.now + 6_s, 0, later).answer == status::ok);
}

TEST_CASE("secure: misuse has a status") {
    pair p;
    bytes out(24);
    std::size_t size = 0;
    CHECK(p.a.seal(p.now, 0, hello_world, out, size) == status::buffer_too_small);
    CHECK(p.a.seal(p.now, 9, hello_world, out, size) == status::unknown_path);
    CHECK(p.a.seal(p.now, 0, {}, out, size) == status::invalid_argument);
    const bytes datagram = *sealed(p.a, p.now, 0, hello_world);
    CHECK(p.b.open(p.now, 0, datagram, out, size) == status::buffer_too_small);
    CHECK(open(p.b, p.now, 0, datagram).answer == status::ok);
    CHECK(p.a.add_path(0) == status::no_change);
    CHECK(p.a.add_path(2) == status::ok);
    CHECK(p.a.add_path(3) == status::ok);
    CHECK(p.a.add_path(4) == status::queue_full);
}

TEST_CASE("secure: without entropy nothing is agreed on, and it is counted") {
    seeded_entropy none{1};
    none.empty = true;
    secure_channel a = channel_of({}, 1, none);
    CHECK(test::hellos(a, {}).empty());
    CHECK(a.statistics().no_entropy == 1);
    none.empty = false;
    CHECK_FALSE(test::hellos(a, {}).empty());
}

TEST_CASE("secure: sealing and opening take no memory, from us or from OpenSSL") {
    REQUIRE(counting);
    for (const aead_suite suite : {aead_suite::aes_128_gcm, aead_suite::aes_256_gcm, aead_suite::chacha20_poly1305}) {
        pair p{{.suite = suite}, {.suite = suite, .initiate = false}};
        bytes datagram(1'220);
        bytes out(1'220);
        const bytes plain(1'200, 7);
        std::size_t size = 0;
        REQUIRE(p.a.seal(p.now, 0, plain, datagram, size) == status::ok);
        REQUIRE(p.b.open(p.now, 0, datagram, out, size) == status::ok);
        const std::size_t before = openssl_allocations;
        for (int i = 0; i < 1'000; ++i) {
            REQUIRE(p.a.seal(p.now, 0, plain, datagram, size) == status::ok);
            REQUIRE(p.b.open(p.now, 0, datagram, out, size) == status::ok);
            datagram[100] ^= 1;
            REQUIRE(failed(p.b.open(p.now, 1, datagram, out, size)));
        }
        CHECK(openssl_allocations == before);
    }
}
