// SPDX-License-Identifier: MIT
#include "duality/sequence.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "duality/random.hpp"

using namespace duality;

TEST_CASE("serial_distance: ahead is positive, across the wrap too") {
    CHECK(serial_distance<std::uint16_t>(5, 5) == 0);
    CHECK(serial_distance<std::uint16_t>(5, 8) == 3);
    CHECK(serial_distance<std::uint16_t>(8, 5) == -3);
    CHECK(serial_distance<std::uint16_t>(65'535, 0) == 1);
    CHECK(serial_distance<std::uint16_t>(0, 65'535) == -1);
    CHECK(serial_distance<std::uint16_t>(0, 32'767) == 32'767);
    CHECK(serial_distance<std::uint32_t>(0xFFFF'FFF0u, 0x10u) == 0x20);
    CHECK(serial_distance<std::uint64_t>(~std::uint64_t{0}, 1) == 2);
    CHECK(serial_distance<std::uint8_t>(250, 4) == 10);
}

TEST_CASE("serial_distance: half the circle is the most negative value both ways") {
    CHECK(serial_distance<std::uint16_t>(0, 32'768) == -32'768);
    CHECK(serial_distance<std::uint16_t>(32'768, 0) == -32'768);
    CHECK_FALSE(serial_less<std::uint16_t>(0, 32'768));
    CHECK_FALSE(serial_less<std::uint16_t>(32'768, 0));
}

TEST_CASE("serial_less: RFC 1982 order of 8-bit numbers") {
    // The examples of RFC 1982, section 5.2.
    CHECK(serial_less<std::uint8_t>(0, 1));
    CHECK(serial_less<std::uint8_t>(0, 44));
    CHECK(serial_less<std::uint8_t>(0, 100));
    CHECK(serial_less<std::uint8_t>(44, 100));
    CHECK(serial_less<std::uint8_t>(100, 200));
    CHECK(serial_less<std::uint8_t>(200, 255));
    CHECK(serial_less<std::uint8_t>(255, 0));
    CHECK(serial_less<std::uint8_t>(255, 100));
    CHECK(serial_less<std::uint8_t>(200, 0));
    CHECK(serial_less<std::uint8_t>(200, 44));
    CHECK_FALSE(serial_less<std::uint8_t>(7, 7));
}

TEST_CASE("unwrap_nearest: goes forward and back by less than half the circle") {
    CHECK(unwrap_nearest(1'000, 1'000, 16) == 1'000);
    CHECK(unwrap_nearest(65'530, 3, 16) == 65'539);
    CHECK(unwrap_nearest(65'539, 65'530, 16) == 65'530);
    CHECK(unwrap_nearest(0, 32'767, 16) == 32'767);
    CHECK(unwrap_nearest(0, 32'768, 16) == -32'768);
    CHECK(unwrap_nearest(0, 65'535, 16) == -1);
    CHECK(unwrap_nearest(-1, 0, 16) == 0);
    CHECK(unwrap_nearest(7, 1, 1) == 7);
    CHECK(unwrap_nearest(7, 0, 1) == 6);
}

TEST_CASE("unwrap_nearest: bits above the given ones are not looked at") {
    CHECK(unwrap_nearest(70'000, 0xABCD'0000'0000'1171u, 16) == 0x11171);
    CHECK(unwrap_nearest(5, ~std::uint64_t{0}, 63) == -1);
}

TEST_CASE("unwrap_nearest: inverse of truncation for everything within half the circle") {
    xoshiro256 random{7};
    for (int i = 0; i < 20'000; ++i) {
        const auto bits = static_cast<unsigned>(1 + random.below(62));
        const std::int64_t half = std::int64_t{1} << (bits - 1);
        const auto reference = static_cast<std::int64_t>(random.next() >> 2);
        const std::int64_t offset =
            static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(half) * 2)) - half;
        const std::int64_t value = reference + offset;
        if (unwrap_nearest(reference, static_cast<std::uint64_t>(value), bits) != value) {
            CAPTURE(bits, reference, offset);
            FAIL("not the inverse");
        }
    }
}
