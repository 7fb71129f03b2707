// SPDX-License-Identifier: MIT
//
// The golden values were computed by a second implementation, in another language, from the published definitions.
#include "duality/random.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

using namespace duality;

namespace {

struct golden {
    std::uint64_t seed;
    std::array<std::uint64_t, 4> splitmix;
    std::array<std::uint64_t, 4> xoshiro;
    std::uint64_t ten_thousandth;
};

constexpr golden goldens[] = {
    {0,
     {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec},
     {0x53175d61490b23df, 0x61da6f3dc380d507, 0x5c0fdf91ec9a7bfc, 0x02eebf8c3bbe5e1a},
     0x619df8b7cdd5c1a7},
    {1,
     {0x910a2dec89025cc1, 0xbeeb8da1658eec67, 0xf893a2eefb32555e, 0x71c18690ee42c90b},
     {0xcfc5d07f6f03c29b, 0xbf424132963fe08d, 0x19a37d5757aaf520, 0xbf08119f05cd56d6},
     0xc63d128bab8beb4b},
    {0x0123456789abcdef,
     {0x157a3807a48faa9d, 0xd573529b34a1d093, 0x2f90b72e996dccbe, 0xa2d419334c4667ec},
     {0xb2f2a310e96bd1c5, 0xb54062465b950493, 0x87aca4a9668814b0, 0xf13d2e2448a9cffb},
     0x90fcd0f67dadd9b4},
    {0xffffffffffffffff,
     {0xe4d971771b652c20, 0xe99ff867dbf682c9, 0x382ff84cb27281e9, 0x6d1db36ccba982d2},
     {0x56ccf8ce948e27b2, 0xe68588432e5a5b90, 0xe3e9b5a48119ca8b, 0x460f19495532ae73},
     0x2acd438a77900fef},
};

struct golden_double {
    double x;
    std::uint64_t bits;
};

// The distance of a value from the exact one, in units of the value's last place.
double ulp_error(double value, long double exact) {
    const double next = std::nextafter(std::fabs(value), std::numeric_limits<double>::infinity());
    return std::fabs(static_cast<double>((value - exact) / (next - std::fabs(value))));
}

}  // namespace

