// SPDX-License-Identifier: MIT

#include "duality/parity_libfec.hpp"

#include <numeric>

extern "C" {
#include <fec.h>
}

namespace duality {
inline namespace v0 {

result<libfec_code> libfec_code::create(std::uint32_t sources, const rs_parameters& parameters) noexcept {
    config_check check{rs_bounds};
    check.in_range("rs.roots", parameters.roots)
        .in_range("rs.first_root", parameters.first_root)
        .in_range("rs.primitive", parameters.primitive)
        .require("rs.primitive", std::gcd(parameters.primitive, 255u) == 1)
        .require("sources", sources >= 1 && sources + parameters.roots <= 255);
    if (!check.ok()) return check.error();
    libfec_code code;
    code.sources_ = sources;
    code.roots_ = parameters.roots;
    code.codec_ =
        init_rs_char(8, 0x11D, static_cast<int>(parameters.first_root), static_cast<int>(parameters.primitive),
                     static_cast<int>(parameters.roots), static_cast<int>(255 - parameters.roots - sources));
    if (code.codec_ == nullptr) return status::out_of_memory;
    return code;
}

libfec_code::~libfec_code() {
    if (codec_ != nullptr) free_rs_char(codec_);
}

status libfec_code::encode(std::span<const std::uint8_t* const> sources, std::size_t size,
                           std::span<std::uint8_t* const> repairs) noexcept {
    if (sources.size() != sources_ || repairs.size() != roots_) return status::invalid_argument;
    std::uint8_t word[255];
    for (std::size_t b = 0; b < size; ++b) {
        for (std::size_t j = 0; j < sources_; ++j) word[j] = sources[j][b];
        encode_rs_char(codec_, word, word + sources_);
        for (std::size_t i = 0; i < roots_; ++i) repairs[i][b] = word[sources_ + i];
    }
    return status::ok;
}

status libfec_code::decode(std::span<std::uint8_t* const> sources, std::span<const bool> present,
                           std::span<const block_repair> repairs, std::size_t size) noexcept {
    if (sources.size() != sources_ || present.size() != sources_) return status::invalid_argument;
    const std::uint8_t* repair[255] = {};
    for (const block_repair& r : repairs) {
        if (r.index >= roots_ || repair[r.index] != nullptr) return status::malformed;
        repair[r.index] = r.symbol;
    }
    // Erasure positions count from the first source: the zeros that fill a shortened codeword are not counted.
    int erased[255];
    int count = 0;
    for (std::size_t j = 0; j < sources_; ++j)
        if (!present[j]) erased[count++] = static_cast<int>(j);
    if (count == 0) return status::ok;
    for (std::size_t i = 0; i < roots_; ++i)
        if (repair[i] == nullptr) erased[count++] = static_cast<int>(sources_ + i);
    if (count > static_cast<int>(roots_)) return status::need_more;

    for (std::size_t b = 0; b < size; ++b) {
        std::uint8_t word[255];
        int positions[255];
        for (std::size_t j = 0; j < sources_; ++j) word[j] = present[j] ? sources[j][b] : std::uint8_t{0};
        for (std::size_t i = 0; i < roots_; ++i)
            word[sources_ + i] = repair[i] != nullptr ? repair[i][b] : std::uint8_t{0};
        for (int e = 0; e < count; ++e) positions[e] = erased[e];
        if (decode_rs_char(codec_, word, positions, count) < 0) return status::inconsistent;
        for (std::size_t j = 0; j < sources_; ++j) {
            if (!present[j])
                sources[j][b] = word[j];
            else if (word[j] != sources[j][b])
                return status::inconsistent;
        }
    }
    return status::ok;
}

}  // namespace v0
}  // namespace duality
