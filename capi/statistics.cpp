// SPDX-License-Identifier: MIT
//
// Statistics, the service-level monitor and the aggregator in C.
#include "duality/statistics.hpp"

#include "duality/multipath.hpp"
#include "duality/service_level.hpp"
#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

template <>
struct duality::capi::handle_traits<duality_delay_variation> {
    using object = delay_variation;
    static constexpr handle_kind kind = handle_kind::delay_variation;
};

template <>
struct duality::capi::handle_traits<duality_interarrival_jitter> {
    using object = interarrival_jitter;
    static constexpr handle_kind kind = handle_kind::interarrival_jitter;
};

template <>
struct duality::capi::handle_traits<duality_burst_gap> {
    using object = burst_gap;
    static constexpr handle_kind kind = handle_kind::burst_gap;
};

template <>
struct duality::capi::handle_traits<duality_outage_ledger> {
    using object = outage_ledger;
    static constexpr handle_kind kind = handle_kind::outage_ledger;
};

template <>
struct duality::capi::handle_traits<duality_service_level> {
    using object = service_level;
    static constexpr handle_kind kind = handle_kind::service_level;
};

template <>
struct duality::capi::handle_traits<duality_aggregator> {
    using object = aggregator;
    static constexpr handle_kind kind = handle_kind::aggregator;
};

namespace {

constexpr failure nothing_wrong{status::ok, {}};

constexpr auto metrics_of = [](auto&&, duality_burst_gap_metrics& c, const burst_gap& cpp) {
    c.burst_density_ppm = cpp.burst_density_ppm();
    c.gap_density_ppm = cpp.gap_density_ppm();
    c.packets = cpp.packets();
    c.lost = cpp.lost();
    c.bursts = cpp.bursts();
    c.mean_burst_packets = cpp.mean_burst_packets();
    c.mean_gap_packets = cpp.mean_gap_packets();
};

constexpr auto outages_of = [](auto&&, duality_outages& c, const outage_ledger& cpp) {
    std::copy(cpp.counts().begin(), cpp.counts().end(), c.at_least);
    c.longest_ns = cpp.longest().ns();
    c.total_ns = cpp.total().ns();
};

constexpr auto service_level_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.promise, cpp.promise, alarm_promise::probability, "promise");
    visit(c.block_ns, cpp.block);
    visit(c.between_false_alarms_ns, cpp.between_false_alarms);
    visit(c.miss_max_ppm, cpp.miss_max_ppm);
    visit(c.false_alarm_ppm, cpp.false_alarm_ppm);
};

constexpr auto service_level_statistics_of = [](auto&& visit, duality_service_level_statistics& c,
                                                const service_level& cpp) {
    const service_level_statistics& counted = cpp.statistics();
    visit(c.packets, counted.packets);
    visit(c.missed, counted.missed);
    visit(c.blocks, counted.blocks);
    visit(c.alarms, counted.alarms);
    visit(c.last_alarm_ns, counted.last_alarm);
    visit(c.clock_backwards, counted.clock_backwards);
    visit(c.evidence, cpp.evidence());
    visit(c.threshold, cpp.threshold());
};

constexpr auto aggregator_fields = [](auto&& visit, auto& c, auto& cpp) { visit(c.window, cpp.window); };

constexpr auto aggregator_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.accepted, cpp.accepted);
    visit(c.duplicates, cpp.duplicates);
    visit(c.outdated, cpp.outdated);
    visit(c.implausible, cpp.implausible);
    visit(c.restarts, cpp.restarts);
};

}  // namespace

duality_status duality_delay_variation_create(const duality_host* host, duality_delay_variation** variation) {
    return create("delay variation", host, nothing_wrong, nullptr, variation,
                  [](const allocator& memory) -> result<delay_variation> {
                      delay_variation made;
                      if (!made.create(memory)) return status::out_of_memory;
                      return made;
                  });
}

duality_status duality_delay_variation_destroy(duality_delay_variation* variation) {
    return destroy(variation);
}

