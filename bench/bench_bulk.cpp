// SPDX-License-Identifier: MIT
//
// What a protected flow takes from bulk traffic beside it, and what it adds where there is nothing to do: real sockets in
// two network namespaces, and between them a link that the kernel's token bucket filter makes narrow, either way, with a
// queue of 50 ms at most.
//
//   bulk     one TCP transfer, alone, beside a bare flow of 200 packets/s of 400 bytes, and beside the same flow through
//            a session at each end (`single`, sealed), in turn and several times over; TCP as CUBIC and as the system
//            has it. The figure: what arrives beside the session over what arrives beside the bare flow.
//   clean    the session's flow alone on the link: loss, order, control bytes, delay beyond the hold
//
// Without the right to make namespaces it measures nothing and says so.
//
//   bench_bulk [--quick] [--json FILE|-]
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "duality/lab/trace.hpp"
#include "io/live_run.hpp"
#include "io/rtp.hpp"
#include "io/uv_handle.hpp"
#include "lab/quantile.hpp"
#include "live/topology.hpp"
#include "parity_report.hpp"

namespace {

using namespace duality;
using namespace duality::literals;
using parity_bench::row;

using clock = std::chrono::steady_clock;

constexpr std::size_t packet_bytes = 400;
constexpr duration packet_interval = 5_ms;
/// Until the transfer has found its speed, and after the last packet of the flow.
constexpr std::chrono::milliseconds run_up{1'500};
constexpr duration flow_lead = 200_ms;
constexpr duration flow_tail = 300_ms;

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "bench_bulk: %s\n", why.c_str());
    std::exit(1);
}

// ---- the link -----------------------------------------------------------------------------------------------------

/// Both ends of one link, each in a namespace of its own; the others of the topology are not used.
struct narrow_link {
    std::unique_ptr<live::topology> where;

    int here() const { return where->client(); }
    int there() const { return where->network(); }
};

/// Empty, with the reason in `error`, where there are none to be had.
std::optional<narrow_link> make_link(unsigned mbit, std::string& error) {
    narrow_link out{live::topology::make(error)};
    if (!out.where) return std::nullopt;
    const std::string rate = std::to_string(mbit) + "mbit";
    for (const auto& [space, device] : {std::pair{out.here(), "uplink"}, std::pair{out.there(), "near"}})
        if (!live::topology::run(space, {"tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst",
                                         "10kb", "latency", "50ms"})) {
            error = "tc makes no token bucket filter here";
            return std::nullopt;
        }
    return out;
}

io::socket_address address(const char* of) {
    return io::socket_address::parse(std::string{of} + ":0").value();
}

class socket_fd {
public:
    socket_fd(int network_namespace, int type) {
        const io::namespace_scope inside{network_namespace};
        fd_ = ::socket(AF_INET, type, 0);
        if (fd_ < 0) fail("no socket");
    }
    explicit socket_fd(int fd) : fd_{fd} {}
    ~socket_fd() { ::close(fd_); }
    socket_fd(const socket_fd&) = delete;
    socket_fd& operator=(const socket_fd&) = delete;

    int get() const { return fd_; }
    void bind_to(const char* host) const {
        const io::socket_address any = address(host);
        if (::bind(fd_, any.native(), sizeof(sockaddr_in)) != 0) fail(std::string{"cannot bind to "} + host);
    }
    void connect_to(const socket_fd& other) const {
        sockaddr_storage to{};
        socklen_t length = sizeof to;
        if (::getsockname(other.fd_, reinterpret_cast<sockaddr*>(&to), &length) != 0 ||
            ::connect(fd_, reinterpret_cast<sockaddr*>(&to), length) != 0)
            fail("cannot connect");
    }

private:
    int fd_ = -1;
};

// ---- traffic ------------------------------------------------------------------------------------------------------

