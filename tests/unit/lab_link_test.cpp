// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <set>
#include <vector>

#include "duality/lab/link.hpp"
#include "duality/lab/trace.hpp"

using namespace duality;
using namespace duality::literals;
using lab::packet_fate;

namespace {

constexpr std::size_t ip_bytes = 228;

instant at_ms(std::int64_t ms) {
    return instant::from_ns(ms * 1'000'000);
}

/// A model with some of everything.
lab::path_model eventful() {
    lab::path_model model;
    model.rtt_ms = 60;
    model.calm = {.jitter_sigma_ms = 4,
                  .spikes = {.share = 0.05, .sigma_ms = 20},
                  .loss = {0.01, 3},
                  .dwell_low_s = 1,
                  .dwell_high_s = 4};
    model.busy = {.jitter_sigma_ms = 9, .loss = {0.05, 4}, .dwell_low_s = 1, .dwell_high_s = 4};
    model.outages = {{{4, 100, 300}, {6, 20, 60}}};
    model.steps = {.every_s = 5, .low_ms = 2, .high_ms = 8, .offset_low_ms = -8, .offset_high_ms = 8};
    model.forward = {
        .rate_low_bps = 5e6,
        .queue_limit_ms = 100,
        .cross = {.per_minute = 10, .peak_low_ms = 10, .peak_high_ms = 60, .rise_low_ms = 100, .rise_high_ms = 500}};
    model.reverse = {.aggregate_low_ms = 2, .aggregate_high_ms = 8};
    return model;
}

lab::path make(const lab::path_model& model, std::uint64_t seed = 1, duration length = duration::from_seconds(60)) {
    result<lab::path> made = lab::path::create(model, seed, length);
    REQUIRE(made);
    return std::move(made).value();
}

/// Like `eventful`, but nothing happens that `change` does not bring.
template <class Change>
lab::path quiet_but(Change change) {
    lab::path_model model;
    model.rtt_ms = 60;
    change(model);
    return make(model);
}

std::string_view refused(const lab::path_model& model) {
    const result<lab::path> made = lab::path::create(model, 1, 60_s);
    CHECK(made.code() == status::invalid_config);
    return made ? "" : made.error().where.field;
}

}  // namespace

