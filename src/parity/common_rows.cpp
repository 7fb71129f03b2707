// SPDX-License-Identifier: MIT

#include "duality/detail/tinymt32.hpp"

namespace duality {
inline namespace v0 {
namespace detail {
namespace {

constexpr common_row_table draw() noexcept {
    common_row_table rows{};
    for (std::size_t key = 0; key < common_keys; ++key) {
        tinymt32 generator{static_cast<std::uint32_t>(key)};
        for (std::uint8_t& c : rows[key]) c = next_coefficient(generator, common_density);
    }
    return rows;
}

}  // namespace

constinit const common_row_table common_rows = draw();

}  // namespace detail
}  // namespace v0
}  // namespace duality
