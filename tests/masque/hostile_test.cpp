// SPDX-License-Identifier: MIT
//
// Clients that break the rules: each gets the error that the RFC names, and another client notices nothing.
#include <catch2/catch_test_macros.hpp>
#include <string_view>

#include "support/counting_allocator.hpp"
#include "support/http_head.hpp"
#include "support/raw_client.hpp"

using namespace duality;
using namespace duality::literals;
using namespace duality::masque;
using test::byte_writer;
using test::bytes;
using test::connect_head;
using test::head;
using test::headers_frame;
using field = test::header_field;
using test::masque_world;
using test::raw_client;

namespace {

// HTTP/3 frames (RFC 9114, section 7.2) and errors (section 8.1; RFC 9204, section 6; RFC 9297, section 5.2).
constexpr std::uint64_t data_frame = 0;
constexpr std::uint64_t settings_frame = 4;
constexpr std::uint64_t push_promise_frame = 5;
constexpr std::uint64_t max_push_id_frame = 0x0D;
constexpr std::uint64_t datagram_error = 0x33;
constexpr std::uint64_t stream_creation_error = 0x103;
constexpr std::uint64_t closed_critical_stream = 0x104;
constexpr std::uint64_t frame_unexpected = 0x105;
constexpr std::uint64_t frame_error = 0x106;
constexpr std::uint64_t settings_error = 0x109;
constexpr std::uint64_t missing_settings = 0x10A;
constexpr std::uint64_t request_incomplete = 0x10D;
constexpr std::uint64_t message_error = 0x10E;
constexpr std::uint64_t decompression_failed = 0x200;
constexpr std::uint64_t encoder_stream_error = 0x201;
constexpr std::uint64_t decoder_stream_error = 0x202;

bytes operator+(bytes a, const bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// An ordinary client, and what becomes of its echoes.
struct bystander {
    explicit bystander(masque_world& world) : w{world} {
        w.start_tunnel();
        flow = w.open();
        w.run_for(500_ms);
    }
    /// Sends a payload every 10 ms for so long, and lets `between` run; the slowest echo. Each one must come.
    duration slowest_echo(
        int count, const std::function<void()>& between = [] {}) {
        w.delivered().clear();
        std::vector<instant> sent;
        for (int i = 0; i < count; ++i) {
            sent.push_back(w.now);
            CHECK(w.send(flow, {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)}) == status::ok);
            between();
            w.run_for(10_ms);
        }
        w.run_for(100_ms);
        CHECK(w.delivered().size() == sent.size());
        duration slowest{};
        for (const auto& echo : w.delivered())
            slowest = std::max(slowest, echo.at - sent.at(echo.content.at(0) + 256u * echo.content.at(1)));
        return slowest;
    }
    masque_world& w;
    flow_id flow = 0;
};

constexpr duration harmless = 25_ms;  // the round trip is 20 ms, the relay may pace for some of the rest

struct misdeed {
    const char* what;
    std::uint64_t code;
    bool by_application;
    std::function<void(raw_client&)> commit;
};

/// Every one on a connection of its own.
void punish(const std::vector<misdeed>& all) {
    masque_world w;
    bystander other{w};
    std::uint16_t port = 50'000;
    std::uint64_t errors = 0;
    for (const misdeed& m : all) {
        INFO(m.what);
        raw_client client{w, test::address_of("203.0.113.66", port++)};
        client.get_ready().run_for(50_ms);
        m.commit(client);
        client.run_for(100_ms);
        const bool ended = client.ended().has_value();
        CHECK(ended);
        if (!ended) continue;
        CHECK(client.ended()->code == m.code);
        CHECK(client.ended()->by_application == m.by_application);
        CHECK(w.relay->statistics().connections.protocol_errors == ++errors);
    }
    CHECK(other.slowest_echo(20) <= harmless);
    w.run_for(5_s);
    CHECK(w.relay->statistics().open_connections == 1);
    CHECK(w.relay->statistics().open_tunnels == 1);
}

}  // namespace

