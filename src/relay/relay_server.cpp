// SPDX-License-Identifier: MIT
#include "relay/relay_server.hpp"

#include <cerrno>
#include <utility>

#include "relay/kernel_steering.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

using masque::proxy_error;
using masque::relay_output;
using masque::relay_output_kind;

/// Clients are served in turns, so that those of targets are not forgotten over them.
constexpr int read_turns = 4;
/// A packet may hold some hundred small payloads; what comes out goes on before the relay's buffers are full.
constexpr std::size_t packets_between_pumps = 32;
/// Names under way at a time, and how long an answer is waited for.
constexpr std::size_t lookups_max = 256;
constexpr duration lookup_time = duration::from_seconds(5);

[[nodiscard]] std::string explain(const failure& why) {
    std::string text{to_string(why.code)};
    if (!why.where.field.empty()) text += ": " + std::string{why.where.field};
    if (why.where.low != why.where.high)
        text += " must be between " + std::to_string(why.where.low) + " and " + std::to_string(why.where.high) + " " +
                std::string{why.where.unit};
    return text;
}

[[nodiscard]] proxy_error error_of_socket(int number) noexcept {
    switch (number) {
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT: return proxy_error::destination_ip_unroutable;
        case EACCES:
        case EPERM: return proxy_error::destination_ip_prohibited;
        default: return proxy_error::proxy_internal_error;
    }
}

}  // namespace

/// A question to the system's resolver. It outlives the server if need be: libuv frees it when the answer is there.
struct relay_server::lookup {
    uv_getaddrinfo_t request{};
    relay_server* server = nullptr;  ///< nullptr when it is gone
    masque::target_id id = 0;
    instant asked_at{};
    bool wanted = true;
};

std::unique_ptr<relay_server> relay_server::create(uv_loop_t& loop, const relay_server_config& config,
                                                   std::string& error) {
    result<masque::relay> made = masque::relay::create(monotonic_now(), config.protocol, allocator::system());
    if (!made) {
        error = "relay: " + explain(made.error());
        return nullptr;
    }
    std::unique_ptr<relay_server> server{new relay_server{loop, std::move(made).value()}};
    return server->open(config, error) ? std::move(server) : nullptr;
}

bool relay_server::open(const relay_server_config& config, std::string& error) {
    const bool several = config.protocol.workers > 1;
    clients_ = batch_socket::create(config.listen, error,
                                    several ? batch_socket::port_use::shared : batch_socket::port_use::alone);
    if (!clients_) return false;
    if (several) {
        steering_ = masque::worker_steering{config.protocol.secret, config.protocol.workers};
        worker_ = config.protocol.worker;
        hand_over_ = config.hand_over;
        if (config.kernel_steering) (void)steer_in_kernel(clients_->fd(), steering_);
    }
    local_ = to_udp_address(clients_->local());
    poll_ =
        make_handle<uv_poll_t>([&](uv_poll_t* handle) { return uv_poll_init(&loop_, handle, clients_->fd()); }, error);
    if (!poll_) return false;
    poll_->data = this;
    const int e = uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
        static_cast<relay_server*>(handle->data)->on_clients();
    });
    if (e != 0) {
        error = uv_strerror(e);
        return false;
    }
    timer_ = wake_timer::create(
        loop_,
        [this] {
            relay_.handle_timeout(monotonic_now());
            pump();
        },
        error);
    return timer_ != nullptr;
}

relay_server::~relay_server() {
    for (const auto& [id, asked] : lookups_) {
        asked->server = nullptr;
        (void)uv_cancel(reinterpret_cast<uv_req_t*>(&asked->request));
    }
}

bool relay_server::handed_over(const batch_socket::datagram& d) {
    const std::uint32_t worker = steering_.worker_of(d.bytes);
    if (worker == worker_) return false;
    ++counted_.handed_over;
    if (!hand_over_ || !hand_over_(worker, {local_, d.from}, d.mark, d.bytes)) ++counted_.hand_over_drops;
    return true;
}

void relay_server::take(const masque::udp_path& path, masque::ecn mark, byte_view packet) {
    relay_.handle_datagram(monotonic_now(), path, mark, packet);
}

void relay_server::on_clients() {
    std::size_t packets = 0;
    const auto take = [&](const batch_socket::datagram& d) {
        if (handed_over(d)) return;
        relay_.handle_datagram(monotonic_now(), {local_, d.from}, d.mark, d.bytes);
        if (++packets % packets_between_pumps == 0) pump();
    };
    for (int turn = 0; turn < read_turns && clients_->read(take); ++turn) continue;
    pump();
}

void relay_server::on_target(target& t) {
    const instant now = monotonic_now();
    const masque::target_id id = t.id;
    // One batch: what is left is read in the next turn of the loop, after those of others.
    (void)t.socket->read(
        [&](const batch_socket::datagram& d) {
            (void)relay_.handle_target_datagram(now, id, d.bytes);  // the relay counts what it refuses
        },
        1);
    // The kernel knows that nobody is there; the client is to know it too (RFC 9298, section 3.1).
    if (t.socket->last_error() != 0) (void)relay_.target_lost(now, id);
    pump();
}

void relay_server::pump() {
    const instant now = monotonic_now();
    give_up_lookups(now);
    do take_outputs(now);
    while (flush_targets(now));  // clients of lost targets are to be told
    clients_->flush();
    // Every packet puts the next time-out off. The timer is not told each time: it may wake too early and ask again.
    instant next = relay_.next_timeout();
    if (!lookup_order_.empty())
        if (const auto asked = lookups_.find(lookup_order_.front()); asked != lookups_.end())
            next = std::min(next, asked->second->asked_at + lookup_time);
    if (next >= wake_at_ && wake_at_ > now) return;
    wake_at_ = next;
    timer_->wake_at(next);
}

