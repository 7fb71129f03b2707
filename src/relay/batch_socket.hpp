// SPDX-License-Identifier: MIT
//
// A UDP socket that reads and writes many datagrams at a time, with their ECN marks. Linux only.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "duality/masque/endpoint.hpp"
#include "io/address.hpp"

namespace duality {
inline namespace v0 {
namespace io {

[[nodiscard]] masque::udp_address to_udp_address(const socket_address& address) noexcept;
[[nodiscard]] socket_address to_socket_address(const masque::udp_address& address) noexcept;

struct batch_socket_stats {
    std::uint64_t truncated = 0;    ///< datagrams longer than the buffer; dropped
    std::uint64_t unsent = 0;       ///< datagrams that the kernel did not take
    std::uint64_t read_calls = 0;   ///< recvmmsg
    std::uint64_t write_calls = 0;  ///< sendmmsg

    constexpr batch_socket_stats& operator+=(const batch_socket_stats& other) noexcept {
        truncated += other.truncated;
        unsent += other.unsent;
        read_calls += other.read_calls;
        write_calls += other.write_calls;
        return *this;
    }
};

/// Neither blocks nor waits: the caller polls `fd()`. Datagrams given to `queue` leave at `flush`, or when enough have
/// come together. Where the kernel can, datagrams of one size to one address cross it as one (GSO), and come as one (GRO).
class batch_socket {
public:
    struct datagram {
        masque::udp_address from;
        masque::ecn mark = masque::ecn::not_ect;
        byte_view bytes;
    };
    using receiver = std::function<void(const datagram&)>;

    /// May other sockets of this user have the same port?
    enum class port_use : std::uint8_t { alone, shared };

    /// Listens on `bind`. nullptr, with the reason in `error`.
    [[nodiscard]] static std::unique_ptr<batch_socket> create(const socket_address& bind, std::string& error,
                                                              port_use use = port_use::alone);
    /// Toward one address, unfragmented. nullptr and `errno` in `error_number` when the kernel refuses.
    [[nodiscard]] static std::unique_ptr<batch_socket> connect(const socket_address& peer, int& error_number);
    ~batch_socket();
    batch_socket(const batch_socket&) = delete;
    batch_socket& operator=(const batch_socket&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] const socket_address& local() const noexcept { return local_; }
    static constexpr std::size_t read_batches = 8;
    /// Hands over what has come, at most so many times 32 that the kernel handed over. False when there was nothing more;
    /// `last_error()` tells whether the kernel had a complaint about an earlier send.
    bool read(const receiver& take, std::size_t batches = read_batches);
    [[nodiscard]] int last_error() const noexcept { return last_error_; }

    /// Of the last `flush`: what the kernel said of a connected socket's peer; 0 when it had no complaint.
    [[nodiscard]] int send_error() const noexcept { return send_error_; }

    void queue(const masque::udp_address& to, masque::ecn mark, byte_view bytes);
    void flush() noexcept;

    [[nodiscard]] const batch_socket_stats& stats() const noexcept { return stats_; }

private:
    /// Datagrams of one size to one address with one mark; the last may be shorter.
    struct run {
        masque::udp_address to;
        masque::ecn mark = masque::ecn::not_ect;
        std::size_t begin = 0;
        std::size_t size = 0;
        std::size_t segment = 0;
        bool closed = false;
    };

    /// Datagrams between `queue` and `flush`. Sockets that have none have no memory for them either.
    struct outbox {
        std::vector<run> runs;
        std::vector<std::uint8_t> bytes;
    };
    [[nodiscard]] static std::vector<std::unique_ptr<outbox>>& spare_outboxes();

    batch_socket() = default;
    [[nodiscard]] bool open(int family, std::string& error);
    void use_offloads() noexcept;
    void send_all() noexcept;
    void note_refusal(std::size_t datagrams) noexcept;
    void send_unsegmented(const run& r) noexcept;

    int fd_ = -1;
    int last_error_ = 0;
    int send_error_ = 0;
    bool connected_ = false;
    bool gso_ = false;
    socket_address local_;
    std::unique_ptr<outbox> waiting_;
    batch_socket_stats stats_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
