// SPDX-License-Identifier: MIT
//
// Prints packets for an independent decoder to read, each with the C++ reader's own reading: `origin hex json`.
//   example  the packets of docs/wire-format.md
//   session  what two sessions say to each other over two bad paths
//   written  frames with random fields, in both forms, several to a packet
//   damaged  such packets with bytes flipped, cut off, added and removed (`-` for an empty one)
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "duality/random.hpp"
#include "support/session_pair.hpp"
#include "support/wire_text.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;

namespace {

void print(const char* origin, byte_view packet) {
    const std::string hex = packet.empty() ? "-" : test::to_hex(packet);
    std::printf("%s %s %s\n", origin, hex.c_str(), test::packet_text(packet).c_str());
}

template <class Write>
bytes packet_of(std::uint16_t sequence, Write write) {
    bytes packet(4096);
    wire::writer out{packet};
    wire::write_header(out, {sequence});
    write(out);
    packet.resize(out.size());
    return packet;
}

void examples() {
    const bytes hello{'h', 'e', 'l', 'l', 'o'};
    const wire::data_frame data{0x01020304, 2, 0x0A0B0C, hello};
    print("example", packet_of(7, [&](auto& out) { wire::write(out, data); }));
    print("example", packet_of(8, [&](auto& out) {
              wire::write(out, wire::copy_frame{wire::copy_reason::failover, data});
          }));
    const bytes id{0x00, 0x07, 0xF0, 0x28, 0x00, 0x00, 0x01, 0x00};
    const bytes symbol{0xDE, 0xAD, 0xBE, 0xEF};
    print("example", packet_of(9, [&](auto& out) { wire::write(out, wire::repair_frame{true, id, symbol}); }));

    wire::feedback_frame feedback;
    feedback.newest_esi = 100;
    feedback.known_run = 3;
    feedback.range_count = 2;
    feedback.ranges[0] = {2, 4};
    feedback.ranges[1] = {1, 70};
    feedback.deficit = {.symbols_needed = 3, .first_missing = 91, .last_missing = 97, .by_when = 60_ms};
    feedback.has_regime = true;
    feedback.current = regime::lossy;
    feedback.features.loss20 = 2;
    feedback.features.j_fast = 3_ms;
    feedback.features.j_slow = 1'500_us;
    feedback.features.loss_ppm = 12'345;
    feedback.features.mean_burst_x16 = 24;
    feedback.path_count = 2;
    feedback.paths[0] = {0, 513, 4_ms, 512};
    feedback.paths[1] = {1, 9, 900_ms, 10};
    print("example", packet_of(10, [&](auto& out) {
              wire::write_delimited(out, feedback);
              wire::write(out, data);
          }));
    feedback.stalled = true;
    print("example", packet_of(10, [&](auto& out) { wire::write(out, feedback); }));
    feedback = {};
    feedback.newest_esi = 100;
    feedback.known_run = 3;
    feedback.call = {.count = 2, .last = 102, .odds = 128};
    feedback.in_funds = true;
    feedback.missed = 258;
    print("example", packet_of(10, [&](auto& out) { wire::write(out, feedback); }));
    print("example", packet_of(11, [&](auto& out) { wire::write(out, wire::probe_frame{false, 11}); }));
    print("example", packet_of(12, [&](auto& out) {
              wire::write_delimited(out, wire::clock_frame{true, 1'000'000'000, 2'000'000'000, 2'000'050'000});
              wire::write(out, wire::close_frame{wire::close_reason::going_away});
          }));
    print("example", packet_of(13, [&](auto& out) {
              wire::write(out, wire::close_frame{.reason = wire::close_reason::going_away, .answer = true});
          }));
    print("example", packet_of(14, [&](auto& out) {
              wire::write_delimited(out, wire::epoch_frame{.asks = true, .own = 0x61626364, .known = 7});
              wire::write(out, data);
          }));
    const bytes events{0, 0, 0, 9, 0, 0x0A, 0x0B, 0x0C, 2, 'u', 'p', 1, 0x0A, 0x0A, 0x00, 0};
    print("example", packet_of(15, [&](auto& out) { wire::write(out, wire::events_frame{events}); }));
}

/// A flow in each direction over two lossy paths, an outage of the first, and a goodbye.
void sessions() {
    session_config config;
    config.overhead_cap_bp = 10'000;
    config.control_share_bp = 5'000;
    config.epoch = 3;
    config.events = true;
    test::session_pair pair{config};
    (void)pair.add_path(0);
    (void)pair.add_path(1, {.cost = cost_class::metered});
    (void)pair.end(0).set_stream({}, 1, {.mode = stream_mode::hot});
    xoshiro256 random{1};
    pair.links[0] = pair.links[1] = [&](const test::seen_transmission& t) {
        const bool out = t.path == 0 && t.at.ns() % 3'000'000'000 > 2'700'000'000;
        if (out || random.chance(0.03)) return std::vector<duration>{};
        return std::vector<duration>{duration::from_us(8'000 + static_cast<std::int64_t>(random.below(6'000)))};
    };
    for (std::uint64_t i = 0; i < 2'400; ++i) {
        (void)pair.send(0, static_cast<stream_id>(i % 2), test::payload_of(i, random.below(60)));
        if (i % 60 == 0) (void)pair.send_event(0, test::payload_of(i, random.below(100)), pair.now() + 200_ms);
        if (i % 3 == 0) (void)pair.send(1, 3, test::payload_of(i, 20));
        if (i % 40 == 0) {
            const bytes ask = packet_of(static_cast<std::uint16_t>(0x8000 + i), [&](auto& out) {
                wire::write(out, wire::clock_frame{false, i, 0, 0});
            });
            print("session", ask);
            (void)pair.end(1).handle_datagram(pair.now(), 1, ask);
        }
        pair.run_for(5_ms);
    }
    (void)pair.end(0).close(pair.now(), wire::close_reason::normal);
    pair.run_for(1_s);
    for (const auto& sent : pair.sent)
        for (const test::seen_transmission& t : sent) print("session", t.datagram);
}

class random_frames {
public:
    /// Appends a frame of any type with any fields.
    void write(wire::writer& out, bool delimited) {
        const auto put = [&](const auto& f) { delimited ? wire::write_delimited(out, f) : wire::write(out, f); };
        switch (random_.below(9)) {
            case 0: put(data()); break;
            case 1: put(wire::copy_frame{static_cast<wire::copy_reason>(random_.below(3)), data()}); break;
            case 2: {
                const bytes id = some_bytes(8);
                const bytes symbol = some_bytes(1 + random_.below(40));
                put(wire::repair_frame{random_.chance(0.5), id, symbol});
                break;
            }
            case 3: put(feedback()); break;
            case 4: {
                const bool response = random_.chance(0.5);
                put(wire::clock_frame{response, random_.next(), response ? random_.next() : 0,
                                      response ? random_.next() : 0});
                break;
            }
            case 7: {
                const bytes message = some_bytes(1 + random_.below(60));
                put(wire::events_frame{message});
                break;
            }
            case 6: put(wire::epoch_frame{random_.chance(0.5), any_u32(), any_u32()}); break;
            case 5: put(wire::probe_frame{random_.chance(0.5), any_u32()}); break;
            default:
                put(wire::close_frame{
                    .reason = static_cast<wire::close_reason>(random_.next() >> (2 + random_.below(62))),
                    .answer = random_.chance(0.5)});
        }
    }

