// SPDX-License-Identifier: MIT

#include "duality/detail/rlc_sums.hpp"

#include <cstring>

#include "duality/detail/gf256.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

bool rlc_sums::create(std::size_t sums, std::size_t max_window, std::size_t stride, const allocator& memory) noexcept {
    stride_ = stride;
    return key_.create(sums, memory) && symbols_.create_untouched((sums + 1) * stride, memory) &&
           coefficients_.create_untouched(sums * max_window, memory) && starts_.create(sums, memory) &&
           destinations_.create(sums, memory);
}

void rlc_sums::expect(std::uint32_t window, std::uint32_t every) noexcept {
    if (every != 0) std::memset(symbol(key_.size()), 0, stride_);
    window_ = every == 0 ? 0 : window;
    every_ = every;
    in_step_ = false;
}

void rlc_sums::align(std::uint32_t next, std::uint32_t kept) noexcept {
    const std::uint32_t repair = next - window_;
    const std::uint32_t ahead = first_ - repair;  // huge when the repair came too late for the oldest sum
    if (in_step_ && (ahead == 0 || ahead % every_ == 0) && ahead < window_ + every_ && next - summed_to_ <= kept)
        return;
    in_step_ = true;
    open_ = 0;
    size_ = 0;
    first_ = repair + (window_ + every_ - 1) / every_ * every_;
    summed_to_ = next;
}

void rlc_sums::add(const std::uint8_t* const* sources, std::uint32_t next, std::size_t size, coefficient_rows& rows,
                   unsigned density, std::uint8_t* out) noexcept {
    const std::uint32_t count = next - summed_to_;
    for (std::uint32_t i = 0; i < open_; ++i) {
        const std::size_t s = slot(i);
        const std::uint32_t first = first_ + i * every_;
        const std::uint32_t covered = next - first;
        const std::uint8_t* row = rows.row(key_[s], density, covered);
        std::uint8_t* coefficients = coefficients_.data() + std::size_t{i} * count;
        if (covered <= count) {  // it begins among these sources
            std::memset(coefficients, 0, count - covered);
            std::memcpy(coefficients + (count - covered), row, covered);
            starts_[i] = symbol(key_.size());
        } else {
            if (size > size_) std::memset(symbol(s) + size_, 0, size - size_);
            std::memcpy(coefficients, row + (covered - count), count);
            starts_[i] = symbol(s);
        }
        destinations_[i] = symbol(s);
    }
    if (out != nullptr) destinations_[0] = out;
    gf256_active().dot_rows(destinations_.data(), starts_.data(), open_, sources, coefficients_.data(), count, size);
    size_ = size;
    summed_to_ = next;
    if (out == nullptr) return;
    first_ += every_;
    oldest_ = slot(1);
    --open_;
}

}  // namespace detail
}  // namespace v0
}  // namespace duality
