// SPDX-License-Identifier: MIT
//
// What the tests of the C interface share.
#pragma once

#include <duality/duality.h>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <vector>

namespace capi_test {

/// A struct that says how large it is.
template <class Struct>
[[nodiscard]] Struct made() {
    Struct s{};
    s.struct_size = sizeof s;
    return s;
}

/// A host that counts its memory, fails when told to and keeps what is logged.
class counting_host {
public:
    /// Calls that succeed before one fails, and everything after it.
    explicit counting_host(std::size_t allowed = static_cast<std::size_t>(-1)) : allowed_{allowed} {
        functions_.struct_size = sizeof functions_;
        functions_.log_level = DUALITY_LOG_DEBUG;
        functions_.memory_user = functions_.log_user = this;
        functions_.allocate = [](void* user, std::size_t bytes, std::size_t alignment) -> void* {
            auto& self = *static_cast<counting_host*>(user);
            if (self.calls++ >= self.allowed_) return nullptr;
            void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
            if (memory != nullptr) ++self.live;
            return memory;
        };
        functions_.release = [](void* user, void* memory, std::size_t, std::size_t) {
            --static_cast<counting_host*>(user)->live;
            std::free(memory);
        };
        functions_.log = [](void* user, std::int32_t, const char* message) {
            static_cast<counting_host*>(user)->lines.emplace_back(message);
        };
    }
    counting_host(const counting_host&) = delete;
    counting_host& operator=(const counting_host&) = delete;

    [[nodiscard]] const duality_host* get() const { return &functions_; }
    [[nodiscard]] duality_host& functions() { return functions_; }

    std::size_t calls = 0;
    std::size_t live = 0;
    std::vector<std::string> lines;

private:
    duality_host functions_{};
    std::size_t allowed_;
};

}  // namespace capi_test
