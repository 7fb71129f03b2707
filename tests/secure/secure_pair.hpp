// SPDX-License-Identifier: MIT
//
// Two secure channels and what a test needs to make them talk.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "duality/random.hpp"
#include "duality/secure_datagram.hpp"

namespace duality::test {

using bytes = std::vector<std::uint8_t>;

/// Salts that are the same in every run.
struct seeded_entropy {
    xoshiro256 random;
    bool empty = false;

    explicit seeded_entropy(std::uint64_t seed) : random{seed} {}
    [[nodiscard]] entropy_source get() noexcept {
        return {this, [](void* user, byte_span out) noexcept {
                    auto& self = *static_cast<seeded_entropy*>(user);
                    for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(self.random.next());
                    return !self.empty;
                }};
    }
};

[[nodiscard]] inline bytes psk_of(std::uint8_t first) {
    bytes out(32, 0x5A);
    out[0] = first;
    return out;
}

[[nodiscard]] inline secure_channel channel_of(const secure_config& config, std::uint8_t psk, seeded_entropy& entropy) {
    secure_channel made =
        std::move(secure_channel::create(config, psk_of(psk), entropy.get(), allocator::system())).value();
    (void)made.add_path(0);
    (void)made.add_path(1);
    return made;
}

[[nodiscard]] inline std::optional<bytes> sealed(secure_channel& by, instant now, path_id path, const bytes& plain) {
    bytes out(plain.size() + secure_channel::overhead);
    std::size_t size = 0;
    if (by.seal(now, path, plain, out, size) != status::ok) return std::nullopt;
    out.resize(size);
    return out;
}

struct opened {
    status answer;
    bytes plain;  ///< when ok
};

[[nodiscard]] inline opened open(secure_channel& by, instant now, path_id path, const bytes& datagram) {
    bytes out(datagram.size());
    std::size_t size = 0;
    const status answer = by.open(now, path, datagram, out, size);
    out.resize(answer == status::ok ? size : 0);
    return {answer, out};
}

/// Hellos that `from` wants to send now.
[[nodiscard]] inline std::vector<std::pair<path_id, bytes>> hellos(secure_channel& from, instant now) {
    std::vector<std::pair<path_id, bytes>> out;
    bytes place(secure_channel::hello_size);
    path_id path = 0;
    std::size_t size = 0;
    while (from.poll_hello(now, path, place, size)) out.emplace_back(path, bytes(place.data(), place.data() + size));
    return out;
}

/// Carries hellos to and fro until there are none.
inline int greet(secure_channel& a, secure_channel& b, instant now) {
    int carried = 0;
    for (bool any = true; any && carried < 100;) {
        any = false;
        for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
            for (const auto& [path, hello] : hellos(*from, now)) {
                (void)open(*to, now, path, hello);
                ++carried;
                any = true;
            }
        }
    }
    return carried;
}

}  // namespace duality::test
