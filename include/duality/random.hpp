// SPDX-License-Identifier: MIT
//
// Seeded randomness, bit-identical on every compiler and machine.
//
// The generator is xoshiro256++ (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47,
// 2021), seeded by splitmix64. Distributions use only IEEE 754 additions, multiplications, divisions and square roots,
// which are correctly rounded everywhere; logarithm and exponential are our own, because those of the platforms
// differ in the last bit. Not for cryptography.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace duality {
inline namespace v0 {

/// One step of splitmix64: advances `state` and returns a well-mixed value.
[[nodiscard]] constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
    state += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/// A seed for an independent stream: the same `seed` and `label` always give the same one.
[[nodiscard]] constexpr std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t label) noexcept {
    std::uint64_t state = seed ^ (label * 0xD1342543DE82EF95u + 0x2545F4914F6CDD1Du);
    (void)splitmix64(state);
    return splitmix64(state);
}

namespace detail {

/// Natural logarithm of a finite `x > 0` within 2 ulp, the same bits everywhere.
[[nodiscard]] constexpr double portable_log(double x) noexcept {
    constexpr double ln2_high = 6.93147180369123816490e-01;  // ln 2 rounded to 32 bits, so that k * ln2_high is exact
    constexpr double ln2_low = 1.90821492927058770002e-10;
    constexpr double half_sqrt2 = 0.70710678118654752440;
    int exponent = 0;
    if (x < 2.2250738585072014e-308) {  // subnormal
        x *= 0x1p54;
        exponent = -54;
    }
    const auto bits = std::bit_cast<std::uint64_t>(x);
    exponent += static_cast<int>(bits >> 52 & 0x7FF) - 1022;
    auto m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFu) | 0x3FE0000000000000u);  // [0.5, 1)
    if (m < half_sqrt2) {
        m *= 2;
        --exponent;
    }
    // ln m = 2 artanh(s) with s = (m - 1) / (m + 1), |s| <= 0.1716.
    const double s = (m - 1) / (m + 1);
    const double s2 = s * s;
    double series = 0;
    for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * s2;
    const double k = exponent;
    return k * ln2_high + (k * ln2_low + 2 * (s + s * series));
}

/// e^x for |x| <= 700 within 2 ulp, the same bits everywhere.
[[nodiscard]] constexpr double portable_exp(double x) noexcept {
    constexpr double ln2_high = 6.93147180369123816490e-01;
    constexpr double ln2_low = 1.90821492927058770002e-10;
    constexpr double inverse_ln2 = 1.44269504088896338700;
    const double scaled = x * inverse_ln2;
    const int k = static_cast<int>(scaled + (scaled < 0 ? -0.5 : 0.5));
    const double r = (x - k * ln2_high) - k * ln2_low;  // |r| <= 0.35
    double series = 1;
    for (int i = 14; i >= 1; --i) series = 1 + series * r / i;
    const auto power = std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
    return series * power;
}

}  // namespace detail

/// xoshiro256++ and the distributions the library needs.
class xoshiro256 {
public:
    constexpr explicit xoshiro256(std::uint64_t seed) noexcept {
        for (std::uint64_t& word : state_) word = splitmix64(seed);
    }

    /// Uniform over all 64-bit values.
    constexpr std::uint64_t next() noexcept {
        const std::uint64_t value = std::rotl(state_[0] + state_[3], 23) + state_[0];
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return value;
    }

    /// Uniform in [0, n) without bias; precondition: `n > 0`.
    constexpr std::uint64_t below(std::uint64_t n) noexcept {
        const std::uint64_t excess = (0 - n) % n;  // 2^64 mod n
        std::uint64_t value = next();
        while (value < excess) value = next();
        return value % n;
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    constexpr double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }
    /// Uniform in [low, high).
    constexpr double uniform(double low, double high) noexcept { return low + (high - low) * uniform(); }
    constexpr bool chance(double probability) noexcept { return uniform() < probability; }
    /// Exponential with the given mean.
    constexpr double exponential(double mean) noexcept {
        return -mean * detail::portable_log((static_cast<double>(next() >> 11) + 0.5) * 0x1p-53);
    }
    /// Standard normal, by Marsaglia's polar method.
    double gaussian() noexcept {
        for (;;) {
            const double u = 2 * uniform() - 1;
            const double v = 2 * uniform() - 1;
            const double s = u * u + v * v;
            if (s < 1 && s > 0) return u * std::sqrt(-2 * detail::portable_log(s) / s);
        }
    }
    /// Pareto: P(X > x) = (scale / x)^shape for x >= scale > 0. Precondition: `shape >= 0.06`.
    constexpr double pareto(double scale, double shape) noexcept {
        return scale * detail::portable_exp(exponential(1.0 / shape));
    }

private:
    std::uint64_t state_[4]{};
};

}  // namespace v0
}  // namespace duality
