// SPDX-License-Identifier: MIT
//
// Relay and tunnel on real sockets of the loopback, in one event loop.
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/impaired_path.hpp"
#include "io/network_namespace.hpp"
#include "relay/bond_client.hpp"
#include "relay/relay_figures.hpp"
#include "relay/relay_identity.hpp"
#include "relay/relay_server.hpp"
#include "relay/route.hpp"
#include "relay/tunnel_client.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

using bytes = std::vector<std::uint8_t>;

/// A UDP socket that hands what comes to a function.
class peer {
public:
    using handler = std::function<void(peer& self, const masque::udp_address& from, byte_view)>;

    peer(uv_loop_t& loop, handler take, const std::string& at = "127.0.0.1:0") : take_{std::move(take)} {
        std::string error;
        socket_ = io::batch_socket::create(io::socket_address::parse(at).value(), error);
        REQUIRE(socket_);
        poll_ = io::make_handle<uv_poll_t>([&](uv_poll_t* p) { return uv_poll_init(&loop, p, socket_->fd()); }, error);
        REQUIRE(poll_);
        poll_->data = this;
        REQUIRE(uv_poll_start(poll_.get(), UV_READABLE, [](uv_poll_t* p, int, int) {
                    auto& self = *static_cast<peer*>(p->data);
                    (void)self.socket_->read(
                        [&](const io::batch_socket::datagram& d) { self.take_(self, d.from, d.bytes); });
                    self.socket_->flush();
                }) == 0);
    }
    void send(const masque::udp_address& to, byte_view payload) {
        socket_->queue(to, masque::ecn::not_ect, payload);
        socket_->flush();
    }
    [[nodiscard]] const io::socket_address& address() const { return socket_->local(); }

private:
    std::unique_ptr<io::batch_socket> socket_;
    io::handle_ptr<uv_poll_t> poll_;
    handler take_;
};

/// A folder that is gone afterwards.
struct scratch_folder {
    std::string path;
    scratch_folder() {
        char name[] = "/tmp/duality-relay-XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path = name;
    }
    ~scratch_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
};

/// A relay that may reach the loopback, an echo behind it and a program before it.
struct setup {
    setup() {
        REQUIRE(uv_loop_init(&loop) == 0);
        std::string error;
        REQUIRE(io::load_relay_identity(folder.path, {"relay.test"}, identity, error));
        start_echo("127.0.0.1:0");
        program = std::make_unique<peer>(loop, [this](peer&, const masque::udp_address&, byte_view payload) {
            came_back.emplace_back(payload.begin(), payload.end());
        });
        relay_config.protocol.certificate_chain = identity.chain;
        relay_config.protocol.private_key = identity.key;
        relay_config.protocol.secret = identity.secret;
        (void)relay_config.protocol.policy.allow(masque::address_prefix::parse("127.0.0.0/8").value());
        (void)relay_config.protocol.policy.allow(masque::address_prefix::parse("::1").value());
        relay_config.listen = io::socket_address::parse("127.0.0.1:0").value();
    }
    ~setup() {
        client.reset();
        bond.reset();
        networks.clear();
        server.reset();
        echo.reset();
        program.reset();
        uv_run(&loop, UV_RUN_DEFAULT);  // lets the handles close
        CHECK(uv_loop_close(&loop) == 0);
    }
    setup(const setup&) = delete;
    setup& operator=(const setup&) = delete;

