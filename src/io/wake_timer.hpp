// SPDX-License-Identifier: MIT
//
// A timer that knows nanoseconds, in a libuv loop whose own timers only count milliseconds. Linux only.
#pragma once

#include <uv.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "duality/statistics.hpp"
#include "duality/time.hpp"
#include "io/uv_handle.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// How late something happened, over and over.
struct lateness_record {
    delay_histogram spread{};
    duration most{};

    void add(duration late) noexcept {
        spread.add(late);
        most = std::max(most, late);
    }
};

class wake_timer {
public:
    /// Calls `on_wake` in the loop's thread at the times asked for. nullptr, with the reason in `error`, when the
    /// system gives no timer.
    [[nodiscard]] static std::unique_ptr<wake_timer> create(uv_loop_t& loop, std::function<void()> on_wake,
                                                            std::string& error);
    ~wake_timer();
    wake_timer(const wake_timer&) = delete;
    wake_timer& operator=(const wake_timer&) = delete;

    /// Wakes once, at `at` or at once when that has passed; replaces the time set before. `never()` lets it sleep.
    void wake_at(instant at) noexcept;
    /// Of the wake-ups so far, counted from the time set, or from the call that set it when that was later.
    [[nodiscard]] const lateness_record& lateness() const noexcept { return lateness_; }
    /// Counts anew, and only wake-ups for which the time comes at `from` or later.
    void count_lateness_from(instant from) noexcept {
        lateness_ = lateness_record{};
        counted_from_ = from;
    }

private:
    wake_timer() = default;
    void on_readable();

    int fd_ = -1;
    handle_ptr<uv_poll_t> poll_;
    std::function<void()> on_wake_;
    instant set_to_ = instant::never();
    instant expected_ = instant::never();
    lateness_record lateness_;
    instant counted_from_ = instant::before_all();
};

}  // namespace io
}  // namespace v0
}  // namespace duality
