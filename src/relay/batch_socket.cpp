// SPDX-License-Identifier: MIT
#include "relay/batch_socket.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr int socket_buffer_bytes = 4 << 20;
constexpr std::size_t read_batch = 32;
constexpr std::size_t read_rounds = 8;
/// With GRO the kernel hands over up to 64 kB at once.
constexpr std::size_t read_buffer_bytes = 65'536;
constexpr std::size_t write_batch = 64;
/// The kernel's limits for one segmented send.
constexpr std::size_t segments_max = 60;
constexpr std::size_t segmented_bytes_max = 60'000;
constexpr std::size_t waiting_bytes_max = std::size_t{512} * 1024;

/// Memory of a read, shared by all sockets of a thread.
struct read_memory {
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(read_batch * read_buffer_bytes);
    std::array<mmsghdr, read_batch> messages{};
    std::array<iovec, read_batch> pieces{};
    std::array<sockaddr_storage, read_batch> senders{};
    struct alignas(cmsghdr) control {
        std::array<std::uint8_t, 128> bytes;
    };
    std::array<control, read_batch> controls{};
};

[[nodiscard]] read_memory& reading() {
    static thread_local read_memory memory;
    return memory;
}

[[nodiscard]] std::string system_error() {
    return uv_strerror(uv_translate_sys_error(errno));
}

bool set_option(int fd, int level, int name, int value) noexcept {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

[[nodiscard]] socklen_t native_size(const socket_address& address) noexcept {
    return address.is_ipv6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

struct control_values {
    masque::ecn mark = masque::ecn::not_ect;
    std::size_t segment = 0;
};

[[nodiscard]] control_values read_control(msghdr& header) noexcept {
    control_values out;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        const bool v4_mark = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS;
        const bool v6_mark = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS;
        if (v4_mark || v6_mark) out.mark = static_cast<masque::ecn>(*CMSG_DATA(c) & 3);
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int segment = 0;
            std::memcpy(&segment, CMSG_DATA(c), sizeof segment);
            out.segment = static_cast<std::size_t>(std::max(segment, 0));
        }
    }
    return out;
}

template <class Value>
void add_control(msghdr& header, cmsghdr*& at, int level, int type, Value value) noexcept {
    at->cmsg_level = level;
    at->cmsg_type = type;
    at->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(at), &value, sizeof value);
    header.msg_controllen += CMSG_SPACE(sizeof value);
    at = reinterpret_cast<cmsghdr*>(reinterpret_cast<std::uint8_t*>(at) + CMSG_SPACE(sizeof value));
}

}  // namespace

masque::udp_address to_udp_address(const socket_address& address) noexcept {
    if (address.is_ipv6()) {
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address.native())->sin6_addr, bytes.size());
        return {masque::ip_address::v6(bytes), address.port()};
    }
    const auto number = ntohl(reinterpret_cast<const sockaddr_in*>(address.native())->sin_addr.s_addr);
    return {masque::ip_address::v4(number), address.port()};
}

socket_address to_socket_address(const masque::udp_address& address) noexcept {
    const byte_view ip = address.ip.bytes();
    if (address.ip.is_v6()) {
        sockaddr_in6 native{};
        native.sin6_family = AF_INET6;
        native.sin6_port = htons(address.port);
        std::memcpy(&native.sin6_addr, ip.data(), ip.size());
        return socket_address{reinterpret_cast<const sockaddr&>(native)};
    }
    sockaddr_in native{};
    native.sin_family = AF_INET;
    native.sin_port = htons(address.port);
    std::memcpy(&native.sin_addr, ip.data(), ip.size());
    return socket_address{reinterpret_cast<const sockaddr&>(native)};
}

batch_socket::~batch_socket() {
    if (fd_ >= 0) (void)::close(fd_);
}

bool batch_socket::open(int family, std::string& error) {
    fd_ = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
        error = system_error();
        return false;
    }
    const bool v6 = family == AF_INET6;
    // QUIC and the targets find out themselves what fits; nothing is cut into pieces on the way.
    (void)(v6 ? set_option(fd_, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
              : set_option(fd_, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE));
    return true;
}

std::unique_ptr<batch_socket> batch_socket::create(const socket_address& bind, std::string& error) {
    std::unique_ptr<batch_socket> made{new batch_socket};
    if (!made->open(bind.is_ipv6() ? AF_INET6 : AF_INET, error)) return nullptr;
    const int fd = made->fd_;
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::bind(fd, bind.native(), native_size(bind)) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        error = bind.to_string() + ": " + system_error();
        return nullptr;
    }
    made->local_ = socket_address{reinterpret_cast<const sockaddr&>(bound)};
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, socket_buffer_bytes);
    (void)set_option(fd, SOL_SOCKET, SO_SNDBUF, socket_buffer_bytes);
    (void)(bind.is_ipv6() ? set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
                          : set_option(fd, IPPROTO_IP, IP_RECVTOS, 1));
    (void)set_option(fd, SOL_UDP, UDP_GRO, 1);
    int segment = 0;
    socklen_t segment_size = sizeof segment;
    made->gso_ = getsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, &segment_size) == 0;
    return made;
}

std::unique_ptr<batch_socket> batch_socket::connect(const socket_address& peer, int& error_number) {
    std::unique_ptr<batch_socket> made{new batch_socket};
    std::string reason;
    error_number = 0;
    if (!made->open(peer.is_ipv6() ? AF_INET6 : AF_INET, reason) ||
        ::connect(made->fd_, peer.native(), native_size(peer)) != 0) {
        error_number = errno;
        return nullptr;
    }
    made->connected_ = true;
    return made;
}

