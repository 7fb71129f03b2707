// SPDX-License-Identifier: MIT
//
// Structs that cross the C boundary: each begins with its size, and both sides touch only the smaller of two sizes.
//
// A struct's fields are listed once, as a function of a visitor, for both directions:
//
//     constexpr auto hold_fields = [](auto&& visit, auto& c, auto& cpp) {
//         visit(c.hold_min_ns, cpp.hold_min);
//         visit(c.late, cpp.late, late_policy::deliver, "late");   // an enumeration, its last value and its name
//     };
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "duality.h"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality::capi {

[[nodiscard]] constexpr duality_status to_c(status s) noexcept {
    return static_cast<duality_status>(s);
}

/// Does the struct say how large it is? Sizes that no compiler gives a struct are refused.
template <class Struct>
[[nodiscard]] bool sized(const Struct* s) noexcept {
    static_assert(std::is_standard_layout_v<Struct> && std::is_trivially_copyable_v<Struct>);
    static_assert(offsetof(Struct, struct_size) == 0);
    return s != nullptr && s->struct_size >= 8 && s->struct_size % 4 == 0;
}

/// What the caller said over what `known` was before. False: there is no struct, or none with a size.
template <class Struct>
[[nodiscard]] bool read_struct(const Struct* given, Struct& known) noexcept {
    if (!sized(given)) return false;
    std::memcpy(&known, given, std::min<std::size_t>(given->struct_size, sizeof(Struct)));
    known.struct_size = sizeof(Struct);
    return true;
}

/// For a caller older than the library: `fill` works on a copy, of which the caller gets its part. Rare, and kept apart so
/// that it costs the others nothing.
template <class Struct, class Fill>
[[gnu::noinline, gnu::cold]] void write_part(Struct* out, Fill& fill) noexcept {
    Struct whole{};
    const std::uint32_t size = out->struct_size;
    std::memcpy(&whole, out, size);
    fill(whole);
    std::memcpy(out, &whole, size);
}

/// Calls `fill(Struct&)` with the caller's struct when it is whole, else with a copy of which the caller gets its part.
/// Precondition: `sized(out)`.
template <class Struct, class Fill>
void write_struct(Struct* out, Fill fill) noexcept {
    if (out->struct_size >= sizeof(Struct)) [[likely]]
        fill(*out);
    else
        write_part(out, fill);
}

/// Visitor: from C++ to C.
struct give {
    void operator()(std::int64_t& c, duration cpp) const noexcept { c = cpp.ns(); }
    template <class Clock>
    void operator()(std::int64_t& c, time_point<Clock> cpp) const noexcept {
        c = cpp.ns();
    }
    void operator()(std::int64_t& c, std::int64_t cpp) const noexcept { c = cpp; }
    void operator()(std::uint64_t& c, std::uint64_t cpp) const noexcept { c = cpp; }
    void operator()(std::uint32_t& c, std::uint32_t cpp) const noexcept { c = cpp; }
    void operator()(std::uint32_t& c, bool cpp) const noexcept { c = cpp ? 1 : 0; }
    void operator()(double& c, double cpp) const noexcept { c = cpp; }
    template <class Enum>
    requires std::is_enum_v<Enum>
    void operator()(std::int32_t& c, Enum cpp, Enum = {}, std::string_view = {}) const noexcept {
        c = static_cast<std::int32_t>(cpp);
    }
};

/// Visitor: from C to C++. An enumeration out of its range is remembered in `wrong`.
struct take {
    failure wrong{status::ok, {}};

    void operator()(const std::int64_t& c, duration& cpp) noexcept { cpp = duration::from_ns(c); }
    template <class Clock>
    void operator()(const std::int64_t& c, time_point<Clock>& cpp) noexcept {
        cpp = time_point<Clock>::from_ns(c);
    }
    void operator()(const std::uint64_t& c, std::uint64_t& cpp) noexcept { cpp = c; }
    void operator()(const std::uint32_t& c, std::uint32_t& cpp) noexcept { cpp = c; }
    void operator()(const std::uint32_t& c, bool& cpp) noexcept { cpp = c != 0; }
    template <class Enum>
    requires std::is_enum_v<Enum>
    void operator()(const std::int32_t& c, Enum& cpp, Enum last, std::string_view field) noexcept {
        if (c >= 0 && c <= static_cast<std::int32_t>(last))
            cpp = static_cast<Enum>(c);
        else if (wrong.code == status::ok)
            wrong = {status::invalid_config, {field, 0, static_cast<std::int64_t>(last), ""}};
    }
};

/// Defaults of a configuration struct, or any other C++ value in C.
template <class Struct, class Cpp, class Fields>
[[nodiscard]] duality_status give_struct(Struct* out, const Cpp& value, Fields fields) noexcept {
    if (!sized(out)) return to_c(status::invalid_argument);
    write_struct(out, [&](Struct& c) { fields(give{}, c, value); });
    return to_c(status::ok);
}

/// A configuration: `value` comes with its defaults and keeps those that the caller does not give. No struct at all is
/// fine, one without a size is not.
template <class Struct, class Cpp, class Fields>
[[nodiscard]] failure take_struct(const Struct* given, Cpp& value, Fields fields) noexcept {
    if (given == nullptr) return {status::ok, {}};
    Struct known{};
    fields(give{}, known, value);
    if (!read_struct(given, known)) return {status::invalid_argument, {}};
    take visitor;
    fields(visitor, known, value);
    return visitor.wrong;
}

}  // namespace duality::capi