TEST_CASE("breaking a rule of HTTP/3 ends the connection with the error that is named for it") {
    const bytes no_settings = byte_writer{}.frame(settings_frame, {});
    const auto control = [](const bytes& frames) { return byte_writer{}.varint(0).put(frames); };
    const auto settings = [&](std::uint64_t name, std::uint64_t value) {
        return control(byte_writer{}.frame(settings_frame, byte_writer{}.varint(name).varint(value)));
    };
    const auto http = [](raw_client& c) { c.begin_http(byte_writer{}.varint(0x33).varint(1)); };
    punish({
        {"two SETTINGS", frame_unexpected, true, [&](auto& c) { c.stream(control(no_settings + no_settings)); }},
        {"a setting of HTTP/2", settings_error, true, [&](auto& c) { c.stream(settings(2, 1)); }},
        {"neither 0 nor 1 for HTTP datagrams", settings_error, true, [&](auto& c) { c.stream(settings(0x33, 2)); }},
        {"no SETTINGS first", missing_settings, true,
         [&](auto& c) { c.stream(control(byte_writer{}.frame(max_push_id_frame, {1}))); }},
        {"the control stream ends", closed_critical_stream, true,
         [&](auto& c) { c.stream(control(no_settings), true); }},
        {"a second control stream", stream_creation_error, true,
         [&](auto& c) {
             http(c);
             c.stream(control({}));
         }},
        {"a push from a client", stream_creation_error, true,
         [&](auto& c) {
             c.stream({1, 0});
         }},
        {"two encoder streams", stream_creation_error, true,
         [&](auto& c) {
             c.stream({2});
             c.stream({2});
         }},
        {"DATA on the control stream", frame_unexpected, true,
         [&](auto& c) { c.stream(control(no_settings + byte_writer{}.frame(data_frame, {1}))); }},
        {"DATA before HEADERS", frame_unexpected, true,
         [&](auto& c) {
             http(c);
             c.request(byte_writer{}.frame(data_frame, {1}));
         }},
        {"SETTINGS on a request", frame_unexpected, true,
         [&](auto& c) {
             http(c);
             c.request(no_settings);
         }},
        {"a promise from a client", frame_unexpected, true,
         [&](auto& c) {
             http(c);
             c.request(byte_writer{}.frame(push_promise_frame, {0, 0, 0}));
         }},
        {"a frame of HTTP/2", frame_unexpected, true,
         [&](auto& c) {
             http(c);
             c.request(byte_writer{}.frame(2, {1}));
         }},
        {"a head cut off", frame_error, true,
         [&](auto& c) {
             http(c);
             const bytes whole = connect_head();
             c.request({whole.begin(), whole.end() - 3}, true);
         }},
        {"a field section that is none", decompression_failed, true,
         [&](auto& c) {
             http(c);
             c.request(byte_writer{}.frame(headers_frame, {0, 0, 0xFF, 0xFF, 0xFF, 0x7F}));
         }},
        {"a table larger than allowed", encoder_stream_error, true,
         [&](auto& c) {
             c.stream({2, 0x3F, 0xE1, 0x1F});
         }},
        {"an acknowledgement of nothing", decoder_stream_error, true,
         [&](auto& c) {
             c.stream({3, 0x84});
         }},
        {"an empty datagram", datagram_error, true,
         [&](auto& c) {
             c.frames({0x31, 0});
         }},
        {"a stream number cut off", datagram_error, true,
         [&](auto& c) {
             c.datagram({0xC0, 0});
         }},
        {"a stream number beyond all streams", datagram_error, true, [&](auto& c) { c.datagram(bytes(9, 0xFF)); }},
    });
}

