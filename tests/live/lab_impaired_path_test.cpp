// SPDX-License-Identifier: MIT
//
// The forwarder on real sockets: the fates are the link's own, whatever the scheduler does to the times.
#include <uv.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "duality/lab/families.hpp"
#include "io/impaired_path.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

constexpr std::size_t datagram_bytes = 200;
constexpr std::size_t ip_bytes = datagram_bytes + 28;

/// A UDP socket on the loopback that hands what it gets to a function.
class peer {
public:
    using handler = std::function<void(std::uint32_t number, const io::socket_address& from)>;

    peer(uv_loop_t& loop, handler on_datagram) : on_datagram_{std::move(on_datagram)} {
        REQUIRE(uv_udp_init(&loop, &socket_) == 0);
        socket_.data = this;
        REQUIRE(uv_udp_bind(&socket_, io::socket_address::parse("127.0.0.1:0").value().native(), 0) == 0);
        REQUIRE(uv_udp_recv_start(
                    &socket_,
                    [](uv_handle_t* h, std::size_t, uv_buf_t* buffer) {
                        char* memory = static_cast<peer*>(h->data)->memory_;
                        *buffer = uv_buf_init(memory, sizeof memory_);
                    },
                    [](uv_udp_t* h, ssize_t bytes, const uv_buf_t* buffer, const sockaddr* from, unsigned) {
                        if (bytes < 4 || from == nullptr) return;
                        std::uint32_t number = 0;
                        std::memcpy(&number, buffer->base, sizeof number);
                        static_cast<peer*>(h->data)->on_datagram_(number, io::socket_address{*from});
                    }) == 0);
    }
    void send(std::uint32_t number, const io::socket_address& to, std::size_t bytes = datagram_bytes) {
        std::vector<char> datagram(bytes);
        std::memcpy(datagram.data(), &number, sizeof number);
        const uv_buf_t buffer = uv_buf_init(datagram.data(), static_cast<unsigned>(bytes));
        REQUIRE(uv_udp_try_send(&socket_, &buffer, 1, to.native()) == static_cast<int>(bytes));
    }
    [[nodiscard]] io::socket_address address() const {
        sockaddr_storage storage{};
        int size = sizeof storage;
        REQUIRE(uv_udp_getsockname(&socket_, reinterpret_cast<sockaddr*>(&storage), &size) == 0);
        return io::socket_address{reinterpret_cast<const sockaddr&>(storage)};
    }
    void close() { uv_close(reinterpret_cast<uv_handle_t*>(&socket_), nullptr); }

private:
    uv_udp_t socket_{};
    char memory_[2048]{};
    handler on_datagram_;
};

/// Calls a function every few milliseconds until it returns false.
class ticker {
public:
    ticker(uv_loop_t& loop, std::uint64_t every_ms, std::function<bool()> tick) : tick_{std::move(tick)} {
        REQUIRE(uv_timer_init(&loop, &timer_) == 0);
        timer_.data = this;
        REQUIRE(uv_timer_start(
                    &timer_,
                    [](uv_timer_t* t) {
                        if (!static_cast<ticker*>(t->data)->tick_())
                            uv_close(reinterpret_cast<uv_handle_t*>(t), nullptr);
                    },
                    0, every_ms) == 0);
    }

private:
    uv_timer_t timer_{};
    std::function<bool()> tick_;
};

