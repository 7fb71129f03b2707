// SPDX-License-Identifier: MIT
//
// Reed–Solomon blocks through libfec, for interoperability with deployments that use it: the k bytes of all sources at
// one position are a codeword, shortened to k plus the repairs. In the library `duality::fec`, which exists when
// libfec was found at build time.
//
// The code is the same as `parity_code::rs` of parity_codec.hpp, bit for bit, which needs no libfec and is some hundred
// times faster; this one is the original. libfec takes memory of its own at creation, from the system. No allocation
// after `create`; one object belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "duality/memory.hpp"
#include "duality/parity_block.hpp"
#include "duality/parity_codec.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {

class libfec_code {
public:
    /// For blocks of exactly `sources` packets, 1…255 - roots.
    [[nodiscard]] static result<libfec_code> create(std::uint32_t sources, const rs_parameters& parameters) noexcept;

    libfec_code(libfec_code&& other) noexcept
        : codec_{std::exchange(other.codec_, nullptr)}, sources_{other.sources_}, roots_{other.roots_} {}
    libfec_code& operator=(libfec_code&&) = delete;
    ~libfec_code();

    /// All repairs of a block: `repairs` has one pointer per root. All symbols have `size` bytes.
    [[nodiscard]] status encode(std::span<const std::uint8_t* const> sources, std::size_t size,
                                std::span<std::uint8_t* const> repairs) noexcept;

    /// Writes the missing symbols of a block; the same contract as `block_code::decode`, except that `inconsistent`
    /// says that the symbols present contradict each other (some of the missing ones may have been written).
    [[nodiscard]] status decode(std::span<std::uint8_t* const> sources, std::span<const bool> present,
                                std::span<const block_repair> repairs, std::size_t size) noexcept;

private:
    libfec_code() noexcept = default;

    void* codec_ = nullptr;
    std::uint32_t sources_ = 0;
    std::uint32_t roots_ = 0;
};

}  // namespace v0
}  // namespace duality