void relay_server::take_outputs(instant now) {
    relay_output out;
    while (relay_.poll_output(now, out)) {
        switch (out.kind) {
            case relay_output_kind::transmit:
                clients_->queue(out.packet.path.remote, out.packet.mark, out.packet.bytes);
                break;
            case relay_output_kind::to_target: send_to_target(out.target, out.payload); break;
            case relay_output_kind::resolve: resolve(out.target, out.host); break;
            case relay_output_kind::open_target: open_target(out.target, out.address); break;
            case relay_output_kind::close_target:
                if (const auto asked = lookups_.find(out.target); asked != lookups_.end())
                    asked->second->wanted = false;
                if (const auto t = targets_.find(out.target); t != targets_.end()) {
                    std::erase(dirty_, t->second.get());
                    t->second->socket->flush();
                    counted_.target_truncated += t->second->socket->stats().truncated;
                    counted_.target_unsent += t->second->socket->stats().unsent;
                    t->second->poll.reset();  // before its socket
                    targets_.erase(t);
                }
                break;
            case relay_output_kind::none: break;
        }
    }
}

bool relay_server::flush_targets(instant now) {
    bool any_lost = false;
    for (target* const t : dirty_) {
        t->dirty = false;
        t->socket->flush();
        if (t->socket->send_error() == 0) continue;
        (void)relay_.target_lost(now, t->id);
        any_lost = true;
    }
    dirty_.clear();
    return any_lost;
}

/// The system's resolver takes its time with names whose servers do not answer. Their clients are told before.
void relay_server::give_up_lookups(instant now) {
    for (; !lookup_order_.empty(); lookup_order_.pop_front()) {
        const auto asked = lookups_.find(lookup_order_.front());
        if (asked == lookups_.end() || !asked->second->wanted) continue;
        if (now < asked->second->asked_at + lookup_time) return;
        asked->second->wanted = false;
        (void)uv_cancel(reinterpret_cast<uv_req_t*>(&asked->second->request));
        (void)relay_.target_failed(now, asked->first, proxy_error::dns_timeout);
    }
}

void relay_server::resolve(masque::target_id id, std::string_view host) {
    if (lookups_.size() >= lookups_max) {
        (void)relay_.target_failed(monotonic_now(), id, proxy_error::dns_timeout);
        return;
    }
    auto asked = std::make_unique<lookup>();
    asked->server = this;
    asked->id = id;
    asked->asked_at = monotonic_now();
    asked->request.data = asked.get();
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    const std::string name{host};
    const int e = uv_getaddrinfo(
        &loop_, &asked->request,
        [](uv_getaddrinfo_t* request, int failed, addrinfo* found) {
            const std::unique_ptr<lookup> done{static_cast<lookup*>(request->data)};
            relay_server* const server = done->server;
            if (server != nullptr) server->lookups_.erase(done->id);
            if (server != nullptr && done->wanted) {
                std::vector<masque::ip_address> answers;
                for (const addrinfo* a = found; failed == 0 && a != nullptr; a = a->ai_next)
                    answers.push_back(to_udp_address(socket_address{*a->ai_addr}).ip);
                if (failed != 0 && failed != UV_EAI_NONAME && failed != UV_EAI_NODATA)
                    (void)server->relay_.target_failed(monotonic_now(), done->id, proxy_error::dns_timeout);
                else
                    (void)server->relay_.target_resolved(monotonic_now(), done->id, answers);
                server->pump();
            }
            uv_freeaddrinfo(found);
        },
        name.c_str(), nullptr, &hints);
    if (e != 0) {
        (void)relay_.target_failed(monotonic_now(), id, proxy_error::proxy_internal_error);
        return;
    }
    lookups_[id] = asked.release();
    lookup_order_.push_back(id);
}

void relay_server::open_target(masque::target_id id, const masque::udp_address& address) {
    int number = 0;
    auto made = std::make_unique<target>();
    made->socket = batch_socket::connect(to_socket_address(address), number);
    std::string error;
    if (made->socket)
        made->poll = make_handle<uv_poll_t>(
            [&](uv_poll_t* handle) { return uv_poll_init(&loop_, handle, made->socket->fd()); }, error);
    if (!made->poll) {
        (void)relay_.target_failed(monotonic_now(), id, error_of_socket(number));
        return;
    }
    made->server = this;
    made->id = id;
    made->poll->data = made.get();
    (void)uv_poll_start(made->poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
        auto& t = *static_cast<target*>(handle->data);
        t.server->on_target(t);
    });
    targets_[id] = std::move(made);
    (void)relay_.target_opened(monotonic_now(), id);
}

void relay_server::send_to_target(masque::target_id id, byte_view payload) {
    const auto found = targets_.find(id);
    if (found == targets_.end()) return;
    target& t = *found->second;
    t.socket->queue({}, masque::ecn::not_ect, payload);
    if (t.dirty) return;
    t.dirty = true;
    dirty_.push_back(&t);
}

relay_server_stats relay_server::stats() const noexcept {
    relay_server_stats out = counted_;
    out.protocol = relay_.statistics();
    out.clients = clients_->stats();
    out.lookups = lookups_.size();
    for (const auto& [id, t] : targets_) {
        out.target_truncated += t->socket->stats().truncated;
        out.target_unsent += t->socket->stats().unsent;
    }
    return out;
}

void relay_server::drain() {
    relay_.drain(monotonic_now());
    pump();
}

void relay_server::close() {
    relay_.close(monotonic_now());
    pump();
}

}  // namespace io
}  // namespace v0
}  // namespace duality
