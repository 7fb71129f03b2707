// SPDX-License-Identifier: MIT
//
// What fuzz targets make of their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace duality::test {

/// Cuts values off the bytes of a run; zeros once they are used up.
class reader {
public:
    reader(const std::uint8_t* data, std::size_t size) noexcept : data_{data}, size_{size} {}
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    template <class T>
    T take() noexcept {
        T value{};
        const std::size_t n = size_ < sizeof(T) ? size_ : sizeof(T);
        std::memcpy(&value, data_, n);
        data_ += n;
        size_ -= n;
        return value;
    }

private:
    const std::uint8_t* data_;
    std::size_t size_;
};

/// Ends the run as a finding.
inline void require(bool holds) {
    if (!holds) __builtin_trap();
}

}  // namespace duality::test
