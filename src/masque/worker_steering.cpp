// SPDX-License-Identifier: MIT
#include "duality/masque/worker_steering.hpp"

#include <algorithm>
#include <string_view>

#include "masque/tls.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

worker_steering::worker_steering(const std::array<std::uint8_t, 32>& secret, std::uint32_t workers) noexcept
    : workers_{std::clamp<std::uint32_t>(workers, 1, workers_max)} {
    constexpr std::string_view purpose = "duality worker steering";
    std::array<std::uint8_t, purpose.size() + 32> input{};
    std::copy(secret.begin(), secret.end(), std::copy(purpose.begin(), purpose.end(), input.begin()));
    const std::array<std::uint8_t, 32> digest = tls::sha256(input);
    const auto number = [&](std::size_t at) {
        return std::uint32_t{digest[at]} << 24 | std::uint32_t{digest[at + 1]} << 16 |
               std::uint32_t{digest[at + 2]} << 8 | digest[at + 3];
    };
    mixing_ = {number(0), number(4) | 1, number(8) | 1};
}

void worker_steering::lead_to(std::uint32_t worker, byte_span id) const noexcept {
    // The mixing is one-to-one, so every worker has its share of the numbers and the search ends.
    while (worker_of_id(id) != worker)
        for (std::size_t i = 0; i < id_bytes && ++id[i] == 0;) ++i;
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