    void start_echo(const std::string& at) {
        const auto answer = [this](peer& self, const masque::udp_address& from, byte_view payload) {
            senders.insert(from.port);
            self.send(from, payload);
        };
        echo = std::make_unique<peer>(loop, answer, at);
    }
    void start_relay() {
        std::string error;
        server = io::relay_server::create(loop, relay_config, error);
        INFO(error);
        REQUIRE(server);
        relay_config.listen = server->local();
    }
    void start_client(const char* host = "127.0.0.1") {
        io::tunnel_client_config config;
        pins = {pin.value_or(identity.pin)};
        config.protocol.relay = "relay.test";
        config.protocol.pins = pins;
        config.protocol.system_roots = false;
        config.protocol.token = token;
        config.listen = io::socket_address::parse("127.0.0.1:0").value();
        config.relay = relay_config.listen;
        config.target = masque::udp_target::create(host, echo->address().port()).value();
        config.direct = echo->address();
        config.on_state = [this](io::tunnel_client_state state, const std::string& why) {
            states.push_back(state);
            reasons.push_back(why);
        };
        std::string error;
        client = io::tunnel_client::create(loop, config, error);
        INFO(error);
        REQUIRE(client);
    }

    /// A bond over two paths, each through a network of its own that may be taken away.
    void start_bond() {
        io::bond_client_config config;
        std::string error;
        for (const cost_class cost : {cost_class::free, cost_class::metered}) {
            io::impaired_path_config network;
            network.listen = io::socket_address::parse("127.0.0.1:0").value();
            network.forward = relay_config.listen;
            networks.push_back(io::impaired_path::create(loop, std::move(network), error));
            REQUIRE(networks.back());
            config.paths.push_back({.name = {},
                                    .local = io::socket_address::parse("127.0.0.1:0").value(),
                                    .relay = networks.back()->local(),
                                    .cost = cost,
                                    .budget = {}});
        }
        pins = {identity.pin};
        config.protocol.relay = "relay.test";
        config.protocol.pins = pins;
        config.protocol.system_roots = false;
        config.listen = io::socket_address::parse("127.0.0.1:0").value();
        config.target = masque::udp_target::create("127.0.0.1", echo->address().port()).value();
        config.direct = echo->address();
        config.on_state = [this](io::tunnel_client_state state, const std::string& why) {
            states.push_back(state);
            reasons.push_back(why);
        };
        bond = io::bond_client::create(loop, std::move(config), error);
        INFO(error);
        REQUIRE(bond);
    }
    /// Two hundred payloads a second, as a game sends them; how many came back.
    std::size_t play(std::size_t count) {
        const std::size_t before = came_back.size();
        for (std::size_t i = 0; i < count; ++i) {
            send(bytes(200, static_cast<std::uint8_t>(i)));
            const instant next = io::monotonic_now() + 5_ms;
            (void)run_until([&] { return io::monotonic_now() >= next; });
        }
        (void)run_until([&] { return came_back.size() >= before + count; });
        return came_back.size() - before;
    }

    /// Runs the loop until `done`, for ten seconds at most; was it?
    bool run_until(const std::function<bool()>& done) {
        const instant end = io::monotonic_now() + 10_s;
        uv_timer_t tick;
        (void)uv_timer_init(&loop, &tick);
        (void)uv_timer_start(
            &tick, [](uv_timer_t*) {}, 2, 2);
        while (!done() && io::monotonic_now() < end) uv_run(&loop, UV_RUN_ONCE);
        uv_close(reinterpret_cast<uv_handle_t*>(&tick), nullptr);
        uv_run(&loop, UV_RUN_NOWAIT);
        return done();
    }
    void send(const bytes& payload) {
        program->send(io::to_udp_address(bond ? bond->local() : client->local()), payload);
    }
    /// One at a time, each again until its echo comes; how many sends that took.
    std::size_t exchange(std::size_t count, std::size_t size) {
        std::size_t sends = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t before = came_back.size();
            const bytes payload(size, static_cast<std::uint8_t>(i));
            for (int attempt = 0; attempt < 50 && came_back.size() == before; ++attempt) {
                send(payload);
                ++sends;
                const instant give_up = io::monotonic_now() + 200_ms;
                (void)run_until([&] { return came_back.size() > before || io::monotonic_now() > give_up; });
            }
            if (came_back.size() == before || came_back.back() != payload) return 0;
        }
        return sends;
    }

    scratch_folder folder;
    uv_loop_t loop{};
    io::relay_identity identity;
    io::relay_server_config relay_config;
    std::unique_ptr<peer> echo;
    std::unique_ptr<peer> program;
    std::unique_ptr<io::relay_server> server;
    std::unique_ptr<io::tunnel_client> client;
    std::unique_ptr<io::bond_client> bond;
    std::vector<std::unique_ptr<io::impaired_path>> networks;  ///< the bond's paths
    std::optional<masque::key_pin> pin;
    std::vector<masque::key_pin> pins;
    std::string token;
    std::vector<bytes> came_back;
    std::set<std::uint16_t> senders;  ///< ports the echo has heard from
    std::vector<io::tunnel_client_state> states;
    std::vector<std::string> reasons;
};

}  // namespace