/// What TCP does here when nobody says otherwise.
std::string usual_congestion_control() {
    const socket_fd any{-1, SOCK_STREAM};
    std::array<char, 16> name{};
    socklen_t length = name.size();
    if (::getsockopt(any.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) fail("TCP has no name");
    return name.data();
}

/// A TCP transfer as fast as it gets, from its creation on.
class bulk_transfer {
public:
    bulk_transfer(const narrow_link& link, const std::string& congestion)
        : listener_{link.there(), SOCK_STREAM}, sender_{link.here(), SOCK_STREAM} {
        if (::setsockopt(sender_.get(), IPPROTO_TCP, TCP_CONGESTION, congestion.data(),
                         static_cast<socklen_t>(congestion.size())) != 0)
            fail("no TCP " + congestion);
        listener_.bind_to(live::topology::network_address);
        if (::listen(listener_.get(), 1) != 0) fail("cannot listen");
        sender_.connect_to(listener_);
        writer_ = std::thread{[this] { write(); }};
        reader_ = std::thread{[this] { read(); }};
    }
    ~bulk_transfer() {
        (void)::shutdown(sender_.get(), SHUT_RDWR);
        stop_.store(true);
        writer_.join();
        reader_.join();
    }
    bulk_transfer(const bulk_transfer&) = delete;
    bulk_transfer& operator=(const bulk_transfer&) = delete;

    std::uint64_t received() const { return received_.load(); }

private:
    void write() {
        const std::vector<char> bytes(64 * 1'024);
        while (::send(sender_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
        }
    }
    void read() {
        const socket_fd accepted{::accept(listener_.get(), nullptr, nullptr)};
        std::vector<char> bytes(256 * 1'024);
        while (!stop_.load()) {
            pollfd waiting{accepted.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 20) <= 0) continue;
            const ssize_t got = ::recv(accepted.get(), bytes.data(), bytes.size(), 0);
            if (got <= 0) break;
            received_.fetch_add(static_cast<std::uint64_t>(got));
        }
    }

    socket_fd listener_;
    socket_fd sender_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> received_{0};
    std::thread writer_;
    std::thread reader_;
};

/// The flow as the application would send it by itself.
class bare_flow {
public:
    explicit bare_flow(const narrow_link& link) : to_{link.there(), SOCK_DGRAM}, from_{link.here(), SOCK_DGRAM} {
        to_.bind_to(live::topology::network_address);
        from_.connect_to(to_);
        sender_ = std::thread{[this] {
            const std::vector<char> bytes(packet_bytes);
            for (clock::time_point due = clock::now(); !stop_.load();
                 due += std::chrono::nanoseconds{packet_interval.ns()}) {
                std::this_thread::sleep_until(due);
                (void)::send(from_.get(), bytes.data(), bytes.size(), 0);
            }
        }};
    }
    ~bare_flow() {
        stop_.store(true);
        sender_.join();
    }
    bare_flow(const bare_flow&) = delete;
    bare_flow& operator=(const bare_flow&) = delete;

private:
    socket_fd to_;
    socket_fd from_;
    std::atomic<bool> stop_{false};
    std::thread sender_;
};

/// The same flow through a session at each end.
std::unique_ptr<io::live_run> protected_flow(const narrow_link& link, std::chrono::milliseconds length) {
    lab::trace idle;
    lab::trace_error why;
    if (failed(lab::parse_trace("send_ms,delay_ms\n0,0\n1000,0\n", {}, idle, why))) fail("no trace");
    const auto count = static_cast<std::size_t>(length / std::chrono::nanoseconds{packet_interval.ns()});
    io::live_run_config config{.network = lab::replay_scenario(idle, nullptr, 0).value(),
                               .variants = {lab::variant::single},
                               .packets = io::numbered_packets(count, packet_bytes),
                               .psk = std::vector<std::uint8_t>(32, 7),
                               .lead = flow_lead,
                               .settle = flow_tail};
    config.network.interval = packet_interval;
    config.client = {link.here(), address(live::topology::client_address)};
    config.peer = config.receiver = {link.there(), address(live::topology::network_address)};
    config.outside_path = [](path_id, const io::socket_address& to, instant, std::string&) { return to; };
    std::string error;
    std::unique_ptr<io::live_run> run = io::live_run::start(std::move(config), error);
    if (!run) fail(error);
    return run;
}

enum class beside : std::uint8_t { nothing, bare, session };

/// Mbit/s of the transfer beside that.
double throughput(const narrow_link& link, const std::string& congestion, beside what,
                  std::chrono::milliseconds length) {
    std::unique_ptr<bare_flow> bare;
    std::unique_ptr<io::live_run> protected_one;
    if (what == beside::bare) bare = std::make_unique<bare_flow>(link);
    if (what == beside::session) protected_one = protected_flow(link, run_up + length + std::chrono::seconds{1});
    std::this_thread::sleep_for(std::chrono::nanoseconds{flow_lead.ns()});
    const bulk_transfer transfer{link, congestion};
    std::this_thread::sleep_for(run_up);
    const clock::time_point begin = clock::now();
    const std::uint64_t before = transfer.received();
    std::this_thread::sleep_for(length);
    const std::uint64_t bytes = transfer.received() - before;
    const std::chrono::duration<double> took = clock::now() - begin;
    return static_cast<double>(bytes) * 8e-6 / took.count();
}

// ---- figures ------------------------------------------------------------------------------------------------------

double median(std::vector<double> values) {
    return lab::detail::nearest_rank(values, 50);
}

row high(const std::string& name, double value, double floor) {
    return {name, value, "%", "", 0, 0, floor, 0, false, false};
}

void add_bulk(std::vector<row>& rows, unsigned mbit, const std::string& congestion, bool quick, std::string& error) {
    const std::optional<narrow_link> link = make_link(mbit, error);
    if (!link) return;
    const int rounds = quick ? 1 : 5;
    const std::chrono::milliseconds length{quick ? 500 : 3'000};
    std::array<std::vector<double>, 3> speeds;
    std::vector<double> over_bare;
    std::vector<double> over_alone;
    for (int round = 0; round < rounds; ++round) {
        std::array<double, 3> one{};
        for (int i = 0; i < 3; ++i) {  // each comes first, second and third
            const auto which = static_cast<std::size_t>((i + round) % 3);
            one[which] = throughput(*link, congestion, static_cast<beside>(which), length);
            speeds[which].push_back(one[which]);
        }
        over_alone.push_back(100 * one[2] / one[0]);
        over_bare.push_back(100 * one[2] / one[1]);
    }
    const std::string name = std::to_string(mbit) + " Mbit/s, " + congestion + ": ";
    rows.push_back(high(name + "beside the session, of beside the bare flow", median(over_bare), 95));
    rows.push_back(high(name + "  least", *std::ranges::min_element(over_bare), 0));
    rows.push_back(high(name + "  most", *std::ranges::max_element(over_bare), 0));
    rows.push_back(high(name + "beside the session, of alone", median(over_alone), 0));
    const std::array<const char*, 3> names = {"alone", "beside the bare flow", "beside the session"};
    for (std::size_t i = 0; i < 3; ++i) {
        rows.push_back(high(name + names[i], median(speeds[i]), 0));
        rows.back().unit = "Mbit/s";
    }
}

/// A flow on a link that has nothing else to do.
void add_clean(std::vector<row>& rows, bool quick, std::string& error) {
    const std::optional<narrow_link> link = make_link(20, error);
    if (!link) return;
    const io::live_result result =
        protected_flow(*link, quick ? std::chrono::seconds{1} : std::chrono::seconds{30})->finish();
    const io::live_flow& flow = result.flows.front();
    std::uint64_t lost = 0;
    std::uint64_t overtaken = 0;
    std::vector<double> beyond;
    const duration hold = lab::simulation_config{}.hold;
    instant newest{};
    for (const lab::packet_record& p : flow.packets) {
        if (p.released.is_never()) {
            ++lost;
            continue;
        }
        overtaken += p.released < newest ? 1 : 0;
        newest = std::max(newest, p.released);
        beyond.push_back((p.released - p.arrived - hold).ms());
    }
    const auto percent = [&](std::uint64_t bytes) {
        return 100 * static_cast<double>(bytes) / static_cast<double>(flow.bytes.useful);
    };
    const sender_statistics& near = flow.near.sender;
    const sender_statistics& far = flow.far.sender;
    const auto add = [&](const char* name, double value, const char* unit, double floor) {
        rows.push_back({name, value, unit, "", 0, 0, floor, 0, false, true});
    };
    add("clean link: packets lost", static_cast<double>(lost), "", 0);
    rows.back().must_be_zero = true;
    add("clean link: packets out of order", static_cast<double>(overtaken), "", 0);
    rows.back().must_be_zero = true;
    add("clean link: control bytes, both ends", percent(near.control.bytes + far.control.bytes), "%", 1);
    add("clean link: parity, repairs and copies",
        percent(near.parity.bytes + near.reactive.bytes + near.copies.bytes + far.parity.bytes + far.reactive.bytes +
                far.copies.bytes),
        "%", 0);
    add("clean link: header and seal on the packets", percent(near.framing_bytes), "%", 0);
    add("clean link: release beyond the hold, p50", lab::detail::nearest_rank(beyond, 50), "ms", 0);
    add("clean link: release beyond the hold, p95", lab::detail::nearest_rank(beyond, 95), "ms", 1);
    add("clean link: release beyond the hold, most", lab::detail::nearest_rank(beyond, 100), "ms", 0);
    add("clean link: lateness of the timers, p99",
        std::max({result.timers.sender.p99, result.timers.endpoints.p99}).ms(), "ms", 0);
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 2;
    std::vector<row> rows;
    std::string error;
    add_clean(rows, options.quick, error);
    for (const unsigned mbit : {20u, 5u, 1u})
        if (error.empty()) add_bulk(rows, mbit, "cubic", options.quick, error);
    if (const std::string usual = usual_congestion_control(); usual != "cubic" && error.empty())
        add_bulk(rows, 20, usual, options.quick, error);
    if (!error.empty()) rows = {{"blocked: " + error, 0, "", "", 0, 0, 0, 0, false, true}};
    FILE* out = parity_bench::table_output(options);
    parity_bench::print(out, "Beside bulk traffic, and on a clean link", rows);
    return parity_bench::finish(options, "bench_bulk", rows);
}
