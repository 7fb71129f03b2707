// SPDX-License-Identifier: MIT
//
// The field, and every kernel of this machine against it, forced by name.

#include "duality/detail/gf256.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "duality/random.hpp"

using namespace duality;

namespace {

/// Multiplication by the definition: polynomials, then the remainder.
std::uint8_t by_definition(unsigned a, unsigned b) {
    unsigned product = 0;
    for (unsigned bit = 0; bit < 8; ++bit)
        if (b >> bit & 1) product ^= a << bit;
    for (unsigned bit = 14; bit >= 8; --bit)
        if (product >> bit & 1) product ^= 0x11Du << (bit - 8);
    return static_cast<std::uint8_t>(product);
}

}  // namespace

TEST_CASE("products and inverses are those of the field 0x11D") {
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b)
            REQUIRE(detail::gf256_multiply(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)) ==
                    by_definition(a, b));
        if (a != 0) REQUIRE(by_definition(a, detail::gf256_inverse(static_cast<std::uint8_t>(a))) == 1);
    }
}

TEST_CASE("an unknown kernel is refused and nothing changes; an empty name is the fastest") {
    REQUIRE(parity_force_kernel("scalar") == status::ok);
    REQUIRE(parity_force_kernel("abacus") == status::unsupported);
    REQUIRE(parity_kernel() == "scalar");
    REQUIRE(parity_force_kernel("") == status::ok);
    REQUIRE(parity_kernel() == parity_kernels().front());
    REQUIRE(parity_kernels().back() == "scalar");
}

TEST_CASE("every kernel gives the bits of the field, whatever the length and alignment") {
    for (const std::string_view name : parity_kernels()) {
        INFO("kernel " << std::string{name});
        REQUIRE(parity_force_kernel(name) == status::ok);
        const detail::gf256_kernel& kernel = detail::gf256_active();
        REQUIRE(kernel.name == name);
        xoshiro256 random{42};
        std::vector<std::size_t> sizes;
        for (std::size_t n = 0; n <= 200; ++n) sizes.push_back(n);
        for (const std::size_t n : {255u, 256u, 257u, 639u, 640u, 641u, 1199u, 1200u, 1203u, 1500u, 4097u})
            sizes.push_back(n);
        for (const std::size_t n : sizes) {
            INFO("size " << n);
            const std::size_t count = n % 7 == 0 ? 130 + n % 5 : random.below(12);
            const std::size_t rows = 1 + random.below(11);
            std::vector<std::vector<std::uint8_t>> source(count);
            std::vector<const std::uint8_t*> in;
            for (auto& s : source) {
                const std::size_t shift = random.below(64);
                s.resize(shift + n);
                for (std::uint8_t& b : s) b = static_cast<std::uint8_t>(random.next());
                in.push_back(s.data() + shift);
            }
            std::vector<std::uint8_t> coefficients(rows * count);
            for (std::uint8_t& c : coefficients) c = static_cast<std::uint8_t>(random.next());
            std::vector<std::vector<std::uint8_t>> expected(rows, std::vector<std::uint8_t>(n, 0));
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t j = 0; j < count; ++j)
                    for (std::size_t b = 0; b < n; ++b)
                        expected[r][b] ^= detail::gf256_multiply(coefficients[r * count + j], in[j][b]);

            std::vector<std::vector<std::uint8_t>> out(rows, std::vector<std::uint8_t>(n + 64, 0xC3));
            const std::size_t at = random.below(33);
            std::vector<std::uint8_t*> destinations;
            for (auto& o : out) destinations.push_back(o.data() + at);
            kernel.dot_rows(destinations.data(), nullptr, rows, in.data(), coefficients.data(), count, n);
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t b = 0; b < out[r].size(); ++b)
                    REQUIRE(out[r][b] == (b >= at && b < at + n ? expected[r][b - at] : 0xC3));

            // The same sums continued: the even ones in place, which leaves nothing, the odd ones from somewhere else.
            std::vector<std::vector<std::uint8_t>> start(rows, std::vector<std::uint8_t>(n + 1, 0xA5));
            std::vector<const std::uint8_t*> starts;
            for (std::size_t r = 0; r < rows; ++r) starts.push_back(r % 2 ? start[r].data() + 1 : destinations[r]);
            kernel.dot_rows(destinations.data(), starts.data(), rows, in.data(), coefficients.data(), count, n);
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t b = 0; b < out[r].size(); ++b) {
                    const bool inside = b >= at && b < at + n;
                    REQUIRE(out[r][b] == (!inside ? 0xC3 : r % 2 ? expected[r][b - at] ^ 0xA5 : 0));
                }

            std::vector<std::uint8_t> single(n + 2, 0x5A);
            kernel.dot(single.data() + 1, in.data(), coefficients.data(), count, n);
            for (std::size_t b = 0; b < n; ++b) REQUIRE(single[b + 1] == expected[0][b]);
            REQUIRE(single.front() == 0x5A);
            REQUIRE(single.back() == 0x5A);

            // The same sum term by term, and then scaled in place.
            std::vector<std::uint8_t> summed(n, 0);
            for (std::size_t j = 0; j < count; ++j) kernel.multiply_add(summed.data(), in[j], coefficients[j], n);
            REQUIRE(summed == expected[0]);
            const auto scale = static_cast<std::uint8_t>(1 + random.below(255));
            kernel.multiply_add(summed.data(), summed.data(), scale ^ 1, n);
            for (std::size_t b = 0; b < n; ++b) REQUIRE(summed[b] == detail::gf256_multiply(scale, expected[0][b]));

            if (count != 0) {
                std::vector<std::uint8_t> copied(n + 2, 0x5A);
                kernel.copy(copied.data() + 1, in[0], n);
                REQUIRE(std::equal(in[0], in[0] + n, copied.begin() + 1));
                REQUIRE(copied.back() == 0x5A);
            }
        }
    }
    REQUIRE(parity_force_kernel("") == status::ok);
}