    /// Flips, cuts, adds or removes a few bytes.
    void damage(bytes& packet) {
        for (std::uint64_t steps = 1 + random_.below(3); steps > 0; --steps) {
            const std::size_t at = packet.empty() ? 0 : random_.below(packet.size());
            const auto place = packet.begin() + static_cast<std::ptrdiff_t>(at);
            switch (random_.below(5)) {
                case 0: packet.insert(place, static_cast<std::uint8_t>(random_.next())); break;
                case 1: packet.resize(at); break;
                case 2:
                    if (!packet.empty()) packet.erase(place);
                    break;
                default:
                    if (!packet.empty()) packet[at] ^= static_cast<std::uint8_t>(1u << random_.below(8));
            }
        }
    }

    [[nodiscard]] xoshiro256& random() { return random_; }

private:
    bytes some_bytes(std::size_t size) {
        bytes out(size);
        for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(random_.next());
        return out;
    }
    /// Every magnitude is as likely.
    std::uint32_t any_u32() { return static_cast<std::uint32_t>(random_.next() >> (32 + random_.below(32))); }
    duration any_time() { return duration::from_ns(static_cast<std::int64_t>(std::uint64_t{any_u32()} << 14)); }

    wire::data_frame data() {
        payload_ = some_bytes(random_.below(60));
        return {any_u32(), static_cast<std::uint8_t>(random_.next()), any_u32() & 0xFFFFFF, payload_};
    }