TEST_CASE("a program's datagrams go through tunnel and relay, and their echoes come back") {
    setup s;
    s.start_relay();
    s.start_client();
    CHECK(s.exchange(100, 200) >= 100);
    CHECK(s.exchange(20, 1'100) >= 20);
    CHECK(s.states == std::vector{io::tunnel_client_state::connected});
    CHECK(s.senders.size() == 1);  // one socket toward the target
    const io::relay_server_stats stats = s.server->stats();
    CHECK(stats.protocol.open_tunnels == 1);
    CHECK(stats.protocol.bytes_up >= 100 * 200 + 20 * 1'100);
    CHECK(s.client->stats().direct == 0);
    CHECK(s.client->stats().protocol.connection.capsules_sent == 0);

    // A burst crosses in few calls, in order.
    s.came_back.clear();
    for (std::uint8_t i = 0; i < 30; ++i) s.send(bytes(300, i));
    CHECK(s.run_until([&] { return s.came_back.size() >= 30; }));
    for (std::size_t i = 0; i < s.came_back.size(); ++i) CHECK(s.came_back[i][0] == i);
}

TEST_CASE("a name is looked up by the relay") {
    setup s;
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    REQUIRE(getaddrinfo("localhost", nullptr, &hints, &found) == 0);
    s.start_echo(found->ai_family == AF_INET6 ? "[::1]:0" : "127.0.0.1:0");  // the first one, as the relay takes it
    freeaddrinfo(found);
    s.start_relay();
    s.start_client("localhost");
    CHECK(s.exchange(10, 100) >= 10);
    CHECK(s.server->stats().lookups == 0);
    CHECK(s.server->stats().protocol.accepted_tunnels == 1);
}

TEST_CASE("the loopback is no target unless it was allowed") {
    setup s;
    s.relay_config.protocol.policy = {};
    s.start_relay();
    s.start_client();
    s.send({1});
    REQUIRE(s.run_until([&] { return !s.states.empty() && s.states.back() == io::tunnel_client_state::refused; }));
    CHECK(s.reasons.back().find("destination_ip_prohibited") != std::string::npos);
    CHECK(s.senders.empty());
}

TEST_CASE("a tunnel shows its token") {
    setup s;
    const std::string_view tokens[] = {"open sesame"};
    s.relay_config.protocol.tokens = tokens;
    s.start_relay();
    SECTION("the right one") {
        s.token = "open sesame";
        s.start_client();
        CHECK(s.exchange(5, 100) >= 5);
    }
    SECTION("another one") {
        s.token = "open barley";
        s.start_client();
        s.send({1});
        CHECK(s.run_until([&] { return s.server->stats().protocol.refused_tokens > 0; }));
        CHECK(s.senders.empty());
    }
}

TEST_CASE("a relay with another key is not used, and the datagrams go directly") {
    setup s;
    s.start_relay();
    s.pin = masque::key_pin{};
    s.start_client();
    CHECK(s.exchange(10, 100) >= 10);
    REQUIRE_FALSE(s.states.empty());
    CHECK(s.states.front() == io::tunnel_client_state::direct);
    CHECK(s.reasons.front().find("E002") != std::string::npos);
    CHECK(s.reasons.front().find("untrusted") != std::string::npos);
    CHECK(s.client->stats().direct > 0);
    CHECK(s.server->stats().protocol.open_tunnels == 0);
}

TEST_CASE("a relay that restarts is found again, and the flow goes on") {
    setup s;
    s.start_relay();
    s.start_client();
    CHECK(s.exchange(10, 200) >= 10);
    s.server.reset();
    uv_run(&s.loop, UV_RUN_NOWAIT);
    s.start_relay();  // at the same place, with the same key and secret
    CHECK(s.exchange(10, 200) >= 10);
    CHECK(s.run_until([&] { return s.client->stats().connections == 2; }));
    CHECK(s.exchange(10, 200) >= 10);
    CHECK(s.states == std::vector{io::tunnel_client_state::connected, io::tunnel_client_state::direct,
                                  io::tunnel_client_state::connected});
    CHECK(s.reasons[1].find("reset") != std::string::npos);  // told at once, not after a timeout
    CHECK(s.client->stats().protocol.resumed);               // with the ticket of the first connection
}

TEST_CASE("a target that is not there closes the flow, and the next datagram opens another one") {
    setup s;
    s.start_relay();
    s.start_client();
    CHECK(s.exchange(3, 100) >= 3);
    s.echo.reset();
    uv_run(&s.loop, UV_RUN_NOWAIT);
    s.send({1});
    s.send({2});
    CHECK(s.run_until([&] { return s.server->stats().protocol.open_tunnels == 0; }));
    s.send({3});
    CHECK(s.run_until([&] { return s.server->stats().protocol.accepted_tunnels >= 2; }));
    CHECK(s.server->stats().protocol.open_connections == 1);
}

TEST_CASE("a refused flow is not asked for over and over") {
    setup s;
    s.relay_config.protocol.policy = {};
    s.start_relay();
    s.start_client();
    for (int i = 0; i < 20; ++i) {
        s.send({1});
        const instant later = io::monotonic_now() + 20_ms;
        (void)s.run_until([&] { return io::monotonic_now() > later; });
    }
    CHECK(s.server->stats().protocol.refused_targets == 1);
}

TEST_CASE("a draining relay lets go of its clients") {
    setup s;
    s.start_relay();
    s.start_client();
    CHECK(s.exchange(5, 200) >= 5);
    s.server->drain();
    CHECK(s.exchange(5, 200) >= 5);
    s.server->close();
    CHECK(s.run_until([&] { return s.server->is_idle(); }));
    CHECK(s.server->stats().protocol.open_tunnels == 0);
}

TEST_CASE("a relay keeps its identity in a folder") {
    scratch_folder folder;
    io::relay_identity first;
    io::relay_identity second;
    std::string error;
    const std::string inner = folder.path + "/a/b";
    REQUIRE(io::load_relay_identity(inner, {"relay.test"}, first, error));
    CHECK(first.made_now);
    REQUIRE(io::load_relay_identity(inner, {"other.test"}, second, error));
    CHECK_FALSE(second.made_now);
    CHECK(second.pin == first.pin);
    CHECK(second.secret == first.secret);
    std::string tokens;
    REQUIRE(io::read_text_file(inner + "/relay.tokens", tokens, error));
    CHECK(tokens.size() == 33);
    for (const char* name : {"relay.key", "relay.secret", "relay.tokens"}) {
        const auto mode = std::filesystem::status(inner + "/" + name).permissions();
        CHECK((mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all)) ==
              std::filesystem::perms::none);
    }
    CHECK_FALSE(io::load_relay_identity("/proc/none", {"relay.test"}, second, error));
}

TEST_CASE("figures are JSON and Prometheus text, and name nobody") {
    setup s;
    s.start_relay();
    s.start_client();
    CHECK(s.exchange(3, 100) >= 3);
    const std::string json = io::to_json(s.server->stats());
    const std::string text = io::to_prometheus(s.server->stats());
    CHECK(json.find("\"open_tunnels\": 1") != std::string::npos);
    CHECK(text.find("# TYPE duality_relay_open_tunnels gauge\nduality_relay_open_tunnels 1\n") != std::string::npos);
    CHECK(text.find("# TYPE duality_relay_bytes_up_total counter\n") != std::string::npos);
    CHECK(json.find("127.0.0") == std::string::npos);
    CHECK(text.find("127.0.0") == std::string::npos);
}

TEST_CASE("a game and a download over a bond outlive either path") {
    setup s;
    s.start_relay();
    s.start_bond();
    REQUIRE(s.exchange(20, 200) >= 20);
    CHECK(s.server->stats().protocol.open_bonds == 1);
    CHECK(io::to_json(s.server->stats()).find("\"open_bonds\": 1") != std::string::npos);
    CHECK(io::to_prometheus(s.server->stats()).find("duality_relay_bonds_total 1\n") != std::string::npos);
    CHECK(s.run_until([&] { return s.bond->stats().legs.size() == 2 && s.bond->stats().legs[1].joined; }));
    const std::size_t killed = GENERATE(std::size_t{0}, std::size_t{1});
    CHECK(s.play(200) >= 190);
    s.networks[killed].reset();  // in the middle of it
    CHECK(s.play(400) >= 360);
    CHECK(s.exchange(100, 1'000) > 0);  // each block is asked for until it is there
    CHECK(s.senders.size() == 1);       // the target has seen one address
    CHECK(s.bond->stats().direct == 0);
    CHECK(s.states == std::vector{io::tunnel_client_state::connected});
}

TEST_CASE("a bond without a relay goes straight to the target and says so, and comes back") {
    setup s;
    s.start_relay();
    const io::socket_address address = s.server->local();
    s.start_bond();
    s.server.reset();
    s.send(bytes(10));
    REQUIRE(s.run_until([&] { return !s.states.empty() && s.states.back() == io::tunnel_client_state::direct; }));
    CHECK(s.reasons.back().starts_with("E002"));
    CHECK(s.exchange(5, 200) >= 5);
    CHECK(s.bond->stats().direct >= 10);
    CHECK(s.server == nullptr);
    s.relay_config.listen = address;
    s.start_relay();
    CHECK(s.run_until([&] { return s.states.back() == io::tunnel_client_state::connected; }));
    const std::uint64_t direct = s.bond->stats().direct;
    CHECK(s.exchange(5, 200) >= 5);
    CHECK(s.bond->stats().direct == direct);
}

TEST_CASE("where a path carries less than QUIC needs, that is said and the target is reached without it") {
    std::string error;
    const std::optional<io::owned_file> network = io::make_network_namespace(error);
    if (!network) SKIP(error);
    const io::namespace_scope inside{network->get()};
    REQUIRE(inside.entered());
    const auto set_loopback = [](int mtu) {
        const io::owned_file any{::socket(AF_INET, SOCK_DGRAM, 0)};
        ifreq wanted{};
        wanted.ifr_name[0] = 'l';
        wanted.ifr_name[1] = 'o';
        wanted.ifr_mtu = mtu;
        REQUIRE(::ioctl(any.get(), SIOCSIFMTU, &wanted) == 0);
        wanted.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
        REQUIRE(::ioctl(any.get(), SIOCSIFFLAGS, &wanted) == 0);
    };
    set_loopback(1'000);
    setup s;
    s.start_relay();
    SECTION("a plain tunnel, which tries again") {
        s.start_client();
        REQUIRE_FALSE(s.states.empty());
        CHECK(s.states.back() == io::tunnel_client_state::direct);
        CHECK(s.reasons.back().starts_with("E005"));
        CHECK(s.reasons.back().find("packets of 1000 bytes, a relay needs 1228") != std::string::npos);
        CHECK(s.exchange(5, 200) >= 5);
        CHECK(s.client->stats().direct >= 10);
        set_loopback(1'500);  // the VPN is gone
        REQUIRE(s.run_until([&] { return s.states.back() == io::tunnel_client_state::connected; }));
        CHECK(s.exchange(5, 200) >= 5);
        CHECK(s.server->stats().protocol.open_tunnels == 1);
    }
    SECTION("paths of a bond") {
        s.start_bond();
        REQUIRE_FALSE(s.states.empty());
        CHECK(s.states.back() == io::tunnel_client_state::direct);
        CHECK(s.reasons.back().starts_with("E005"));
        CHECK(s.exchange(5, 200) >= 5);
        CHECK(s.bond->stats().direct >= 10);
        CHECK(s.server->stats().protocol.accepted_connections == 0);
        set_loopback(1'500);
        REQUIRE(s.run_until([&] { return s.states.back() == io::tunnel_client_state::connecting; }));
        CHECK(s.exchange(5, 200) >= 5);
        CHECK(s.server->stats().protocol.open_bonds == 1);
    }
    SECTION("paths of a bond without a direct way") {
        io::bond_client_config config;
        config.paths.resize(1);
        config.paths[0].local = io::socket_address::parse("127.0.0.1:0").value();
        config.paths[0].relay = s.server->local();
        config.listen = config.paths[0].local;
        CHECK_FALSE(io::bond_client::create(s.loop, std::move(config), error));
        CHECK(error.starts_with("E005"));
    }
}

TEST_CASE("marks of congestion cross the sockets of tunnel and relay") {
    setup s;
    s.start_relay();
    // Somebody between them who passes everything on, and sees the marks.
    std::set<masque::ecn> seen[2];
    std::string error;
    const auto client_side = io::batch_socket::create(io::socket_address::parse("127.0.0.1:0").value(), error);
    const auto relay_side = io::batch_socket::create(io::socket_address::parse("127.0.0.1:0").value(), error);
    REQUIRE((client_side && relay_side));
    const masque::udp_address relay = io::to_udp_address(s.server->local());
    masque::udp_address client;
    bool congested = false;
    const auto pass_on = [&] {
        const auto marked = [&](masque::ecn mark) {
            return congested && mark != masque::ecn::not_ect ? masque::ecn::ce : mark;
        };
        (void)client_side->read([&](const io::batch_socket::datagram& d) {
            client = d.from;
            seen[0].insert(d.mark);
            relay_side->queue(relay, marked(d.mark), d.bytes);
        });
        (void)relay_side->read([&](const io::batch_socket::datagram& d) {
            seen[1].insert(d.mark);
            client_side->queue(client, marked(d.mark), d.bytes);
        });
        relay_side->flush();
        client_side->flush();
    };
    s.relay_config.listen = client_side->local();  // where the client goes
    s.start_client();
    const auto echoes = [&](std::size_t count) {
        const std::size_t before = s.came_back.size();
        for (std::size_t i = 0; i < count; ++i) {
            s.send(bytes(200, static_cast<std::uint8_t>(i)));
            (void)s.run_until([&, until = io::monotonic_now() + 5_ms] {
                pass_on();
                return io::monotonic_now() >= until;
            });
        }
        (void)s.run_until([&] {
            pass_on();
            return s.came_back.size() >= before + count;
        });
        return s.came_back.size() - before;
    };
    CHECK(echoes(50) >= 40);  // the first ones wait for the connection
    for (const std::set<masque::ecn>& marks : seen) {
        CHECK(marks.count(masque::ecn::ect0) == 1);
        CHECK(marks.count(masque::ecn::ce) == 0);
    }
    // Acknowledgements tell of every mark: had one been lost or changed on the way, the marks would stop (RFC 9000, 13.4.2).
    seen[0].clear();
    seen[1].clear();
    congested = true;
    CHECK(echoes(50) >= 45);
    for (const std::set<masque::ecn>& marks : seen) CHECK(marks.count(masque::ecn::ect0) == 1);
}

TEST_CASE("the kernel tells what a route carries") {
    const auto loopback = io::socket_address::parse("127.0.0.1:0").value();
    CHECK(io::route_mtu(loopback, io::socket_address::parse("127.0.0.1:443").value()) >= io::least_mtu(loopback));
    CHECK(io::interface_address("lo", false));
    CHECK_FALSE(io::interface_address("no such interface", false));
}
