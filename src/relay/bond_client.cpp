// SPDX-License-Identifier: MIT
#include "relay/bond_client.hpp"

#include <algorithm>
#include <utility>

#include "io/calendar.hpp"
#include "relay/route.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr duration sweep_interval = duration::from_ms(100);       ///< interfaces come and go
constexpr duration recheck_interval = duration::from_seconds(5);  ///< and VPNs, where no path was wide enough

[[nodiscard]] std::string describe(error_code code, const std::string& detail) {
    const error_info* const info = find_error(code);
    return std::string{info->id} + " " + std::string{info->name} + ": " + detail;
}

}  // namespace

/// One local sender: its bond, with a socket for each path, and its direct way to the target.
class bond_client::flow {
public:
    flow(bond_client& client, const masque::udp_address& sender) : client_{client}, sender_{sender} {}

    [[nodiscard]] bool open(std::string& error);
    void take(byte_view payload, instant now);
    void watch_interfaces(instant now);
    void close() {
        if (bond_) bond_->close(monotonic_now());
        pump();
    }
    [[nodiscard]] instant used() const noexcept { return used_; }
    /// Empty where no path carries packets of QUIC.
    [[nodiscard]] const std::optional<masque::bonded_tunnel>& bond() const noexcept { return bond_; }
    [[nodiscard]] std::size_t path_count() const noexcept { return ways_.size(); }
    [[nodiscard]] wake_timer* timer() noexcept { return timer_.get(); }

private:
    struct way {
        std::unique_ptr<batch_socket> socket;
        handle_ptr<uv_poll_t> poll;
        flow* owner = nullptr;
        std::size_t configured = 0;  ///< its place among the client's paths
        masque::udp_path path;
        bool up = true;
    };

    [[nodiscard]] bool bind(way& w, const socket_address& local, std::string& error);
    void on_readable(way& w);
    void on_direct();
    void take_direct(byte_view payload);
    void take_event(const masque::bond_event& event);
    void pump();

    bond_client& client_;
    masque::udp_address sender_;
    std::vector<std::unique_ptr<way>> ways_;  ///< the bond's paths, by index
    std::unique_ptr<wake_timer> timer_;
    std::optional<masque::bonded_tunnel> bond_;
    std::unique_ptr<batch_socket> direct_;
    handle_ptr<uv_poll_t> direct_poll_;
    instant used_{};
};

namespace {

template <class T>
[[nodiscard]] handle_ptr<uv_poll_t> watch(uv_loop_t& loop, int fd, T& data, uv_poll_cb then, std::string& error) {
    handle_ptr<uv_poll_t> poll =
        make_handle<uv_poll_t>([&](uv_poll_t* handle) { return uv_poll_init(&loop, handle, fd); }, error);
    if (!poll) return nullptr;
    poll->data = &data;
    if (const int e = uv_poll_start(poll.get(), UV_READABLE, then); e != 0) {
        error = uv_strerror(e);
        return nullptr;
    }
    return poll;
}

}  // namespace

bool bond_client::flow::bind(way& w, const socket_address& local, std::string& error) {
    w.poll.reset();  // before its socket
    w.socket = batch_socket::create(local, error);
    if (!w.socket) return false;
    w.path = {to_udp_address(w.socket->local()), to_udp_address(client_.config_.paths[w.configured].relay)};
    w.poll = watch(
        client_.loop_, w.socket->fd(), w,
        [](uv_poll_t* handle, int, int) {
            auto& self = *static_cast<way*>(handle->data);
            self.owner->on_readable(self);
        },
        error);
    return w.poll != nullptr;
}

bool bond_client::flow::open(std::string& error) {
    const std::vector<client_path>& paths = client_.config_.paths;
    std::vector<masque::bond_path> wanted;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        if (!client_.usable_[i]) continue;
        ways_.push_back(std::make_unique<way>());
        way& w = *ways_.back();
        w.owner = this;
        w.configured = i;
        if (!bind(w, paths[i].local, error)) return false;
        wanted.push_back({w.path, paths[i].cost, paths[i].budget});
    }
    if (wanted.empty()) return true;
    timer_ = wake_timer::create(
        client_.loop_,
        [this] {
            bond_->handle_timeout(monotonic_now());
            pump();
        },
        error);
    if (!timer_) return false;
    masque::bonded_tunnel_config protocol = client_.config_.protocol;
    protocol.paths = wanted;
    protocol.target = client_.config_.target;
    protocol.wall = calendar_now();
    result<masque::bonded_tunnel> made = masque::bonded_tunnel::create(monotonic_now(), protocol, allocator::system());
    if (!made) {
        error = "bond: " + std::string{to_string(made.code())} + " " + std::string{made.error().where.field};
        return false;
    }
    bond_.emplace(std::move(made).value());
    pump();
    return true;
}

