// SPDX-License-Identifier: MIT
//
// An event loop with a thread of its own.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "io/uv_handle.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// Between creation and `start`, and again after `stop`, the loop and everything in it belong to the caller's thread;
/// in between to the loop's own. What was put into the loop must be destroyed before the `loop_thread`.
class loop_thread {
public:
    /// nullptr, with the reason in `error`, when the system gives no loop.
    [[nodiscard]] static std::unique_ptr<loop_thread> create(std::string& error);
    ~loop_thread();
    loop_thread(const loop_thread&) = delete;
    loop_thread& operator=(const loop_thread&) = delete;

    [[nodiscard]] uv_loop_t& loop() noexcept { return loop_; }
    enum class priority : std::uint8_t { real_time, normal };
    /// The thread is a real-time one where the user may have such, so that it keeps time on a busy machine.
    void start(priority wanted = priority::real_time);
    /// Waits until the thread has ended. Harmless when it does not run.
    void stop() noexcept;

private:
    loop_thread() = default;

    uv_loop_t loop_{};
    bool has_loop_ = false;
    handle_ptr<uv_async_t> stopper_;
    std::thread thread_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
