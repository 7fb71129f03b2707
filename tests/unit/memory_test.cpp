// SPDX-License-Identifier: MIT
#include "duality/memory.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <limits>
#include <utility>

#include "support/counting_allocator.hpp"

using namespace duality;
using duality::test::counting_allocator;

namespace {

bool aligned(const void* p, std::uintptr_t to) {
    return reinterpret_cast<std::uintptr_t>(p) % to == 0;
}

/// Counts its living instances.
struct counted {
    counted() noexcept { ++alive; }
    ~counted() { --alive; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

    static inline int alive = 0;
};

struct alignas(256) wide {
    std::uint8_t byte = 9;
};

/// Remembers the one block it gave out, and whether exactly that came back.
struct single_block {
    void* block = nullptr;
    std::size_t block_bytes = 0;
    std::size_t block_alignment = 0;
    bool returned = false;

    allocator get() {
        return {this,
                [](void* user, std::size_t bytes, std::size_t alignment) noexcept {
                    auto& self = *static_cast<single_block*>(user);
                    self.block_bytes = bytes;
                    self.block_alignment = alignment;
                    return self.block = allocator::system().allocate(nullptr, bytes, alignment);
                },
                [](void* user, void* memory, std::size_t bytes, std::size_t alignment) noexcept {
                    auto& self = *static_cast<single_block*>(user);
                    self.returned =
                        memory == self.block && bytes == self.block_bytes && alignment == self.block_alignment;
                    allocator::system().release(nullptr, memory, bytes, alignment);
                }};
    }
};

}  // namespace

TEST_CASE("system allocator: gives memory aligned as asked") {
    const allocator heap = allocator::system();
    for (const std::size_t alignment : {std::size_t{1}, std::size_t{64}, std::size_t{4096}}) {
        void* p = heap.allocate(heap.user, 100, alignment);
        REQUIRE(p != nullptr);
        CHECK(aligned(p, alignment));
        heap.release(heap.user, p, 100, alignment);
    }
}

TEST_CASE("buffer: takes one block, whole cache lines aligned, value-initialised") {
    counting_allocator memory;
    buffer<std::uint32_t> b;
    REQUIRE(b.create(100, memory.get()));
    CHECK(memory.calls() == 1);
    CHECK(memory.live_bytes() == 400);
    CHECK(b.size() == 100);
    CHECK(b.end() - b.begin() == 100);
    CHECK(aligned(b.data(), 64));
    CHECK(std::all_of(b.begin(), b.end(), [](std::uint32_t x) { return x == 0; }));

    buffer<wide> w;
    REQUIRE(w.create(3, memory.get()));
    CHECK(aligned(w.data(), 256));
    CHECK(w[2].byte == 9);
}

TEST_CASE("buffer: plain data that is to be untouched is, other elements are made") {
    counting_allocator memory;
    {
        buffer<std::uint64_t> plain;
        REQUIRE(plain.create_untouched(100, memory.get()));
        CHECK(plain.size() == 100);
        CHECK(aligned(plain.data(), 64));
        buffer<counted> made;
        REQUIRE(made.create_untouched(5, memory.get()));
        CHECK(counted::alive == 5);
        CHECK(memory.live_blocks() == 2);
        CHECK_FALSE(plain.create_untouched(std::numeric_limits<std::size_t>::max() / 4, memory.get()));
        CHECK(plain.empty());
    }
    CHECK(counted::alive == 0);
    CHECK(memory.live_blocks() == 0);
}

TEST_CASE("buffer: gives back exactly what it took") {
    single_block memory;
    {
        buffer<std::uint16_t> b;
        REQUIRE(b.create(33, memory.get()));
        CHECK(memory.block_bytes == 66);
        CHECK_FALSE(memory.returned);
    }
    CHECK(memory.returned);
}

TEST_CASE("buffer: nothing asked for, nothing taken") {
    counting_allocator memory{0};
    buffer<int> b;
    CHECK(b.create(0, memory.get()));
    CHECK(b.empty());
    CHECK(memory.calls() == 0);
}

TEST_CASE("buffer: without memory it is empty, and what it held before is gone") {
    counting_allocator memory{1};
    buffer<counted> b;
    REQUIRE(b.create(5, memory.get()));
    CHECK(counted::alive == 5);
    CHECK_FALSE(b.create(6, memory.get()));
    CHECK(b.empty());
    CHECK(b.data() == nullptr);
    CHECK(counted::alive == 0);
    CHECK(memory.live_blocks() == 0);
}

TEST_CASE("buffer: a size whose bytes overflow is refused without asking") {
    counting_allocator memory;
    buffer<std::uint64_t> b;
    CHECK_FALSE(b.create(std::numeric_limits<std::size_t>::max() / 8 + 1, memory.get()));
    CHECK_FALSE(b.create(std::numeric_limits<std::size_t>::max(), memory.get()));
    CHECK(memory.calls() == 0);
}

TEST_CASE("buffer: moving hands the memory over, once") {
    counting_allocator memory;
    {
        buffer<counted> a;
        buffer<counted> b;
        REQUIRE(a.create(3, memory.get()));
        REQUIRE(b.create(4, memory.get()));
        CHECK(counted::alive == 7);
        const counted* kept = a.data();

        b = std::move(a);
        CHECK(b.data() == kept);
        CHECK(b.size() == 3);
        CHECK(a.empty());  // NOLINT(bugprone-use-after-move): what a moved-from buffer holds is the point
        CHECK(counted::alive == 3);
        CHECK(memory.live_blocks() == 1);

        buffer<counted>& same = b;
        b = std::move(same);
        CHECK(b.data() == kept);

        const buffer<counted> c{std::move(b)};
        CHECK(c.data() == kept);
        CHECK(b.empty());  // NOLINT(bugprone-use-after-move)
    }
    CHECK(counted::alive == 0);
    CHECK(memory.live_blocks() == 0);
    CHECK(memory.live_bytes() == 0);
}