void bond_client::flow::take(byte_view payload, instant now) {
    used_ = now;
    bond_client_stats& stats = client_.stats_;
    if (stats.state == tunnel_client_state::direct || !bond_) return take_direct(payload);
    ++(bond_->send(now, payload) == status::ok ? stats.up : stats.refused);
    pump();
}

void bond_client::flow::take_direct(byte_view payload) {
    int number = 0;
    std::string error;
    if (!direct_ && client_.config_.direct) direct_ = batch_socket::connect(*client_.config_.direct, number);
    if (direct_ && !direct_poll_)
        direct_poll_ = watch(
            client_.loop_, direct_->fd(), *this,
            [](uv_poll_t* handle, int, int) { static_cast<flow*>(handle->data)->on_direct(); }, error);
    if (!direct_) {
        ++client_.stats_.refused;
        return;
    }
    direct_->queue({}, masque::ecn::not_ect, payload);
    direct_->flush();
    ++client_.stats_.up;
    ++client_.stats_.direct;
}

void bond_client::flow::on_direct() {
    (void)direct_->read([&](const batch_socket::datagram& d) {
        client_.programs_->queue(sender_, masque::ecn::not_ect, d.bytes);
        ++client_.stats_.down;
        ++client_.stats_.direct;
    });
    client_.programs_->flush();
}

void bond_client::flow::on_readable(way& w) {
    const instant now = monotonic_now();
    (void)w.socket->read([&](const batch_socket::datagram& d) {
        bond_->handle_datagram(now, {w.path.local, d.from}, d.mark, d.bytes);
    });
    pump();
}

void bond_client::flow::take_event(const masque::bond_event& event) {
    using kind = masque::bond_event_kind;
    const auto path = [&] {
        const client_path& p = client_.config_.paths[ways_[event.path]->configured];
        return "path " + (p.name.empty() ? p.local.to_string() : p.name);
    };
    switch (event.kind) {
        case kind::bonded: client_.change(tunnel_client_state::connected, "through the relay, bonded"); return;
        case kind::plain:
            client_.change(tunnel_client_state::connected, "through the proxy");
            client_.note("the proxy knows no bonds: one plain tunnel");
            return;
        case kind::reachable: client_.change(tunnel_client_state::connected, "through the relay"); return;
        case kind::leg_up: client_.note(path() + " joined"); return;
        case kind::leg_down: client_.note(path() + " left: " + std::string{to_string(event.cause)}); return;
        case kind::lost: client_.note("the relay has forgotten the bond; the target will see a new address"); return;
        case kind::unreachable:
            client_.change(client_.config_.direct ? tunnel_client_state::direct : tunnel_client_state::refused,
                           describe(error_code::relay_unreachable, "no path leads to the relay"));
            return;
        case kind::refused: {
            const bool policy = event.http_status == 401 || event.http_status == 403 || event.http_status == 502;
            const std::string why =
                "the relay answers " + std::to_string(event.http_status) + " " + std::string{to_string(event.error)};
            client_.change(tunnel_client_state::refused, policy ? describe(error_code::policy_violation, why) : why);
            return;
        }
        case kind::closed: return;
    }
}

void bond_client::flow::watch_interfaces(instant now) {
    for (std::size_t i = 0; i < ways_.size(); ++i) {
        way& w = *ways_[i];
        const client_path& p = client_.config_.paths[w.configured];
        if (p.name.empty()) continue;
        const std::optional<socket_address> address = interface_address(p.name, p.relay.is_ipv6());
        const bool moved = address && w.up && to_udp_address(*address).ip != w.path.local.ip;
        if (w.up && (!address || moved)) {
            w.up = false;
            (void)bond_->path_down(now, i);
        }
        std::string error;
        if (w.up || !address || !bind(w, *address, error)) continue;
        w.up = true;
        (void)bond_->path_up(now, i, w.path.local);
    }
    pump();
}

void bond_client::flow::pump() {
    if (!bond_) return;
    const instant now = monotonic_now();
    masque::bond_output out;
    while (bond_->poll_output(now, out)) {
        switch (out.kind) {
            case masque::bond_output_kind::transmit:
                ways_[out.path]->socket->queue(out.packet.path.remote, out.packet.mark, out.packet.bytes);
                break;
            case masque::bond_output_kind::deliver:
                client_.programs_->queue(sender_, masque::ecn::not_ect, out.payload);
                ++client_.stats_.down;
                break;
            case masque::bond_output_kind::event: take_event(out.event); break;
            case masque::bond_output_kind::none: break;
        }
    }
    for (const auto& w : ways_) w->socket->flush();
    client_.programs_->flush();
    timer_->wake_at(bond_->next_timeout());
}

