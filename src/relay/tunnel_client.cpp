// SPDX-License-Identifier: MIT
#include "relay/tunnel_client.hpp"

#include <algorithm>
#include <utility>

#include "io/calendar.hpp"
#include "relay/route.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr duration back_off_first = duration::from_seconds(1);
constexpr duration back_off_max = duration::from_seconds(30);
/// A refused flow is asked for again after this time.
constexpr duration refusal_pause = duration::from_seconds(5);
constexpr duration sweep_interval = duration::from_seconds(5);

[[nodiscard]] std::string describe(error_code code, std::string_view detail) {
    const error_info* const info = find_error(code);
    return std::string{info->id} + " " + std::string{info->name} + ": " + std::string{detail};
}

}  // namespace

std::unique_ptr<tunnel_client> tunnel_client::create(uv_loop_t& loop, tunnel_client_config config, std::string& error) {
    std::unique_ptr<tunnel_client> made{new tunnel_client{loop, std::move(config)}};
    return made->open(error) ? std::move(made) : nullptr;
}

handle_ptr<uv_poll_t> tunnel_client::watch(const batch_socket& socket, void* data, uv_poll_cb then,
                                           std::string& error) {
    handle_ptr<uv_poll_t> poll =
        make_handle<uv_poll_t>([&](uv_poll_t* handle) { return uv_poll_init(&loop_, handle, socket.fd()); }, error);
    if (!poll) return nullptr;
    poll->data = data;
    if (const int e = uv_poll_start(poll.get(), UV_READABLE, then); e != 0) {
        error = uv_strerror(e);
        return nullptr;
    }
    return poll;
}

bool tunnel_client::open(std::string& error) {
    programs_ = batch_socket::create(config_.listen, error);
    quic_ = programs_ ? batch_socket::create(config_.relay.any(), error) : nullptr;
    if (!quic_) return false;
    path_ = {to_udp_address(quic_->local()), to_udp_address(config_.relay)};
    programs_poll_ = watch(
        *programs_, this, [](uv_poll_t* handle, int, int) { static_cast<tunnel_client*>(handle->data)->on_programs(); },
        error);
    quic_poll_ = watch(
        *quic_, this, [](uv_poll_t* handle, int, int) { static_cast<tunnel_client*>(handle->data)->on_relay(); },
        error);
    timer_ = wake_timer::create(
        loop_, [this] { on_time(); }, error);
    if (!programs_poll_ || !quic_poll_ || !timer_ || !connect(error)) return false;
    sweep_at_ = monotonic_now() + sweep_interval;
    pump();
    return true;
}

bool tunnel_client::connect(std::string& error) {
    retry_at_ = instant::never();
    if (const socket_address& local = quic_->local(); is_too_narrow(local, config_.relay)) {
        // As in some VPNs. It may be gone the next time.
        lose_relay(describe(error_code::vpn_conflict, describe_narrow("the way to the relay", local, config_.relay)));
        return true;
    }
    masque::tunnel_config protocol = config_.protocol;
    protocol.path = path_;
    protocol.wall = calendar_now();
    keep_ticket();
    protocol.ticket = ticket_;
    result<masque::tunnel> made = masque::tunnel::create(monotonic_now(), protocol, allocator::system());
    if (!made) {
        error = "tunnel: " + std::string{to_string(made.code())} + " " + std::string{made.error().where.field};
        return false;
    }
    tunnel_.emplace(std::move(made).value());
    return true;
}

/// What the last relay gave is good for the next connection, if that relay was one.
void tunnel_client::keep_ticket() {
    ticket_.clear();
    if (!tunnel_) return;
    const byte_view given = tunnel_->ticket();
    ticket_.assign(given.begin(), given.end());
}

void tunnel_client::on_programs() {
    const instant now = monotonic_now();
    (void)programs_->read([&](const batch_socket::datagram& d) { take(d.from, d.bytes, now); });
    pump();
}

void tunnel_client::on_relay() {
    const instant now = monotonic_now();
    (void)quic_->read([&](const batch_socket::datagram& d) {
        if (tunnel_) tunnel_->handle_datagram(now, {path_.local, d.from}, d.mark, d.bytes);
    });
    pump();
}

void tunnel_client::on_direct(sender& from) {
    (void)from.direct->read([&](const batch_socket::datagram& d) {
        programs_->queue(from.address, masque::ecn::not_ect, d.bytes);
        ++stats_.down;
        ++stats_.direct;
    });
    programs_->flush();
}

void tunnel_client::on_time() {
    const instant now = monotonic_now();
    if (now >= sweep_at_) forget_quiet_senders(now);
    std::string error;
    if (now >= retry_at_ && !connect(error)) lose_relay(error);
    if (tunnel_) tunnel_->handle_timeout(now);
    pump();
}

