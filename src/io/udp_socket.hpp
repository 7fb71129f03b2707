// SPDX-License-Identifier: MIT
//
// A UDP socket in a libuv loop: datagrams come by callback with the time they were read, and leave at once or not at
// all.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "duality/memory.hpp"
#include "duality/time.hpp"
#include "io/address.hpp"
#include "io/uv_handle.hpp"

namespace duality {
inline namespace v0 {
namespace io {

class udp_socket {
public:
    /// `bytes` is valid during the call, which must not destroy the socket.
    using receiver = std::function<void(instant now, const socket_address& from, byte_view bytes)>;

    /// Listens on `bind` (port 0: one the kernel chooses). nullptr, with the reason in `error`, when that fails.
    [[nodiscard]] static std::unique_ptr<udp_socket> create(uv_loop_t& loop, const socket_address& bind,
                                                            receiver on_datagram, std::string& error);
    udp_socket(const udp_socket&) = delete;
    udp_socket& operator=(const udp_socket&) = delete;

    /// The address really bound.
    [[nodiscard]] const socket_address& local() const noexcept { return local_; }
    /// False when the kernel did not take the datagram.
    [[nodiscard]] bool send(const socket_address& to, byte_view bytes) noexcept;

private:
    udp_socket() = default;

    handle_ptr<uv_udp_t> handle_;
    receiver on_datagram_;
    socket_address local_;
    std::vector<char> buffer_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
