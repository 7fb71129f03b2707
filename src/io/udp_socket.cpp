// SPDX-License-Identifier: MIT
#include "io/udp_socket.hpp"

#include <utility>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr std::size_t datagram_max = 65'536;
constexpr int socket_buffer_bytes = 1 << 20;

}  // namespace

std::unique_ptr<udp_socket> udp_socket::create(uv_loop_t& loop, const socket_address& bind, receiver on_datagram,
                                               std::string& error) {
    std::unique_ptr<udp_socket> made{new udp_socket};
    made->on_datagram_ = std::move(on_datagram);
    made->buffer_.resize(datagram_max);
    made->handle_ = make_handle<uv_udp_t>([&](uv_udp_t* handle) { return uv_udp_init(&loop, handle); }, error);
    if (!made->handle_) return nullptr;
    uv_udp_t* const handle = made->handle_.get();
    handle->data = made.get();

    sockaddr_storage bound{};
    int size = sizeof bound;
    int e = uv_udp_bind(handle, bind.native(), 0);
    if (e == 0) e = uv_udp_getsockname(handle, reinterpret_cast<sockaddr*>(&bound), &size);
    if (e == 0) {
        int room = socket_buffer_bytes;
        (void)uv_recv_buffer_size(reinterpret_cast<uv_handle_t*>(handle), &room);  // the default does too
        e = uv_udp_recv_start(
            handle,
            [](uv_handle_t* self, std::size_t, uv_buf_t* buffer) {
                std::vector<char>& memory = static_cast<udp_socket*>(self->data)->buffer_;
                *buffer = uv_buf_init(memory.data(), static_cast<unsigned>(memory.size()));
            },
            [](uv_udp_t* self, ssize_t bytes, const uv_buf_t* buffer, const sockaddr* from, unsigned) {
                // An error here belongs to an earlier send; without an address there is no datagram.
                if (bytes < 0 || from == nullptr) return;
                static_cast<udp_socket*>(self->data)
                    ->on_datagram_(
                        monotonic_now(), socket_address{*from},
                        {reinterpret_cast<const std::uint8_t*>(buffer->base), static_cast<std::size_t>(bytes)});
            });
    }
    if (e != 0) {
        error = bind.to_string() + ": " + uv_strerror(e);
        return nullptr;
    }
    made->local_ = socket_address{reinterpret_cast<const sockaddr&>(bound)};
    return made;
}

bool udp_socket::send(const socket_address& to, byte_view bytes) noexcept {
    // libuv does not write through the pointer; its buffers are simply not const.
    const uv_buf_t buffer = uv_buf_init(reinterpret_cast<char*>(const_cast<std::uint8_t*>(bytes.data())),
                                        static_cast<unsigned>(bytes.size()));
    return uv_udp_try_send(handle_.get(), &buffer, 1, to.native()) >= 0;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