TEST_CASE("an ideal link delivers at once") {
    lab::link link;
    CHECK(link.transmit(at_ms(7), 100'000).arrival == at_ms(7));
    CHECK(link.baseline(at_ms(7)) == 0_ms);
    CHECK_FALSE(link.in_outage(at_ms(7)));
}

TEST_CASE("a link that only propagates delays by half the round trip") {
    lab::path path = quiet_but([](lab::path_model&) {});
    CHECK(path.forward.transmit(at_ms(10), ip_bytes).arrival == at_ms(40));
    CHECK(path.reverse.transmit(at_ms(10), ip_bytes).arrival == at_ms(40));
    CHECK(path.forward.baseline(at_ms(10)) == 30_ms);
}

TEST_CASE("a clock that goes backwards is clamped and counted") {
    lab::path path = quiet_but([](lab::path_model&) {});
    (void)path.forward.transmit(at_ms(20), ip_bytes);
    CHECK(path.forward.transmit(at_ms(5), ip_bytes).arrival == at_ms(50));
    CHECK(path.forward.transmit(instant::before_all(), ip_bytes).arrival == at_ms(50));
    CHECK(path.forward.stats().clock_backwards == 2);
}

TEST_CASE("packets larger than the MTU are lost and say so") {
    lab::path path = quiet_but([](lab::path_model& model) { model.mtu = 1280; });
    CHECK(path.forward.transmit(at_ms(0), 1280).fate == packet_fate::delivered);
    const lab::link_outcome outcome = path.forward.transmit(at_ms(1), 1281);
    CHECK(outcome.fate == packet_fate::lost_mtu);
    CHECK(outcome.arrival.is_never());
}

TEST_CASE("a bottleneck takes time per bit, queues, and drops what would wait too long") {
    // 1 Mbit/s: 1250 bytes take 10 ms.
    lab::path path =
        quiet_but([](lab::path_model& model) { model.forward = {.rate_low_bps = 1e6, .queue_limit_ms = 25}; });
    CHECK(path.forward.transmit(at_ms(0), 1250).arrival == at_ms(40));
    CHECK(path.forward.transmit(at_ms(0), 1250).arrival == at_ms(50));
    CHECK(path.forward.transmit(at_ms(0), 1250).arrival == at_ms(60));
    CHECK(path.forward.transmit(at_ms(0), 1250).fate == packet_fate::lost_queue);
    // 5 ms later the queue is 25 ms long again, which is just allowed.
    CHECK(path.forward.transmit(at_ms(5), 1250).arrival == at_ms(70));
    CHECK(path.forward.stats().count(packet_fate::lost_queue) == 1);
    CHECK(path.reverse.transmit(at_ms(0), 1250).arrival == at_ms(30));
}

TEST_CASE("cross traffic fills the queue to its peak and drains as fast as time passes") {
    lab::path path = quiet_but([](lab::path_model& model) {
        model.forward = {
            .rate_low_bps = 1e12,
            .queue_limit_ms = 100,
            .cross = {
                .per_minute = 20, .peak_low_ms = 40, .peak_high_ms = 60, .rise_low_ms = 100, .rise_high_ms = 500}};
    });
    duration highest{};
    duration last{};
    std::size_t peaks = 0;
    bool rising = false;
    for (std::int64_t ms = 0; ms < 60'000; ++ms) {
        const duration queue = path.forward.transmit(at_ms(ms), 1).arrival - at_ms(ms) - 30_ms;
        REQUIRE(queue >= 0_ms);
        REQUIRE(last - queue <= 1_ms);
        if (queue > last) rising = true;
        if (queue < last && rising) {
            ++peaks;
            rising = false;
            CHECK(last > 39_ms);
        }
        highest = std::max(highest, queue);
        last = queue;
    }
    CHECK(highest <= 60_ms);
    CHECK(peaks >= 10);
    CHECK(peaks <= 30);
}

TEST_CASE("aggregates leave 2 to 8 ms apart, and nothing leaves between them") {
    lab::path path =
        quiet_but([](lab::path_model& model) { model.forward = {.aggregate_low_ms = 2, .aggregate_high_ms = 8}; });
    std::vector<instant> releases;
    for (std::int64_t us = 0; us < 10'000'000; us += 200) {
        const instant now = instant::from_ns(us * 1000);
        const instant arrival = path.forward.transmit(now, ip_bytes).arrival;
        REQUIRE(arrival >= now + 30_ms);
        REQUIRE(arrival <= now + 38_ms);
        if (releases.empty() || arrival != releases.back()) releases.push_back(arrival);
    }
    CHECK(releases.size() > 1900);
    CHECK(releases.size() < 2100);
    for (std::size_t i = 1; i < releases.size(); ++i) {
        REQUIRE(releases[i] - releases[i - 1] >= 2_ms - 1_us);
        REQUIRE(releases[i] - releases[i - 1] <= 8_ms + 1_us);
    }
}

TEST_CASE("the bottleneck's rate varies within its bounds") {
    lab::path path = quiet_but([](lab::path_model& model) {
        model.forward = {.rate_low_bps = 2e6, .rate_high_bps = 20e6, .rate_every_s = 1, .queue_limit_ms = 300};
    });
    std::set<std::int64_t> times;
    for (std::int64_t ms = 0; ms < 60'000; ms += 100) {
        const duration serialisation = path.forward.transmit(at_ms(ms), 1250).arrival - at_ms(ms) - 30_ms;
        CHECK(serialisation >= 500_us);
        CHECK(serialisation <= 5_ms);
        times.insert(serialisation.ns());
    }
    CHECK(times.size() == 60);
}

TEST_CASE("everything sent during an outage is lost, in both directions, and nothing else") {
    lab::path path = quiet_but([](lab::path_model& model) { model.outages = {{{6, 100, 200}}}; });
    REQUIRE(path.forward.outages().size() >= 2);
    CHECK(std::equal(path.forward.outages().begin(), path.forward.outages().end(), path.reverse.outages().begin(),
                     path.reverse.outages().end()));
    const lab::outage first = path.forward.outages()[0];
    for (lab::link* link : {&path.forward, &path.reverse}) {
        CHECK(link->transmit(first.begin - 1_ns, ip_bytes).fate == packet_fate::delivered);
        CHECK(link->transmit(first.begin, ip_bytes).fate == packet_fate::lost_outage);
        CHECK(link->in_outage(first.begin));
        CHECK(link->transmit(first.end - 1_ns, ip_bytes).fate == packet_fate::lost_outage);
        CHECK(link->transmit(first.end, ip_bytes).fate == packet_fate::delivered);
        CHECK_FALSE(link->in_outage(first.end));
    }
}

TEST_CASE("the same seed gives the same network and another seed another one") {
    const lab::path a = make(eventful());
    const lab::path b = make(eventful());
    const lab::path c = make(eventful(), 2);
    std::size_t different = 0;
    for (std::size_t i = 0; i < a.forward.slot_count(); ++i) {
        REQUIRE(a.forward.slot(i).extra == b.forward.slot(i).extra);
        different += a.forward.slot(i).extra != c.forward.slot(i).extra;
    }
    CHECK(different > a.forward.slot_count() * 9 / 10);
}

TEST_CASE("a longer realisation begins with the shorter one") {
    const lab::path shorter = make(eventful(), 1, 30_s);
    const lab::path longer = make(eventful(), 1, 60_s);
    for (std::size_t i = 0; i < shorter.forward.slot_count(); ++i) {
        REQUIRE(shorter.forward.slot(i).extra == longer.forward.slot(i).extra);
        REQUIRE(shorter.reverse.slot(i).lost == longer.reverse.slot(i).lost);
    }
    for (const lab::outage& o : shorter.forward.outages())
        if (o.end < at_ms(30'000))
            CHECK(std::find(longer.forward.outages().begin(), longer.forward.outages().end(), o) !=
                  longer.forward.outages().end());
}

TEST_CASE("a realisation starts over after its length") {
    lab::path path = make(eventful(), 1, 10_s);
    REQUIRE(path.forward.length() == 10_s);
    for (std::int64_t ms = 0; ms < 10'000; ms += 5) {
        CHECK(path.forward.baseline(at_ms(ms)) == path.forward.baseline(at_ms(ms + 10'000)));
        CHECK(path.forward.in_outage(at_ms(ms)) == path.forward.in_outage(at_ms(ms + 20'000)));
    }
    lab::link first = path.forward;
    lab::link second = path.forward;
    for (std::int64_t ms = 0; ms < 10'000; ms += 5)
        CHECK(first.transmit(at_ms(ms), ip_bytes).fate == second.transmit(at_ms(ms + 10'000), ip_bytes).fate);
}

TEST_CASE("the directions share outages, steps and regimes but not jitter and loss") {
    const lab::path path = make(eventful());
    std::size_t same_jitter = 0;
    std::size_t both_lost = 0;
    std::size_t lost = 0;
    for (std::size_t i = 0; i < path.forward.slot_count(); ++i) {
        const lab::slot_view a = path.forward.slot(i);
        const lab::slot_view b = path.reverse.slot(i);
        REQUIRE(a.busy == b.busy);
        same_jitter += a.extra == b.extra;
        both_lost += a.lost && b.lost;
        lost += a.lost;
    }
    CHECK(same_jitter < 10);
    CHECK(lost > 100);
    CHECK(both_lost < lost / 4);
    for (std::int64_t s = 0; s < 60; ++s)
        CHECK(path.forward.baseline(at_ms(s * 1000)) == path.reverse.baseline(at_ms(s * 1000)));
}

TEST_CASE("switching one impairment off leaves the others as they were") {
    const lab::path all = make(eventful());
    const auto same_loss = [&](const lab::path& other) {
        for (std::size_t i = 0; i < all.forward.slot_count(); ++i)
            if (all.forward.slot(i).lost != other.forward.slot(i).lost) return false;
        return true;
    };
    const auto same_extra = [&](const lab::path& other, bool but_spikes) {
        for (std::size_t i = 0; i < all.forward.slot_count(); ++i)
            if (!(but_spikes && all.forward.slot(i).spike) && all.forward.slot(i).extra != other.forward.slot(i).extra)
                return false;
        return true;
    };
    const auto same_outages = [&](const lab::path& other) {
        return std::equal(all.forward.outages().begin(), all.forward.outages().end(), other.forward.outages().begin(),
                          other.forward.outages().end());
    };

    lab::path_model model = eventful();
    model.calm.spikes = {};
    const lab::path no_spikes = make(model);
    CHECK(same_loss(no_spikes));
    CHECK(same_extra(no_spikes, true));
    CHECK_FALSE(same_extra(no_spikes, false));
    CHECK(same_outages(no_spikes));

    model = eventful();
    model.calm.loss = model.busy.loss = {};
    const lab::path no_loss = make(model);
    CHECK_FALSE(same_loss(no_loss));
    CHECK(same_extra(no_loss, false));
    CHECK(same_outages(no_loss));

    model = eventful();
    model.calm.jitter_sigma_ms = model.busy.jitter_sigma_ms = 0;
    const lab::path no_jitter = make(model);
    CHECK(same_loss(no_jitter));
    CHECK(same_outages(no_jitter));
    for (std::size_t i = 0; i < all.forward.slot_count(); ++i)
        REQUIRE(all.forward.slot(i).spike == no_jitter.forward.slot(i).spike);

    model = eventful();
    model.outages[0] = {};
    const lab::path fewer_outages = make(model);
    CHECK(same_loss(fewer_outages));
    CHECK(same_extra(fewer_outages, false));
    for (const lab::outage& o : fewer_outages.forward.outages()) CHECK(all.forward.in_outage(o.begin));

    model = eventful();
    model.steps = {};
    const lab::path no_steps = make(model);
    CHECK(same_loss(no_steps));
    CHECK(same_extra(no_steps, false));
    CHECK(same_outages(no_steps));

    model = eventful();
    model.forward = model.reverse = {};
    const lab::path no_bottleneck = make(model);
    CHECK(same_loss(no_bottleneck));
    CHECK(same_extra(no_bottleneck, false));
}

TEST_CASE("a copy of a link meets the same network from where the original stands, on its own") {
    lab::path path = make(eventful());
    for (std::int64_t ms = 0; ms < 1000; ms += 5) (void)path.forward.transmit(at_ms(ms), ip_bytes);
    lab::link copy = path.forward;
    for (std::int64_t ms = 1000; ms < 3000; ms += 5) {
        const lab::link_outcome a = path.forward.transmit(at_ms(ms), ip_bytes);
        const lab::link_outcome b = copy.transmit(at_ms(ms), ip_bytes);
        REQUIRE(a.fate == b.fate);
        REQUIRE(a.arrival == b.arrival);
    }
}

TEST_CASE("an impossible model is refused with the name of the field") {
    lab::path_model model = eventful();
    model.rtt_ms = -1;
    CHECK(refused(model) == "rtt_ms");
    model = eventful();
    model.calm.loss = {0.01, 0.5};
    CHECK(refused(model) == "calm");
    model = eventful();
    model.calm.jitter_sigma_ms = std::numeric_limits<double>::quiet_NaN();
    CHECK(refused(model) == "calm");
    model = eventful();
    model.calm.dwell_high_s = 0;
    CHECK(refused(model) == "calm");
    model = eventful();
    model.calm.dwell_low_s = model.calm.dwell_high_s = 0;
    CHECK(refused(model) == "busy");
    model = eventful();
    model.outages[1] = {1, 200, 100};
    CHECK(refused(model) == "outages");
    model = eventful();
    model.steps.offset_high_ms = 7;
    CHECK(refused(model) == "steps");
    model = eventful();
    model.reverse.cross = model.forward.cross;  // traffic without a bottleneck to fill
    CHECK(refused(model) == "reverse");
    model = eventful();
    model.forward.rate_low_bps = 1;
    CHECK(refused(model) == "forward");
    model = eventful();
    model.mtu = 20;
    CHECK(refused(model) == "mtu");
    CHECK(lab::path::create(eventful(), 1, 0_s).error().where.field == "length");
    CHECK(lab::path::create(eventful(), 1, duration::infinite()).error().where.field == "length");
    CHECK(lab::path::create(eventful(), 1, 60_s, 0_ms).error().where.field == "slot");
}

TEST_CASE("a link made from a trace repeats it at the rows' own times and is straight between them") {
    lab::trace trace;
    trace.rows = {{0, 20'000'000},
                  {5'000'000, 40'000'000},
                  {10'000'000, lab::trace_row::lost},
                  {15'000'000, lab::trace_row::lost},
                  {20'000'000, 70'000'000}};
    result<lab::path> made = lab::path::create(trace);
    REQUIRE(made);
    lab::link link = made->forward;
    CHECK(link.length() == 20_ms);
    CHECK(link.transmit(at_ms(0), ip_bytes).arrival == at_ms(20));
    CHECK(link.transmit(instant::from_ns(2'500'000), ip_bytes).arrival == instant::from_ns(32'500'000));
    CHECK(link.transmit(at_ms(5), ip_bytes).arrival == at_ms(45));
    // Nearer to the delivered row: delivered, on the line from 40 ms at 5 to 70 ms at 20.
    CHECK(link.transmit(at_ms(7), ip_bytes).arrival == at_ms(7 + 44));
    CHECK(link.transmit(at_ms(8), ip_bytes).fate == packet_fate::lost_trace);
    CHECK(link.transmit(at_ms(12), ip_bytes).fate == packet_fate::lost_trace);
    CHECK(link.transmit(at_ms(18), ip_bytes).arrival == at_ms(18 + 66));
    CHECK(link.transmit(at_ms(20), ip_bytes).arrival == at_ms(90));
    CHECK(link.transmit(at_ms(21), ip_bytes).fate == packet_fate::lost_trace);
    CHECK(made->reverse.transmit(at_ms(5), ip_bytes).arrival == at_ms(45));
}

TEST_CASE("half of a round-trip trace goes each way, and a trace never reorders") {
    lab::trace trace;
    trace.round_trip = true;
    trace.rows = {{0, 100'000'000}, {5'000'000, 20'000'000}};
    result<lab::path> made = lab::path::create(trace);
    REQUIRE(made);
    CHECK(made->forward.transmit(at_ms(0), ip_bytes).arrival == at_ms(50));
    CHECK(made->forward.transmit(at_ms(5), ip_bytes).arrival == at_ms(50));
    CHECK(made->reverse.transmit(at_ms(5), ip_bytes).arrival == at_ms(15));
    CHECK(lab::path::create(lab::trace{}).code() == status::invalid_argument);
}
