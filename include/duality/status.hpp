// SPDX-License-Identifier: MIT
//
// How every call answers: `status`, `result<T>` for creation, and the catalogue of user-facing errors E001–E007.
//
// Zero is success, a positive value is not a failure (there is simply nothing more to do), a negative value is one.
// Values never change once released and are the same in C++, C, Python and REST.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace duality {
inline namespace v0 {

enum class status : std::int32_t {
    ok = 0,

    need_more = 1,  ///< not enough input yet; call again with more
    duplicate = 2,  ///< already had it; counted, nothing changed
    late = 3,       ///< came after it could be of use; counted
    no_change = 4,  ///< accepted, and brought nothing new

    invalid_argument = -1,     ///< the call itself makes no sense
    invalid_config = -2,       ///< a configuration field is out of range; `failure` names it
    out_of_memory = -3,        ///< the allocator returned nothing; only creation can say this
    queue_full = -4,           ///< outputs were not drained; nothing accepted earlier is lost
    buffer_too_small = -5,     ///< the caller's output buffer is too short
    malformed = -6,            ///< bytes that no peer of ours would send
    unsupported_version = -7,  ///< a wire version this build does not speak
    closed = -8,               ///< the object was closed
    unknown_path = -9,         ///< no such path
    unknown_stream = -10,      ///< no such stream
    too_large = -11,           ///< more bytes than the configured maximum
    over_budget = -12,         ///< a byte or rate budget forbids it
    out_of_window = -13,       ///< refers to something outside the bounded window
    inconsistent = -14,        ///< contradicts something accepted earlier
    wrong_state = -15,         ///< not allowed at this point of the life cycle
    unsupported = -16,         ///< this build or this machine cannot do it
    invalid_handle = -17,      ///< destroyed, of another type, or never a handle; only the C interface can say this
};

[[nodiscard]] constexpr bool failed(status s) noexcept {
    return static_cast<std::int32_t>(s) < 0;
}

/// The enumerator's name; "unknown" for a value this build does not know.
[[nodiscard]] constexpr std::string_view to_string(status s) noexcept {
    switch (s) {
        case status::ok: return "ok";
        case status::need_more: return "need_more";
        case status::duplicate: return "duplicate";
        case status::late: return "late";
        case status::no_change: return "no_change";
        case status::invalid_argument: return "invalid_argument";
        case status::invalid_config: return "invalid_config";
        case status::out_of_memory: return "out_of_memory";
        case status::queue_full: return "queue_full";
        case status::buffer_too_small: return "buffer_too_small";
        case status::malformed: return "malformed";
        case status::unsupported_version: return "unsupported_version";
        case status::closed: return "closed";
        case status::unknown_path: return "unknown_path";
        case status::unknown_stream: return "unknown_stream";
        case status::too_large: return "too_large";
        case status::over_budget: return "over_budget";
        case status::out_of_window: return "out_of_window";
        case status::inconsistent: return "inconsistent";
        case status::wrong_state: return "wrong_state";
        case status::unsupported: return "unsupported";
        case status::invalid_handle: return "invalid_handle";
    }
    return "unknown";
}

/// Legal range of one configuration field, inclusive. The unit is the one the bounds are written in.
struct field_bounds {
    std::string_view field;
    std::int64_t low;
    std::int64_t high;
    std::string_view unit;
};

/// The row of a primitive's table for one field; nullptr when it has no such field.
[[nodiscard]] constexpr const field_bounds* find_bounds(std::span<const field_bounds> table,
                                                        std::string_view field) noexcept {
    for (const field_bounds& row : table)
        if (row.field == field) return &row;
    return nullptr;
}

/// Why a creation failed. For `invalid_config`, `where` names the field and its legal range.
struct failure {
    status code = status::invalid_argument;
    field_bounds where{};
};

/// A value or the reason there is none. Our own type: `std::expected` exists on some of our compilers only, and an
/// alias that changes with the language version would give two ABIs.
template <class T>
class [[nodiscard]] result {
public:
    result(T value) noexcept : value_{std::move(value)} {}
    result(failure why) noexcept : why_{why} {}
    result(status code) noexcept : why_{code, {}} {}

    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }

    /// Precondition: `has_value()`.
    [[nodiscard]] T& value() & noexcept { return *value_; }
    [[nodiscard]] const T& value() const& noexcept { return *value_; }
    [[nodiscard]] T&& value() && noexcept { return std::move(*value_); }
    [[nodiscard]] T* operator->() noexcept { return &*value_; }
    [[nodiscard]] T& operator*() noexcept { return *value_; }

    [[nodiscard]] status code() const noexcept { return has_value() ? status::ok : why_.code; }
    /// Meaningful only without a value.
    [[nodiscard]] const failure& error() const noexcept { return why_; }

private:
    std::optional<T> value_;
    failure why_{};
};