std::uint64_t in_all(const io::impaired_direction_stats& stats) {
    return std::accumulate(stats.packets.begin(), stats.packets.end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE("every datagram meets the fate the link gives it, in order and never early") {
    uv_loop_t loop;
    REQUIRE(uv_loop_init(&loop) == 0);
    const lab::scenario scenario = lab::make_scenario(lab::family::mobile_hotspot, 5, 10_s);

    std::vector<std::uint32_t> arrived;
    std::vector<std::uint32_t> answered;
    std::vector<std::uint64_t> sent_ns;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> arrivals_ns;
    peer* server_of = nullptr;
    peer server{loop, [&](std::uint32_t number, const io::socket_address& from) {
                    arrived.push_back(number);
                    arrivals_ns.emplace_back(number, uv_hrtime());
                    server_of->send(number, from);
                }};
    server_of = &server;
    peer client{loop, [&](std::uint32_t number, const io::socket_address&) { answered.push_back(number); }};

    std::vector<io::impaired_packet> log;
    io::impaired_path_config config;
    config.listen = io::socket_address::parse("127.0.0.1:0").value();
    config.forward = server.address();
    config.network = scenario.primary;
    config.on_packet = [&](const io::impaired_packet& packet) { log.push_back(packet); };
    std::string error;
    std::unique_ptr<io::impaired_path> path = io::impaired_path::create(loop, std::move(config), error);
    REQUIRE(path);
    CHECK(path->origin_ns() == 0);

    constexpr std::uint32_t packets = 400;
    std::uint32_t ticks = 0;
    io::impaired_path_stats stats;
    ticker clock{loop, 5, [&] {
                     if (ticks < packets) {
                         sent_ns.push_back(uv_hrtime());
                         client.send(ticks, path->local());
                     }
                     if (++ticks < packets + 200) return true;  // 1 s for what is under way
                     stats = path->stats();
                     path.reset();
                     client.close();
                     server.close();
                     return false;
                 }};
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(uv_loop_close(&loop) == 0);

    // The same calls on a fresh link give the same fates and delays.
    lab::path again = scenario.primary;
    std::uint64_t delivered = 0;
    for (const io::impaired_packet& packet : log) {
        lab::link& link = packet.way == io::direction::forward ? again.forward : again.reverse;
        const lab::link_outcome outcome = link.transmit(packet.at, packet.ip_bytes);
        REQUIRE(packet.ip_bytes == ip_bytes);
        REQUIRE(outcome.fate == packet.fate);
        if (packet.fate == lab::packet_fate::delivered) REQUIRE(outcome.arrival == packet.at + packet.delay);
        delivered += packet.way == io::direction::forward && packet.fate == lab::packet_fate::delivered;
    }
    CHECK(in_all(stats.forward) == packets);
    CHECK(in_all(stats.reverse) == arrived.size());
    CHECK(stats.forward.bytes == packets * ip_bytes);
    CHECK(arrived.size() == delivered);
    CHECK(stats.forward.sent == arrived.size());
    CHECK(stats.reverse.sent == answered.size());
    CHECK(delivered < packets);  // this seed loses some in the first two seconds
    CHECK(std::is_sorted(arrived.begin(), arrived.end()));
    CHECK(std::is_sorted(answered.begin(), answered.end()));
    for (const auto& [number, ns] : arrivals_ns) REQUIRE(ns - sent_ns[number] >= 22'500'000);
    CHECK(stats.lateness.samples() == stats.forward.sent + stats.reverse.sent);
}

TEST_CASE("strangers are not forwarded, and nobody listening is no disaster") {
    uv_loop_t loop;
    REQUIRE(uv_loop_init(&loop) == 0);
    std::size_t arrived = 0;
    peer server{loop, [&](std::uint32_t, const io::socket_address&) { ++arrived; }};
    peer client{loop, [](std::uint32_t, const io::socket_address&) {}};
    peer stranger{loop, [](std::uint32_t, const io::socket_address&) {}};
    const io::socket_address closed_port = [&] {
        peer gone{loop, [](std::uint32_t, const io::socket_address&) {}};
        const io::socket_address address = gone.address();
        gone.close();
        uv_run(&loop, UV_RUN_NOWAIT);
        return address;
    }();

    const auto listen = [&](const io::socket_address& to) {
        io::impaired_path_config config;
        config.listen = io::socket_address::parse("127.0.0.1:0").value();
        config.forward = to;
        std::string error;
        std::unique_ptr<io::impaired_path> path = io::impaired_path::create(loop, std::move(config), error);
        REQUIRE(path);
        return path;
    };
    std::unique_ptr<io::impaired_path> good = listen(server.address());
    std::unique_ptr<io::impaired_path> dead_end = listen(closed_port);
    std::uint32_t ticks = 0;
    ticker clock{loop, 5, [&] {
                     client.send(ticks, good->local());
                     client.send(ticks, dead_end->local());
                     if (ticks > 10) stranger.send(ticks, good->local());
                     if (++ticks < 40) return true;
                     CHECK(good->stats().strangers > 20);
                     CHECK(in_all(good->stats().forward) == arrived);
                     CHECK(arrived >= 39);
                     CHECK(dead_end->stats().refusals > 0);
                     good.reset();
                     dead_end.reset();
                     client.close();
                     server.close();
                     stranger.close();
                     return false;
                 }};
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(uv_loop_close(&loop) == 0);
}

TEST_CASE("an address in use is refused by name") {
    uv_loop_t loop;
    REQUIRE(uv_loop_init(&loop) == 0);
    peer taken{loop, [](std::uint32_t, const io::socket_address&) {}};
    io::impaired_path_config config;
    config.listen = taken.address();
    config.forward = taken.address();
    std::string error;
    const std::unique_ptr<io::impaired_path> path = io::impaired_path::create(loop, std::move(config), error);
    CHECK(path == nullptr);
    CHECK(error.starts_with("cannot listen on " + taken.address().to_string()));
    taken.close();
    uv_run(&loop, UV_RUN_DEFAULT);
    REQUIRE(uv_loop_close(&loop) == 0);
}

TEST_CASE("addresses are read and written as users write them") {
    CHECK(io::socket_address::parse("127.0.0.1:9000").value().to_string() == "127.0.0.1:9000");
    CHECK(io::socket_address::parse("[::1]:80").value().to_string() == "[::1]:80");
    CHECK(io::socket_address::parse("[::1]:80").value().any().to_string() == "[::]:0");
    CHECK(io::socket_address::parse("127.0.0.1:9000").value() == io::socket_address::parse("127.0.0.1:9000").value());
    for (const char* bad : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", ":9000", "::1:9000",
                            "127.0.0.1:-1", "[]:1"}) {
        INFO(bad);
        CHECK(io::socket_address::parse(bad).code() == status::invalid_argument);
    }
}
