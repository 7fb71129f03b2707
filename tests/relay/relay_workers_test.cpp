// SPDX-License-Identifier: MIT
//
// A relay of several workers behind one port, on the loopback, with clients driven by hand.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "duality/random.hpp"
#include "relay/bond_client.hpp"
#include "relay/relay_workers.hpp"
#include "support/masque_client.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

using bytes = std::vector<std::uint8_t>;
using clients = std::vector<std::unique_ptr<test::masque_client>>;

const masque::certificate& relay_certificate() {
    static const masque::certificate made = [] {
        const std::string_view names[] = {"relay.test"};
        return masque::make_certificate({.names = names,
                                         .valid_from = wall_time::from_ns(1'700'000'000'000'000'000),
                                         .valid_until = wall_time::from_ns(4'000'000'000'000'000'000)})
            .value();
    }();
    return made;
}

/// Some workers, an echo behind them, and clients before them.
struct setup {
    explicit setup(std::uint32_t workers) : count{workers} {
        config.listen = io::socket_address::parse("127.0.0.1:0").value();
        config.protocol.certificate_chain = relay_certificate().chain();
        config.protocol.private_key = relay_certificate().key();
        config.protocol.secret.fill(7);
        config.protocol.retry = masque::retry_mode::never;
        (void)config.protocol.policy.allow(masque::address_prefix::parse("127.0.0.0/8").value());
    }
    void start() {
        std::string error;
        relay = io::relay_workers::create(config, count, error);
        INFO(error);
        REQUIRE(relay);
    }
    test::masque_client& add_client(std::uint32_t rendezvous = 0) {
        static const masque::key_pin pins[] = {relay_certificate().pin};
        masque::tunnel_config c;
        c.relay = "relay.test";
        c.pins = pins;
        c.token = token;
        c.rendezvous = rendezvous;
        c.buffered_datagrams = 64;
        all.push_back(std::make_unique<test::masque_client>(relay->local(), c));
        return *all.back();
    }
    /// Lets clients and echo run until `done`, for ten seconds at most; was it?
    bool run_until(const std::function<bool()>& done) {
        const instant end = io::monotonic_now() + 10_s;
        while (!done() && io::monotonic_now() < end) {
            for (const auto& c : all) c->turn(0);
            (void)echo->read([&](const io::batch_socket::datagram& d) { echo->queue(d.from, d.mark, d.bytes); });
            echo->flush();
            (void)::poll(nullptr, 0, 1);
        }
        return done();
    }
    /// Sends until an echo has come back.
    bool exchange(test::masque_client& c, masque::flow_id flow) {
        const std::uint64_t before = c.delivered;
        instant again = instant::before_all();
        return run_until([&] {
            if (c.delivered > before) return true;
            if (const instant now = io::monotonic_now(); now >= again) {
                (void)c.send(flow, bytes(100));
                again = now + 100_ms;
            }
            return false;
        });
    }

    std::uint32_t count;
    io::relay_server_config config;
    std::string token;
    std::unique_ptr<io::batch_socket> echo = test::loopback_socket();
    std::unique_ptr<io::relay_workers> relay;
    clients all;
};

bytes packet_for(const masque::worker_steering& steering, std::uint32_t worker, bool long_header) {
    const std::size_t offset =
        long_header ? masque::worker_steering::long_offset : masque::worker_steering::short_offset;
    bytes packet(64, 0x5A);
    packet[0] = long_header ? 0xC0 : 0x40;
    steering.lead_to(worker, byte_span{packet}.subspan(offset, 8));
    return packet;
}

}  // namespace