void tunnel_client::take(const masque::udp_address& from, byte_view payload, instant now) {
    std::unique_ptr<sender>& place = senders_[from];
    if (!place) {
        if (senders_.size() > config_.protocol.max_flows) {
            senders_.erase(from);
            ++stats_.refused;
            return;
        }
        place = std::make_unique<sender>();
        place->address = from;
        place->client = this;
    }
    sender& s = *place;
    s.used = now;
    if (stats_.state == tunnel_client_state::direct) return take_direct(s, payload);
    if (!s.flow && tunnel_ && now >= s.ask_at) {
        if (const result<masque::flow_id> flow = tunnel_->open(now, config_.target)) {
            s.flow = flow.value();
            flows_[*s.flow] = &s;
        }
    }
    const bool accepted = s.flow && tunnel_->send(now, *s.flow, payload, instant::never()) == status::ok;
    ++(accepted ? stats_.up : stats_.refused);
}

void tunnel_client::take_direct(sender& from, byte_view payload) {
    if (!from.direct && config_.direct) {
        int number = 0;
        std::string error;
        from.direct = batch_socket::connect(*config_.direct, number);
        if (from.direct)
            from.direct_poll = watch(
                *from.direct, &from,
                [](uv_poll_t* handle, int, int) {
                    auto& s = *static_cast<sender*>(handle->data);
                    s.client->on_direct(s);
                },
                error);
    }
    if (!from.direct) {
        ++stats_.refused;
        return;
    }
    from.direct->queue({}, masque::ecn::not_ect, payload);
    from.direct->flush();
    ++stats_.up;
    ++stats_.direct;
}

void tunnel_client::take_event(const masque::tunnel_event& event) {
    switch (event.kind) {
        case masque::tunnel_event_kind::connected:
            ++stats_.connections;
            back_off_ = back_off_first;
            change(tunnel_client_state::connected, "through the relay");
            return;
        case masque::tunnel_event_kind::flow_open: change(tunnel_client_state::connected, "through the relay"); return;
        case masque::tunnel_event_kind::flow_refused:
        case masque::tunnel_event_kind::flow_closed:
            if (const auto flow = flows_.find(event.flow); flow != flows_.end()) {
                flow->second->flow.reset();
                if (event.kind == masque::tunnel_event_kind::flow_refused)
                    flow->second->ask_at = monotonic_now() + refusal_pause;
                flows_.erase(flow);
            }
            if (event.kind == masque::tunnel_event_kind::flow_refused) {
                const bool policy = event.http_status == 401 || event.http_status == 403 || event.http_status == 502;
                change(tunnel_client_state::refused,
                       (policy ? describe(error_code::policy_violation, "") : std::string{}) + "the relay answers " +
                           std::to_string(event.http_status) + " " + std::string{to_string(event.error)});
            }
            return;
        case masque::tunnel_event_kind::closed:
            if (event.cause == masque::close_cause::local) return;
            lose_relay(describe(error_code::relay_unreachable, to_string(event.cause)));
            return;
    }
}

void tunnel_client::lose_relay(const std::string& why) {
    flows_.clear();
    for (const auto& [address, s] : senders_) s->flow.reset();
    if (!retry_at_.is_never()) return;
    retry_at_ = monotonic_now() + back_off_;
    back_off_ = std::min(back_off_ * 2, back_off_max);
    change(config_.direct ? tunnel_client_state::direct : tunnel_client_state::refused, why);
}

void tunnel_client::change(tunnel_client_state to, const std::string& why) {
    if (stats_.state == to) return;
    stats_.state = to;
    if (config_.on_state) config_.on_state(to, why);
}

void tunnel_client::forget_quiet_senders(instant now) {
    sweep_at_ = now + sweep_interval;
    for (auto s = senders_.begin(); s != senders_.end();) {
        if (s->second->used + config_.flow_idle > now) {
            ++s;
            continue;
        }
        if (s->second->flow) {
            (void)tunnel_->close_flow(now, *s->second->flow);
            flows_.erase(*s->second->flow);
        }
        s = senders_.erase(s);
    }
}

void tunnel_client::pump() {
    const instant now = monotonic_now();
    masque::tunnel_output out;
    while (tunnel_ && tunnel_->poll_output(now, out)) {
        switch (out.kind) {
            case masque::tunnel_output_kind::transmit:
                quic_->queue(out.packet.path.remote, out.packet.mark, out.packet.bytes);
                break;
            case masque::tunnel_output_kind::deliver:
                if (const auto flow = flows_.find(out.flow); flow != flows_.end()) {
                    programs_->queue(flow->second->address, masque::ecn::not_ect, out.payload);
                    ++stats_.down;
                }
                break;
            case masque::tunnel_output_kind::event: take_event(out.event); break;
            case masque::tunnel_output_kind::none: break;
        }
    }
    quic_->flush();
    programs_->flush();
    const instant wanted = tunnel_ ? tunnel_->next_timeout() : instant::never();
    timer_->wake_at(std::min({wanted, retry_at_, sweep_at_}));
}

tunnel_client_stats tunnel_client::stats() const noexcept {
    tunnel_client_stats out = stats_;
    if (tunnel_) out.protocol = tunnel_->statistics();
    out.senders = senders_.size();
    return out;
}

void tunnel_client::close() {
    if (tunnel_) tunnel_->close(monotonic_now());
    pump();
}

}  // namespace io
}  // namespace v0
}  // namespace duality