/// Collects the first configuration field found out of range.
class config_check {
public:
    constexpr explicit config_check(std::span<const field_bounds> table) noexcept : table_{table} {}

    /// Is `value` (in the unit of the table) inside the range of `field`? A field without a row is refused.
    constexpr config_check& in_range(std::string_view field, std::int64_t value) noexcept {
        const field_bounds* row = find_bounds(table_, field);
        if (row == nullptr) return require(field, false);
        if (ok_ && (value < row->low || value > row->high)) {
            ok_ = false;
            where_ = *row;
        }
        return *this;
    }
    /// A relation between fields that no single range expresses; `field` is the one to fix.
    constexpr config_check& require(std::string_view field, bool holds) noexcept {
        if (ok_ && !holds) {
            ok_ = false;
            const field_bounds* row = find_bounds(table_, field);
            where_ = row != nullptr ? *row : field_bounds{field, 0, 0, {}};
        }
        return *this;
    }

    [[nodiscard]] constexpr bool ok() const noexcept { return ok_; }
    [[nodiscard]] constexpr failure error() const noexcept { return {status::invalid_config, where_}; }

private:
    std::span<const field_bounds> table_;
    field_bounds where_{};
    bool ok_ = true;
};

/// User-facing errors, one catalogue for every surface. Retry tells whether trying again by itself can help.
enum class error_code : std::uint16_t {
    invalid_config = 1,
    relay_unreachable = 2,
    lte_budget_exceeded = 3,
    parity_over_budget = 4,
    vpn_conflict = 5,
    cpu_cap_exceeded = 6,
    policy_violation = 7,
};

enum class retry_advice : std::uint8_t { no, with_back_off };

struct error_info {
    error_code code;
    std::string_view id;    ///< "E001"
    std::string_view name;  ///< "INVALID_CONFIG"
    std::uint16_t http;     ///< status of the REST answer
    retry_advice retry;
    std::string_view advice;  ///< what the user should do
};

inline constexpr error_info error_catalogue[] = {
    {error_code::invalid_config, "E001", "INVALID_CONFIG", 400, retry_advice::no, "fix the named field"},
    {error_code::relay_unreachable, "E002", "RELAY_UNREACHABLE", 503, retry_advice::with_back_off,
     "wait, or turn the relay off"},
    {error_code::lte_budget_exceeded, "E003", "LTE_BUDGET_EXCEEDED", 429, retry_advice::no, "raise the cap"},
    {error_code::parity_over_budget, "E004", "PARITY_OVER_BUDGET", 409, retry_advice::with_back_off,
     "lower the parity rate"},
    {error_code::vpn_conflict, "E005", "VPN_CONFLICT", 412, retry_advice::no, "switch between direct and tunnel"},
    {error_code::cpu_cap_exceeded, "E006", "CPU_CAP_EXCEEDED", 503, retry_advice::with_back_off,
     "lower parity or hold"},
    {error_code::policy_violation, "E007", "POLICY_VIOLATION", 403, retry_advice::no, "review the policy"},
};

/// The catalogue row; nullptr for a value this build does not know.
[[nodiscard]] constexpr const error_info* find_error(error_code code) noexcept {
    for (const error_info& row : error_catalogue)
        if (row.code == code) return &row;
    return nullptr;
}

}  // namespace v0
}  // namespace duality
