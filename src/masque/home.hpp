// SPDX-License-Identifier: MIT
//
// Pages of its own for what belongs to one connection or one bond, so that one with nothing to do can be laid to rest.
// Most of what the QUIC and HTTP/3 libraries keep of an idle connection is empty, and so is most of a quiet session's
// room: places for streams, packets and ranges that are not there. At rest only what is not zero is kept, packed into the
// first of these pages, and the others are given back; on waking everything is where it was.
//
// Where the system has no such pages, or no more of them, and for what does not fit in, the allocator serves as ever.
#pragma once

#include <cstddef>
#include <cstdint>

#include "duality/memory.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Places for homes of one size, of one endpoint; must outlive them.
class home_pool {
public:
    static constexpr std::size_t page_size = 4096;

    /// `size` is rounded up to whole pages.
    explicit home_pool(std::size_t size) noexcept : home_size_{whole_pages(size)} {}
    home_pool(const home_pool&) = delete;
    home_pool& operator=(const home_pool&) = delete;
    ~home_pool();

    [[nodiscard]] static constexpr std::size_t whole_pages(std::size_t size) noexcept {
        return (size + page_size - 1) / page_size * page_size;
    }

    /// Zeroed memory of `home_size()`, and what it is a part of.
    struct place {
        std::uint8_t* base = nullptr;
        void* slab = nullptr;
    };
    /// Without `base` when there is none.
    [[nodiscard]] place take() noexcept;
    /// The first `touched` bytes may be other than zero.
    void give(const place& home, std::size_t touched) noexcept;
    /// Makes bytes of a home zero, and gives their pages back to the system; both ends are of whole pages. False: nothing
    /// has happened.
    [[nodiscard]] static bool empty(std::uint8_t* from, std::size_t bytes) noexcept;
    /// As large as a home, to pack into and from, for whoever is at it; nullptr when there is none.
    [[nodiscard]] std::uint8_t* desk() noexcept;
    [[nodiscard]] std::size_t home_size() const noexcept { return home_size_; }
    /// For homes to come; precondition: there are none.
    void set_home_size(std::size_t size) noexcept { home_size_ = whole_pages(size); }
    /// How many homes are at rest.
    [[nodiscard]] std::size_t resting() const noexcept { return resting_; }

private:
    friend class home;
    struct slab;
    [[nodiscard]] slab* grow() noexcept;

    std::size_t home_size_;
    slab* slabs_ = nullptr;
    slab* recent_ = nullptr;  ///< may have a free home
    std::uint8_t* desk_ = nullptr;
    std::size_t resting_ = 0;
};

/// One place, from its beginning to its end in use.
class home {
public:
    home() noexcept = default;
    home(const home&) = delete;
    home& operator=(const home&) = delete;
    ~home();

    /// `memory` is for what has no room here. With `pool` nullptr there is no place.
    void open(const allocator& memory, home_pool* pool) noexcept;

    [[nodiscard]] const allocator& memory() const noexcept { return memory_; }
    /// nullptr: there is no place, and all sizes are 0.
    [[nodiscard]] std::uint8_t* base() const noexcept { return place_.base; }
    [[nodiscard]] std::size_t size() const noexcept { return place_.base != nullptr ? pool_->home_size() : 0; }
    [[nodiscard]] bool holds(const void* block) const noexcept {
        const auto* const at = static_cast<const std::uint8_t*>(block);
        return place_.base != nullptr && at >= place_.base && at < place_.base + size();
    }
    /// What lies behind it is zero.
    [[nodiscard]] std::uint32_t end() const noexcept { return end_; }
    void move_end(std::uint32_t to) noexcept {
        end_ = to;
        touched_ = to > touched_ ? to : touched_;
    }

    /// Packs everything; nobody may look at it until `wake`. False: it stays awake, as nothing would be gained.
    [[nodiscard]] bool rest() noexcept;
    void wake() noexcept {
        if (packed_ != 0) unpack();
    }
    [[nodiscard]] bool rests() const noexcept { return packed_ != 0; }

private:
    void unpack() noexcept;

    allocator memory_{};
    home_pool* pool_ = nullptr;
    home_pool::place place_;
    std::uint32_t packed_ = 0;   ///< bytes that everything is packed into; 0: awake
    std::uint32_t end_ = 0;      ///< of what is in use
    std::uint32_t touched_ = 0;  ///< highest end since the pages were the system's
};

/// For what takes all its memory in the beginning and gives it back in the end.
class plain_home {
public:
    /// With `pool` nullptr everything comes from `memory`.
    void open(const allocator& memory, home_pool* pool) noexcept { home_.open(memory, pool); }
    /// Gives what is not used again before the home goes. The home must stay where it is.
    [[nodiscard]] allocator get() noexcept { return {this, &allocate, &release}; }

    [[nodiscard]] bool rest() noexcept { return home_.rest(); }
    void wake() noexcept { home_.wake(); }
    [[nodiscard]] bool rests() const noexcept { return home_.rests(); }

private:
    static void* allocate(void* user, std::size_t size, std::size_t alignment) noexcept;
    static void release(void* user, void* block, std::size_t size, std::size_t alignment) noexcept;

    home home_;
};

/// For libraries that take and give back memory as they go.
class connection_home {
public:
    static constexpr std::size_t usual_size = std::size_t{128} * 1024;

    /// With `pool` nullptr everything comes from `memory`.
    void open(const allocator& memory, home_pool* pool) noexcept { home_.open(memory, pool); }

    // malloc and its relatives.

    [[nodiscard]] void* allocate(std::size_t size) noexcept;
    [[nodiscard]] void* allocate_zeroed(std::size_t count, std::size_t size) noexcept;
    [[nodiscard]] void* reallocate(void* block, std::size_t size) noexcept;
    void release(void* block) noexcept;

    [[nodiscard]] bool rest() noexcept { return home_.rest(); }
    void wake() noexcept { home_.wake(); }
    [[nodiscard]] bool rests() const noexcept { return home_.rests(); }

private:
    /// Before each block.
    struct head {
        std::uint32_t size;  ///< of the block behind it
        std::uint32_t next;  ///< where the next free block's head is; `none` of the last one and of those in use
        std::uint64_t unused;
    };
    static constexpr std::uint32_t none = 0xFFFFFFFF;
    static_assert(sizeof(head) == alignof(std::max_align_t));

    [[nodiscard]] head& at(std::uint32_t place) const noexcept {
        return *reinterpret_cast<head*>(home_.base() + place);
    }
    [[nodiscard]] static std::uint32_t behind(std::uint32_t place, const head& h) noexcept {
        return place + static_cast<std::uint32_t>(sizeof(head)) + h.size;
    }
    /// A block here, zeroed; nullptr when it does not fit.
    [[nodiscard]] void* allocate_here(std::size_t size) noexcept;

    home home_;
    std::uint32_t first_ = none;  ///< free block; they are in the order of their places, and no two are neighbours
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
