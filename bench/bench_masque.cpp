// SPDX-License-Identifier: MIT
//
// A relay worker on the loopback under load: what it forwards each way, what it adds to an echo, what tunnels cost to
// open and to keep. Rates are given per second of the relay's processor time, so that a generator that shares the machine
// with it does not count; beside them what went through per second of the clock, which the generator limits.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "masque_rig.hpp"
#include "parity_report.hpp"

using namespace masque_bench;
using parity_bench::row;

namespace {

struct rate {
    double per_cpu_second = 0;
    double per_second = 0;
    double lost_percent = 0;
};

/// Counts what happens between its birth and `finish`.
class stopwatch {
public:
    explicit stopwatch(const process& relay) : relay_{relay}, cpu_{relay.cpu_seconds()}, begin_{io::monotonic_now()} {}
    [[nodiscard]] double wall() const { return static_cast<double>((io::monotonic_now() - begin_).ns()) / 1e9; }
    [[nodiscard]] double cpu() const { return relay_.cpu_seconds() - cpu_; }

private:
    const process& relay_;
    double cpu_;
    instant begin_;
};

rate forward_up(std::size_t size, duration length) {
    const process relay{[](shared_figures& f) { run_relay(f); }};
    client c{relay.address()};
    c.connect();
    const auto target = new_socket();
    const masque::flow_id flow = c.open(target->local());
    const bytes payload(size, 0x55);
    for (int i = 0; i < 200; ++i) {  // the path's limit is found out, the congestion window opens
        for (int k = 0; k < 16; ++k) (void)c.send(flow, payload);
        c.turn(1);
    }
    (void)drain(*target);
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;
    const stopwatch watch{relay};
    const instant end = io::monotonic_now() + length;
    while (io::monotonic_now() < end) {
        for (int k = 0; k < 64; ++k) sent += c.send(flow, payload) == status::ok ? 1 : 0;
        c.turn(0);
        arrived += drain(*target);
    }
    const double wall = watch.wall();
    for (int i = 0; i < 50 && arrived < sent; ++i) {
        c.turn(5);
        arrived += drain(*target);
    }
    const auto all = static_cast<double>(arrived);
    return {all / watch.cpu(), all / wall, 100 * (1 - all / static_cast<double>(sent))};
}

/// The target sends more than the client takes; what has waited longer than `lifetime` is shed before it is encrypted.
struct down_result {
    rate delivered;
    double shed_percent = 0;  ///< of what the target sent, by the relay
};
down_result forward_down(std::size_t size, int burst, duration lifetime, duration length) {
    const process relay{[&](shared_figures& f) { run_relay(f, lifetime); }};
    client c{relay.address()};
    c.connect();
    const auto target = new_socket();
    const masque::flow_id flow = c.open(target->local());
    masque::udp_address back;
    while (back.port == 0) {
        (void)c.send(flow, bytes(10));
        c.turn(5);
        (void)target->read([&](const io::batch_socket::datagram& d) { back = d.from; });
    }
    const bytes payload(size, 0x55);
    const auto send_burst = [&](int count) {
        for (int k = 0; k < count; ++k) target->queue(back, masque::ecn::not_ect, payload);
        target->flush();
    };
    for (int i = 0; i < 200; ++i) {
        send_burst(16);
        c.turn(1);
    }
    const std::uint64_t already = c.delivered;
    const io::relay_server_stats before = relay.stats();
    const stopwatch watch{relay};
    std::uint64_t sent = 0;
    const instant end = io::monotonic_now() + length;
    while (io::monotonic_now() < end) {
        send_burst(burst);
        sent += static_cast<std::uint64_t>(burst);
        c.turn(0);
    }
    const double wall = watch.wall();
    for (int i = 0; i < 20; ++i) c.turn(5);
    const double cpu = watch.cpu();
    const auto shed_by = [](const io::relay_server_stats& s) {
        return s.protocol.connections.expired + s.protocol.connections.refused;
    };
    const auto arrived = static_cast<double>(c.delivered - already);
    const auto offered = static_cast<double>(sent);
    return {{arrived / cpu, arrived / wall, 100 * (1 - arrived / offered)},
            100 * static_cast<double>(shed_by(relay.stats()) - shed_by(before)) / offered};
}

double median(std::vector<double>& values) {
    if (values.empty()) fail("no echo came back");
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

struct echo_result {
    double plain_us = 0;
    double twice_us = 0;  ///< through two plain forwarders, as many processes as client and relay are
    double tunnel_us = 0;
};
/// 1,000 datagrams a second each way in turn: through one plain forwarder, through two, and through client and relay.
echo_result echo(duration length) {
    be_punctual();  // and so are the processes started from here
    const process target{[](shared_figures& f) { run_echo(f); }};
    const process forwarder{[&](shared_figures& f) { run_forwarder(f, target.address()); }};
    const process second{[&](shared_figures& f) { run_forwarder(f, target.address()); }};
    const process first{[&](shared_figures& f) { run_forwarder(f, second.address()); }};
    const process relay{[](shared_figures& f) { run_relay(f); }};
    const process tunnel{[&](shared_figures& f) { run_tunnel(f, relay.address(), target.address()); }};
    const auto program = new_socket();
    const masque::udp_address ways[] = {io::to_udp_address(forwarder.address()), io::to_udp_address(first.address()),
                                        io::to_udp_address(tunnel.address())};
    std::vector<double> times[std::size(ways)];
    const instant begin = io::monotonic_now();
    const instant counted_from = begin + 500_ms;  // connected by then
    std::size_t turn = 0;
    for (instant due = begin; due < counted_from + length; due = due + 333_us, ++turn) {
        for (instant now = io::monotonic_now(); now < due; now = io::monotonic_now()) {
            const timespec wait{0, (due - now).ns()};
            pollfd wanted{program->fd(), POLLIN, 0};
            if (::ppoll(&wanted, 1, &wait, nullptr) <= 0) continue;
            (void)program->read([&](const io::batch_socket::datagram& d) {
                std::int64_t stamp = 0;
                if (d.bytes.size() < sizeof stamp) return;
                std::memcpy(&stamp, d.bytes.data(), sizeof stamp);
                const instant sent = instant::from_ns(stamp);
                if (sent < counted_from) return;
                const auto way = std::find(std::begin(ways), std::end(ways), d.from) - std::begin(ways);
                if (way == std::ssize(ways)) return;
                times[way].push_back(static_cast<double>((io::monotonic_now() - sent).ns()) / 1e3);
            });
        }
        bytes payload(200, 0x55);
        const std::int64_t stamp = io::monotonic_now().ns();
        std::memcpy(payload.data(), &stamp, sizeof stamp);
        program->queue(ways[turn % std::size(ways)], masque::ecn::not_ect, payload);
        program->flush();
    }
    const sched_param none{};
    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    return {median(times[0]), median(times[1]), median(times[2])};
}

using clients = std::vector<std::unique_ptr<client>>;

/// Runs all until each has `flows` tunnels open.
void settle(const clients& all, std::uint64_t flows) {
    const instant end = io::monotonic_now() + 30_s;
    for (bool waiting = true; waiting;) {
        waiting = false;
        for (const auto& c : all) {
            c->turn(0);
            if (c->refused > 0) fail("a tunnel was refused");
            waiting = waiting || c->opened < flows;
        }
        if (io::monotonic_now() > end) fail("tunnels do not open");
        if (waiting) (void)::poll(nullptr, 0, 1);
    }
}

/// Tunnels opened per second of the relay's processor, each on a connection of its own, a few at a time.
double open_with_connection(std::size_t count) {
    const process relay{[](shared_figures& f) { run_relay(f); }};
    const auto target = new_socket();
    const stopwatch watch{relay};
    std::size_t made = 0;
    while (made < count) {
        clients batch;
        for (int i = 0; i < 16; ++i, ++made) {
            batch.push_back(std::make_unique<client>(relay.address(), 64));
            (void)batch.back()->open(target->local());
        }
        settle(batch, 1);
        for (const auto& c : batch) {
            c->tunnel->close(io::monotonic_now());
            c->turn(0);
        }
    }
    return static_cast<double>(made) / watch.cpu();
}

double open_on_connection(std::size_t count) {
    const process relay{[](shared_figures& f) { run_relay(f); }};
    const auto target = new_socket();
    client c{relay.address()};
    c.connect();
    const stopwatch watch{relay};
    for (std::size_t i = 0; i < count;) {
        std::vector<masque::flow_id> flows;
        for (int k = 0; k < 16; ++k, ++i) flows.push_back(c.open(target->local()));
        while (c.opened < i) c.turn(1);
        for (const masque::flow_id flow : flows) (void)c.tunnel->close_flow(io::monotonic_now(), flow);
    }
    return static_cast<double>(count) / watch.cpu();
}

struct memory_result {
    double connection_kib = 0;  ///< an idle tunnel and its connection
    double tunnel_kib = 0;      ///< a further one on it
};
memory_result memory(std::size_t connections, std::size_t tunnels) {
    const process relay{[](shared_figures& f) { run_relay(f); }};
    const auto target = new_socket();
    clients all;
    const auto add = [&](std::size_t count) {
        while (count > 0) {  // not so many at a time that the relay's memory for handshakes is all that is seen
            clients batch;
            for (std::size_t k = std::min<std::size_t>(count, 16); k > 0; --k, --count) {
                batch.push_back(std::make_unique<client>(relay.address(), 64));
                (void)batch.back()->open(target->local());
            }
            settle(batch, 1);
            for (auto& c : batch) all.push_back(std::move(c));
        }
    };
    const auto rest = [&] {
        for (int i = 0; i < 60; ++i) {
            for (const auto& c : all) c->turn(0);
            (void)::poll(nullptr, 0, 25);
        }
    };
    add(64);  // what is only taken once
    rest();
    const double empty = relay.resident_kib();
    add(connections);
    rest();
    const double connected = relay.resident_kib();
    const clients one = [&] {
        clients made;
        made.push_back(std::make_unique<client>(relay.address(), 1'024));
        return made;
    }();
    one[0]->connect();
    const double before = relay.resident_kib();
    for (std::size_t i = 0; i < tunnels; ++i) (void)one[0]->open(target->local());
    settle(one, tunnels);
    for (int i = 0; i < 20; ++i) one[0]->turn(25);
    return {(connected - empty) / static_cast<double>(connections),
            (relay.resident_kib() - before) / static_cast<double>(tunnels)};
}

/// How many tunnels are open on one worker when an echo has come back through each of them.
double concurrent_tunnels(std::size_t wanted) {
    constexpr std::size_t flows = 100;
    const process relay{[](shared_figures& f) { run_relay(f); }};
    const process target{[](shared_figures& f) { run_echo(f); }};
    clients all;
    while (all.size() * flows < wanted) {
        all.push_back(std::make_unique<client>(relay.address(), 1'000));
        client& c = *all.back();
        c.connect();
        std::vector<masque::flow_id> ids;
        for (std::size_t i = 0; i < flows; ++i) ids.push_back(c.open(target.address()));
        for (int i = 0; i < 2'000 && c.opened + c.refused < flows; ++i) c.turn(1);
        for (const masque::flow_id id : ids) (void)c.send(id, bytes(100));
        for (int i = 0; i < 200 && c.delivered < c.opened; ++i) c.turn(1);
        if (c.refused > 0) break;
        for (const auto& other : all) other->turn(0);
    }
    std::uint64_t alive = 0;
    for (const auto& c : all) alive += std::min(c->delivered, c->opened);
    return static_cast<double>(std::min<std::uint64_t>(alive, relay.stats().protocol.open_tunnels));
}

/// In how many of 100 new tunnels the first datagram reaches the target although the client hears nothing of the relay.
double first_datagrams() {
    const process relay{[](shared_figures& f) { run_relay(f); }};
    const auto target = new_socket();
    client c{relay.address()};
    c.connect();
    std::uint64_t arrived = 0;
    for (int i = 0; i < 100; ++i) {
        (void)c.send(c.open(target->local()), bytes(100));
        c.flush();
        pollfd wanted{target->fd(), POLLIN, 0};
        (void)::poll(&wanted, 1, 200);
        arrived += drain(*target) > 0 ? 1 : 0;
        for (int k = 0; k < 5; ++k) c.turn(1);
    }
    return static_cast<double>(arrived);
}

std::vector<row> measure(bool quick) {
    const duration length = quick ? 200_ms : 3_s;
    std::vector<row> rows;
    const auto add = [&](const char* name, double value, const char* unit, double floor = 0, double target = 0,
                         bool lower = false) {
        row r;
        r.name = name;
        r.value = value;
        r.unit = unit;
        r.floor = floor;
        r.target = target;
        r.lower_is_better = lower;
        rows.push_back(r);
        std::fprintf(stderr, "  %s\n", name);
    };
    const rate small = forward_up(200, length);
    add("up, 200 B, per second of the relay's processor", small.per_cpu_second, "/s", 150'000, 300'000);
    add("  the same, per second of the clock", small.per_second, "/s");
    add("  lost", std::max(small.lost_percent, 0.0), "%", 1, 0.1, true);
    const rate large = forward_up(1'200, length);
    add("up, 1200 B, per second of the relay's processor", large.per_cpu_second, "/s", 145'000, 250'000);
    add("  the same, per second of the clock", large.per_second, "/s");
    add("  lost", std::max(large.lost_percent, 0.0), "%", 1, 0.1, true);
    const down_result down = forward_down(1'200, 32, 200_ms, length);
    add("down, 1200 B, per second of the relay's processor", down.delivered.per_cpu_second, "/s", 100'000, 200'000);
    add("  the same, per second of the clock", down.delivered.per_second, "/s");
    const down_result shed = forward_down(1'200, 512, 1_ms, length);
    add("down, 1200 B, too much of it: what is not shed", shed.delivered.per_cpu_second, "/s", 100'000, 200'000);
    add("  shed before encryption, of what the target sent", shed.shed_percent, "%");
    const echo_result e = echo(length);
    add("echo at 1,000/s through client and relay, p50", e.tunnel_us, "us");
    add("  more than through a plain UDP forwarder", e.tunnel_us - e.plain_us, "us", 85, 50, true);
    rows.back().reference = "plain p50, us";
    rows.back().reference_value = e.plain_us;
    add("  more than through two plain UDP forwarders in a row", e.tunnel_us - e.twice_us, "us");
    rows.back().reference = "two plain p50, us";
    rows.back().reference_value = e.twice_us;
    const memory_result m = memory(quick ? 32 : 1'000, quick ? 200 : 5'000);
    add("resident memory, idle tunnel with its own connection", m.connection_kib, "KiB", 40, 30, true);
    add("resident memory, further tunnel on a connection", m.tunnel_kib, "KiB", 6, 2, true);
    add("tunnels opened with their connections, per processor s", open_with_connection(quick ? 64 : 2'000), "/s", 400,
        1'000);
    add("tunnels opened on a live connection, per processor s", open_on_connection(quick ? 160 : 8'000), "/s");
    add("concurrent tunnels on one worker, each with an echo", concurrent_tunnels(quick ? 1'000 : 50'000), "",
        quick ? 1'000 : 10'000, 50'000);
    add("first datagram of a new tunnel sent with the request", first_datagrams(), "%", 99, 100);
    return rows;
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 1;
    raise_file_limit(200'000);
    (void)relay_certificate();  // before there are other processes, which are to have the same one
    FILE* const out = parity_bench::table_output(options);
    const std::vector<row> rows = measure(options.quick);
    parity_bench::print(out, "MASQUE relay, one worker on the loopback", rows);
    parity_bench::print_summary(out, rows);
    return parity_bench::finish(options, "bench_masque", rows);
}
