// SPDX-License-Identifier: MIT
#include "io/wake_timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace duality {
inline namespace v0 {
namespace io {

std::unique_ptr<wake_timer> wake_timer::create(uv_loop_t& loop, std::function<void()> on_wake, std::string& error) {
    std::unique_ptr<wake_timer> timer{new wake_timer};
    timer->on_wake_ = std::move(on_wake);
    timer->fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer->fd_ < 0) {
        error = std::string{"timerfd: "} + uv_strerror(uv_translate_sys_error(errno));
        return nullptr;
    }
    timer->poll_ =
        make_handle<uv_poll_t>([&](uv_poll_t* handle) { return uv_poll_init(&loop, handle, timer->fd_); }, error);
    if (!timer->poll_) return nullptr;
    timer->poll_->data = timer.get();
    const int e = uv_poll_start(timer->poll_.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
        static_cast<wake_timer*>(handle->data)->on_readable();
    });
    if (e == 0) return timer;
    error = uv_strerror(e);
    return nullptr;
}

wake_timer::~wake_timer() {
    poll_.reset();
    if (fd_ >= 0) (void)::close(fd_);
}

void wake_timer::wake_at(instant at) noexcept {
    if (at == set_to_) return;
    set_to_ = at;
    expected_ = at.is_never() ? at : std::max(at, monotonic_now());
    itimerspec when{};  // all zero: asleep
    if (!at.is_never()) {
        const std::int64_t ns = std::max<std::int64_t>(at.ns(), 1);
        when.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
        when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    }
    (void)timerfd_settime(fd_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void wake_timer::on_readable() {
    std::uint64_t expirations = 0;
    if (::read(fd_, &expirations, sizeof expirations) < 0) return;  // set anew since the loop saw it
    if (expected_ >= counted_from_) lateness_.add(monotonic_now() - expected_);
    set_to_ = expected_ = instant::never();
    on_wake_();
}

}  // namespace io
}  // namespace v0
}  // namespace duality
