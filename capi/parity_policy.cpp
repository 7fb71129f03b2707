// SPDX-License-Identifier: MIT
//
// When to send how much parity, and the answers to reports of what is missing, in C.
#include "duality/parity_policy.hpp"

#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

constexpr auto policy_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.max_rate_bp, cpp.max_rate_bp);
    visit(c.per_loss_x16, cpp.per_loss_x16);
    visit(c.clean_loss_ppm, cpp.clean_loss_ppm);
    visit(c.max_window, cpp.max_window);
    visit(c.max_burst_x100, cpp.max_burst_x100);
};

constexpr auto conditions_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.loss_ppm, cpp.loss_ppm);
    visit(c.deadline_ns, cpp.deadline);
    visit(c.interval_ns, cpp.interval);
    visit(c.burst_x100, cpp.burst_x100);
    visit(c.congestion, cpp.congestion);
};

constexpr auto plan_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.rate_bp, cpp.rate_bp);
    visit(c.window, cpp.window);
};

constexpr auto generator_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.max_repairs, cpp.max_repairs);
    visit(c.margin_loss_x16, cpp.margin_loss_x16);
    visit(c.last_round_extra, cpp.last_round_extra);
};

constexpr auto report_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.first_missing, cpp.first_missing);
    visit(c.last_missing, cpp.last_missing);
    visit(c.symbols_needed, cpp.symbols_needed);
    visit(c.time_left_ns, cpp.time_left);
};

constexpr auto order_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.first_esi, cpp.first_esi);
    visit(c.window, cpp.window);
    visit(c.count, cpp.count);
};

constexpr auto generator_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.reports, cpp.reports);
    visit(c.repairs, cpp.repairs);
    visit(c.in_flight, cpp.in_flight);
    visit(c.hopeless, cpp.hopeless);
    visit(c.outside, cpp.outside);
};

}  // namespace

template <>
struct duality::capi::handle_traits<duality_repair_generator> {
    using object = repair_generator;
    static constexpr handle_kind kind = handle_kind::repair_generator;
};

duality_status duality_parity_policy_config_default(duality_parity_policy_config* config) {
    return give_struct(config, parity_policy_config{}, policy_fields);
}

duality_status duality_parity_make_plan(const duality_parity_policy_config* config,
                                        const duality_parity_conditions* conditions, duality_parity_plan* plan) {
    parity_policy_config wanted;
    if (const auto early = take_struct(config, wanted, policy_fields); failed(early.code)) return to_c(early.code);
    config_check check{parity_policy_bounds};
    check.in_range("max_rate_bp", wanted.max_rate_bp)
        .in_range("per_loss_x16", wanted.per_loss_x16)
        .in_range("clean_loss_ppm", wanted.clean_loss_ppm)
        .in_range("max_window", wanted.max_window)
        .in_range("max_burst_x100", wanted.max_burst_x100);
    if (!check.ok()) return DUALITY_INVALID_CONFIG;
    parity_conditions now;
    if (conditions == nullptr || failed(take_struct(conditions, now, conditions_fields).code))
        return DUALITY_INVALID_ARGUMENT;
    if (now.interval <= duration::zero() || now.deadline < duration::zero() || now.loss_ppm > 1'000'000)
        return DUALITY_INVALID_ARGUMENT;
    return give_struct(plan, plan_parity(wanted, now), plan_fields);
}

duality_status duality_repair_generator_config_default(duality_repair_generator_config* config) {
    return give_struct(config, repair_generator_config{}, generator_fields);
}

duality_status duality_repair_generator_create(const duality_repair_generator_config* config, const duality_host* host,
                                               duality_failure* failure, duality_repair_generator** generator) {
    repair_generator_config wanted;
    const auto early = take_struct(config, wanted, generator_fields);
    return create("repair generator", host, early, failure, generator,
                  [&](const allocator&) { return repair_generator::create(wanted); });
}

duality_status duality_repair_generator_destroy(duality_repair_generator* generator) {
    return destroy(generator);
}

duality_status duality_repair_generator_answer(duality_repair_generator* generator, std::int64_t now_ns,
                                               const duality_deficit_report* report, std::uint32_t first_esi,
                                               std::uint32_t next_esi, duality_repair_order* order) {
    duality_deficit_report c{};
    if (!read_struct(report, c) || !sized(order) || c.round_trip_ns < 0 || c.loss_ppm > 1'000'000)
        return DUALITY_INVALID_ARGUMENT;
    return with(generator, [&](repair_generator& object) {
        deficit_report taken;
        take visitor;
        report_fields(visitor, c, taken);
        const repair_order made = object.answer(instant::from_ns(now_ns), taken, duration::from_ns(c.round_trip_ns),
                                                c.loss_ppm, first_esi, next_esi);
        return static_cast<status>(give_struct(order, made, order_fields));
    });
}

duality_status duality_repair_generator_get_statistics(const duality_repair_generator* generator,
                                                       duality_repair_generator_statistics* statistics) {
    return with(generator, [&](const repair_generator& object) {
        return static_cast<status>(give_struct(statistics, object.stats(), generator_statistics_fields));
    });
}
