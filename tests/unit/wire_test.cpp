// SPDX-License-Identifier: MIT
#include "duality/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>
#include <string>
#include <vector>

#include "support/wire_text.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

using packet = std::vector<std::uint8_t>;

const packet hello{'h', 'e', 'l', 'l', 'o'};

template <class Frame>
packet written(const Frame& frame, bool delimited = false) {
    packet bytes(512);
    wire::writer out{bytes};
    wire::write_header(out, {0x0203});
    delimited ? wire::write_delimited(out, frame) : wire::write(out, frame);
    REQUIRE(out.ok());
    bytes.resize(out.size());
    return bytes;
}

struct reading {
    status result = status::ok;  ///< of the last call
    std::vector<std::string> frames;
    std::size_t error_offset = 0;
    std::uint32_t unknown = 0;
};

reading read(const packet& bytes) {
    reading out;
    wire::packet_reader in{bytes};
    wire::packet_header header;
    wire::frame frame;
    out.result = in.start(header);
    while (out.result == status::ok) {
        out.result = in.next(frame);
        if (out.result == status::ok) out.frames.push_back(test::to_text(frame));
    }
    out.error_offset = in.error_offset();
    out.unknown = in.unknown_frames();
    return out;
}

wire::feedback_frame small_feedback() {
    wire::feedback_frame f;
    f.newest_esi = 0x0A;
    f.known_run = 1;
    f.range_count = 1;
    f.ranges[0] = {2, 300};
    f.deficit = {.symbols_needed = 2, .first_missing = 8, .last_missing = 9, .by_when = 1_ms};
    f.has_regime = true;
    f.current = regime::congested;
    f.features.loss20 = 20;
    f.features.j_fast = duration::from_ns(16'384 * 5);
    f.features.j_slow = duration::from_ns(16'384 * 4 + 16'383);
    f.features.loss_ppm = 1'000'000;
    f.features.mean_burst_x16 = 0xFFFFFFFF;
    f.path_count = 1;
    f.paths[0] = {9, 0x1234, duration::from_ns(16'384 * 64), 0xFFFF};
    return f;
}

/// One frame of each kind, to the end of a packet.
std::vector<packet> one_of_each() {
    const packet id{0, 1, 0xF0, 4, 0, 0, 0, 9};
    return {
        written(wire::data_frame{1, 2, 3, hello}),
        written(wire::copy_frame{wire::copy_reason::suspicion, {1, 2, 3, hello}}),
        written(wire::repair_frame{false, id, hello}),
        written(wire::repair_frame{true, id, hello}),
        written(small_feedback()),
        written(wire::clock_frame{false, 1, 0, 0}),
        written(wire::clock_frame{true, 1, 2, 3}),
        written(wire::probe_frame{false, 1}),
        written(wire::close_frame{wire::close_reason::budget}),
        written(wire::close_frame{.reason = wire::close_reason::budget, .answer = true}),
        written(wire::epoch_frame{true, 0x01020304, 5}),
        written(wire::events_frame{hello}),
    };
}

}  // namespace

TEST_CASE("wire: golden bytes of every frame") {
    CHECK(written(wire::data_frame{0x01020304, 5, 0x060708, hello}) ==
          packet{1, 2, 3, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 'h', 'e', 'l', 'l', 'o'});
    CHECK(written(wire::data_frame{0xFFFFFFFF, 0xFF, 0xFFFFFF, {}}) ==
          packet{1, 2, 3, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF});
    CHECK(written(wire::copy_frame{wire::copy_reason::failover, {1, 2, 3, hello}}) ==
          packet{1, 2, 3, 0x0C, 2, 0, 0, 0, 1, 2, 0, 0, 3, 'h', 'e', 'l', 'l', 'o'});
    const packet id{0xAB, 0xCD, 0xF1, 0x02, 0, 0, 0, 9};
    CHECK(written(wire::repair_frame{false, id, hello}) ==
          packet{1, 2, 3, 0x02, 0xAB, 0xCD, 0xF1, 0x02, 0, 0, 0, 9, 'h', 'e', 'l', 'l', 'o'});
    CHECK(written(wire::repair_frame{true, id, hello})[3] == 0x0E);
    CHECK(written(wire::clock_frame{false, 0x0102030405060708, 9, 9}) ==
          packet{1, 2, 3, 0x06, 0, 1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(written(wire::clock_frame{true, 1, 2, 0x8000000000000003}) ==
          packet{1, 2, 3, 0x06, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 3});
    CHECK(written(wire::probe_frame{true, 0xDEADBEEF}) == packet{1, 2, 3, 0x08, 1, 0xDE, 0xAD, 0xBE, 0xEF});
    CHECK(written(wire::close_frame{wire::close_reason::idle}) == packet{1, 2, 3, 0x0A, 4});
    CHECK(written(wire::close_frame{.reason = wire::close_reason::idle, .answer = true}) == packet{1, 2, 3, 0x10, 4});
    CHECK(written(wire::events_frame{hello}) == packet{1, 2, 3, 0x14, 'h', 'e', 'l', 'l', 'o'});
    CHECK(written(wire::epoch_frame{true, 0x01020304, 5}) == packet{1, 2, 3, 0x12, 1, 1, 2, 3, 4, 0, 0, 0, 5});
    CHECK(written(small_feedback()) ==
          packet{1,    2,  3,    0x04, 0x03, 0,    0,    0,    0x0A,  // flags, newest
                 1,    1,  2,    0x41, 0x2C,                          // run 1, one range: 2 missing, 300 known
                 2,    2,  1,    61,                                  // two symbols for 8 and 9 within 61 ticks
                 3,    20, 5,    4,    0x80, 0x0F, 0x42, 0x40,  // congested, 20 of 20, 5 and 4 ticks, a million ppm
                 0xC0, 0,  0,    0,    0xFF, 0xFF, 0xFF, 0xFF,  // mean burst
                 1,    9,  0x12, 0x34, 0x40, 0x40, 0xFF, 0xFF});
    CHECK(written(wire::feedback_frame{}) == packet{1, 2, 3, 0x04, 0, 0, 0, 0, 0, 0, 0, 0});
    wire::feedback_frame rich;
    rich.in_funds = true;
    CHECK(written(rich) == packet{1, 2, 3, 0x04, 0x10, 0, 0, 0, 0, 0, 0, 0});
    wire::feedback_frame missing;
    missing.missed = 0x0102;
    CHECK(written(missing) == packet{1, 2, 3, 0x04, 0x20, 0, 0, 0, 0, 0, 0, 1, 2, 0});
    wire::feedback_frame stalled;
    stalled.stalled = true;
    stalled.path_count = 1;
    stalled.paths[0] = {7, 1, {}, 2};
    CHECK(written(stalled) == packet{1, 2, 3, 0x04, 4, 0, 0, 0, 0, 0, 0, 1, 7, 0, 1, 0, 0, 2});

    wire::feedback_frame calling;
    calling.newest_esi = 10;
    calling.known_run = 1;
    calling.call = {.count = 2, .last = 12, .odds = 200};
    CHECK(written(calling) == packet{1, 2, 3, 0x04, 8, 0, 0, 0, 10, 1, 0, 2, 33, 200, 0});
}

TEST_CASE("wire: a frame with its length lets another one follow") {
    CHECK(written(wire::probe_frame{false, 7}, true) == packet{1, 2, 3, 0x09, 0x40, 5, 0, 0, 0, 0, 7});
    packet two = written(wire::data_frame{1, 2, 3, hello}, true);
    const packet last = written(wire::close_frame{wire::close_reason::normal});
    two.insert(two.end(), last.begin() + 3, last.end());
    const reading got = read(two);
    CHECK(got.result == status::need_more);
    REQUIRE(got.frames.size() == 2);
    CHECK(got.frames[0] == R"({"type":"data","esi":1,"stream":2,"origin":3,"payload":"68656c6c6f"})");
    CHECK(got.frames[1] == R"({"type":"close","reason":0})");
    CHECK(got.error_offset == two.size());
}

TEST_CASE("wire: sizes that callers plan with are those that are written") {
    CHECK(written(wire::data_frame{1, 2, 3, hello}).size() == wire::data_packet_overhead + 5);
    CHECK(written(wire::copy_frame{wire::copy_reason::hot, {1, 2, 3, hello}}).size() == wire::copy_packet_overhead + 5);
    const packet id(8);
    CHECK(written(wire::repair_frame{false, id, hello}).size() == wire::repair_packet_overhead + 5);
}

TEST_CASE("wire: what was written comes back, times rounded down to ticks") {
    for (const packet& bytes : one_of_each()) {
        wire::packet_reader in{bytes};
        wire::packet_header header;
        wire::frame frame;
        REQUIRE(in.start(header) == status::ok);
        CHECK(header.path_sequence == 0x0203);
        REQUIRE(in.next(frame) == status::ok);
        packet again(512);
        wire::writer out{again};
        wire::write_header(out, header);
        test::write_again(out, frame, false);
        again.resize(out.size());
        CHECK(again == bytes);
    }
    const packet bytes = written(small_feedback());
    wire::packet_reader feedback{bytes};
    wire::packet_header header;
    wire::frame frame;
    REQUIRE(feedback.start(header) == status::ok);
    REQUIRE(feedback.next(frame) == status::ok);
    CHECK(frame.feedback.deficit.first_missing == 8);
    CHECK(frame.feedback.deficit.last_missing == 9);
    CHECK(frame.feedback.deficit.by_when == duration::from_ns(61 * 16'384));
    CHECK(frame.feedback.features.j_slow == duration::from_ns(4 * 16'384));
    CHECK(frame.feedback.paths[0].age == duration::from_ns(64 * 16'384));
}

TEST_CASE("wire: durations that no field holds are clamped") {
    wire::feedback_frame f;
    f.path_count = 2;
    f.paths[0].age = -5_ms;
    f.paths[1].age = duration::infinite();
    const packet bytes = written(f);
    wire::packet_reader in{bytes};
    wire::packet_header header;
    wire::frame frame;
    REQUIRE(in.start(header) == status::ok);
    REQUIRE(in.next(frame) == status::ok);
    CHECK(frame.feedback.paths[0].age == 0_ms);
    CHECK(frame.feedback.paths[1].age == duration::from_ns(std::int64_t{0xFFFFFFFF} << 14));
}

TEST_CASE("wire: an ESI in a deficit wraps around with the newest one") {
    wire::feedback_frame f;
    f.newest_esi = 1;
    f.deficit = {.symbols_needed = 1, .first_missing = 0xFFFFFFFE, .last_missing = 0, .by_when = 1_ms};
    const packet bytes = written(f);
    wire::packet_reader in{bytes};
    wire::packet_header header;
    wire::frame frame;
    REQUIRE(in.start(header) == status::ok);
    REQUIRE(in.next(frame) == status::ok);
    CHECK(frame.feedback.deficit.first_missing == 0xFFFFFFFE);
    CHECK(frame.feedback.deficit.last_missing == 0);
}

TEST_CASE("wire: cut off at any byte a packet is malformed, and the error names where") {
    for (const packet& whole : one_of_each()) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const packet cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            const reading got = read(cut);
            // A payload or symbol may be shorter; everything else is missed.
            const bool open_ended = whole[3] == 0x00 ? size >= 12 : whole[3] == 0x14 ? size >= 5 : size >= 13;
            const bool has_rest =
                whole[3] == 0x00 || whole[3] == 0x0C || whole[3] == 0x02 || whole[3] == 0x0E || whole[3] == 0x14;
            if (has_rest && open_ended) {
                CHECK(got.result == status::need_more);
                continue;
            }
            CHECK(got.result == status::malformed);
            CHECK(got.frames.empty());
            CHECK(got.error_offset <= size);
        }
    }
    // The offset is where the field begins that is not there.
    const auto offset_of = [](const packet& bytes) { return read(bytes).error_offset; };
    CHECK(offset_of({}) == 0);
    CHECK(offset_of({1, 0}) == 1);
    CHECK(offset_of({1, 0, 0}) == 3);
    CHECK(offset_of({1, 0, 0, 0x40}) == 3);
    CHECK(offset_of({1, 0, 0, 0x00, 0, 0, 0, 1, 2, 0}) == 9);
    CHECK(offset_of({1, 0, 0, 0x08, 0, 1, 2, 3}) == 5);
    CHECK(offset_of({1, 0, 0, 0x09, 6, 0, 0, 0, 0, 1}) == 5);
}

TEST_CASE("wire: fields with forbidden values are malformed where they stand") {
    const auto wrong_at = [](const packet& bytes) {
        const reading got = read(bytes);
        CHECK(got.result == status::malformed);
        CHECK(got.frames.empty());
        return got.error_offset;
    };
    CHECK(wrong_at({1, 0, 0, 0x0C, 4, 0, 0, 0, 1, 0, 0, 0, 0}) == 4);                   // copy reason
    CHECK(wrong_at({1, 0, 0, 0x06, 2, 0, 0, 0, 0, 0, 0, 0, 0}) == 4);                   // clock direction
    CHECK(wrong_at({1, 0, 0, 0x08, 2, 0, 0, 0, 0}) == 4);                               // probe direction
    CHECK(wrong_at({1, 0, 0, 0x02, 0, 0, 0xF0, 1, 0, 0, 0, 0}) == 12);                  // empty symbol
    CHECK(wrong_at({1, 0, 0, 0x04, 0x40, 0, 0, 0, 0, 0, 0, 0}) == 4);                   // flags
    CHECK(wrong_at({1, 0, 0, 0x04, 0x08, 0, 0, 0, 9, 1, 0, 0, 31, 9, 0}) == 11);        // a call for nothing
    CHECK(wrong_at({1, 0, 0, 0x04, 0x08, 0, 0, 0, 9, 1, 0, 32, 31, 9, 0}) == 11);       // for too many
    CHECK(wrong_at({1, 0, 0, 0x04, 0x08, 0, 0, 0, 9, 1, 0, 1, 63, 9, 0}) == 12);        // too far ahead
    CHECK(wrong_at({1, 0, 0, 0x04, 0x04, 0, 0, 0, 0, 0, 0, 0}) == 11);                  // stalled, but which path?
    CHECK(wrong_at({1, 0, 0, 0x04, 0, 0, 0, 0, 0, 0, 17, 0}) == 10);                    // too many ranges
    CHECK(wrong_at({1, 0, 0, 0x04, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0}) == 11);               // an empty gap
    CHECK(wrong_at({1, 0, 0, 0x04, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0}) == 11);               // an empty run
    CHECK(wrong_at({1, 0, 0, 0x04, 1, 0, 0, 0, 9, 1, 0, 0, 5, 5, 1, 0}) == 11);         // no symbols wanted
    CHECK(wrong_at({1, 0, 0, 0x04, 1, 0, 0, 0, 9, 1, 0, 1, 4, 5, 1, 0}) == 11);         // last before first
    CHECK(wrong_at({1, 0, 0, 0x04, 2, 0, 0, 0, 9, 1, 0, 5, 0, 0, 0, 0, 0, 0}) == 11);   // regime
    CHECK(wrong_at({1, 0, 0, 0x04, 2, 0, 0, 0, 9, 1, 0, 4, 21, 0, 0, 0, 0, 0}) == 12);  // loss20
    CHECK(wrong_at({1, 0, 0, 0x04, 2, 0, 0, 0, 9, 1, 0, 4, 20, 0, 0, 0x80, 0x0F, 0x42, 0x41, 0, 0}) == 15);  // ppm
    CHECK(wrong_at({1, 0, 0, 0x04, 0, 0, 0, 0, 0, 0, 0, 9}) == 11);                         // too many paths
    CHECK(wrong_at({1, 0, 0, 0x04, 0, 0, 0, 0, 0, 0xC0, 0, 0, 1, 0, 0, 0, 0, 0, 0}) == 9);  // run above 32 bits
    CHECK(wrong_at({1, 0, 0, 0x08, 0, 0, 0, 0, 0, 99}) == 9);      // a byte behind the last field
    CHECK(wrong_at({1, 0, 0, 0x09, 6, 0, 0, 0, 0, 0, 99}) == 10);  // the same, inside its length
}

TEST_CASE("wire: integers longer than they need to be are read") {
    CHECK(read({1, 0, 0, 0x40, 0x08, 0, 0, 0, 0, 5}).frames.size() == 1);
    CHECK(read({1, 0, 0, 0x80, 0, 0, 0x08, 0, 0, 0, 0, 5}).frames.size() == 1);
    CHECK(read({1, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x09, 0xC0, 0, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0, 5}).frames.size() == 1);
    const reading close = read({1, 0, 0, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF});
    REQUIRE(close.frames.size() == 1);
    CHECK(close.frames[0] == R"({"type":"close","reason":4611686018427387903})");
}

TEST_CASE("wire: varints of RFC 9000, appendix A.1") {
    const auto value_of = [](packet bytes) {
        wire::reader in{bytes};
        const std::uint64_t value = in.varint();
        CHECK(in.ok());
        CHECK(in.remaining() == 0);
        packet again(8);
        wire::writer out{again};
        out.varint(value);
        again.resize(out.size());
        if (bytes[0] != 0x40) CHECK(again == bytes);
        return value;
    };
    CHECK(value_of({0xC2, 0x19, 0x7C, 0x5E, 0xFF, 0x14, 0xE8, 0x8C}) == 151'288'809'941'952'652u);
    CHECK(value_of({0x9D, 0x7F, 0x3E, 0x7D}) == 494'878'333u);
    CHECK(value_of({0x7B, 0xBD}) == 15'293u);
    CHECK(value_of({0x25}) == 37u);
    CHECK(value_of({0x40, 0x25}) == 37u);
}

TEST_CASE("wire: frames of the future are skipped and counted") {
    const reading delimited = read({1, 0, 0, 0x3F, 2, 0xAA, 0xBB, 0x08, 0, 0, 0, 0, 5});
    CHECK(delimited.result == status::need_more);
    CHECK(delimited.unknown == 1);
    CHECK(delimited.frames.size() == 1);
    const reading to_end = read({1, 0, 0, 0x3E, 2, 0xAA, 0xBB, 0x08, 0, 0, 0, 0, 5});
    CHECK(to_end.result == status::need_more);
    CHECK(to_end.unknown == 1);
    CHECK(to_end.frames.empty());
    const reading huge = read({1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00});
    CHECK(huge.result == status::need_more);
    CHECK(huge.unknown == 1);
    const reading too_long = read({1, 0, 0, 0x3F, 3, 0xAA, 0xBB});
    CHECK(too_long.result == status::malformed);
    CHECK(too_long.error_offset == 5);
}

TEST_CASE("wire: another version is not malformed") {
    for (const int version : {0, 2, 255})
        CHECK(read({static_cast<std::uint8_t>(version), 0, 0, 0x08}).result == status::unsupported_version);
    CHECK(read({2}).result == status::unsupported_version);
}

TEST_CASE("wire: after malformed nothing more is read") {
    const packet bytes{1, 0, 0, 0x09, 5, 0, 0, 0, 0, 1, 0x09, 1, 0, 0x09, 5, 0, 0, 0, 0, 1};
    wire::packet_reader in{bytes};
    wire::packet_header header;
    wire::frame frame;
    REQUIRE(in.start(header) == status::ok);
    CHECK(in.next(frame) == status::ok);
    CHECK(in.next(frame) == status::malformed);
    CHECK(in.next(frame) == status::malformed);
    CHECK(in.error_offset() == 13);
}

TEST_CASE("wire: a writer stops at the end of its room") {
    const packet whole = written(small_feedback());
    for (std::size_t room = 0; room < whole.size(); ++room) {
        packet bytes(room + 1, 0xEE);
        wire::writer out{byte_span{bytes}.first(room)};
        wire::write_header(out, {0x0203});
        wire::write(out, small_feedback());
        CHECK_FALSE(out.ok());
        CHECK(out.size() <= room);
        CHECK(bytes[room] == 0xEE);
    }
}

TEST_CASE("wire: origin times are the sender's clock in ticks, modulo 2^24") {
    CHECK(wire::to_origin(instant::from_ns(0)) == 0);
    CHECK(wire::to_origin(instant::from_ns(16'383)) == 0);
    CHECK(wire::to_origin(instant::from_ns(16'384)) == 1);
    CHECK(wire::to_origin(instant::from_ns(-1)) == 0xFFFFFF);
    CHECK(wire::to_origin(instant::from_ns(std::int64_t{1} << 38)) == 0);
    CHECK(wire::to_origin(instant::from_ns((std::int64_t{1} << 38) + 16'384 * 77)) == 77);
}