bool batch_socket::read(const receiver& take) {
    read_memory& memory = reading();
    last_error_ = 0;
    for (std::size_t round = 0; round < read_rounds; ++round) {
        for (std::size_t i = 0; i < read_batch; ++i) {
            memory.pieces[i] = {memory.bytes.data() + i * read_buffer_bytes, read_buffer_bytes};
            msghdr& header = memory.messages[i].msg_hdr;
            header = {};
            header.msg_iov = &memory.pieces[i];
            header.msg_iovlen = 1;
            header.msg_name = &memory.senders[i];
            header.msg_namelen = sizeof memory.senders[i];
            header.msg_control = memory.controls[i].bytes.data();
            header.msg_controllen = memory.controls[i].bytes.size();
        }
        ++stats_.read_calls;
        const int count = recvmmsg(fd_, memory.messages.data(), read_batch, MSG_DONTWAIT, nullptr);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR) last_error_ = errno;
            return false;
        }
        for (int i = 0; i < count; ++i) {
            mmsghdr& message = memory.messages[static_cast<std::size_t>(i)];
            if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
                ++stats_.truncated;
                continue;
            }
            const control_values control = read_control(message.msg_hdr);
            datagram one;
            one.mark = control.mark;
            if (message.msg_hdr.msg_namelen > 0) {
                const auto* const sender = static_cast<const sockaddr*>(message.msg_hdr.msg_name);
                one.from = to_udp_address(socket_address{*sender});
            }
            const byte_view all{static_cast<const std::uint8_t*>(message.msg_hdr.msg_iov->iov_base), message.msg_len};
            const std::size_t segment = control.segment > 0 ? control.segment : std::max<std::size_t>(all.size(), 1);
            std::size_t at = 0;
            do {
                one.bytes = all.subspan(at, std::min(segment, all.size() - at));
                take(one);
                at += segment;
            } while (at < all.size());
        }
        if (static_cast<std::size_t>(count) < read_batch) return false;
    }
    return true;
}

void batch_socket::queue(const masque::udp_address& to, masque::ecn mark, byte_view bytes) {
    if (waiting_.size() + bytes.size() > waiting_bytes_max || runs_.size() >= 4 * write_batch) flush();
    const auto joins = [&](const run& r) {
        return gso_ && !r.closed && !bytes.empty() && bytes.size() <= r.segment && r.to == to && r.mark == mark &&
               r.size / r.segment + 1 < segments_max && r.size + bytes.size() <= segmented_bytes_max;
    };
    if (!runs_.empty() && joins(runs_.back())) {
        runs_.back().closed = bytes.size() < runs_.back().segment;
        runs_.back().size += bytes.size();
    } else {
        runs_.push_back({to, mark, waiting_.size(), bytes.size(), bytes.size(), bytes.empty()});
    }
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
}

void batch_socket::flush() noexcept {
    struct alignas(cmsghdr) control {
        std::array<std::uint8_t, 64> bytes{};
    };
    std::array<mmsghdr, write_batch> messages{};
    std::array<iovec, write_batch> pieces{};
    std::array<socket_address, write_batch> receivers{};
    std::array<control, write_batch> controls{};
    send_error_ = 0;
    for (std::size_t first = 0; first < runs_.size();) {
        const std::size_t count = std::min(write_batch, runs_.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            const run& r = runs_[first + i];
            pieces[i] = {waiting_.data() + r.begin, r.size};
            msghdr& header = messages[i].msg_hdr;
            header = {};
            header.msg_iov = &pieces[i];
            header.msg_iovlen = 1;
            if (!connected_) {
                receivers[i] = to_socket_address(r.to);
                header.msg_name = const_cast<sockaddr*>(receivers[i].native());  // sendmmsg does not write to it
                header.msg_namelen = native_size(receivers[i]);
            }
            controls[i] = {};
            header.msg_control = controls[i].bytes.data();
            auto* at = reinterpret_cast<cmsghdr*>(controls[i].bytes.data());
            if (r.size > r.segment)
                add_control(header, at, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(r.segment));
            if (r.mark != masque::ecn::not_ect) {
                const bool v6 = r.to.ip.is_v6();
                add_control(header, at, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
                            static_cast<int>(r.mark));
            }
            if (header.msg_controllen == 0) header.msg_control = nullptr;
        }
        ++stats_.write_calls;
        const int sent = sendmmsg(fd_, messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
        if (sent > 0) {
            first += static_cast<std::size_t>(sent);
            continue;
        }
        if (errno == EIO && gso_) {  // the device cannot segment after all
            gso_ = false;
            send_unsegmented(first, count);
            first += count;
            continue;
        }
        // What an earlier datagram met is told to the next one that is sent.
        if (connected_ && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) send_error_ = errno;
        // The first one was refused, by a full buffer or for what it is. Real-time traffic does not wait for it.
        const run& refused = runs_[first++];
        stats_.unsent += refused.segment == 0 ? 1 : (refused.size + refused.segment - 1) / refused.segment;
    }
    runs_.clear();
    waiting_.clear();
}

void batch_socket::send_unsegmented(std::size_t first, std::size_t count) noexcept {
    for (std::size_t i = first; i < first + count; ++i) {
        const run& r = runs_[i];
        const socket_address to = to_socket_address(r.to);
        for (std::size_t at = 0; at < r.size; at += r.segment) {
            const std::size_t size = std::min(r.segment, r.size - at);
            const sockaddr* const native = connected_ ? nullptr : to.native();
            if (::sendto(fd_, waiting_.data() + r.begin + at, size, MSG_DONTWAIT, native,
                         connected_ ? 0 : native_size(to)) < 0)
                ++stats_.unsent;
        }
    }
}

}  // namespace io
}  // namespace v0
}  // namespace duality