duality_status duality_delay_variation_add(duality_delay_variation* variation, std::int64_t delay_ns) {
    return with(variation, [&](delay_variation& object) {
        object.add(duration::from_ns(delay_ns));
        return status::ok;
    });
}

duality_status duality_delay_variation_quantile(const duality_delay_variation* variation, std::uint32_t permyriad,
                                                std::int64_t* quantile_ns, std::uint64_t* samples) {
    if (quantile_ns == nullptr || permyriad > 10'000) return DUALITY_INVALID_ARGUMENT;
    return with(variation, [&](const delay_variation& object) {
        *quantile_ns = object.quantile(permyriad).ns();
        if (samples != nullptr) *samples = object.samples();
        return status::ok;
    });
}

duality_status duality_delay_variation_clear(duality_delay_variation* variation) {
    return with(variation, [](delay_variation& object) {
        object.clear();
        return status::ok;
    });
}

duality_status duality_interarrival_jitter_create(const duality_host* host, duality_interarrival_jitter** jitter) {
    return create("interarrival jitter", host, nothing_wrong, nullptr, jitter,
                  [](const allocator&) -> result<interarrival_jitter> { return interarrival_jitter{}; });
}

duality_status duality_interarrival_jitter_destroy(duality_interarrival_jitter* jitter) {
    return destroy(jitter);
}

duality_status duality_interarrival_jitter_add(duality_interarrival_jitter* jitter, std::int64_t delay_ns) {
    return with(jitter, [&](interarrival_jitter& object) {
        object.add(duration::from_ns(delay_ns));
        return status::ok;
    });
}

duality_status duality_interarrival_jitter_value(const duality_interarrival_jitter* jitter, std::int64_t* jitter_ns) {
    if (jitter_ns == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(jitter, [&](const interarrival_jitter& object) {
        *jitter_ns = object.value().ns();
        return status::ok;
    });
}

duality_status duality_interarrival_jitter_clear(duality_interarrival_jitter* jitter) {
    return with(jitter, [](interarrival_jitter& object) {
        object.clear();
        return status::ok;
    });
}

duality_status duality_burst_gap_create(std::uint32_t gmin, const duality_host* host, duality_burst_gap** metrics) {
    if (gmin < 1 || gmin > 255) return DUALITY_INVALID_ARGUMENT;
    return create("burst and gap metrics", host, nothing_wrong, nullptr, metrics,
                  [&](const allocator&) -> result<burst_gap> { return burst_gap{gmin}; });
}

duality_status duality_burst_gap_destroy(duality_burst_gap* metrics) {
    return destroy(metrics);
}

duality_status duality_burst_gap_add(duality_burst_gap* metrics, std::uint32_t lost) {
    return with(metrics, [&](burst_gap& object) {
        object.add(lost != 0);
        return status::ok;
    });
}

duality_status duality_burst_gap_get_metrics(const duality_burst_gap* metrics, duality_burst_gap_metrics* out) {
    return with(metrics,
                [&](const burst_gap& object) { return static_cast<status>(give_struct(out, object, metrics_of)); });
}

duality_status duality_burst_gap_clear(duality_burst_gap* metrics) {
    return with(metrics, [](burst_gap& object) {
        object.clear();
        return status::ok;
    });
}

duality_status duality_outage_ledger_create(const duality_host* host, duality_outage_ledger** ledger) {
    return create("outage ledger", host, nothing_wrong, nullptr, ledger,
                  [](const allocator&) -> result<outage_ledger> { return outage_ledger{}; });
}

duality_status duality_outage_ledger_destroy(duality_outage_ledger* ledger) {
    return destroy(ledger);
}

duality_status duality_outage_ledger_add(duality_outage_ledger* ledger, std::int64_t silence_ns) {
    return with(ledger, [&](outage_ledger& object) {
        object.add(duration::from_ns(silence_ns));
        return status::ok;
    });
}

duality_status duality_outage_ledger_get_outages(const duality_outage_ledger* ledger, duality_outages* outages) {
    return with(ledger, [&](const outage_ledger& object) {
        return static_cast<status>(give_struct(outages, object, outages_of));
    });
}

duality_status duality_outage_ledger_clear(duality_outage_ledger* ledger) {
    return with(ledger, [](outage_ledger& object) {
        object.clear();
        return status::ok;
    });
}

duality_status duality_service_level_config_default(duality_service_level_config* config) {
    return give_struct(config, service_level_config{}, service_level_fields);
}

duality_status duality_service_level_create(const duality_service_level_config* config, const duality_host* host,
                                            duality_failure* failure, duality_service_level** monitor) {
    service_level_config wanted;
    const auto early = take_struct(config, wanted, service_level_fields);
    return create("service-level monitor", host, early, failure, monitor,
                  [&](const allocator&) { return service_level::create(wanted); });
}

duality_status duality_service_level_destroy(duality_service_level* monitor) {
    return destroy(monitor);
}

duality_status duality_service_level_observe(duality_service_level* monitor, std::int64_t at_ns, std::uint32_t in_time,
                                             std::uint32_t* alarm) {
    return with(monitor, [&](service_level& object) {
        const bool raised = object.observe(instant::from_ns(at_ns), in_time != 0);
        if (alarm != nullptr) *alarm = raised ? 1 : 0;
        return status::ok;
    });
}

duality_status duality_service_level_advance(duality_service_level* monitor, std::int64_t at_ns, std::uint32_t* alarm) {
    return with(monitor, [&](service_level& object) {
        const bool raised = object.advance(instant::from_ns(at_ns));
        if (alarm != nullptr) *alarm = raised ? 1 : 0;
        return status::ok;
    });
}

duality_status duality_service_level_get_statistics(const duality_service_level* monitor,
                                                    duality_service_level_statistics* statistics) {
    return with(monitor, [&](const service_level& object) {
        return static_cast<status>(give_struct(statistics, object, service_level_statistics_of));
    });
}

duality_status duality_aggregator_config_default(duality_aggregator_config* config) {
    return give_struct(config, aggregator_config{}, aggregator_fields);
}

duality_status duality_aggregator_create(const duality_aggregator_config* config, const duality_host* host,
                                         duality_failure* failure, duality_aggregator** aggregator) {
    aggregator_config wanted;
    const auto early = take_struct(config, wanted, aggregator_fields);
    return create("aggregator", host, early, failure, aggregator,
                  [&](const allocator& memory) { return duality::aggregator::create(wanted, memory); });
}

duality_status duality_aggregator_destroy(duality_aggregator* aggregator) {
    return destroy(aggregator);
}

duality_status duality_aggregator_unwrap(const duality_aggregator* aggregator, std::uint32_t esi,
                                         std::uint64_t* number) {
    if (number == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(aggregator, [&](const duality::aggregator& object) {
        *number = object.unwrap(esi);
        return status::ok;
    });
}

duality_status duality_aggregator_accept(duality_aggregator* aggregator, std::int64_t now_ns, std::uint64_t number,
                                         std::int64_t origin_ns, std::uint32_t* newly_missing) {
    return with(aggregator, [&](duality::aggregator& object) {
        const auto said = object.accept(instant::from_ns(now_ns), number, media_time::from_ns(origin_ns));
        if (newly_missing != nullptr) *newly_missing = said.newly_missing;
        return said.code;
    });
}

duality_status duality_aggregator_known(const duality_aggregator* aggregator, std::uint64_t number,
                                        std::uint32_t* known) {
    if (known == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(aggregator, [&](const duality::aggregator& object) {
        *known = object.known(number) ? 1 : 0;
        return status::ok;
    });
}

duality_status duality_aggregator_get_statistics(const duality_aggregator* aggregator,
                                                 duality_aggregator_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(aggregator, [&](const duality::aggregator& object) {
        write_struct(statistics, [&](duality_aggregator_statistics& c) {
            c.newest = object.newest();
            aggregator_statistics_fields(give{}, c, object.statistics());
        });
        return status::ok;
    });
}
