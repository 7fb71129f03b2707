// SPDX-License-Identifier: MIT
#include "io/impaired_path.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr std::size_t datagram_max = 65'536;
constexpr std::size_t udp_header_bytes = 8;
constexpr std::size_t ipv4_header_bytes = 20;
constexpr std::size_t ipv6_header_bytes = 40;
constexpr std::uint64_t client_silence_ns = 5'000'000'000;
constexpr int socket_buffer_bytes = 1 << 20;

struct held_datagram {
    std::uint64_t due_ns;  ///< on the clock of uv_hrtime
    std::vector<char> bytes;
};

}  // namespace

std::string_view to_string(direction way) noexcept {
    return way == direction::forward ? "forward" : "reverse";
}

std::uint64_t impaired_direction_stats::received() const noexcept {
    return std::accumulate(packets.begin(), packets.end(), std::uint64_t{0});
}

std::uint64_t impaired_direction_stats::lost() const noexcept {
    return received() - packets[static_cast<std::size_t>(lab::packet_fate::delivered)];
}

class impaired_path::impl {
public:
    explicit impl(impaired_path_config config) : config_{std::move(config)}, buffer_(datagram_max) {
        forward_.link = config_.network.forward;
        reverse_.link = config_.network.reverse;
        origin_ns_ = config_.origin_ns;
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    /// Empty on success. On failure `close` must follow all the same.
    std::string open(uv_loop_t& loop) {
        timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (timer_fd_ < 0) return "timerfd: " + std::system_category().message(errno);
        if (const int e = open_socket(loop, client_side_); e != 0) return uv_strerror(e);
        if (const int e = open_socket(loop, server_side_); e != 0) return uv_strerror(e);
        if (const int e = uv_poll_init(&loop, &timer_, timer_fd_); e != 0) return uv_strerror(e);
        own(reinterpret_cast<uv_handle_t*>(&timer_));

        if (const int e = uv_udp_bind(&client_side_, config_.listen.native(), 0); e != 0)
            return "cannot listen on " + config_.listen.to_string() + ": " + uv_strerror(e);
        if (const int e = uv_udp_bind(&server_side_, config_.forward.any().native(), 0); e != 0) return uv_strerror(e);
        if (const int e = uv_udp_connect(&server_side_, config_.forward.native()); e != 0)
            return "cannot forward to " + config_.forward.to_string() + ": " + uv_strerror(e);
        for (uv_udp_t* socket : {&client_side_, &server_side_}) {
            int bytes = socket_buffer_bytes;
            (void)uv_recv_buffer_size(reinterpret_cast<uv_handle_t*>(socket), &bytes);  // the default does too
            if (const int e = uv_udp_recv_start(socket, on_allocate, on_receive); e != 0) return uv_strerror(e);
        }
        if (const int e = uv_poll_start(&timer_, UV_READABLE, on_timer); e != 0) return uv_strerror(e);
        return {};
    }

    /// Forwards nothing more, and deletes this object when the loop has let go of its handles.
    void close() noexcept {
        if (open_handles_.empty()) {
            delete this;
            return;
        }
        const std::vector<uv_handle_t*> closing = open_handles_;
        for (uv_handle_t* handle : closing) uv_close(handle, on_closed);
    }

    void change_network(lab::path network, std::uint64_t origin_ns) {
        config_.network = std::move(network);
        forward_.link = config_.network.forward;
        reverse_.link = config_.network.reverse;
        origin_ns_ = origin_ns != 0 ? origin_ns : uv_hrtime();
    }

    void count_lateness_from_origin() noexcept {
        stats_.lateness = delay_histogram{};
        stats_.lateness_max = duration::zero();
        lateness_from_ns_ = origin_ns_;
    }

    [[nodiscard]] socket_address local() const noexcept { return address_of(client_side_); }
    [[nodiscard]] socket_address exit() const noexcept { return address_of(server_side_); }
    [[nodiscard]] std::uint64_t origin_ns() const noexcept { return origin_ns_; }
    [[nodiscard]] const impaired_path_stats& stats() const noexcept { return stats_; }
    [[nodiscard]] const lab::path& network() const noexcept { return config_.network; }

private:
    struct lane {
        lab::link link;
        std::deque<held_datagram> held;  // due times never decrease: a link is first in, first out
    };

    ~impl() {
        if (timer_fd_ >= 0) (void)::close(timer_fd_);
    }

    static socket_address address_of(const uv_udp_t& socket) noexcept {
        sockaddr_storage storage{};
        int size = sizeof storage;
        if (uv_udp_getsockname(&socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
        return socket_address{reinterpret_cast<const sockaddr&>(storage)};
    }

    static impl& of(const void* handle) noexcept {
        return *static_cast<impl*>(static_cast<const uv_handle_t*>(handle)->data);
    }

    int open_socket(uv_loop_t& loop, uv_udp_t& socket) {
        const int e = uv_udp_init(&loop, &socket);
        if (e == 0) own(reinterpret_cast<uv_handle_t*>(&socket));
        return e;
    }

    void own(uv_handle_t* handle) {
        handle->data = this;
        open_handles_.push_back(handle);
    }

    static void on_closed(uv_handle_t* handle) {
        impl& self = of(handle);
        std::erase(self.open_handles_, handle);
        if (self.open_handles_.empty()) delete &self;
    }

    static void on_allocate(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        std::vector<char>& memory = of(handle).buffer_;
        *buffer = uv_buf_init(memory.data(), static_cast<unsigned>(memory.size()));
    }

    static void on_receive(uv_udp_t* socket, ssize_t bytes, const uv_buf_t* buffer, const sockaddr* from, unsigned) {
        impl& self = of(socket);
        if (bytes < 0) ++self.stats_.refusals;  // the answer to an earlier send
        if (bytes < 0 || from == nullptr) return;
        const std::string_view datagram{buffer->base, static_cast<std::size_t>(bytes)};
        const std::uint64_t now = uv_hrtime();
        if (socket == &self.client_side_)
            self.from_client(now, socket_address{*from}, datagram);
        else
            self.from_server(now, datagram);
    }

    static void on_timer(uv_poll_t* handle, int, int) {
        impl& self = of(handle);
        std::uint64_t expirations = 0;
        (void)!::read(self.timer_fd_, &expirations, sizeof expirations);
        self.release_due();
    }

    void from_client(std::uint64_t now, const socket_address& from, std::string_view datagram) {
        if (!has_client_ || (from != client_ && now - client_heard_ns_ > client_silence_ns)) {
            client_ = from;
            has_client_ = true;
        } else if (from != client_) {
            ++stats_.strangers;
            return;
        }
        client_heard_ns_ = now;
        accept(now, direction::forward, datagram);
    }

    void from_server(std::uint64_t now, std::string_view datagram) {
        if (!has_client_) {
            ++stats_.strangers;
            return;
        }
        accept(now, direction::reverse, datagram);
    }

    void accept(std::uint64_t now, direction way, std::string_view datagram) {
        if (origin_ns_ == 0) origin_ns_ = now;
        const bool is_forward = way == direction::forward;
        lane& through = is_forward ? forward_ : reverse_;
        impaired_direction_stats& stats = is_forward ? stats_.forward : stats_.reverse;
        const bool ipv6 = (is_forward ? client_ : config_.forward).is_ipv6();

        impaired_packet packet;
        packet.at = instant::from_ns(static_cast<std::int64_t>(now - origin_ns_));
        packet.way = way;
        packet.ip_bytes = datagram.size() + udp_header_bytes + (ipv6 ? ipv6_header_bytes : ipv4_header_bytes);
        packet.fate = lab::packet_fate::lost_queue;
        if (through.held.size() < config_.queue_max) {
            const lab::link_outcome outcome = through.link.transmit(packet.at, packet.ip_bytes);
            packet.fate = outcome.fate;
            if (outcome.fate == lab::packet_fate::delivered) {
                packet.delay = outcome.arrival - packet.at;
                std::uint64_t due = origin_ns_ + static_cast<std::uint64_t>(outcome.arrival.ns());
                if (!through.held.empty()) due = std::max(due, through.held.back().due_ns);  // of the network before
                through.held.push_back({due, {datagram.begin(), datagram.end()}});
            }
        }
        ++stats.packets[static_cast<std::size_t>(packet.fate)];
        stats.bytes += packet.ip_bytes;
        if (config_.on_packet) config_.on_packet(packet);
        release_due();
    }

    void release_due() {
        std::uint64_t now = uv_hrtime();
        for (;;) {
            const bool forward_next = forward_.held.empty() ? false
                                      : reverse_.held.empty()
                                          ? true
                                          : forward_.held.front().due_ns <= reverse_.held.front().due_ns;
            lane& next = forward_next ? forward_ : reverse_;
            if (next.held.empty()) return;
            const held_datagram& datagram = next.held.front();
            if (datagram.due_ns > now && datagram.due_ns > (now = uv_hrtime())) {
                wake_at(datagram.due_ns);
                return;
            }
            send(forward_next, datagram);
            const duration late = duration::from_ns(static_cast<std::int64_t>(now - datagram.due_ns));
            if (datagram.due_ns >= lateness_from_ns_) {
                stats_.lateness.add(late);
                stats_.lateness_max = std::max(stats_.lateness_max, late);
            }
            next.held.pop_front();
        }
    }

    void send(bool to_server, const held_datagram& datagram) {
        // libuv does not write through the pointer; its buffers are simply not const.
        const uv_buf_t buffer =
            uv_buf_init(const_cast<char*>(datagram.bytes.data()), static_cast<unsigned>(datagram.bytes.size()));
        const int sent = to_server ? uv_udp_try_send(&server_side_, &buffer, 1, nullptr)
                                   : uv_udp_try_send(&client_side_, &buffer, 1, client_.native());
        impaired_direction_stats& stats = to_server ? stats_.forward : stats_.reverse;
        ++(sent < 0 ? stats.send_failed : stats.sent);
    }

    void wake_at(std::uint64_t ns) noexcept {
        itimerspec when{};
        when.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
        when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
        (void)timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &when, nullptr);
    }

    impaired_path_config config_;
    lane forward_;
    lane reverse_;
    impaired_path_stats stats_;
    std::uint64_t origin_ns_ = 0;
    std::uint64_t lateness_from_ns_ = 0;
    socket_address client_;
    std::uint64_t client_heard_ns_ = 0;
    bool has_client_ = false;

    uv_udp_t client_side_{};
    uv_udp_t server_side_{};
    uv_poll_t timer_{};
    int timer_fd_ = -1;
    std::vector<uv_handle_t*> open_handles_;
    std::vector<char> buffer_;
};

std::unique_ptr<impaired_path> impaired_path::create(uv_loop_t& loop, impaired_path_config config, std::string& error) {
    auto* state = new impl{std::move(config)};
    error = state->open(loop);
    if (error.empty()) return std::unique_ptr<impaired_path>{new impaired_path{state}};
    state->close();
    return nullptr;
}

impaired_path::~impaired_path() {
    impl_->close();
}

void impaired_path::change_network(lab::path network, std::uint64_t origin_ns) {
    impl_->change_network(std::move(network), origin_ns);
}
void impaired_path::count_lateness_from_origin() noexcept {
    impl_->count_lateness_from_origin();
}
socket_address impaired_path::local() const noexcept {
    return impl_->local();
}
socket_address impaired_path::exit() const noexcept {
    return impl_->exit();
}
std::uint64_t impaired_path::origin_ns() const noexcept {
    return impl_->origin_ns();
}
const impaired_path_stats& impaired_path::stats() const noexcept {
    return impl_->stats();
}
const lab::path& impaired_path::network() const noexcept {
    return impl_->network();
}

}  // namespace io
}  // namespace v0
}  // namespace duality
