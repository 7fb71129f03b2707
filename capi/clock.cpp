// SPDX-License-Identifier: MIT
//
// Clock sync in C.
#include "duality/clock_sync.hpp"

#include "configs.hpp"
#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

constexpr auto clock_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.requests, cpp.requests);
    visit(c.accepted, cpp.accepted);
    visit(c.duplicates, cpp.duplicates);
    visit(c.unknown, cpp.unknown);
    visit(c.absurd, cpp.absurd);
    visit(c.too_slow, cpp.too_slow);
    visit(c.contradictions, cpp.contradictions);
    visit(c.restarts, cpp.restarts);
    visit(c.clock_backwards, cpp.clock_backwards);
};

}  // namespace

template <>
struct duality::capi::handle_traits<duality_clock_sync> {
    using object = clock_sync;
    static constexpr handle_kind kind = handle_kind::clock_sync;
};

duality_status duality_clock_sync_config_default(duality_clock_sync_config* config) {
    return give_struct(config, clock_sync_config{}, clock_sync_fields);
}

duality_status duality_clock_sync_create(const duality_clock_sync_config* config, const duality_host* host,
                                         duality_failure* failure, duality_clock_sync** clock) {
    clock_sync_config wanted;
    const auto early = take_struct(config, wanted, clock_sync_fields);
    return create("clock sync", host, early, failure, clock,
                  [&](const allocator& memory) { return clock_sync::create(wanted, memory); });
}

duality_status duality_clock_sync_destroy(duality_clock_sync* clock) {
    return destroy(clock);
}

duality_status duality_clock_sync_next_request(const duality_clock_sync* clock, std::int64_t* at_ns) {
    if (at_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(clock, [&](const clock_sync& object) {
        *at_ns = object.next_request().ns();
        return status::ok;
    });
}

duality_status duality_clock_sync_on_request(duality_clock_sync* clock, std::int64_t now_ns, std::int64_t* t1_ns) {
    if (t1_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(clock, [&](clock_sync& object) {
        *t1_ns = object.on_request(instant::from_ns(now_ns)).ns();
        return status::ok;
    });
}

duality_status duality_clock_sync_on_request_refused(duality_clock_sync* clock, std::int64_t now_ns) {
    return with(clock, [&](clock_sync& object) {
        object.on_request_refused(instant::from_ns(now_ns));
        return status::ok;
    });
}

duality_status duality_clock_sync_on_response(duality_clock_sync* clock, std::int64_t now_ns, std::int64_t t1_ns,
                                              std::int64_t t2_ns, std::int64_t t3_ns) {
    return with(clock, [&](clock_sync& object) {
        return object.on_response(instant::from_ns(now_ns), instant::from_ns(t1_ns), media_time::from_ns(t2_ns),
                                  media_time::from_ns(t3_ns));
    });
}

duality_status duality_clock_sync_reset(duality_clock_sync* clock, std::int64_t now_ns) {
    return with(clock, [&](clock_sync& object) {
        object.reset(instant::from_ns(now_ns));
        return status::ok;
    });
}

duality_status duality_clock_sync_get_estimate(const duality_clock_sync* clock, std::int64_t now_ns,
                                               duality_clock_estimate* estimate) {
    return with(clock, [&](const clock_sync& object) {
        const clock_estimate known = object.estimate(instant::from_ns(now_ns));
        return static_cast<status>(give_struct(estimate, known, clock_estimate_fields));
    });
}

duality_status duality_clock_sync_to_peer(const duality_clock_sync* clock, std::int64_t now_ns, std::int64_t* peer_ns) {
    if (peer_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(clock, [&](const clock_sync& object) {
        *peer_ns = object.to_peer(instant::from_ns(now_ns)).ns();
        return status::ok;
    });
}

duality_status duality_clock_sync_from_peer(const duality_clock_sync* clock, std::int64_t peer_ns,
                                            std::int64_t* at_ns) {
    if (at_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(clock, [&](const clock_sync& object) {
        *at_ns = object.from_peer(media_time::from_ns(peer_ns)).ns();
        return status::ok;
    });
}

duality_status duality_clock_sync_get_statistics(const duality_clock_sync* clock,
                                                 duality_clock_sync_statistics* statistics) {
    return with(clock, [&](const clock_sync& object) {
        return static_cast<status>(give_struct(statistics, object.statistics(), clock_statistics_fields));
    });
}
