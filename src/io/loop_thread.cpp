// SPDX-License-Identifier: MIT
#include "io/loop_thread.hpp"

#include <pthread.h>
#include <sched.h>

namespace duality {
inline namespace v0 {
namespace io {

std::unique_ptr<loop_thread> loop_thread::create(std::string& error) {
    std::unique_ptr<loop_thread> made{new loop_thread};
    if (const int e = uv_loop_init(&made->loop_); e != 0) {
        error = uv_strerror(e);
        return nullptr;
    }
    made->has_loop_ = true;
    made->stopper_ = make_handle<uv_async_t>(
        [&](uv_async_t* handle) {
            return uv_async_init(&made->loop_, handle, [](uv_async_t* self) { uv_stop(self->loop); });
        },
        error);
    return made->stopper_ ? std::move(made) : nullptr;
}

loop_thread::~loop_thread() {
    stop();
    stopper_.reset();
    if (!has_loop_) return;
    uv_run(&loop_, UV_RUN_DEFAULT);  // lets the handles close
    (void)uv_loop_close(&loop_);
}

void loop_thread::start(priority wanted) {
    thread_ = std::thread{[this, wanted] {
        sched_param lowest{};
        lowest.sched_priority = sched_get_priority_min(SCHED_RR);
        if (wanted == priority::real_time) (void)pthread_setschedparam(pthread_self(), SCHED_RR, &lowest);
        uv_run(&loop_, UV_RUN_DEFAULT);
    }};
}

void loop_thread::stop() noexcept {
    if (!thread_.joinable()) return;
    uv_async_send(stopper_.get());
    thread_.join();
}

}  // namespace io
}  // namespace v0
}  // namespace duality
