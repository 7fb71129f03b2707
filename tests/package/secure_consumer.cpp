// SPDX-License-Identifier: MIT
//
// A sealed path from the installed library: a key makes a channel, and the channel greets the other end. Exits with 0
// when it does.
#include <array>
#include <cstdint>
#include <cstdio>

#include "duality/secure_datagram.hpp"

using namespace duality;

int main() {
    const std::array<std::uint8_t, 32> key{1, 2, 3};
    const entropy_source counting{nullptr, [](void*, byte_span out) noexcept {
                                      std::uint8_t next = 0;  // a program asks its system for randomness
                                      for (std::uint8_t& byte : out) byte = next++;
                                      return true;
                                  }};
    auto channel = secure_channel::create({}, key, counting, allocator::system());
    if (!channel || channel->add_path(0) != status::ok) return 1;
    std::array<std::uint8_t, secure_channel::hello_size> hello{};
    path_id path = 0;
    std::size_t size = 0;
    if (!channel->poll_hello({}, path, hello, size) || size == 0) return 1;
    std::puts("secure_consumer: the channel says hello");
    return 0;
}
