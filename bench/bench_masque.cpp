// SPDX-License-Identifier: MIT
//
// A relay on the loopback under load: what it forwards each way, and what opening tunnels and connections costs. The relay
// has a thread of its own; client and target share the other one. `per_cpu_second` counts only the relay's processor
// time, so that what else runs on the machine does not matter.
#include <benchmark/benchmark.h>
#include <poll.h>
#include <uv.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "io/loop_thread.hpp"
#include "relay/relay_identity.hpp"
#include "relay/relay_server.hpp"
#include "relay/tunnel_client.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

using bytes = std::vector<std::uint8_t>;

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "bench_masque: %s\n", why.c_str());
    std::exit(1);
}

io::socket_address loopback() {
    return io::socket_address::parse("127.0.0.1:0").value();
}

std::unique_ptr<io::batch_socket> new_socket() {
    std::string error;
    auto made = io::batch_socket::create(loopback(), error);
    if (!made) fail(error);
    return made;
}

const masque::certificate& relay_certificate() {
    static const masque::certificate made = [] {
        const std::string_view names[] = {"relay.bench"};
        auto c = masque::make_certificate({.names = names,
                                           .valid_from = wall_time::from_ns(1'700'000'000'000'000'000),
                                           .valid_until = wall_time::from_ns(4'000'000'000'000'000'000)});
        if (!c) fail("no certificate");
        return c.value();
    }();
    return made;
}

/// Something in a loop with a thread of its own, whose processor time can be read.
class busy_thread {
public:
    busy_thread() {
        std::string error;
        thread_ = io::loop_thread::create(error);
        if (!thread_) fail(error);
    }
    [[nodiscard]] uv_loop_t& loop() { return thread_->loop(); }
    void start() {
        uv_async_init(&loop(), &ask_, [](uv_async_t* a) {
            auto& self = *static_cast<busy_thread*>(a->data);
            timespec now{};
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
            self.cpu_ns_.store(now.tv_sec * 1'000'000'000 + now.tv_nsec);
        });
        ask_.data = this;
        thread_->start();
    }
    /// Stops the thread; what is in the loop may then be destroyed.
    void stop() {
        thread_->stop();
        uv_close(reinterpret_cast<uv_handle_t*>(&ask_), nullptr);
    }
    [[nodiscard]] double cpu_seconds() {
        cpu_ns_.store(-1);
        uv_async_send(&ask_);
        while (cpu_ns_.load() < 0) (void)::poll(nullptr, 0, 1);
        return static_cast<double>(cpu_ns_.load()) / 1e9;
    }

private:
    std::unique_ptr<io::loop_thread> thread_;
    uv_async_t ask_{};
    std::atomic<std::int64_t> cpu_ns_{0};
};

/// A relay that may reach the loopback.
class relay_under_test {
public:
    relay_under_test() {
        io::relay_server_config config;
        config.listen = loopback();
        config.protocol.certificate_chain = relay_certificate().chain();
        config.protocol.private_key = relay_certificate().key();
        (void)config.protocol.policy.allow(masque::address_prefix::parse("127.0.0.0/8").value());
        config.protocol.max_connections_per_address = 100'000;
        config.protocol.max_tunnels_per_client = 100'000;
        config.protocol.max_tunnels_per_connection = 10'000;
        config.protocol.max_unanswered = 0x7FFFFFFF;
        std::string error;
        server_ = io::relay_server::create(thread.loop(), config, error);
        if (!server_) fail(error);
        address = server_->local();
        thread.start();
    }
    ~relay_under_test() {
        thread.stop();
        server_.reset();
    }
    relay_under_test(const relay_under_test&) = delete;
    relay_under_test& operator=(const relay_under_test&) = delete;

    busy_thread thread;
    io::socket_address address;

private:
    std::unique_ptr<io::relay_server> server_;
};

/// The client's end, driven by hand.
class client {
public:
    explicit client(const io::socket_address& relay) : quic_{new_socket()} {
        path_ = {io::to_udp_address(quic_->local()), io::to_udp_address(relay)};
        const masque::key_pin pins[] = {relay_certificate().pin};
        masque::tunnel_config config;
        config.relay = "relay.bench";
        config.pins = pins;
        config.path = path_;
        config.max_flows = 10'000;
        config.payload_lifetime = 1_s;
        auto made = masque::tunnel::create(io::monotonic_now(), config, allocator::system());
        if (!made) fail("no tunnel");
        tunnel = std::make_unique<masque::tunnel>(std::move(made).value());
        while (!tunnel->is_connected()) turn(1);
    }
    masque::flow_id open(const io::socket_address& target) {
        const auto made = masque::udp_target::create("127.0.0.1", target.port());
        const auto flow = tunnel->open(io::monotonic_now(), made.value());
        if (!flow) fail("no flow");
        return flow.value();
    }
    /// Sends what is there, waits for at most `wait_ms`, takes what has come.
    void turn(int wait_ms) {
        flush();
        if (wait_ms > 0) {
            pollfd wanted{quic_->fd(), POLLIN, 0};
            (void)::poll(&wanted, 1, wait_ms);
        }
        const instant now = io::monotonic_now();
        (void)quic_->read([&](const io::batch_socket::datagram& d) {
            tunnel->handle_datagram(now, {path_.local, d.from}, d.mark, d.bytes);
        });
        if (tunnel->next_timeout() <= now) tunnel->handle_timeout(now);
        flush();
    }