TEST_CASE("splitmix64 and xoshiro256++: golden values") {
    for (const golden& g : goldens) {
        CAPTURE(g.seed);
        std::uint64_t state = g.seed;
        for (const std::uint64_t expected : g.splitmix) CHECK(splitmix64(state) == expected);
        xoshiro256 random{g.seed};
        for (const std::uint64_t expected : g.xoshiro) CHECK(random.next() == expected);
        for (int i = 5; i < 10'000; ++i) random.next();
        CHECK(random.next() == g.ten_thousandth);
    }
}

TEST_CASE("derive_seed: golden values; seed and label do not trade places") {
    CHECK(derive_seed(0, 0) == 0x890acd8dd443c47c);
    CHECK(derive_seed(1, 2) == 0xb2ffcc13bd6d4b83);
    CHECK(derive_seed(2, 1) == 0x20292890af7f16ea);
    std::set<std::uint64_t> seen;
    for (std::uint64_t seed = 0; seed < 64; ++seed)
        for (std::uint64_t label = 0; label < 64; ++label) seen.insert(derive_seed(seed, label));
    CHECK(seen.size() == 64 * 64);
}

TEST_CASE("uniform: golden values; at least 0, less than 1, multiples of 2^-53") {
    xoshiro256 random{42};
    CHECK(random.uniform() == 0.8143051451229099);
    CHECK(random.uniform() == 0.3188210400616611);
    CHECK(random.uniform() == 0.9838941681774888);
    for (int i = 0; i < 10'000; ++i) {
        const double u = random.uniform();
        if (!(u >= 0 && u < 1) || std::ldexp(u, 53) != std::floor(std::ldexp(u, 53))) FAIL("not in [0, 1): " << u);
        const double v = random.uniform(-3, 5);
        if (!(v >= -3 && v < 5)) FAIL("not in [-3, 5): " << v);
    }
}

TEST_CASE("below: golden values, and even over the range") {
    xoshiro256 random{42};
    const std::uint64_t expected[] = {1, 3, 0, 4, 1, 5, 8, 0, 5, 8, 4, 9};
    for (const std::uint64_t e : expected) CHECK(random.below(10) == e);
    CHECK(random.below(1) == 0);

    std::array<int, 7> counts{};
    for (int i = 0; i < 70'000; ++i) ++counts[static_cast<std::size_t>(random.below(7))];
    double chi_squared = 0;
    for (const int count : counts) chi_squared += (count - 10'000.0) * (count - 10'000.0) / 10'000;
    CHECK(chi_squared < 22.46);  // 6 degrees of freedom, 99.9 %

    // More than half of all 64-bit values must be drawn again here; none may come out beyond the range.
    const std::uint64_t wide = (std::uint64_t{1} << 63) + 1;
    for (int i = 0; i < 1'000; ++i)
        if (random.below(wide) >= wide) FAIL("beyond the range");
}

TEST_CASE("chance: never at 0, always at 1, as often as said between") {
    xoshiro256 random{3};
    int hits = 0;
    for (int i = 0; i < 100'000; ++i) {
        if (random.chance(0)) FAIL("a chance of 0 came true");
        if (!random.chance(1)) FAIL("a chance of 1 did not come true");
        hits += random.chance(0.1) ? 1 : 0;
    }
    CHECK(std::abs(hits - 10'000) < 380);  // four standard deviations
}

TEST_CASE("logarithm: golden bits") {
    constexpr golden_double cases[] = {
        {0.5, 0xbfe62e42fefa39ef},
        {1.0, 0x0000000000000000},
        {2.0, 0x3fe62e42fefa39ef},
        {3.0, 0x3ff193ea7aad030b},
        {10.0, 0x40026bb1bbb55516},
        {1e-300, 0xc085963447f87fb5},
        {5e-324, 0xc0874385446d71c3},
        {1e308, 0x40862991d5d62a5e},
        {0.7071067811865475, 0xbfd62e42fefa39f1},
        {0.9999999999999999, 0xbca0000000000000},
    };
    for (const golden_double& c : cases) {
        CAPTURE(c.x);
        CHECK(std::bit_cast<std::uint64_t>(detail::portable_log(c.x)) == c.bits);
    }
}

TEST_CASE("exponential function: golden bits") {
    constexpr golden_double cases[] = {
        {0.0, 0x3ff0000000000000},   {1.0, 0x4005bf0a8b14576a},    {-1.0, 0x3fd78b56362cef38},
        {0.5, 0x3ffa61298e1e069c},   {10.0, 0x40d5829dcf950560},   {-10.0, 0x3f07cd79b5647c9a},
        {700.0, 0x7f0d945df4f8ec8e}, {-700.0, 0x00d14f2b0fb9307f}, {0.34657359027997264, 0x3ff6a09e667f3bcc},
    };
    for (const golden_double& c : cases) {
        CAPTURE(c.x);
        CHECK(std::bit_cast<std::uint64_t>(detail::portable_exp(c.x)) == c.bits);
    }
}

TEST_CASE("logarithm and exponential function: within 2 ulp") {
    xoshiro256 random{5};
    double worst_log = 0;
    double worst_exp = 0;
    for (int i = 0; i < 200'000; ++i) {
        const double wide = random.uniform(-700, 700);
        const double x = i % 2 == 0 ? detail::portable_exp(wide) : random.uniform(0.5, 2);
        worst_log = std::max(worst_log, ulp_error(detail::portable_log(x), std::log(static_cast<long double>(x))));
        const double y = i % 2 == 0 ? wide : random.uniform(-1, 1);
        worst_exp = std::max(worst_exp, ulp_error(detail::portable_exp(y), std::exp(static_cast<long double>(y))));
    }
    CHECK(worst_log <= 2);
    CHECK(worst_exp <= 2);
}

TEST_CASE("gaussian and exponential: mean, spread and tails are right") {
    xoshiro256 random{17};
    constexpr int count = 200'000;
    double sum = 0;
    double squares = 0;
    int beyond_two = 0;
    double exponential_sum = 0;
    int beyond_three_means = 0;
    for (int i = 0; i < count; ++i) {
        const double g = random.gaussian();
        sum += g;
        squares += g * g;
        beyond_two += std::fabs(g) > 2 ? 1 : 0;
        const double e = random.exponential(8);
        if (!(e > 0)) FAIL("not positive: " << e);
        exponential_sum += e;
        beyond_three_means += e > 24 ? 1 : 0;
    }
    CHECK(std::fabs(sum / count) < 0.009);                              // four standard errors
    CHECK(std::fabs(squares / count - 1) < 0.0127);                     // likewise
    CHECK(std::fabs(beyond_two / double{count} - 0.045500) < 0.00187);  // 2 (1 - Phi(2))
    CHECK(std::fabs(exponential_sum / count - 8) < 0.0716);
    CHECK(std::fabs(beyond_three_means / double{count} - 0.049787) < 0.00195);  // e^-3
}

TEST_CASE("pareto: never below its scale, with the tail of its shape") {
    xoshiro256 random{19};
    constexpr int count = 200'000;
    int beyond = 0;
    for (int i = 0; i < count; ++i) {
        const double p = random.pareto(5, 2);
        if (!(p >= 5)) FAIL("below the scale: " << p);
        beyond += p > 50 ? 1 : 0;
    }
    CHECK(std::fabs(beyond / double{count} - 0.01) < 0.00089);  // (5 / 50)^2
}

TEST_CASE("random works at compile time, and a seed is a stream") {
    constexpr auto first = [] { return xoshiro256{0}.next(); }();
    static_assert(first == 0x53175d61490b23df);
    static_assert(detail::portable_log(1) == 0 && detail::portable_exp(0) == 1);
    xoshiro256 a{99};
    xoshiro256 b{99};
    xoshiro256 c{100};
    int same = 0;
    for (int i = 0; i < 1'000; ++i) {
        const std::uint64_t value = a.next();
        if (value != b.next()) FAIL("the same seed gave another stream");
        same += value == c.next() ? 1 : 0;
    }
    CHECK(same == 0);
}
