// SPDX-License-Identifier: MIT
#include "io/demo_network.hpp"

#include <string>
#include <utility>

#include "duality/random.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr lab::path_model primary_model{
    .rtt_ms = 30,
    .calm = {.jitter_sigma_ms = 3, .spikes = {.share = 0.02, .sigma_ms = 15}, .loss = {0.01, 2}},
    .outages = {{{10, 150, 400}}},
};

}  // namespace

lab::scenario demo_network(std::uint64_t seed, duration length, duration interval) noexcept {
    const duration drawn = length + lab::scenario_tail;
    return {std::string{demo_network_name},
            lab::path::create(primary_model, derive_seed(seed, 1), drawn, interval).value(),
            lab::path::create(lab::second_path_model(), derive_seed(seed, 2), drawn, interval).value(),
            length,
            interval,
            primary_model.mtu};
}

}  // namespace io
}  // namespace v0
}  // namespace duality