    std::unique_ptr<masque::tunnel> tunnel;
    std::uint64_t delivered = 0;
    std::uint64_t opened = 0;

private:
    void flush() {
        masque::tunnel_output out;
        const instant now = io::monotonic_now();
        while (tunnel->poll_output(now, out)) {
            if (out.kind == masque::tunnel_output_kind::transmit)
                quic_->queue(out.packet.path.remote, out.packet.mark, out.packet.bytes);
            if (out.kind == masque::tunnel_output_kind::deliver) ++delivered;
            if (out.kind == masque::tunnel_output_kind::event && out.event.kind == masque::tunnel_event_kind::flow_open)
                ++opened;
        }
        quic_->flush();
    }

    std::unique_ptr<io::batch_socket> quic_;
    masque::udp_path path_;
};

/// How many datagrams wait at a socket; they are thrown away.
std::uint64_t drain(io::batch_socket& socket) {
    std::uint64_t count = 0;
    while (socket.read([&](const io::batch_socket::datagram&) { ++count; })) continue;
    return count;
}

void forward_up(benchmark::State& state) {
    relay_under_test relay;
    client c{relay.address};
    const auto target = new_socket();
    const masque::flow_id flow = c.open(target->local());
    const bytes payload(static_cast<std::size_t>(state.range(0)), 0x55);
    for (int i = 0; i < 200; ++i) {  // the path's limit is found out, the congestion window opens
        for (int k = 0; k < 16; ++k) (void)c.tunnel->send(io::monotonic_now(), flow, payload, instant::never());
        c.turn(1);
    }
    (void)drain(*target);
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;
    const double before = relay.thread.cpu_seconds();
    const instant begin = io::monotonic_now();
    for (auto _ : state) {
        for (int k = 0; k < 64; ++k)
            sent += c.tunnel->send(io::monotonic_now(), flow, payload, instant::never()) == status::ok ? 1 : 0;
        c.turn(0);
        arrived += drain(*target);
    }
    const double wall = static_cast<double>((io::monotonic_now() - begin).ns()) / 1e9;
    for (int i = 0; i < 20; ++i) {
        c.turn(5);
        arrived += drain(*target);
    }
    const double cpu = relay.thread.cpu_seconds() - before;
    state.counters["per_cpu_second"] = static_cast<double>(arrived) / cpu;
    state.counters["per_second"] = static_cast<double>(arrived) / wall;
    state.counters["lost_percent"] = 100 * (1 - static_cast<double>(arrived) / static_cast<double>(sent));
}

void forward_down(benchmark::State& state) {
    relay_under_test relay;
    client c{relay.address};
    const auto target = new_socket();
    const masque::flow_id flow = c.open(target->local());
    masque::udp_address back;
    while (back.port == 0) {
        (void)c.tunnel->send(io::monotonic_now(), flow, bytes(10), instant::never());
        c.turn(5);
        (void)target->read([&](const io::batch_socket::datagram& d) { back = d.from; });
    }
    const bytes payload(static_cast<std::size_t>(state.range(0)), 0x55);
    const auto burst = [&](int count) {
        for (int k = 0; k < count; ++k) target->queue(back, masque::ecn::not_ect, payload);
        target->flush();
    };
    for (int i = 0; i < 200; ++i) {
        burst(16);
        c.turn(1);
    }
    const std::uint64_t already = c.delivered;
    const double before = relay.thread.cpu_seconds();
    const instant begin = io::monotonic_now();
    std::uint64_t sent = 0;
    for (auto _ : state) {
        burst(32);
        sent += 32;
        c.turn(0);
    }
    const double wall = static_cast<double>((io::monotonic_now() - begin).ns()) / 1e9;
    for (int i = 0; i < 20; ++i) c.turn(5);
    const double cpu = relay.thread.cpu_seconds() - before;
    const auto arrived = static_cast<double>(c.delivered - already);
    state.counters["per_cpu_second"] = arrived / cpu;
    state.counters["per_second"] = arrived / wall;
    state.counters["lost_percent"] = 100 * (1 - arrived / static_cast<double>(sent));
}

void open_tunnels(benchmark::State& state) {
    relay_under_test relay;
    client c{relay.address};
    const auto target = new_socket();
    const double before = relay.thread.cpu_seconds();
    std::uint64_t wanted = 0;
    for (auto _ : state) {
        const masque::flow_id flow = c.open(target->local());
        for (++wanted; c.opened < wanted;) c.turn(5);
        (void)c.tunnel->close_flow(io::monotonic_now(), flow);
    }
    const double cpu = relay.thread.cpu_seconds() - before;
    state.counters["per_cpu_second"] = static_cast<double>(wanted) / cpu;
}

void open_connections(benchmark::State& state) {
    relay_under_test relay;
    const double before = relay.thread.cpu_seconds();
    std::uint64_t made = 0;
    for (auto _ : state) {
        client c{relay.address};
        ++made;
        c.tunnel->close(io::monotonic_now());
        c.turn(0);
    }
    const double cpu = relay.thread.cpu_seconds() - before;
    state.counters["per_cpu_second"] = static_cast<double>(made) / cpu;
}

BENCHMARK(forward_up)->Arg(200)->Arg(1'200)->UseRealTime()->MinTime(2);
BENCHMARK(forward_down)->Arg(200)->Arg(1'200)->UseRealTime()->MinTime(2);
BENCHMARK(open_tunnels)->UseRealTime()->MinTime(1);
BENCHMARK(open_connections)->UseRealTime()->MinTime(1);

}  // namespace
