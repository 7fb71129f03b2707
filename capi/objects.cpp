// SPDX-License-Identifier: MIT
#include "objects.hpp"

namespace duality::capi {

status host::accept(const duality_host* given) noexcept {
    if (given == nullptr) return status::ok;
    duality_host known{};
    if (!read_struct(given, known) || (known.allocate == nullptr) != (known.release == nullptr))
        return status::invalid_argument;
    functions = known;
    return status::ok;
}

allocator host::memory() noexcept {
    if (functions.allocate == nullptr) return allocator::system();
    return {&functions,
            [](void* user, std::size_t bytes, std::size_t alignment) noexcept {
                const auto* f = static_cast<const duality_host*>(user);
                return f->allocate(f->memory_user, bytes, alignment);
            },
            [](void* user, void* memory, std::size_t bytes, std::size_t alignment) noexcept {
                const auto* f = static_cast<const duality_host*>(user);
                f->release(f->memory_user, memory, bytes, alignment);
            }};
}

void host::tell(std::string_view what, const failure& why, duality_failure* out) const noexcept {
    const bool named = why.code == status::invalid_config && !why.where.field.empty();
    if (wants(log_level::error)) {
        message line;
        line << what << ": " << to_string(why.code);
        if (named) {
            line << ": " << why.where.field << " must be between " << why.where.low << " and " << why.where.high;
            if (!why.where.unit.empty()) line << " " << why.where.unit;
        }
        log(log_level::error, line);
    }
    if (!sized(out)) return;
    write_struct(out, [&](duality_failure& c) {
        c.code = to_c(why.code);
        c.field = named ? why.where.field.data() : nullptr;
        c.unit = !named ? nullptr : why.where.unit.empty() ? "" : why.where.unit.data();
        c.low = named ? why.where.low : 0;
        c.high = named ? why.where.high : 0;
    });
}

}  // namespace duality::capi
