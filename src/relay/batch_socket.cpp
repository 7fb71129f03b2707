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
/// With GRO the kernel hands over up to 64 kB at once.
constexpr std::size_t read_buffer_bytes = 65'536;
constexpr std::size_t write_batch = 64;
constexpr std::size_t runs_max = 4 * write_batch;
/// The kernel's limits for one segmented send.
constexpr std::size_t segments_max = 60;
constexpr std::size_t segmented_bytes_max = 60'000;
constexpr std::size_t waiting_bytes_max = std::size_t{512} * 1024;
/// Sockets of a thread that have something to send at the same time, as a rule.
constexpr std::size_t spare_outboxes_max = 64;

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

/// More than the system allows everybody, where the user may have it.
void set_buffer(int fd, int by_force, int otherwise) noexcept {
    if (!set_option(fd, SOL_SOCKET, by_force, socket_buffer_bytes))
        (void)set_option(fd, SOL_SOCKET, otherwise, socket_buffer_bytes);
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

void batch_socket::use_offloads() noexcept {
    (void)set_option(fd_, SOL_UDP, UDP_GRO, 1);
    int segment = 0;
    socklen_t segment_size = sizeof segment;
    gso_ = getsockopt(fd_, SOL_UDP, UDP_SEGMENT, &segment, &segment_size) == 0;
}

std::unique_ptr<batch_socket> batch_socket::create(const socket_address& bind, std::string& error, port_use use) {
    std::unique_ptr<batch_socket> made{new batch_socket};
    if (!made->open(bind.is_ipv6() ? AF_INET6 : AF_INET, error)) return nullptr;
    const int fd = made->fd_;
    if (use == port_use::shared && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
        error = bind.to_string() + ": " + system_error();
        return nullptr;
    }
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::bind(fd, bind.native(), native_size(bind)) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        error = bind.to_string() + ": " + system_error();
        return nullptr;
    }
    made->local_ = socket_address{reinterpret_cast<const sockaddr&>(bound)};
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    (void)(bind.is_ipv6() ? set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
                          : set_option(fd, IPPROTO_IP, IP_RECVTOS, 1));
    made->use_offloads();
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
    made->use_offloads();
    return made;
}

bool batch_socket::read(const receiver& take, std::size_t batches) {
    read_memory& memory = reading();
    last_error_ = 0;
    for (std::size_t round = 0; round < batches; ++round) {
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

std::vector<std::unique_ptr<batch_socket::outbox>>& batch_socket::spare_outboxes() {
    static thread_local auto spare = [] {
        std::vector<std::unique_ptr<outbox>> made;
        made.reserve(spare_outboxes_max);
        return made;
    }();
    return spare;
}

void batch_socket::queue(const masque::udp_address& to, masque::ecn mark, byte_view bytes) {
    if (waiting_ && (waiting_->bytes.size() + bytes.size() > waiting_bytes_max || waiting_->runs.size() >= runs_max))
        flush();
    if (!waiting_) {
        auto& spare = spare_outboxes();
        if (spare.empty()) {
            waiting_ = std::make_unique<outbox>();
        } else {
            waiting_ = std::move(spare.back());
            spare.pop_back();
        }
    }
    auto& [runs, queued] = *waiting_;
    const auto joins = [&](const run& r) {
        return gso_ && !r.closed && !bytes.empty() && bytes.size() <= r.segment && r.to == to && r.mark == mark &&
               r.size / r.segment + 1 < segments_max && r.size + bytes.size() <= segmented_bytes_max;
    };
    if (!runs.empty() && joins(runs.back())) {
        runs.back().closed = bytes.size() < runs.back().segment;
        runs.back().size += bytes.size();
    } else {
        runs.push_back({to, mark, queued.size(), bytes.size(), bytes.size(), bytes.empty()});
    }
    queued.insert(queued.end(), bytes.begin(), bytes.end());
}

void batch_socket::flush() noexcept {
    send_error_ = 0;
    if (!waiting_) return;
    send_all();
    waiting_->runs.clear();
    waiting_->bytes.clear();
    auto& spare = spare_outboxes();
    if (spare.size() < spare_outboxes_max) spare.push_back(std::move(waiting_));
    waiting_.reset();
}

void batch_socket::send_all() noexcept {
    struct alignas(cmsghdr) control {
        std::array<std::uint8_t, 64> bytes{};
    };
    std::array<mmsghdr, write_batch> messages{};
    std::array<iovec, write_batch> pieces{};
    std::array<socket_address, write_batch> receivers{};
    std::array<control, write_batch> controls{};
    const std::vector<run>& runs = waiting_->runs;
    for (std::size_t first = 0; first < runs.size();) {
        const std::size_t count = std::min(write_batch, runs.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            const run& r = runs[first + i];
            pieces[i] = {waiting_->bytes.data() + r.begin, r.size};
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
        const run& refused = runs[first++];
        const bool segmented = refused.size > refused.segment;
        if (errno == EIO) gso_ = false;  // the device cannot segment after all
        // A segment that is too long refuses all of them, also a shorter one that would do.
        if (segmented && (errno == EIO || errno == EINVAL || errno == EMSGSIZE)) {
            send_unsegmented(refused);
            continue;
        }
        note_refusal(refused.segment == 0 ? 1 : (refused.size + refused.segment - 1) / refused.segment);
    }
}

/// Refused by a full buffer or for what it is. Real-time traffic does not wait for it.
void batch_socket::note_refusal(std::size_t datagrams) noexcept {
    stats_.unsent += datagrams;
    // What an earlier datagram met is told to the next one that is sent.
    if (connected_ && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) send_error_ = errno;
}

void batch_socket::send_unsegmented(const run& r) noexcept {
    const socket_address to = to_socket_address(r.to);
    for (std::size_t at = 0; at < r.size; at += r.segment) {
        const std::size_t size = std::min(r.segment, r.size - at);
        const sockaddr* const native = connected_ ? nullptr : to.native();
        if (::sendto(fd_, waiting_->bytes.data() + r.begin + at, size, MSG_DONTWAIT, native,
                     connected_ ? 0 : native_size(to)) < 0)
            note_refusal(1);
    }
}

}  // namespace io
}  // namespace v0
}  // namespace duality
