// SPDX-License-Identifier: MIT
//
// Where the QUIC and HTTP/3 libraries keep what belongs to one connection: pages of its own, so that a connection with
// nothing to do can be laid to rest. Most of what the libraries keep is empty: places for streams, packets and ranges
// that an idle connection does not have. At rest only what is not zero is kept, packed, and the pages are given back; the
// addresses stay, so that on waking everything is where it was.
//
// Where the system has no such pages, or no more of them, and for what does not fit in, the allocator serves as ever.
#pragma once

#include <cstddef>
#include <cstdint>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Places for homes, of one endpoint; must outlive them.
class home_pool {
public:
    home_pool() noexcept = default;
    home_pool(const home_pool&) = delete;
    home_pool& operator=(const home_pool&) = delete;
    ~home_pool();

    static constexpr std::size_t home_size = std::size_t{128} * 1024;
    static constexpr std::size_t page_size = 4096;

    /// Zeroed memory of `home_size`, and what it is a part of.
    struct place {
        std::uint8_t* base = nullptr;
        void* slab = nullptr;
    };
    /// Without `base` when there is none.
    [[nodiscard]] place take() noexcept;
    /// The first `touched` bytes may be other than zero.
    void give(const place& home, std::size_t touched) noexcept;
    /// Makes them zero, and gives their pages back to the system. False: nothing has happened.
    [[nodiscard]] static bool empty(std::uint8_t* home, std::size_t touched) noexcept;
    /// How many homes are at rest.
    [[nodiscard]] std::size_t resting() const noexcept { return resting_; }

private:
    friend class connection_home;
    struct slab;
    [[nodiscard]] slab* grow() noexcept;

    slab* slabs_ = nullptr;
    slab* recent_ = nullptr;  ///< may have a free home
    std::size_t resting_ = 0;
};

class connection_home {
public:
    connection_home() noexcept = default;
    connection_home(const connection_home&) = delete;
    connection_home& operator=(const connection_home&) = delete;
    ~connection_home();

    /// With `pool` nullptr everything comes from `memory`.
    void open(const allocator& memory, home_pool* pool) noexcept;

    // malloc and its relatives.

    [[nodiscard]] void* allocate(std::size_t size) noexcept;
    [[nodiscard]] void* allocate_zeroed(std::size_t count, std::size_t size) noexcept;
    [[nodiscard]] void* reallocate(void* block, std::size_t size) noexcept;
    void release(void* block) noexcept;

    /// Packs everything and gives the pages back; nobody may look at a block until `wake`. False: it stays awake.
    [[nodiscard]] bool rest() noexcept;
    void wake() noexcept {
        if (packed_ != nullptr) unpack();
    }
    [[nodiscard]] bool rests() const noexcept { return packed_ != nullptr; }

private:
    /// Before each block.
    struct head {
        std::uint32_t size;  ///< of the block behind it
        std::uint32_t next;  ///< where the next free block's head is; `none` of the last one and of those in use
        std::uint64_t unused;
    };
    static constexpr std::uint32_t none = 0xFFFFFFFF;
    static_assert(sizeof(head) == alignof(std::max_align_t));

    [[nodiscard]] bool holds(const void* block) const noexcept {
        const auto* const at = static_cast<const std::uint8_t*>(block);
        return place_.base != nullptr && at >= place_.base && at < place_.base + home_pool::home_size;
    }
    [[nodiscard]] head& at(std::uint32_t place) const noexcept { return *reinterpret_cast<head*>(place_.base + place); }
    [[nodiscard]] static std::uint32_t behind(std::uint32_t place, const head& h) noexcept {
        return place + static_cast<std::uint32_t>(sizeof(head)) + h.size;
    }
    /// A block here, zeroed; nullptr when it does not fit.
    [[nodiscard]] void* allocate_here(std::size_t size) noexcept;
    void unpack() noexcept;

    allocator memory_{};
    home_pool* pool_ = nullptr;
    home_pool::place place_;
    std::uint8_t* packed_ = nullptr;
    std::uint32_t packed_size_ = 0;
    std::uint32_t end_ = 0;       ///< of what is in use
    std::uint32_t touched_ = 0;   ///< highest end since the pages were the system's
    std::uint32_t first_ = none;  ///< free block; they are in the order of their places, and no two are neighbours
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
