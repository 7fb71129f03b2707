// SPDX-License-Identifier: MIT
//
// What belongs to no object: versions, names, the catalogue of errors, legal ranges.
#include <span>

#include "duality/parity_policy.hpp"
#include "duality/sequence.hpp"
#include "enumerations.hpp"
#include "structs.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

/// The tables that one configuration struct is checked against.
struct bounds_tables {
    std::span<const field_bounds> first;
    std::span<const field_bounds> second;

    [[nodiscard]] const field_bounds* at(std::uint32_t index) const noexcept {
        if (index < first.size()) return &first[index];
        return index - first.size() < second.size() ? &second[index - first.size()] : nullptr;
    }
    [[nodiscard]] const field_bounds* find(std::string_view field) const noexcept {
        const field_bounds* row = find_bounds(first, field);
        return row != nullptr ? row : find_bounds(second, field);
    }
};

[[nodiscard]] bool tables_of(std::int32_t config, bounds_tables& out) noexcept {
    switch (static_cast<config_kind>(config)) {
        case config_kind::session: out = {session_bounds, {}}; return true;
        case config_kind::jitter_hold: out = {jitter_hold_bounds, baseline_bounds}; return true;
        case config_kind::regime: out = {regime_bounds, baseline_bounds}; return true;
        case config_kind::controller: out = {controller_bounds, {}}; return true;
        case config_kind::scheduler: out = {scheduler_bounds, {}}; return true;
        case config_kind::rlc: out = {rlc_bounds, {}}; return true;
        case config_kind::rs: out = {rs_bounds, {}}; return true;
        case config_kind::block: out = {block_bounds, {}}; return true;
        case config_kind::parity_policy: out = {parity_policy_bounds, {}}; return true;
        case config_kind::repair_generator: out = {repair_generator_bounds, {}}; return true;
        case config_kind::aggregator: out = {aggregator_bounds, {}}; return true;
        case config_kind::clock_sync: out = {clock_sync_bounds, {}}; return true;
        case config_kind::service_level: out = {service_level_bounds, {}}; return true;
    }
    return false;
}

void give_bounds(const field_bounds& row, duality_bounds* out) noexcept {
    write_struct(out, [&](duality_bounds& c) {
        c.field = row.field.data();  // a literal, hence with its end
        c.unit = row.unit.data();
        c.low = row.low;
        c.high = row.high;
    });
}

}  // namespace

std::uint32_t duality_abi_version() {
    return DUALITY_ABI_VERSION;
}

const char* duality_version() {
    return DUALITY_VERSION_STRING;
}

const char* duality_status_name(duality_status status) {
    return to_string(static_cast<duality::status>(status)).data();
}

duality_status duality_error_find(std::int32_t code, duality_error_info* info) {
    const bool is_code = code >= 0 && code <= 0xFFFF;
    const error_info* row = is_code ? find_error(static_cast<error_code>(code)) : nullptr;
    if (row == nullptr || !sized(info)) return DUALITY_INVALID_ARGUMENT;
    write_struct(info, [&](duality_error_info& c) {
        c.code = code;
        c.id = row->id.data();
        c.name = row->name.data();
        c.advice = row->advice.data();
        c.http = row->http;
        c.retry = static_cast<std::int32_t>(row->retry);
    });
    return DUALITY_OK;
}

duality_status duality_bounds_at(std::int32_t config, std::uint32_t index, duality_bounds* bounds) {
    bounds_tables tables;
    if (!tables_of(config, tables) || !sized(bounds)) return DUALITY_INVALID_ARGUMENT;
    const field_bounds* row = tables.at(index);
    if (row == nullptr) return DUALITY_NEED_MORE;
    give_bounds(*row, bounds);
    return DUALITY_OK;
}

duality_status duality_bounds_find(std::int32_t config, const char* field, duality_bounds* bounds) {
    bounds_tables tables;
    if (!tables_of(config, tables) || field == nullptr || !sized(bounds)) return DUALITY_INVALID_ARGUMENT;
    const field_bounds* row = tables.find(field);
    if (row == nullptr) return DUALITY_INVALID_ARGUMENT;
    give_bounds(*row, bounds);
    return DUALITY_OK;
}

duality_status duality_unwrap_nearest(std::int64_t reference, std::uint64_t truncated, std::uint32_t bits,
                                      std::int64_t* number) {
    if (number == nullptr || bits < 1 || bits > 63) return DUALITY_INVALID_ARGUMENT;
    *number = unwrap_nearest(reference, truncated, bits);
    return DUALITY_OK;
}