TEST_CASE("breaking a rule of QUIC does too") {
    const auto send = [](const bytes& frames) { return [frames](raw_client& c) { c.frames(frames); }; };
    const auto varints = [](std::initializer_list<std::uint64_t> all) {
        byte_writer out;
        for (const std::uint64_t v : all) out.varint(v);
        return bytes(out);
    };
    constexpr std::uint64_t most = (std::uint64_t{1} << 62) - 1;
    punish({
        {"no such frame", 0x07, false, send(varints({0x21}))},
        {"a frame only servers send", 0x0A, false, send(varints({0x1E}))},
        {"more streams than allowed", 0x04, false, send(varints({0x0A, 4 * 500, 1, 0}))},
        {"more data than allowed", 0x03, false, send(varints({0x0E, 0, 1 << 20, 1, 0}))},
        {"a stream longer than any", 0x03, false, send(varints({0x0E, 0, most, 1, 0}))},
        {"data after the end", 0x06, false,
         [&](raw_client& c) {
             c.frames(varints({0x0F, 0, 10, 0}));
             c.run_for(50_ms);
             c.frames(varints({0x0E, 0, 10, 1, 0}));
         }},
        {"more streams than there can be", 0x07, false, send(varints({0x12, most}))},
        {"STOP_SENDING where nothing is sent", 0x05, false, send(varints({0x05, 2, 0}))},
        {"an acknowledgement of what was never sent", 0x0A, false, send(varints({0x02, 1'000'000, 0, 0, 0}))},
        {"an id retired that was never given", 0x0A, false, send(varints({0x19, 1'000}))},
        {"a handshake longer than allowed", 0x0D, false, send(varints({0x06, 1 << 22, 1, 0}))},
        {"a TLS message out of place", 0x10A, false, send(varints({0x06, 0, 4, 1, 0, 0, 0}))},
        {"new keys by way of TLS", 0x10A, false, send(varints({0x06, 0, 5, 24, 0, 0, 1, 0}))},
    });
}

TEST_CASE("a request that breaks a rule is answered with the error for it, and hurts nobody else") {
    masque_world w;
    bystander other{w};
    const std::vector<field> get = {
        {":method", "GET"}, {":scheme", "https"}, {":authority", "relay.test"}, {":path", "/"}};
    const auto with = [&](field more) {
        std::vector<field> all = get;
        all.push_back(more);
        return head(all);
    };
    const std::vector<std::pair<const char*, bytes>> malformed = {
        {"no path", head({{":method", "GET"}, {":scheme", "https"}, {":authority", "relay.test"}})},
        {"a capital letter", with({"Name", "value"})},
        {"a connection's field", with({"connection", "close"})},
        {"a pseudo field after the others",
         head({{"name", "value"}, {":method", "GET"}, {":scheme", "https"}, {":path", "/"}})},
        {"two paths", with({":path", "/x"})},
        {"an answer's field", with({":status", "200"})},
        {"a protocol without CONNECT", with({":protocol", "connect-udp"})},
    };
    const bytes settings = byte_writer{}.varint(0x33).varint(1);
    std::uint16_t port = 50'000;
    for (const auto& [what, sent] : malformed) {
        INFO(what);
        raw_client client{w, test::address_of("203.0.113.66", port++)};
        client.get_ready().begin_http(settings);
        const std::int64_t id = client.request(sent, true);
        client.run_for(100_ms);
        // An error of the stream; newer versions of nghttp3 make one of the connection of it, as RFC 9114, section 8 allows.
        const auto code = client.ended() ? client.ended()->code : client.reset_with(id);
        CHECK(code == message_error);
    }
    raw_client client{w, test::address_of("203.0.113.66", port)};
    client.get_ready().begin_http(settings);
    const std::int64_t cut_off = client.request(connect_head());
    client.run_for(100_ms);
    client.write(cut_off, byte_writer{}.frame(data_frame, {0, 5, 0}), true);
    client.run_for(100_ms);
    CHECK(client.reset_with(cut_off) == message_error);  // RFC 9297, section 3.3
    const std::int64_t no_context = client.request(connect_head());
    client.run_for(100_ms);
    client.datagram({static_cast<std::uint8_t>(no_context / 4)});
    client.run_for(100_ms);
    CHECK(client.reset_with(no_context) == datagram_error);

    CHECK_FALSE(client.ended());
    const std::int64_t good = client.request(head(get), true);
    client.run_for(100_ms);
    const bytes& page = client.received(good);
    const std::string_view text = "DUALITY relay";
    CHECK(std::search(page.begin(), page.end(), text.begin(), text.end()) != page.end());
    CHECK(other.slowest_echo(20) <= harmless);
    CHECK(w.relay->statistics().open_tunnels == 1);
}

TEST_CASE("lengths beyond anything are waited for, not made room for") {
    masque_world w;
    test::counting_allocator memory;
    w.memory = memory.get();
    w.relay_config.rest_after = {};  // so that all of its memory is counted
    bystander other{w};
    raw_client client{w, test::address_of("203.0.113.66", 50'000)};
    client.get_ready().begin_http(byte_writer{}.varint(0x33).varint(1));
    constexpr std::uint64_t most = (std::uint64_t{1} << 62) - 1;
    const std::int64_t tunnel = client.request(connect_head());
    client.run_for(100_ms);
    const std::size_t before = memory.live_bytes();
    // One capsule of 2^62 bytes, in DATA frames of which the last one never ends either.
    client.write(tunnel, byte_writer{}.frame(data_frame, byte_writer{}.varint(0).varint(most)));
    for (int i = 0; i < 200; ++i) client.write(tunnel, byte_writer{}.frame(data_frame, bytes(1'000)));
    client.write(tunnel, byte_writer{}.varint(data_frame).varint(most));
    for (int i = 0; i < 200; ++i) client.write(tunnel, bytes(1'000));
    // And a frame nobody knows, of any length, before a head.
    const std::int64_t unknown = client.request(byte_writer{}.varint(0x21 + 0x1F * 7).varint(most));
    client.write(unknown, bytes(30'000));
    client.stream(byte_writer{}.varint(0x21 + 0x1F * 9));
    CHECK(other.slowest_echo(50, [&] { client.run_for(10_ms); }) <= harmless);
    CHECK_FALSE(client.ended());
    CHECK(memory.live_bytes() < before + 64 * 1024);
    client.datagram({static_cast<std::uint8_t>(tunnel / 4), 0, 42});
    client.run_for(100_ms);
    CHECK(client.datagrams_received() == 1);  // the tunnel is still good for datagrams
}

TEST_CASE("a flood before its request waits in a small buffer, and the rest is dropped") {
    masque_world w;
    test::counting_allocator memory;
    w.memory = memory.get();
    w.relay_config.rest_after = {};  // so that all of its memory is counted
    bystander other{w};
    raw_client client{w, test::address_of("203.0.113.66", 50'000)};
    client.get_ready().begin_http(byte_writer{}.varint(0x33).varint(1));
    client.run_for(100_ms);
    const std::size_t before = memory.live_bytes();
    std::size_t sent = 0;
    const duration slowest = other.slowest_echo(100, [&] {
        for (int i = 0; i < 50; ++i, ++sent) client.datagram({0, 0, static_cast<std::uint8_t>(i)});
        client.run_for(1_ms);
    });
    CHECK(slowest <= harmless);
    CHECK(sent == 5'000);
    client.run_for(500_ms);
    const auto stats = w.relay->statistics().connections;
    CHECK(stats.early == 5'000);
    CHECK(stats.early_dropped >= 5'000 - 2 * w.relay_config.connection.early_datagrams);
    CHECK(memory.live_bytes() < before + 64 * 1024);
    // Those that waited come out with the request.
    for (int i = 0; i < 10; ++i) client.datagram({0, 0, 1, 2, 3});
    const std::size_t seen = w.at_target.size();
    (void)client.request(connect_head());
    client.run_for(200_ms);
    CHECK(w.at_target.size() > seen);
    CHECK(w.at_target.size() <= seen + w.relay_config.connection.early_datagrams);
}

TEST_CASE("heads that never end are given up, and the streams they took are free again") {
    masque_world w;
    test::counting_allocator memory;
    w.memory = memory.get();
    w.relay_config.rest_after = {};  // so that all of its memory is counted
    w.relay_config.max_tunnels_per_connection = 20;
    bystander other{w};
    const std::size_t before = memory.live_bytes();
    raw_client client{w, test::address_of("203.0.113.66", 50'000)};
    client.get_ready().begin_http();
    const bytes whole = connect_head();
    std::vector<std::int64_t> slow;
    for (std::int64_t id = 0; (id = client.open(true)) >= 0;) slow.push_back(id);
    CHECK(slow.size() == 20);
    std::size_t at = 0;
    // A byte of each head every 300 ms.
    CHECK(other.slowest_echo(930, [&] {
        if (w.now.ns() / 1'000'000 / 10 % 30 != 0 || at >= whole.size() - 1) return;
        for (const std::int64_t id : slow) client.write(id, {whole[at]});
        ++at;
        client.run_for(1_ms);
    }) <= harmless);
    CHECK(at > 25);
    CHECK(memory.live_bytes() < before + 256 * 1024);
    client.run_for(2_s);
    for (const std::int64_t id : slow) CHECK(client.reset_with(id) == request_incomplete);
    CHECK_FALSE(client.ended());
    CHECK(client.open(true) >= 0);
    CHECK(w.relay->statistics().open_tunnels == 1);
}

TEST_CASE("requests that are taken back as soon as they are made leave nothing behind") {
    masque_world w;
    test::counting_allocator memory;
    w.memory = memory.get();
    w.relay_config.rest_after = {};  // so that all of its memory is counted
    bystander other{w};
    raw_client client{w, test::address_of("203.0.113.66", 50'000)};
    client.get_ready().begin_http();
    client.run_for(100_ms);
    const std::size_t before = memory.live_bytes();
    std::size_t made = 0;
    CHECK(other.slowest_echo(200, [&] {
        for (int i = 0; i < 20; ++i) {
            const std::int64_t id = client.request(connect_head());
            if (id < 0) break;
            client.reset(id);
            ++made;
        }
        client.run_for(1_ms);
    }) <= harmless);
    CHECK(made > 2'000);
    client.run_for(1_s);
    CHECK_FALSE(client.ended());
    CHECK(w.relay->statistics().open_tunnels == 1);
    CHECK(w.targets.size() == 1);
    CHECK(memory.live_bytes() < before + 128 * 1024);
}

TEST_CASE("one who hoards buffers with many connections leaves some to the others") {
    masque_world w;
    w.relay_config.buffered_datagrams = 1'024;
    w.relay_config.connection.early_age = duration::from_seconds(30);
    bystander other{w};
    std::vector<std::unique_ptr<raw_client>> many;
    for (std::uint16_t i = 0; i < 60; ++i) {
        many.push_back(
            std::make_unique<raw_client>(w, test::address_of("203.0.113.66", static_cast<std::uint16_t>(50'000 + i))));
        many.back()->get_ready().begin_http(byte_writer{}.varint(0x33).varint(1));
        for (int k = 0; k < 200; ++k) many.back()->datagram({0, 0, 1});
    }
    for (const auto& client : many) client->run_for(5_ms);
    CHECK(w.relay->statistics().connections.early_dropped > 0);
    CHECK(other.slowest_echo(100) <= harmless);
    CHECK(w.relay->statistics().no_buffer == 0);
}

TEST_CASE("who talks on after the end hears the same once more, and less and less often") {
    masque_world w;
    bystander other{w};
    raw_client client{w, test::address_of("203.0.113.66", 50'000)};
    client.get_ready().run_for(50_ms);
    std::size_t answers = 0;
    w.network = [&, before = w.network](test::wire_packet& p, instant now) {
        if (!p.to_relay && p.path.remote.port == 50'000) {
            ++answers;
            return std::vector<duration>{};  // it does not hear
        }
        return before(p, now);
    };
    client.frames({0x31, 0});
    client.run_for(20_ms);
    CHECK(answers >= 1);
    CHECK(answers <= 2);  // an acknowledgement may have been under way
    for (int i = 0; i < 100; ++i) client.datagram({0, 0, 1});
    client.run_for(20_ms);
    CHECK(answers <= 10);  // after 1, 2, 4 … 64 more packets
    CHECK(other.slowest_echo(20) <= harmless);
}
