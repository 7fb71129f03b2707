// SPDX-License-Identifier: MIT
//
// What the MASQUE benchmark measures with: relay, client, target and forwarder, each in a process of its own where its
// memory and processor time are to be told from those of the others.
#pragma once

#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "relay/relay_server.hpp"
#include "relay/tunnel_client.hpp"
#include "support/masque_client.hpp"

namespace masque_bench {

using namespace duality;
using namespace duality::literals;
using bytes = std::vector<std::uint8_t>;

[[noreturn]] inline void fail(const std::string& why) {
    std::fprintf(stderr, "bench_masque: %s\n", why.c_str());
    std::_Exit(1);
}

inline io::socket_address loopback(std::uint16_t port = 0) {
    return io::socket_address::parse("127.0.0.1:" + std::to_string(port)).value();
}

inline std::unique_ptr<io::batch_socket> new_socket() {
    std::string error;
    auto made = io::batch_socket::create(loopback(), error);
    if (!made) fail(error);
    return made;
}

inline const masque::certificate& relay_certificate() {
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

/// As many open files as the system lets this process have.
inline void raise_file_limit(rlim_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted;
    limit.rlim_max = std::max(limit.rlim_max, wanted);
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/// Whoever waits for a datagram gets a processor at once, where the user may have that, so that what else runs on the
/// machine is not measured. For processes that mostly wait.
inline void be_punctual() {
    sched_param lowest{};
    lowest.sched_priority = sched_get_priority_min(SCHED_RR);
    (void)sched_setscheduler(0, SCHED_RR, &lowest);
}

/// What a process tells the one that started it.
struct shared_figures {
    std::atomic<std::uint16_t> port{0};
    std::atomic<bool> stats_wanted{false};
    io::relay_server_stats stats;
};

/// A process that lives as long as this object; `body` runs in it and must say its port.
class process {
public:
    template <class Body>
    explicit process(Body body) {
        void* const room =
            mmap(nullptr, sizeof(shared_figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED) fail("no memory");
        figures_ = new (room) shared_figures;
        id_ = fork();
        if (id_ < 0) fail("no process");
        if (id_ == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void)malloc_trim(0);  // what earlier measurements left free is not to be had for nothing
            body(*figures_);
            std::_Exit(0);
        }
        while (figures_->port == 0) {
            if (waitpid(id_, nullptr, WNOHANG) != 0) fail("a process of the benchmark has ended early");
            (void)::poll(nullptr, 0, 1);
        }
    }
    ~process() {
        (void)kill(id_, SIGKILL);
        (void)waitpid(id_, nullptr, 0);
        (void)munmap(figures_, sizeof(shared_figures));
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    [[nodiscard]] io::socket_address address() const { return loopback(figures_->port); }
    [[nodiscard]] double cpu_seconds() const {
        clockid_t clock{};
        timespec used{};
        if (clock_getcpuclockid(id_, &clock) != 0 || clock_gettime(clock, &used) != 0) fail("no processor time");
        return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
    }
    [[nodiscard]] double resident_kib() const {
        std::ifstream file{"/proc/" + std::to_string(id_) + "/statm"};
        double all = 0;
        double resident = 0;
        file >> all >> resident;
        return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
    }
    [[nodiscard]] io::relay_server_stats stats() const {
        figures_->stats_wanted = true;
        while (figures_->stats_wanted) (void)::poll(nullptr, 0, 1);
        return figures_->stats;
    }

private:
    shared_figures* figures_ = nullptr;
    pid_t id_ = -1;
};

/// One relay worker that may reach the loopback, with limits that are not in the way.
inline void run_relay(shared_figures& figures, duration payload_lifetime = duration::from_ms(200)) {
    io::relay_server_config config;
    config.listen = loopback();
    config.protocol.certificate_chain = relay_certificate().chain();
    config.protocol.private_key = relay_certificate().key();
    (void)config.protocol.policy.allow(masque::address_prefix::parse("127.0.0.0/8").value());
    config.protocol.max_connections = 100'000;
    config.protocol.max_connections_per_address = 100'000;
    config.protocol.max_tunnels = 200'000;
    config.protocol.max_tunnels_per_client = 200'000;
    config.protocol.max_tunnels_per_connection = 10'000;
    config.protocol.max_unanswered = 0x7FFFFFFF;
    config.protocol.max_bonds = 100'000;
    config.protocol.max_bonds_per_client = 100'000;
    config.protocol.payload_lifetime = payload_lifetime;
    uv_loop_t loop{};
    uv_loop_init(&loop);
    std::string error;
    const auto server = io::relay_server::create(loop, config, error);
    if (!server) fail(error);
    struct context {
        shared_figures& figures;
        io::relay_server& server;
    } both{figures, *server};
    uv_timer_t tick{};
    uv_timer_init(&loop, &tick);
    tick.data = &both;
    uv_timer_start(
        &tick,
        [](uv_timer_t* t) {
            const auto& [shared, relay] = *static_cast<context*>(t->data);
            if (!shared.stats_wanted) return;
            shared.stats = relay.stats();
            shared.stats_wanted = false;
        },
        5, 5);
    figures.port = server->local().port();
    uv_run(&loop, UV_RUN_DEFAULT);
}

/// `duality tunnel` to `target` through the relay at `relay`.
inline void run_tunnel(shared_figures& figures, const io::socket_address& relay, const io::socket_address& target) {
    const masque::key_pin pins[] = {relay_certificate().pin};
    io::tunnel_client_config config;
    config.protocol.relay = "relay.bench";
    config.protocol.pins = pins;
    config.listen = loopback();
    config.relay = relay;
    config.target = masque::udp_target::create("127.0.0.1", target.port()).value();
    uv_loop_t loop{};
    uv_loop_init(&loop);
    std::string error;
    const auto client = io::tunnel_client::create(loop, config, error);
    if (!client) fail(error);
    figures.port = client->local().port();
    uv_run(&loop, UV_RUN_DEFAULT);
}

/// Sends back what comes.
inline void run_echo(shared_figures& figures) {
    const auto socket = new_socket();
    figures.port = socket->local().port();
    for (;;) {
        pollfd wanted{socket->fd(), POLLIN, 0};
        (void)::poll(&wanted, 1, -1);
        (void)socket->read([&](const io::batch_socket::datagram& d) { socket->queue(d.from, d.mark, d.bytes); });
        socket->flush();
    }
}

/// The least that a forwarder can do: from one local program to `target` and back, one system call for each datagram.
inline void run_forwarder(shared_figures& figures, const io::socket_address& target) {
    const auto front = new_socket();
    const auto back = new_socket();
    figures.port = front->local().port();
    sockaddr_storage program{};
    std::uint8_t room[2048];
    const sockaddr* const to = target.native();
    pollfd wanted[] = {{front->fd(), POLLIN, 0}, {back->fd(), POLLIN, 0}};
    for (;;) {
        (void)::poll(wanted, 2, -1);
        if ((wanted[0].revents & POLLIN) != 0) {
            socklen_t size = sizeof program;
            const ssize_t got =
                recvfrom(front->fd(), room, sizeof room, 0, reinterpret_cast<sockaddr*>(&program), &size);
            if (got > 0) (void)sendto(back->fd(), room, static_cast<std::size_t>(got), 0, to, sizeof(sockaddr_in));
        }
        if ((wanted[1].revents & POLLIN) != 0) {
            const ssize_t got = recv(back->fd(), room, sizeof room, 0);
            if (got > 0)
                (void)sendto(front->fd(), room, static_cast<std::size_t>(got), 0,
                             reinterpret_cast<const sockaddr*>(&program), sizeof(sockaddr_in));
        }
    }
}

/// A client with room for what the benchmark sends.
class client : public test::masque_client {
public:
    explicit client(const io::socket_address& relay, std::uint32_t buffered = 1'024)
        : masque_client{relay, configuration(buffered)} {}
    void connect() {
        for (int i = 0; i < 5'000 && !tunnel->is_connected(); ++i) turn(1);
        if (!tunnel->is_connected()) fail("no connection");
    }
    masque::flow_id open(const io::socket_address& target) {
        const auto flow = try_open(target);
        if (!flow) fail("no flow");
        return flow.value();
    }

private:
    [[nodiscard]] static masque::tunnel_config configuration(std::uint32_t buffered) {
        static const masque::key_pin pins[] = {relay_certificate().pin};
        masque::tunnel_config config;
        config.relay = "relay.bench";
        config.pins = pins;
        config.max_flows = buffered < 1'024 ? 512 : 10'000;
        config.buffered_datagrams = buffered;
        config.payload_lifetime = 1_s;
        return config;
    }
};

/// Takes what waits at a socket and throws it away; how many there were.
inline std::uint64_t drain(io::batch_socket& socket) {
    std::uint64_t count = 0;
    while (socket.read([&](const io::batch_socket::datagram&) { ++count; })) continue;
    return count;
}

}  // namespace masque_bench
