// SPDX-License-Identifier: MIT
#include "duality/masque/capsule.hpp"

#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <vector>

#include "duality/random.hpp"

using namespace duality;
using namespace duality::masque;

namespace {

using bytes = std::vector<std::uint8_t>;

bytes counting(std::size_t size) {
    bytes out(size);
    std::iota(out.begin(), out.end(), std::uint8_t{0});
    return out;
}

void append(bytes& stream, std::uint64_t type, const bytes& value) {
    bytes room(value.size() + 16);
    wire::writer out{room};
    write_capsule(out, {type, value});
    REQUIRE(out.ok());
    REQUIRE(out.size() == capsule_overhead(type, value.size()) + value.size());
    stream.insert(stream.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(out.size()));
}

struct seen {
    std::uint64_t type;
    bytes value;
    bool operator==(const seen&) const = default;
};

/// Reads a stream cut into pieces by `cut`, which says how long the next one is.
template <class Cut>
std::vector<seen> read_all(capsule_reader& reader, byte_view stream, Cut cut) {
    std::vector<seen> out;
    bytes room(4096);
    while (!stream.empty()) {
        byte_view piece = stream.first(std::min<std::size_t>(cut(), stream.size()));
        stream = stream.subspan(piece.size());
        capsule c;
        status s = status::ok;
        while ((s = reader.next(piece, c, room)) == status::ok)
            out.push_back({c.type, {c.value.begin(), c.value.end()}});
        REQUIRE(s == status::need_more);
        REQUIRE(piece.empty());
    }
    return out;
}

}  // namespace

TEST_CASE("HTTP datagrams name a stream and a context") {
    const bytes frame = {0x41, 0x00, 0x00, 'h', 'i'};  // quarter stream 256, context 0
    http_datagram d;
    REQUIRE(read_http_datagram(frame, d) == status::ok);
    CHECK(d.stream == 1024);
    udp_datagram u;
    REQUIRE(read_udp_datagram(d.content, u) == status::ok);
    CHECK(u.context == udp_context);
    CHECK(bytes(u.payload.begin(), u.payload.end()) == bytes{'h', 'i'});

    CHECK(read_http_datagram({}, d) == status::malformed);
    CHECK(read_http_datagram(bytes{0x40}, d) == status::malformed);
    // 2^60 - 1 is the last stream; 2^60 is none.
    CHECK(read_http_datagram(bytes{0xCF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, d) == status::ok);
    CHECK(d.stream == (std::uint64_t{1} << 62) - 4);
    CHECK(read_http_datagram(bytes{0xD0, 0, 0, 0, 0, 0, 0, 0}, d) == status::malformed);
    CHECK(read_udp_datagram({}, u) == status::malformed);
    CHECK(read_udp_datagram(bytes{0x00}, u) == status::ok);  // an empty UDP payload is one
    CHECK(u.payload.empty());
}

TEST_CASE("a payload that no UDP packet can hold is too large, in context 0 only") {
    bytes content(1 + udp_payload_max + 1, 0);
    udp_datagram u;
    CHECK(read_udp_datagram(byte_view{content}.first(1 + udp_payload_max), u) == status::ok);
    CHECK(read_udp_datagram(content, u) == status::too_large);
    content[0] = 2;
    CHECK(read_udp_datagram(content, u) == status::ok);
    CHECK(u.context == 2);
}

TEST_CASE("capsules come out whole however the stream is cut") {
    bytes stream;
    append(stream, datagram_capsule, {});
    append(stream, datagram_capsule, counting(1));
    append(stream, 0x2575, counting(63));
    append(stream, datagram_capsule, counting(64));
    append(stream, (std::uint64_t{1} << 62) - 1, counting(300));
    const std::vector<seen> expected = {{0, {}},
                                        {0, counting(1)},
                                        {0x2575, counting(63)},
                                        {0, counting(64)},
                                        {(std::uint64_t{1} << 62) - 1, counting(300)}};
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}, stream.size()}) {
        capsule_reader reader{1500};
        CHECK(read_all(reader, stream, [&] { return piece; }) == expected);
        CHECK(reader.at_boundary());
    }
    xoshiro256 random{7};
    for (int run = 0; run < 200; ++run) {
        capsule_reader reader{1500};
        CHECK(read_all(reader, stream, [&] { return 1 + random.below(40); }) == expected);
    }
}

TEST_CASE("a capsule that is too long is skipped, and the next one read") {
    bytes stream;
    append(stream, datagram_capsule, counting(101));
    append(stream, datagram_capsule, counting(100));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{50}, stream.size()}) {
        capsule_reader reader{100};
        CHECK(read_all(reader, stream, [&] { return piece; }) == std::vector<seen>{{0, counting(100)}});
        CHECK(reader.skipped() == 1);
    }
}

TEST_CASE("a length of 2^62 - 1 is waited for without keeping anything") {
    const bytes header = {0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    capsule_reader reader{1500};
    capsule c;
    byte_view in = header;
    CHECK(reader.next(in, c, {}) == status::need_more);
    CHECK(reader.skipped() == 1);
    CHECK(reader.wanted_room() == 0);
    const bytes more = counting(5000);
    in = more;
    CHECK(reader.next(in, c, {}) == status::need_more);
    CHECK(in.empty());
    CHECK_FALSE(reader.at_boundary());
}

TEST_CASE("a value in pieces needs room, or is given up") {
    bytes stream;
    append(stream, datagram_capsule, counting(10));
    append(stream, datagram_capsule, counting(3));
    capsule_reader reader{1500};
    capsule c;
    byte_view in = byte_view{stream}.first(6);
    CHECK(reader.next(in, c, {}) == status::buffer_too_small);
    CHECK(reader.wanted_room() == 10);
    CHECK_FALSE(reader.keeps());
    CHECK(in.size() == 4);  // nothing of the value was taken

    SECTION("room") {
        bytes room(10);
        CHECK(reader.next(in, c, room) == status::need_more);
        CHECK(reader.keeps());
        in = byte_view{stream}.subspan(6);
        REQUIRE(reader.next(in, c, room) == status::ok);
        CHECK(bytes(c.value.begin(), c.value.end()) == counting(10));
        REQUIRE(reader.next(in, c, {}) == status::ok);
        CHECK(c.value.size() == 3);
        CHECK(reader.at_boundary());
    }
    SECTION("none") {
        reader.skip();
        CHECK(reader.next(in, c, {}) == status::need_more);
        in = byte_view{stream}.subspan(6);
        REQUIRE(reader.next(in, c, {}) == status::ok);
        CHECK(c.value.size() == 3);
        CHECK(reader.skipped() == 1);
    }
    SECTION("given up half way") {
        bytes room(10);
        CHECK(reader.next(in, c, room) == status::need_more);
        reader.skip();
        in = byte_view{stream}.subspan(6);
        REQUIRE(reader.next(in, c, {}) == status::ok);
        CHECK(c.value.size() == 3);
        reader.skip();  // between capsules there is nothing to give up
        CHECK(reader.skipped() == 1);
    }
}

TEST_CASE("a stream that ends inside a capsule was cut off") {
    bytes stream;
    append(stream, datagram_capsule, counting(70));
    for (std::size_t end = 1; end < stream.size(); ++end) {
        capsule_reader reader{1500};
        (void)read_all(reader, byte_view{stream}.first(end), [&] { return end; });
        CHECK_FALSE(reader.at_boundary());
    }
}