TEST_CASE("a connection id leads to a worker, and its neighbours anywhere") {
    const std::array<std::uint8_t, 32> secret{1, 2, 3};
    for (const std::uint32_t workers : {1u, 2u, 3u, 16u, 255u, 256u}) {
        const masque::worker_steering steering{secret, workers};
        std::vector<int> hits(workers);
        for (std::uint32_t i = 0; i < 40'000; ++i) {
            std::array<std::uint8_t, 8> id{static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
            ++hits[steering.worker_of_id(id)];
        }
        for (const int n : hits) {
            CHECK(n > 40'000 / static_cast<int>(workers) / 2);
            CHECK(n < 40'000 / static_cast<int>(workers) * 3 / 2 + 40);
        }
        for (std::uint32_t worker = 0; worker < workers; ++worker) {
            CHECK(steering.worker_of(packet_for(steering, worker, true)) == worker);
            CHECK(steering.worker_of(packet_for(steering, worker, false)) == worker);
        }
        CHECK(steering.worker_of({}) == 0);
        CHECK(steering.worker_of(bytes(4, 0x40)) == 0);
        CHECK(steering.worker_of(bytes(9, 0xC0)) == 0);
    }
}

TEST_CASE("each packet reaches the socket of its worker, whoever sends it") {
    setup s{4};
    // Packets of one size that a client sends together may stay together until somebody reads them.
    const bool together = GENERATE(false, true);
    INFO((together ? "sent together" : "sent one by one"));
    s.start();
    const masque::worker_steering steering{s.config.protocol.secret, 4};
    xoshiro256 random{3};
    std::uint64_t sent = 0;
    for (int i = 0; i < 50; ++i) {
        const auto from = test::loopback_socket();
        for (std::uint32_t worker = 0; worker < 4; ++worker) {
            bytes packet = packet_for(steering, worker, random.chance(0.5));
            packet[20] = static_cast<std::uint8_t>(i);
            from->queue(io::to_udp_address(s.relay->local()), masque::ecn::not_ect, packet);
            ++sent;
            if (!together) from->flush();
        }
        from->queue(io::to_udp_address(s.relay->local()), masque::ecn::not_ect, bytes(3, 0xFF));
        ++sent;
        from->flush();
    }
    REQUIRE(s.run_until([&] { return s.relay->stats().protocol.refused_packets >= sent; }));
    if (!together) CHECK(s.relay->stats().handed_over == 0);
    CHECK(s.relay->stats(0).protocol.refused_packets == 100);
    for (std::size_t worker = 1; worker < 4; ++worker) CHECK(s.relay->stats(worker).protocol.refused_packets == 50);
}

TEST_CASE("connections stay with their worker when the client's address changes") {
    setup s{2};
    const bool by_kernel = GENERATE(true, false);
    INFO((by_kernel ? "the kernel steers" : "the workers hand over"));
    s.config.kernel_steering = by_kernel;
    s.start();
    std::vector<masque::flow_id> flows;
    for (int i = 0; i < 24; ++i) flows.push_back(s.add_client().try_open(s.echo->local()).value());
    REQUIRE(s.run_until(
        [&] { return std::all_of(s.all.begin(), s.all.end(), [](const auto& c) { return c->opened == 1; }); }));
    for (std::size_t worker = 0; worker < 2; ++worker)
        CHECK(s.relay->stats(worker).protocol.open_connections > 0);  // all at one: once in 8 million runs
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < flows.size(); ++i) {
            s.all[i]->rebind();
            CHECK(s.exchange(*s.all[i], flows[i]));
        }
    }
    const io::relay_server_stats stats = s.relay->stats();
    CHECK(stats.protocol.open_connections == 24);
    CHECK(stats.protocol.accepted_connections == 24);
    CHECK(stats.protocol.resets == 0);
    CHECK((stats.handed_over == 0) == by_kernel);
    CHECK(stats.hand_over_drops == 0);
}

TEST_CASE("connections with one rendezvous begin at one worker") {
    setup s{4};
    s.config.protocol.retry = masque::retry_mode::always;
    s.start();
    for (int i = 0; i < 12; ++i) (void)s.add_client(0x12345678).try_open(s.echo->local());
    REQUIRE(s.run_until(
        [&] { return std::all_of(s.all.begin(), s.all.end(), [](const auto& c) { return c->opened == 1; }); }));
    std::size_t used = 0;
    for (std::size_t worker = 0; worker < 4; ++worker)
        used += s.relay->stats(worker).protocol.accepted_connections > 0 ? 1 : 0;
    CHECK(used == 1);
    CHECK(s.relay->stats().protocol.retries == 12);
}

TEST_CASE("all legs of a bond come to one worker, and bonds to all of them") {
    setup s{3};
    const bool by_kernel = GENERATE(true, false);
    INFO((by_kernel ? "the kernel steers" : "the workers hand over"));
    s.config.kernel_steering = by_kernel;
    s.start();
    uv_loop_t loop{};
    REQUIRE(uv_loop_init(&loop) == 0);
    std::string error;
    const masque::key_pin pins[] = {relay_certificate().pin};
    constexpr std::size_t bonds = 12;
    {
        std::vector<std::unique_ptr<io::bond_client>> clients;
        std::vector<std::unique_ptr<io::batch_socket>> programs;
        std::vector<std::size_t> echoes(bonds);
        for (std::size_t i = 0; i < bonds; ++i) {
            io::bond_client_config config;
            config.protocol.relay = "relay.test";
            config.protocol.pins = pins;
            config.listen = io::socket_address::parse("127.0.0.1:0").value();
            config.target = masque::udp_target::create("127.0.0.1", s.echo->local().port()).value();
            for (const char* local : {"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"})
                config.paths.push_back({.name = {},
                                        .local = io::socket_address::parse(local).value(),
                                        .relay = s.relay->local(),
                                        .cost = cost_class::free,
                                        .budget = {}});
            clients.push_back(io::bond_client::create(loop, std::move(config), error));
            REQUIRE(clients.back());
            programs.push_back(test::loopback_socket());
        }
        const auto send_all = [&] {
            for (std::size_t i = 0; i < bonds; ++i) {
                programs[i]->queue(io::to_udp_address(clients[i]->local()), masque::ecn::not_ect, bytes(100));
                programs[i]->flush();
            }
        };
        const auto turn = [&] {
            uv_run(&loop, UV_RUN_NOWAIT);
            for (std::size_t i = 0; i < bonds; ++i)
                (void)programs[i]->read([&](const io::batch_socket::datagram&) { ++echoes[i]; });
        };
        send_all();
        REQUIRE(s.run_until([&] {
            turn();
            return std::all_of(clients.begin(), clients.end(), [](const auto& c) {
                const std::vector<masque::leg_statistics> legs = c->stats().legs;
                return legs.size() == 3 &&
                       std::all_of(legs.begin(), legs.end(), [](const auto& l) { return l.joined; });
            });
        }));
        const std::vector<std::size_t> before = echoes;
        send_all();
        CHECK(s.run_until([&] {
            turn();
            for (std::size_t i = 0; i < bonds; ++i)
                if (echoes[i] == before[i]) return false;
            return true;
        }));
        const io::relay_server_stats stats = s.relay->stats();
        CHECK(stats.protocol.open_bonds == bonds);
        CHECK(stats.protocol.joined_legs == 2 * bonds);
        CHECK(stats.protocol.refused_legs == 0);
        std::size_t used = 0;
        for (std::size_t worker = 0; worker < 3; ++worker)
            used += s.relay->stats(worker).protocol.open_bonds > 0 ? 1 : 0;
        CHECK(used >= 2);  // all at one: once in 177,147 runs
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
}

TEST_CASE("a client's limits hold for all workers together") {
    setup s{2};
    const std::string_view tokens[] = {"one", "two"};
    s.config.protocol.tokens = tokens;
    s.token = "one";
    SECTION("tunnels") {
        s.config.protocol.max_tunnels_per_client = 5;
        s.start();
        for (int i = 0; i < 20; ++i) (void)s.add_client().try_open(s.echo->local());
        const auto sum = [&](auto of) {
            std::uint64_t n = 0;
            for (const auto& c : s.all) n += (*c).*of;
            return n;
        };
        REQUIRE(
            s.run_until([&] { return sum(&test::masque_client::opened) + sum(&test::masque_client::refused) == 20; }));
        CHECK(sum(&test::masque_client::opened) == 5);
        CHECK(s.relay->stats().protocol.refused_tunnels == 15);
        s.all.erase(s.all.begin(), s.all.begin() + 10);
        s.token = "two";  // has its own
        test::masque_client& other = s.add_client();
        (void)other.try_open(s.echo->local());
        CHECK(s.run_until([&] { return other.opened == 1; }));
    }
    SECTION("connections") {
        s.config.protocol.max_connections_per_address = 7;
        s.start();
        for (int i = 0; i < 20; ++i) (void)s.add_client().try_open(s.echo->local());
        REQUIRE(s.run_until([&] { return s.relay->stats().protocol.refused_connections >= 13; }));
        CHECK(s.relay->stats().protocol.open_connections == 7);
    }
    SECTION("bytes") {
        s.config.protocol.bytes_per_client = 10'000;
        s.start();
        std::vector<masque::flow_id> flows;
        for (int i = 0; i < 10; ++i) flows.push_back(s.add_client().try_open(s.echo->local()).value());
        REQUIRE(s.run_until(
            [&] { return std::all_of(s.all.begin(), s.all.end(), [](const auto& c) { return c->opened == 1; }); }));
        for (int round = 0; round < 10; ++round)
            for (std::size_t i = 0; i < flows.size(); ++i) (void)s.all[i]->send(flows[i], bytes(1'000));
        REQUIRE(s.run_until([&] { return s.relay->stats().protocol.over_rate >= 90; }));
        const io::relay_server_stats stats = s.relay->stats();
        CHECK(stats.protocol.bytes_up + stats.protocol.bytes_down <= 10'000);
        CHECK(stats.protocol.bytes_up + stats.protocol.bytes_down >= 9'000);
    }
}

TEST_CASE("all workers drain, and close") {
    setup s{2};
    s.start();
    std::vector<masque::flow_id> flows;
    for (int i = 0; i < 8; ++i) flows.push_back(s.add_client().try_open(s.echo->local()).value());
    REQUIRE(s.run_until(
        [&] { return std::all_of(s.all.begin(), s.all.end(), [](const auto& c) { return c->opened == 1; }); }));
    s.relay->drain();
    for (std::size_t i = 0; i < flows.size(); ++i) CHECK(s.exchange(*s.all[i], flows[i]));
    s.add_client();
    REQUIRE(s.run_until([&] { return s.relay->stats().protocol.refused_connections > 0; }));
    CHECK_FALSE(s.relay->is_idle());
    s.relay->close();
    REQUIRE(s.run_until([&] { return s.relay->is_idle(); }));
    CHECK(s.run_until([&] { return s.all[0]->tunnel->cause() == masque::close_cause::peer; }));
}
