// SPDX-License-Identifier: MIT
//
// Eight packets and two repairs cross a bad network: two packets are lost, the others come out of order. The block code
// rebuilds what is missing, the jitter hold puts all eight in order and releases them at an even pace. Exits with 0
// when every byte is right and every packet came at its slot.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "duality/jitter_hold.hpp"
#include "duality/parity_block.hpp"
#include "duality/random.hpp"

using namespace duality;
using namespace duality::literals;

namespace {

constexpr std::size_t packets = 8;
constexpr std::size_t size = 200;
constexpr duration interval = 5_ms;
using symbol = std::array<std::uint8_t, size>;

int fail(const char* what) {
    std::fprintf(stderr, "consumer: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    result<block_code> code = block_code::create({}, allocator::system());
    result<jitter_hold> hold = jitter_hold::create({}, allocator::system());
    if (!code || !hold) return fail("creation failed");

    xoshiro256 random{2026};
    std::array<symbol, packets> sent{};
    for (symbol& s : sent) std::generate(s.begin(), s.end(), [&] { return static_cast<std::uint8_t>(random.next()); });

    std::array<const std::uint8_t*, packets> sources{};
    std::transform(sent.begin(), sent.end(), sources.begin(), [](const symbol& s) { return s.data(); });
    std::array<symbol, 2> repairs{};
    const std::array<std::uint8_t*, 2> outputs{repairs[0].data(), repairs[1].data()};
    if (code->encode(sources, size, outputs) != status::ok) return fail("encoding failed");

    // Packets 2 and 5 are lost; the repairs bring them back.
    std::array<symbol, packets> received = sent;
    std::array<bool, packets> present{true, true, false, true, true, false, true, true};
    std::array<std::uint8_t*, packets> targets{};
    for (std::size_t i = 0; i < packets; ++i) {
        if (!present[i]) received[i].fill(0);
        targets[i] = received[i].data();
    }
    const std::array<block_repair, 2> arrived{{{0, repairs[0].data()}, {1, repairs[1].data()}}};
    if (code->decode(targets, present, arrived, size) != status::ok) return fail("decoding failed");
    if (received != sent) return fail("rebuilt packets differ");

    // They come in the order 0 1 3 2 4 6 5 7, each at most one interval off its time.
    const instant start = instant::from_ns(1'000'000'000);
    instant now = start;
    std::uint64_t next = 0;
    instant previous_due = instant::before_all();
    const auto release = [&](instant until) {
        released_packet out;
        while (hold->next_timeout() <= until) {
            const instant due = hold->next_timeout();
            if (!hold->poll(due, out)) return false;
            if (out.packet.sequence != next++ || out.lateness > duration::zero()) return false;
            if (previous_due != instant::before_all() && out.due - previous_due != interval) return false;
            previous_due = out.due;
        }
        return true;
    };
    for (const std::uint64_t sequence : {0, 1, 3, 2, 4, 6, 5, 7}) {
        const media_time origin = media_time::from_ns(0) + interval * static_cast<std::int64_t>(sequence);
        now = std::max(now, start + interval * static_cast<std::int64_t>(sequence));
        if (!release(now)) return fail("released out of order or off its slot");
        if (hold->push(now, {sequence, origin, sequence}) != status::ok) return fail("push refused");
    }
    if (!release(now + 1_s) || next != packets) return fail("not every packet came out");
    std::puts("consumer: eight packets, in order, every byte right");
    return 0;
}
