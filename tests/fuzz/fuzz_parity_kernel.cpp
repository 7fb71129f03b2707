// SPDX-License-Identifier: MIT
//
// Every GF(2^8) kernel this machine has against the portable one: same bits for any length, alignment, number of
// sources and coefficients, and not a byte touched outside of the destination.

#include <cstdlib>
#include <cstring>
#include <vector>

#include "duality/detail/gf256.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace duality;
    if (size < 6) return 0;
    const std::size_t count = data[0] % 70;
    const std::size_t rows = 1 + data[1] % 12;
    const std::size_t bytes = (std::size_t{data[2]} << 8 | data[3]) % 1600;
    const std::size_t shift = data[4] % 64;
    constexpr std::size_t guard = 64;
    const std::size_t room = guard + bytes + shift + guard;
    const auto at = [&](std::size_t i) { return data[5 + i % (size - 5)]; };

    std::vector<std::vector<std::uint8_t>> source(count);
    std::vector<const std::uint8_t*> in;
    std::vector<std::uint8_t> coefficients(rows * count + 1);
    for (std::size_t j = 0; j < count; ++j) {
        // Exactly as long as needed, so that reading over the end is seen by the address sanitizer.
        source[j].resize(shift + bytes + 1);
        for (std::size_t b = 0; b < bytes; ++b) source[j][shift + b] = static_cast<std::uint8_t>(at(b * 3 + j) + b * j);
        source[j].resize(shift + bytes);
        source[j].shrink_to_fit();
        in.push_back(source[j].data() + shift);
    }
    for (std::size_t i = 0; i < rows * count; ++i) coefficients[i] = at(i * 5 + 1);

    std::vector<std::uint8_t> expected;
    for (std::size_t k = parity_kernels().size(); k-- > 0;) {  // "scalar" is the last
        if (parity_force_kernel(parity_kernels()[k]) != status::ok) std::abort();
        const detail::gf256_kernel& kernel = detail::gf256_active();
        std::vector<std::uint8_t> out(room * (2 * rows + 3), 0xC3);
        std::vector<std::uint8_t*> destinations;
        for (std::size_t r = 0; r < 2 * rows + 3; ++r)
            destinations.push_back(out.data() + r * room + guard + shift / 2);
        kernel.dot_rows(destinations.data(), nullptr, rows, in.data(), coefficients.data(), count, bytes);
        // Sums that go on from others, and from what is in their place.
        std::vector<const std::uint8_t*> starts;
        for (std::size_t r = 0; r < rows; ++r)
            starts.push_back(destinations[at(r) % 2 != 0 ? rows + 3 + r : rows - 1 - r]);
        kernel.dot_rows(destinations.data() + rows + 3, starts.data(), rows, in.data(), coefficients.data(), count,
                        bytes);
        kernel.dot(destinations[rows], in.data(), coefficients.data(), count, bytes);
        for (std::size_t j = 0; j < count; ++j)
            kernel.multiply_add(destinations[rows + 1], in[j], coefficients[j], bytes);
        kernel.multiply_add(destinations[rows + 1], destinations[rows + 1], at(2), bytes);
        if (count != 0) kernel.copy(destinations[rows + 2], in[0], bytes);
        if (expected.empty()) {
            expected = out;
            for (std::size_t b = 0; b < bytes; ++b) {
                std::uint8_t sum = 0;
                for (std::size_t j = 0; j < count; ++j) sum ^= detail::gf256_multiply(coefficients[j], in[j][b]);
                if (destinations[rows][b] != sum || destinations[0][b] != sum) std::abort();
            }
        } else if (expected != out) {
            std::abort();
        }
    }
    return 0;
}