std::unique_ptr<bond_client> bond_client::create(uv_loop_t& loop, bond_client_config config, std::string& error) {
    std::unique_ptr<bond_client> made{new bond_client{loop, std::move(config)}};
    return made->open(error) ? std::move(made) : nullptr;
}

bond_client::bond_client(uv_loop_t& loop, bond_client_config config) : loop_{loop}, config_{std::move(config)} {}
bond_client::~bond_client() = default;

bool bond_client::any_usable() const noexcept {
    return std::find(usable_.begin(), usable_.end(), true) != usable_.end();
}

/// When a VPN is gone there may be paths again.
void bond_client::look_for_paths(instant now) {
    if (any_usable() || now < recheck_at_) return;
    recheck_at_ = now + recheck_interval;
    for (std::size_t i = 0; i < usable_.size(); ++i)
        usable_[i] = !is_too_narrow(config_.paths[i].local, config_.paths[i].relay);
    if (!any_usable()) return;
    flows_.clear();  // the next datagram of each sender makes a bond
    change(tunnel_client_state::connecting, "a path carries the packets of a relay again");
}

bool bond_client::open(std::string& error) {
    for (const client_path& p : config_.paths) {
        usable_.push_back(!is_too_narrow(p.local, p.relay));
        if (usable_.back()) continue;
        const std::string path = "path " + (p.name.empty() ? p.local.to_string() : p.name);
        note(describe(error_code::vpn_conflict, describe_narrow(path, p.local, p.relay)));
    }
    programs_ = batch_socket::create(config_.listen, error);
    if (!programs_) return false;
    programs_poll_ = watch(
        loop_, programs_->fd(), *this,
        [](uv_poll_t* handle, int, int) { static_cast<bond_client*>(handle->data)->on_programs(); }, error);
    sweep_ = wake_timer::create(
        loop_, [this] { on_sweep(); }, error);
    if (!programs_poll_ || !sweep_) return false;
    if (!any_usable()) {
        if (!config_.direct) {
            error = describe(error_code::vpn_conflict, "no path carries the packets of a relay");
            return false;
        }
        change(tunnel_client_state::direct,
               describe(error_code::vpn_conflict, "no path carries the packets of a relay"));
    }
    sweep_->wake_at(monotonic_now() + sweep_interval);
    return true;
}

void bond_client::on_programs() {
    const instant now = monotonic_now();
    (void)programs_->read([&](const batch_socket::datagram& d) {
        std::unique_ptr<flow>& place = flows_[d.from];
        std::string error;
        if (!place && flows_.size() <= config_.max_senders) {
            place = std::make_unique<flow>(*this, d.from);
            if (!place->open(error)) place.reset();
        }
        if (place) return place->take(d.bytes, now);
        flows_.erase(d.from);
        ++stats_.refused;
        if (!error.empty()) note(error);
    });
}

void bond_client::on_sweep() {
    const instant now = monotonic_now();
    for (auto f = flows_.begin(); f != flows_.end();) {
        if (f->second->used() + config_.flow_idle <= now) {
            f->second->close();
            f = flows_.erase(f);
            continue;
        }
        f->second->watch_interfaces(now);
        ++f;
    }
    look_for_paths(now);
    sweep_->wake_at(now + sweep_interval);
}

void bond_client::change(tunnel_client_state to, const std::string& why) {
    if (stats_.state == to) return;
    stats_.state = to;
    if (config_.on_state) config_.on_state(to, why);
}

bond_client_stats bond_client::stats() const {
    bond_client_stats out = stats_;
    out.senders = flows_.size();
    if (flows_.empty()) return out;
    const flow& first = *flows_.begin()->second;
    if (!first.bond()) return out;
    for (std::size_t i = 0; i < first.path_count(); ++i) out.legs.push_back(first.bond()->leg(monotonic_now(), i));
    out.protocol = first.bond()->statistics();
    return out;
}

wake_timer* bond_client::timer() noexcept {
    return flows_.empty() ? nullptr : flows_.begin()->second->timer();
}

void bond_client::close() {
    for (const auto& [address, f] : flows_) f->close();
}

}  // namespace io
}  // namespace v0
}  // namespace duality
