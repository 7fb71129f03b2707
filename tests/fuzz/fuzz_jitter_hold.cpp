// SPDX-License-Identifier: MIT
//
// Any sequence of calls on a jitter hold: every accepted token comes out exactly once and none is stuck.
#include <cstddef>
#include <cstdint>

#include "duality/jitter_hold.hpp"
#include "support/fuzz_input.hpp"

using namespace duality;
using test::reader;
using test::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader input{data, size};
    jitter_hold_config config;
    config.hold_min = duration::zero();
    config.capacity = 16;
    const auto options = input.take<std::uint8_t>();
    config.mode = (options & 1) != 0 ? playout_mode::deadline : playout_mode::live;
    config.late = (options & 2) != 0 ? late_policy::deliver : late_policy::drop;
    auto hold = jitter_hold::create(config, allocator::system());
    require(hold.has_value());

    std::int64_t now = 0;
    std::uint64_t sequence = 0;
    std::int64_t origin = 0;
    std::uint64_t accepted = 0;
    std::uint64_t released = 0;
    released_packet out;
    while (!input.empty()) {
        const auto verb = input.take<std::uint8_t>();
        now += input.take<std::int16_t>() * std::int64_t{1'000};
        const instant at = instant::from_ns(now);
        switch (verb % 16) {
            case 0: hold->set_hold(at, duration::from_us(input.take<std::int32_t>())); break;
            case 1: hold->set_deadline(duration::from_ns(input.take<std::int64_t>())); break;
            case 2: hold->set_media_offset(duration::from_ns(input.take<std::int64_t>())); break;
            case 3: hold->set_lead(duration::from_ns(input.take<std::int64_t>())); break;
            case 4: hold->reset(at); break;
            case 5: sequence = input.take<std::uint64_t>(); break;
            case 6: origin = input.take<std::int64_t>(); break;
            case 7:
            case 8:
                while (hold->poll(at, out)) {
                    ++released;
                    require(out.held >= duration::zero() && out.lateness >= duration::zero());
                }
                break;
            default: {
                held_packet packet;
                packet.sequence = sequence += static_cast<std::uint64_t>(std::int64_t{input.take<std::int8_t>()} + 100);
                origin = detail::saturating_add(origin, input.take<std::int16_t>() * std::int64_t{1'000});
                packet.origin = media_time::from_ns(origin);
                packet.recovered_by = static_cast<recovery>(verb / 16 % 6);
                accepted += hold->push(at, packet) == status::ok;
            }
        }
        require(hold->size() == accepted - released);
        require(hold->next_timeout().is_never() == (hold->size() == 0));
    }
    const instant end = instant::from_ns(now) + duration::from_seconds(3'600);
    while (hold->poll(end, out)) ++released;
    require(released == accepted && hold->size() == 0);
    return 0;
}
