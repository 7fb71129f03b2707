// SPDX-License-Identifier: MIT
#include "io/udp_endpoint.hpp"

#include <chrono>
#include <utility>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr stream_id only_stream = 0;

[[nodiscard]] std::string explain(const failure& why) {
    std::string text{to_string(why.code)};
    if (!why.where.field.empty())
        text += ": " + std::string{why.where.field} + " must be between " + std::to_string(why.where.low) + " and " +
                std::to_string(why.where.high) + " " + std::string{why.where.unit};
    return text;
}

[[nodiscard]] wall_time calendar_now() noexcept {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return wall_time::from_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count());
}

}  // namespace

std::unique_ptr<udp_endpoint> udp_endpoint::create(uv_loop_t& loop, udp_endpoint_config config, std::string& error) {
    result<session> protocol = session::create(config.protocol, allocator::system());
    if (!protocol) {
        error = "session: " + explain(protocol.error());
        return nullptr;
    }
    std::unique_ptr<udp_endpoint> made{new udp_endpoint{std::move(config), std::move(protocol).value()}};
    return made->open(loop, error) ? std::move(made) : nullptr;
}

udp_endpoint::udp_endpoint(udp_endpoint_config config, session protocol)
    : config_{std::move(config)}, session_{std::move(protocol)} {}

bool udp_endpoint::open(uv_loop_t& loop, std::string& error) {
    application_ = udp_socket::create(
        loop, config_.bind,
        [this](instant now, const socket_address& from, byte_view bytes) { from_application(now, from, bytes); },
        error);
    timer_ = wake_timer::create(
        loop,
        [this] {
            const instant now = monotonic_now();
            session_.handle_timeout(now);
            drain(now);
        },
        error);
    if (!application_ || !timer_) return false;

    session_.set_wall_clock(config_.start, calendar_now() + (config_.start - monotonic_now()));
    for (const udp_endpoint_path& path : config_.paths) {
        const auto id = static_cast<path_id>(paths_.size());
        path_socket made{udp_socket::create(
                             loop, config_.bind,
                             [this, id](instant now, const socket_address& from, byte_view bytes) {
                                 from_path(now, id, from, bytes);
                             },
                             error),
                         path.peer,
                         {},
                         path.limits.datagram_overhead};
        if (!made.socket) return false;
        paths_.push_back(std::move(made));
        if (const status added = session_.add_path(config_.start, id, path.limits); failed(added)) {
            error = "path " + std::to_string(id) + ": " + std::string{to_string(added)};
            return false;
        }
    }
    timer_->wake_at(std::max(config_.start, session_.next_timeout()));
    return true;
}

void udp_endpoint::from_path(instant now, path_id id, const socket_address& from, byte_view bytes) {
    paths_[id].last_sender = from;
    if (config_.on_datagram) config_.on_datagram(now, id, bytes);
    (void)session_.handle_datagram(now, id, bytes);  // the session counts what it refuses
    drain(now);
}

void udp_endpoint::from_application(instant now, const socket_address& from, byte_view bytes) {
    application_sender_ = from;
    if (failed(session_.send(now, only_stream, bytes))) ++stats_.refused;
    drain(now);
}

void udp_endpoint::drain(instant now) {
    session_output out;
    while (session_.poll_output(now, out)) {
        switch (out.kind) {
            case output_kind::transmit: transmit(out.transmit); break;
            case output_kind::deliver: deliver(now, out.deliver); break;
            case output_kind::event:
                if (config_.on_event) config_.on_event(out.event);
                break;
            case output_kind::none: break;
        }
    }
    timer_->wake_at(session_.next_timeout());
}

void udp_endpoint::transmit(const transmission& out) {
    path_socket& path = paths_[out.path];
    const std::optional<socket_address>& peer = path.fixed_peer ? path.fixed_peer : path.last_sender;
    if (peer && path.socket->send(*peer, out.bytes)) return;
    ++stats_.unsent;
    stats_.unsent_bytes += out.bytes.size() + path.overhead;
}

void udp_endpoint::deliver(instant now, const delivery& out) {
    const std::optional<socket_address>& to = config_.application ? config_.application : application_sender_;
    if (!to || !application_->send(*to, out.bytes)) ++stats_.undelivered;
    if (config_.on_delivery) config_.on_delivery(now, out);
}

}  // namespace io
}  // namespace v0
}  // namespace duality
