// SPDX-License-Identifier: MIT
//
// libuv handles that close themselves, and its clock as an `instant`.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>

#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace io {

/// Closes a handle at once; its memory goes when the loop has let go of it, so the loop must run once more.
struct handle_closer {
    template <class Handle>
    void operator()(Handle* handle) const noexcept {
        uv_close(reinterpret_cast<uv_handle_t*>(handle),
                 [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
    }
};
template <class Handle>
using handle_ptr = std::unique_ptr<Handle, handle_closer>;

/// A handle that `init` (a call of uv_…_init) has put into its loop; empty, with the reason in `error`, when it failed.
template <class Handle, class Init>
[[nodiscard]] handle_ptr<Handle> make_handle(Init init, std::string& error) {
    auto handle = std::make_unique<Handle>();
    if (const int e = init(handle.get()); e != 0) {
        error = uv_strerror(e);
        return nullptr;
    }
    return handle_ptr<Handle>{handle.release()};
}

/// CLOCK_MONOTONIC, one clock for all threads and processes of a machine.
[[nodiscard]] inline instant monotonic_now() noexcept {
    return instant::from_ns(static_cast<std::int64_t>(uv_hrtime()));
}

}  // namespace io
}  // namespace v0
}  // namespace duality
