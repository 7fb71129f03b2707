// SPDX-License-Identifier: MIT
//
// Objects behind handles: how they are made from a host's memory, found, destroyed, and how they speak to its log.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "duality/memory.hpp"
#include "enumerations.hpp"
#include "handles.hpp"
#include "structs.hpp"

namespace duality::capi {

/// One line of log, put together without locale or heap; what does not fit is cut off.
class message {
public:
    message& operator<<(std::string_view text) noexcept {
        const std::size_t fits = std::min(text.size(), sizeof text_ - 1 - size_);
        std::memcpy(text_ + size_, text.data(), fits);
        text_[size_ += fits] = '\0';
        return *this;
    }
    message& operator<<(std::int64_t number) noexcept {
        char digits[24];
        const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, number);
        return *this << std::string_view{digits, static_cast<std::size_t>(end.ptr - digits)};
    }
    [[nodiscard]] const char* text() const noexcept { return text_; }

private:
    char text_[256] = "";
    std::size_t size_ = 0;
};

/// The host's functions, which C cannot promise to be noexcept.
struct host {
    duality_host functions{};

    /// `invalid_argument` for half an allocator or a struct without its size; NULL is the global heap and no log.
    [[nodiscard]] status accept(const duality_host* given) noexcept;
    [[nodiscard]] allocator memory() noexcept;
    [[nodiscard]] bool wants(log_level level) const noexcept {
        return functions.log != nullptr && static_cast<std::int32_t>(level) <= functions.log_level;
    }
    void log(log_level level, const message& line) const noexcept {
        functions.log(functions.log_user, static_cast<std::int32_t>(level), line.text());
    }
    /// Says why `what` could not be made, to the log and to the caller.
    void tell(std::string_view what, const failure& why, duality_failure* out) const noexcept;
};

/// An object and the host it was made for, at a place that does not move: the object's allocator points here.
template <class T>
struct box {
    host owner;
    std::optional<T> object;
};

/// What C type is a handle to what: specialised beside each object, with `object` and `kind`.
template <class Handle>
struct handle_traits;

template <class Handle>
using object_of = typename handle_traits<Handle>::object;

template <class Handle>
[[nodiscard]] std::uintptr_t number_of(const Handle* handle) noexcept {
    return reinterpret_cast<std::uintptr_t>(handle);
}

template <class Handle>
[[nodiscard]] box<object_of<Handle>>* find_box(const Handle* handle) noexcept {
    return static_cast<box<object_of<Handle>>*>(slots::find(number_of(handle), handle_traits<Handle>::kind));
}

/// Calls `use(object)`, whose answer is a status, when the handle is one.
template <class Handle, class Use>
[[nodiscard]] duality_status with(const Handle* handle, Use use) noexcept {
    auto* const found = find_box(handle);
    if (found == nullptr) [[unlikely]]
        return to_c(slots::refusal(number_of(handle)));
    return to_c(use(*found->object));
}

/// Makes an object with `make(memory)`, which gives a result<object>. `early` is what was already wrong with the
/// configuration.
template <class Handle, class Make>
[[nodiscard]] duality_status create(std::string_view what, const duality_host* given, const failure& early,
                                    duality_failure* why, Handle** out, Make make) noexcept {
    using T = object_of<Handle>;
    if (out == nullptr) return to_c(status::invalid_argument);
    *out = nullptr;
    host owner;
    const auto refuse = [&](const failure& reason) {
        owner.tell(what, reason, why);
        return to_c(reason.code);
    };
    if (const status s = owner.accept(given); s != status::ok) return refuse({s, {}});
    if (failed(early.code)) return refuse(early);
    const allocator plain = owner.memory();
    void* const place = plain.allocate(plain.user, sizeof(box<T>), alignof(box<T>));
    const std::uintptr_t reserved = place != nullptr ? slots::reserve() : 0;
    failure reason{status::out_of_memory, {}};
    if (reserved != 0) {
        auto* const made = new (place) box<T>{owner, std::nullopt};
        result<T> object = make(made->owner.memory());
        if (object) {
            made->object.emplace(std::move(object).value());
            const std::uintptr_t handle = slots::publish(reserved, handle_traits<Handle>::kind, made);
            *out = reinterpret_cast<Handle*>(handle);  // NOLINT(performance-no-int-to-ptr): a number, not an address
            return to_c(status::ok);
        }
        reason = object.error();
        made->~box<T>();
        slots::release(reserved);
    }
    if (place != nullptr) plain.release(plain.user, place, sizeof(box<T>), alignof(box<T>));
    return refuse(reason);
}

template <class Handle>
[[nodiscard]] duality_status destroy(Handle* handle) noexcept {
    using T = object_of<Handle>;
    if (handle == nullptr) return to_c(status::ok);
    std::uintptr_t reserved = 0;
    auto* const found = static_cast<box<T>*>(slots::withdraw(number_of(handle), handle_traits<Handle>::kind, reserved));
    if (found == nullptr) return to_c(slots::refusal(number_of(handle)));
    host owner = found->owner;
    found->~box<T>();
    const allocator plain = owner.memory();
    plain.release(plain.user, found, sizeof(box<T>), alignof(box<T>));
    slots::release(reserved);
    return to_c(status::ok);
}

/// Bytes from the caller: NULL is allowed only for none.
[[nodiscard]] inline bool readable(const void* data, std::size_t size) noexcept {
    return data != nullptr || size == 0;
}

}  // namespace duality::capi
