// SPDX-License-Identifier: MIT
#include "io/udp_endpoint.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "io/calendar.hpp"

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

}  // namespace

std::unique_ptr<udp_endpoint> udp_endpoint::create(uv_loop_t& loop, udp_endpoint_config config, std::string& error) {
    result<session> protocol = session::create(config.protocol, allocator::system());
    if (!protocol) {
        error = "session: " + explain(protocol.error());
        return nullptr;
    }
    std::unique_ptr<lab::session_recorder> recorder;
    if (config.record) recorder = std::make_unique<lab::session_recorder>(config.protocol, *config.record);
    lab::recorded_session recorded{std::move(protocol).value(), std::move(recorder)};
    std::unique_ptr<udp_endpoint> made{new udp_endpoint{std::move(config), std::move(recorded)}};
    return made->open(loop, error) ? std::move(made) : nullptr;
}

udp_endpoint::udp_endpoint(udp_endpoint_config config, lab::recorded_session protocol)
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
    if (!application_ || !timer_ || !open_channel(error)) return false;

    session_.set_wall_clock(config_.start,
                            config_.calendar.value_or(calendar_now() + (config_.start - monotonic_now())));
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
                         path.limits};
        if (!made.socket) return false;
        if (channel_) {
            made.limits.seal_overhead = secure_channel::overhead;
            made.limits.max_datagram -= made.limits.seal_overhead;
        }
        paths_.push_back(std::move(made));
        status added = session_.add_path(config_.start, id, paths_.back().limits);
        if (channel_ && !failed(added)) added = channel_->add_path(id);
        if (failed(added)) {
            error = "path " + std::to_string(id) + ": " + std::string{to_string(added)};
            return false;
        }
    }
    instant wake = std::max(config_.start, session_.next_timeout());
    if (channel_) wake = std::min(wake, std::max(monotonic_now(), channel_->next_timeout()));
    timer_->wake_at(wake);
    return true;
}

std::vector<std::uint8_t> udp_endpoint::finish_recording() {
    if (session_.recorder() == nullptr) return {};
    session_.recorder()->finish();
    return session_.recorder()->take();
}

bool udp_endpoint::open_channel(std::string& error) {
    if (!config_.security) return true;
    result<secure_channel> made = secure_channel::create(config_.security->rules, config_.security->psk,
                                                         entropy_source::system(), allocator::system());
    if (!made) {
        error = "security: " + explain(made.error());
        return false;
    }
    channel_.emplace(std::move(made).value());
    return true;
}

void udp_endpoint::from_path(instant now, path_id id, const socket_address& from, byte_view bytes) {
    if (channel_) {
        opened_.resize(std::max(opened_.size(), bytes.size()));
        std::size_t size = 0;
        const status opened = channel_->open(now, id, bytes, opened_, size);  // the channel counts what it refuses
        // Only who has the key may move the path to his address.
        if (opened == status::no_change) paths_[id].last_sender = from;
        if (opened != status::ok) return drain(now);
        bytes = byte_view{opened_}.first(size);
    }
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
            case output_kind::transmit: transmit(now, out.transmit); break;
            case output_kind::deliver: deliver(now, out.deliver); break;
            case output_kind::event:
                if (config_.on_event) config_.on_event(now, out.event);
                break;
            case output_kind::lane:
            case output_kind::none: break;
        }
    }
    if (channel_) send_hellos(now);
    const instant hello = channel_ ? channel_->next_timeout() : instant::never();
    timer_->wake_at(std::min(session_.next_timeout(), hello));
}

void udp_endpoint::transmit(instant now, const transmission& out) {
    const path_config& limits = paths_[out.path].limits;
    byte_view datagram = out.bytes;
    bool is_sealed = true;
    if (channel_) {
        std::size_t size = 0;
        sealed_.resize(std::max(sealed_.size(), datagram.size() + secure_channel::overhead));
        is_sealed = channel_->seal(now, out.path, datagram, sealed_, size) == status::ok;
        datagram = byte_view{sealed_}.first(size);
    }
    if (is_sealed && send(out.path, datagram)) {
        if (config_.on_transmit) config_.on_transmit(now, out.path, datagram);
        return;
    }
    ++(is_sealed ? stats_.unsent : stats_.unsealed);
    stats_.unsent_bytes += out.bytes.size() + limits.datagram_overhead + limits.seal_overhead;
}

bool udp_endpoint::send(path_id id, byte_view datagram) {
    path_socket& path = paths_[id];
    const std::optional<socket_address>& peer = path.fixed_peer ? path.fixed_peer : path.last_sender;
    return peer && path.socket->send(*peer, datagram);
}

void udp_endpoint::send_hellos(instant now) {
    path_id id = 0;
    std::array<std::uint8_t, secure_channel::hello_size> hello{};
    std::size_t size = 0;
    while (channel_->poll_hello(now, id, hello, size))
        if (send(id, byte_view{hello}.first(size))) stats_.hello_bytes += size + paths_[id].limits.datagram_overhead;
}

void udp_endpoint::deliver(instant now, const delivery& out) {
    const std::optional<socket_address>& to = config_.application ? config_.application : application_sender_;
    if (!to || !application_->send(*to, out.bytes)) ++stats_.undelivered;
    if (config_.on_delivery) config_.on_delivery(now, out);
}

}  // namespace io
}  // namespace v0
}  // namespace duality
