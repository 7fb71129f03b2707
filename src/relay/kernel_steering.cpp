// SPDX-License-Identifier: MIT
#include "relay/kernel_steering.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

#include <iterator>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

[[nodiscard]] constexpr sock_filter step(std::uint32_t code, std::uint32_t value = 0, std::uint8_t if_true = 0,
                                         std::uint8_t if_false = 0) noexcept {
    return {static_cast<std::uint16_t>(code), if_true, if_false, value};
}

}  // namespace

bool steer_in_kernel(int fd, const masque::worker_steering& steering) noexcept {
    using masque::worker_steering;
    const worker_steering::mixing& n = steering.numbers();
    // What `worker_steering::worker_of` does, step by step; the packet begins at 0, and a load beyond its end returns 0.
    sock_filter program[] = {
        step(BPF_LD | BPF_B | BPF_ABS, 0),
        step(BPF_JMP | BPF_JSET | BPF_K, 0x80, 0, 2),
        step(BPF_LD | BPF_W | BPF_ABS, worker_steering::long_offset),
        step(BPF_JMP | BPF_JA, 1),
        step(BPF_LD | BPF_W | BPF_ABS, worker_steering::short_offset),
        step(BPF_ALU | BPF_XOR | BPF_K, n.mask),
        step(BPF_ALU | BPF_MUL | BPF_K, n.first_factor),
        step(BPF_MISC | BPF_TAX),
        step(BPF_ALU | BPF_RSH | BPF_K, 16),
        step(BPF_ALU | BPF_XOR | BPF_X),
        step(BPF_ALU | BPF_MUL | BPF_K, n.second_factor),
        step(BPF_MISC | BPF_TAX),
        step(BPF_ALU | BPF_RSH | BPF_K, 16),
        step(BPF_ALU | BPF_XOR | BPF_X),
        step(BPF_ALU | BPF_MOD | BPF_K, steering.workers()),
        step(BPF_RET | BPF_A),
    };
    const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) == 0;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
