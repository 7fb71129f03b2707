// SPDX-License-Identifier: MIT
//
// Any sequence of calls on a voice playout: every tick is a tick long, no frame is handed out twice or out of order,
// and every frame that was accepted is played, passed over, flushed, or still kept.
#include <cstddef>
#include <cstdint>

#include "duality/voice_playout.hpp"
#include "support/fuzz_input.hpp"

using namespace duality;
using test::reader;
using test::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader input{data, size};
    voice_playout_config config;
    config.capacity = 64;
    config.warp_permille = input.take<std::uint8_t>() % 101;
    auto playout = voice_playout::create(config, allocator::system());
    require(playout.has_value());

    std::int64_t now = 0;
    std::uint64_t sequence = 0;
    std::int64_t origin = 0;
    std::uint64_t accepted = 0;
    std::uint64_t played = 0;
    while (!input.empty()) {
        const auto verb = input.take<std::uint8_t>();
        now += std::int64_t{input.take<std::int8_t>()} * 200'000;
        const instant at = instant::from_ns(now);
        if (verb % 4 == 3) {
            if (verb == 255) {
                playout->reset(at);
            } else if (verb == 127) {
                playout->set_rises_per_hour(input.take<std::uint32_t>());
            } else {
                sequence = verb < 16 ? input.take<std::uint64_t>() : sequence + static_cast<std::uint64_t>(verb % 5);
                origin += std::int64_t{input.take<std::int16_t>()} * (verb < 32 ? 1'000'000'000 : 1'000'000);
            }
        } else if (verb % 4 == 2) {
            sequence += 1;
            origin += 20'000'000;
            const held_packet packet{sequence, media_time::from_ns(origin), accepted, recovery::none};
            accepted += playout->push(at, packet) == status::ok;
        } else {
            voice_tick t;
            playout->tick(at, t);
            played += t.frame_count;
            require(t.frame_count <= t.frames.size());
            require(t.concealed >= duration::zero() && t.silent >= duration::zero() && t.media >= duration::zero());
            require(t.trim >= duration::zero() && t.trim <= config.frame && t.passed >= duration::zero());
            require(playout->decoded() >= duration::zero() && playout->decoded() <= config.frame * 5);
            const duration warp = config.tick * config.warp_permille / 1'000;
            if (t.concealed + t.silent == duration::zero())
                require(t.media >= config.tick - warp && t.media <= config.tick + warp);
            else
                require(t.media + t.concealed + t.silent == config.tick);
        }
    }
    const voice_playout_statistics& s = playout->statistics();
    require(s.played == played && s.played + s.passed_over + s.flushed <= accepted);
    require(s.concealment.concealed() + s.silent <= s.concealment.output());
    return 0;
}
