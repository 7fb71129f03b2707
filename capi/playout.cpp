// SPDX-License-Identifier: MIT
//
// The jitter hold in C.
#include "configs.hpp"
#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

template <>
struct duality::capi::handle_traits<duality_jitter_hold> {
    using object = jitter_hold;
    static constexpr handle_kind kind = handle_kind::jitter_hold;
};

duality_status duality_jitter_hold_config_default(duality_jitter_hold_config* config) {
    return give_struct(config, jitter_hold_config{}, jitter_hold_fields);
}

duality_status duality_jitter_hold_create(const duality_jitter_hold_config* config, const duality_host* host,
                                          duality_failure* failure, duality_jitter_hold** hold) {
    jitter_hold_config wanted;
    const auto early = take_struct(config, wanted, jitter_hold_fields);
    return create("jitter hold", host, early, failure, hold,
                  [&](const allocator& memory) { return jitter_hold::create(wanted, memory); });
}

duality_status duality_jitter_hold_destroy(duality_jitter_hold* hold) {
    return destroy(hold);
}

duality_status duality_jitter_hold_push(duality_jitter_hold* hold, std::int64_t now_ns, std::uint64_t sequence,
                                        std::int64_t origin_ns, std::uint64_t token, std::int32_t recovered_by) {
    if (recovered_by < 0 || recovered_by >= static_cast<std::int32_t>(recovery_count)) return DUALITY_INVALID_ARGUMENT;
    return with(hold, [&](jitter_hold& object) {
        return object.push(instant::from_ns(now_ns),
                           {sequence, media_time::from_ns(origin_ns), token, static_cast<recovery>(recovered_by)});
    });
}

duality_status duality_jitter_hold_poll(duality_jitter_hold* hold, std::int64_t now_ns,
                                        duality_released_packet* packet) {
    if (!sized(packet)) return DUALITY_INVALID_ARGUMENT;
    return with(hold, [&](jitter_hold& object) {
        released_packet released;
        if (!object.poll(instant::from_ns(now_ns), released)) return status::need_more;
        write_struct(packet, [&](duality_released_packet& c) {
            c.recovered_by = static_cast<std::int32_t>(released.packet.recovered_by);
            c.sequence = released.packet.sequence;
            c.token = released.packet.token;
            c.origin_ns = released.packet.origin.ns();
            c.due_ns = released.due.ns();
            c.lateness_ns = released.lateness.ns();
            c.held_ns = released.held.ns();
            c.past_deadline = released.past_deadline ? 1 : 0;
        });
        return status::ok;
    });
}

duality_status duality_jitter_hold_next_timeout(const duality_jitter_hold* hold, std::int64_t* at_ns) {
    if (at_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(hold, [&](const jitter_hold& object) {
        *at_ns = object.next_timeout().ns();
        return status::ok;
    });
}

duality_status duality_jitter_hold_set_hold(duality_jitter_hold* hold, std::int64_t now_ns, std::int64_t hold_ns) {
    return with(hold, [&](jitter_hold& object) {
        object.set_hold(instant::from_ns(now_ns), duration::from_ns(hold_ns));
        return status::ok;
    });
}

duality_status duality_jitter_hold_set_deadline(duality_jitter_hold* hold, std::int64_t deadline_ns) {
    return with(hold, [&](jitter_hold& object) {
        object.set_deadline(duration::from_ns(deadline_ns));
        return status::ok;
    });
}

duality_status duality_jitter_hold_set_lead(duality_jitter_hold* hold, std::int64_t lead_ns) {
    return with(hold, [&](jitter_hold& object) {
        object.set_lead(duration::from_ns(lead_ns));
        return status::ok;
    });
}

duality_status duality_jitter_hold_set_media_offset(duality_jitter_hold* hold, std::int64_t offset_ns) {
    return with(hold, [&](jitter_hold& object) {
        object.set_media_offset(duration::from_ns(offset_ns));
        return status::ok;
    });
}

duality_status duality_jitter_hold_reset(duality_jitter_hold* hold, std::int64_t now_ns) {
    return with(hold, [&](jitter_hold& object) {
        object.reset(instant::from_ns(now_ns));
        return status::ok;
    });
}

duality_status duality_jitter_hold_get_statistics(const duality_jitter_hold* hold,
                                                  duality_jitter_hold_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(hold, [&](const jitter_hold& object) {
        write_struct(statistics, [&](duality_jitter_hold_statistics& c) { give_hold(c, object); });
        return status::ok;
    });
}