    wire::feedback_frame feedback() {
        wire::feedback_frame f;
        f.newest_esi = any_u32();
        f.known_run = any_u32();
        f.range_count = random_.below(wire::max_ack_ranges + 1);
        for (std::size_t i = 0; i < f.range_count; ++i) f.ranges[i] = {any_u32() | 1, any_u32() | 1};
        if (random_.chance(0.5)) {
            const std::uint32_t first_below = any_u32();
            f.deficit.symbols_needed = any_u32() | 1;
            f.deficit.first_missing = f.newest_esi - first_below;
            f.deficit.last_missing =
                f.newest_esi - static_cast<std::uint32_t>(random_.below(std::uint64_t{first_below} + 1));
            f.deficit.by_when = any_time();
        }
        if (random_.chance(0.5)) {
            f.call.count = static_cast<std::uint32_t>(1 + random_.below(wire::max_called));
            f.call.last =
                f.newest_esi + static_cast<std::uint32_t>(random_.below(2 * wire::max_called + 1)) - wire::max_called;
            f.call.odds = static_cast<std::uint8_t>(random_.next());
        }
        f.has_regime = random_.chance(0.5);
        if (f.has_regime) {
            f.current = static_cast<regime>(random_.below(5));
            f.features.loss20 = static_cast<std::uint32_t>(random_.below(21));
            f.features.j_fast = any_time();
            f.features.j_slow = any_time();
            f.features.loss_ppm = static_cast<std::uint32_t>(random_.below(1'000'001));
            f.features.mean_burst_x16 = any_u32();
        }
        f.path_count = random_.below(wire::max_path_reports + 1);
        for (std::size_t i = 0; i < f.path_count; ++i)
            f.paths[i] = {static_cast<std::uint8_t>(random_.next()), static_cast<std::uint16_t>(random_.next()),
                          any_time(), static_cast<std::uint16_t>(random_.next())};
        return f;
    }

    xoshiro256 random_{20'240'229};
    bytes payload_;
};

/// The frames of a packet once more: all with their length, and each alone to the end of a packet.
void print_again(byte_view packet) {
    wire::packet_reader in{packet};
    wire::packet_header header;
    wire::frame frame;
    if (in.start(header) != status::ok) return;
    bytes together(8192);
    wire::writer out{together};
    wire::write_header(out, header);
    while (in.next(frame) == status::ok) {
        test::write_again(out, frame, true);
        print("written", packet_of(header.path_sequence, [&](auto& w) { test::write_again(w, frame, false); }));
    }
    together.resize(out.size());
    print("written", together);
}

}  // namespace

int main() {
    examples();
    sessions();
    random_frames frames;
    for (int i = 0; i < 2'000; ++i) {
        bytes packet = packet_of(static_cast<std::uint16_t>(frames.random().next()), [&](auto& out) {
            for (std::uint64_t more = frames.random().below(4); more > 0; --more) frames.write(out, true);
            frames.write(out, frames.random().chance(0.3));
        });
        print("written", packet);
        if (i % 4 == 0) print_again(packet);
        frames.damage(packet);
        print("damaged", packet);
    }
    print("damaged", {});
    return 0;
}
