// SPDX-License-Identifier: MIT
//
// Structs of callers older and newer than the library, with canaries behind them.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "support.hpp"

namespace capi_test {

/// Exactly `size` bytes of heap, so that one byte further is an error.
struct exact {
    explicit exact(std::size_t bytes, std::uint8_t fill) : size{bytes}, memory{new std::uint8_t[bytes]} {
        std::fill_n(memory.get(), bytes, fill);
        const auto as_struct_size = static_cast<std::uint32_t>(bytes);
        std::memcpy(memory.get(), &as_struct_size, sizeof as_struct_size);
    }
    template <class Struct>
    [[nodiscard]] Struct* as() {
        return reinterpret_cast<Struct*>(memory.get());
    }
    std::size_t size;
    std::unique_ptr<std::uint8_t[]> memory;
};

/// `fill` gives the same struct every time; it is called with structs of every size.
template <class Struct, class Fill>
void check_output(Fill fill) {
    if constexpr (sizeof(void*) == 8 && !std::is_same_v<Struct, duality_lab_result>)  // which has floating point
        static_assert(std::has_unique_object_representations_v<Struct>, "a hole would become a field without a size");
    auto whole = made<Struct>();
    REQUIRE(fill(&whole) == DUALITY_OK);
    for (std::size_t size = 8; size < sizeof(Struct); size += 4) {
        exact older{size, 0};
        CAPTURE(size);
        REQUIRE(fill(older.as<Struct>()) == DUALITY_OK);
        REQUIRE(std::memcmp(older.memory.get() + 4, reinterpret_cast<const std::uint8_t*>(&whole) + 4, size - 4) == 0);
    }
    exact newer{sizeof(Struct) + 64, 0xAB};
    REQUIRE(fill(newer.as<Struct>()) == DUALITY_OK);
    CHECK(std::all_of(newer.memory.get() + sizeof(Struct), newer.memory.get() + newer.size,
                      [](std::uint8_t b) { return b == 0xAB; }));
    CHECK(newer.as<Struct>()->struct_size == newer.size);
    for (const std::uint32_t wrong : {0u, 4u, 7u, 9u, 0xFFFFFFFFu}) {
        auto misfit = made<Struct>();
        misfit.struct_size = wrong;
        CHECK(fill(&misfit) == DUALITY_INVALID_ARGUMENT);
    }
    CHECK(fill(nullptr) == DUALITY_INVALID_ARGUMENT);
}

/// A configuration cut off anywhere is completed with defaults; what lies behind the library's part is not read.
template <class Struct, class Default, class Create>
void check_config(Default defaults, Create create) {
    check_output<Struct>(defaults);
    auto whole = made<Struct>();
    REQUIRE(defaults(&whole) == DUALITY_OK);
    for (std::size_t size = 8; size < sizeof(Struct); size += 4) {
        exact older{size, 0};
        CAPTURE(size);
        std::memcpy(older.memory.get() + 4, reinterpret_cast<const std::uint8_t*>(&whole) + 4, size - 4);
        REQUIRE(create(older.as<const Struct>()) == DUALITY_OK);
    }
    exact newer{sizeof(Struct) + 64, 0xFF};
    std::memcpy(newer.memory.get() + 4, reinterpret_cast<const std::uint8_t*>(&whole) + 4, sizeof(Struct) - 4);
    CHECK(create(newer.as<const Struct>()) == DUALITY_OK);
    whole.struct_size = 0;
    CHECK(create(&whole) == DUALITY_INVALID_ARGUMENT);
    CHECK(create(static_cast<const Struct*>(nullptr)) == DUALITY_OK);
}

}  // namespace capi_test
