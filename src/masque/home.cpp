// SPDX-License-Identifier: MIT
//
// All bytes of a home that nobody has written since they were taken are zero, but for the heads of free blocks. So a block
// taken needs no zeroing, and packing finds little to keep.
#include "masque/home.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "masque/heap.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

using word = std::uint64_t;

/// How many words that are zero, then how many that are kept. Of each of these follows which of its bytes are not zero,
/// in a byte with a bit for each, lowest first, and then all of those bytes.
struct run {
    std::uint16_t zero;
    std::uint16_t kept;
};
constexpr std::size_t longest_run = 0xFFFF;

[[nodiscard]] word word_at(const std::uint8_t* from, std::size_t i) noexcept {
    word w = 0;
    std::memcpy(&w, from + i * sizeof w, sizeof w);
    return w;
}

/// The top bit of each byte that is not zero.
[[nodiscard]] constexpr word marks(word w) noexcept {
    constexpr word low_bits = 0x7F7F7F7F7F7F7F7F;
    return (((w & low_bits) + low_bits) | w) & ~low_bits;
}

/// Writes the bytes of a word that are not zero; the end of them.
std::uint8_t* pack_word(word w, std::uint8_t& which, std::uint8_t* out) noexcept {
    which = 0;
    for (unsigned i = 0; i < sizeof w; ++i) {
        const auto b = static_cast<std::uint8_t>(w >> (8 * i));
        if (b == 0) continue;
        which = static_cast<std::uint8_t>(which | 1u << i);
        *out++ = b;
    }
    return out;
}

const std::uint8_t* unpack_word(word& w, std::uint8_t which, const std::uint8_t* in) noexcept {
    w = 0;
    for (unsigned rest = which; rest != 0; rest &= rest - 1) w |= word{*in++} << (8 * std::countr_zero(rest));
    return in;
}

/// Calls `take(zero, first, kept)` for each run of the words.
template <class Take>
void for_each_run(const std::uint8_t* from, std::size_t words, Take take) noexcept {
    for (std::size_t i = 0; i < words;) {
        const std::size_t begin = i;
        while (i < words && i - begin < longest_run && word_at(from, i) == 0) ++i;
        const std::size_t first = i;
        while (i < words && i - first < longest_run && word_at(from, i) != 0) ++i;
        take(first - begin, first, i - first);
    }
}

}  // namespace

#if defined(__linux__)

namespace {
constexpr unsigned homes_per_slab = 32;
}

struct home_pool::slab {
    slab* next;
    std::size_t size;
    std::uint32_t free = 0xFFFFFFFF;  ///< a bit for each home

    [[nodiscard]] std::uint8_t* first() noexcept { return reinterpret_cast<std::uint8_t*>(this) + page_size; }
};

home_pool::~home_pool() {
    while (slabs_ != nullptr) {
        slab* const next = slabs_->next;
        (void)munmap(slabs_, slabs_->size);
        slabs_ = next;
    }
    if (desk_ != nullptr) (void)munmap(desk_, home_size_);
}

home_pool::slab* home_pool::grow() noexcept {
    const std::size_t size = page_size + homes_per_slab * home_size_;
    void* const raw = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) return nullptr;
    (void)madvise(raw, size, MADV_NOHUGEPAGE);  // a home's pages come and go one by one
    return slabs_ = ::new (raw) slab{slabs_, size};
}

home_pool::place home_pool::take() noexcept {
    slab* from = recent_;
    if (from == nullptr || from->free == 0)
        for (from = slabs_; from != nullptr && from->free == 0;) from = from->next;
    if (from == nullptr) from = grow();
    if (from == nullptr) return {};
    recent_ = from;
    const auto i = static_cast<unsigned>(std::countr_zero(from->free));
    from->free &= from->free - 1;
    return {from->first() + i * home_size_, from};
}

void home_pool::give(const place& home, std::size_t touched) noexcept {
    if (touched > 0 && !empty(home.base, whole_pages(touched))) std::memset(home.base, 0, touched);
    recent_ = static_cast<slab*>(home.slab);
    recent_->free |= 1u << (static_cast<std::size_t>(home.base - recent_->first()) / home_size_);
}

bool home_pool::empty(std::uint8_t* from, std::size_t bytes) noexcept {
    return madvise(from, bytes, MADV_DONTNEED) == 0;
}

std::uint8_t* home_pool::desk() noexcept {
    if (desk_ != nullptr) return desk_;
    void* const raw =
        mmap(nullptr, home_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return raw == MAP_FAILED ? nullptr : desk_ = static_cast<std::uint8_t*>(raw);
}

#else

struct home_pool::slab {};
home_pool::~home_pool() = default;
home_pool::slab* home_pool::grow() noexcept {
    return nullptr;
}
home_pool::place home_pool::take() noexcept {
    return {};
}
void home_pool::give(const place&, std::size_t) noexcept {}
bool home_pool::empty(std::uint8_t*, std::size_t) noexcept {
    return false;
}
std::uint8_t* home_pool::desk() noexcept {
    return nullptr;
}

#endif

// Places

home::~home() {
    wake();
    if (place_.base != nullptr) pool_->give(place_, touched_);
}

void home::open(const allocator& memory, home_pool* pool) noexcept {
    memory_ = memory;
    pool_ = pool;
    if (pool != nullptr) place_ = pool->take();
}

bool home::rest() noexcept {
    if (place_.base == nullptr || packed_ != 0) return false;
    const std::size_t words = (end_ + sizeof(word) - 1) / sizeof(word);
    std::size_t size = 0;
    for_each_run(place_.base, words, [&](std::size_t, std::size_t first, std::size_t kept) {
        size += sizeof(run) + kept;
        for (std::size_t i = first; i < first + kept; ++i)
            size += static_cast<unsigned>(std::popcount(marks(word_at(place_.base, i))));
    });
    const std::size_t kept_pages = home_pool::whole_pages(size);
    const std::size_t pages = home_pool::whole_pages(touched_);
    std::uint8_t* const packed = pool_->desk();
    if (size == 0 || kept_pages >= pages || packed == nullptr) return false;
    std::uint8_t* out = packed;
    for_each_run(place_.base, words, [&](std::size_t zero, std::size_t first, std::size_t kept) {
        const run next{static_cast<std::uint16_t>(zero), static_cast<std::uint16_t>(kept)};
        std::memcpy(out, &next, sizeof next);
        std::uint8_t* const which = out + sizeof next;
        out = which + kept;
        for (std::size_t i = 0; i < kept; ++i) out = pack_word(word_at(place_.base, first + i), which[i], out);
    });
    if (!home_pool::empty(place_.base + kept_pages, pages - kept_pages)) return false;
    std::memcpy(place_.base, packed, size);
    packed_ = static_cast<std::uint32_t>(size);
    touched_ = static_cast<std::uint32_t>(std::max<std::size_t>(end_, size));
    ++pool_->resting_;
    return true;
}

void home::unpack() noexcept {
    const std::size_t size = std::exchange(packed_, 0);
    std::uint8_t* const packed = pool_->desk();  // there is one since the first that was packed
    std::memcpy(packed, place_.base, size);
    std::memset(place_.base, 0, home_pool::whole_pages(size));
    std::size_t at = 0;
    for (const std::uint8_t* in = packed; in < packed + size;) {
        run next{};
        std::memcpy(&next, in, sizeof next);
        at += next.zero;
        const std::uint8_t* const which = in + sizeof next;
        in = which + next.kept;
        for (std::size_t i = 0; i < next.kept; ++i, ++at) {
            word w = 0;
            in = unpack_word(w, which[i], in);
            std::memcpy(place_.base + at * sizeof w, &w, sizeof w);
        }
    }
    --pool_->resting_;
}

// A plain home

void* plain_home::allocate(void* user, std::size_t size, std::size_t alignment) noexcept {
    home& h = static_cast<plain_home*>(user)->home_;
    const std::size_t at = (h.end() + alignment - 1) / alignment * alignment;
    if (alignment > home_pool::page_size || at > h.size() || h.size() - at < size)
        return h.memory().allocate(h.memory().user, size, alignment);
    h.move_end(static_cast<std::uint32_t>(at + size));
    return h.base() + at;
}

void plain_home::release(void* user, void* block, std::size_t size, std::size_t alignment) noexcept {
    const home& h = static_cast<plain_home*>(user)->home_;
    if (!h.holds(block)) h.memory().release(h.memory().user, block, size, alignment);
}

// A connection's home

void* connection_home::allocate_here(std::size_t size) noexcept {
    if (size > home_.size()) return nullptr;
    const auto wanted = static_cast<std::uint32_t>((size + sizeof(head) - 1) / sizeof(head) * sizeof(head));
    const auto whole = static_cast<std::uint32_t>(wanted + sizeof(head));
    std::uint32_t before = none;
    for (std::uint32_t i = first_; i != none; before = i, i = at(i).next) {
        head& free = at(i);
        if (free.size < wanted) continue;
        if (free.size >= whole) {  // its end is enough
            free.size -= whole;
            const std::uint32_t taken = behind(i, free);
            at(taken) = {wanted, none, 0};
            return home_.base() + taken + sizeof(head);
        }
        (before == none ? first_ : at(before).next) = free.next;
        free.next = none;
        return home_.base() + i + sizeof(head);
    }
    const std::uint32_t taken = home_.end();
    if (home_.size() - taken < whole) return nullptr;
    home_.move_end(taken + whole);
    at(taken) = {wanted, none, 0};
    return home_.base() + taken + sizeof(head);
}

void* connection_home::allocate(std::size_t size) noexcept {
    void* const here = allocate_here(size);
    return here != nullptr ? here : sized_heap::allocate(home_.memory(), size);
}

void* connection_home::allocate_zeroed(std::size_t count, std::size_t size) noexcept {
    if (size != 0 && count > static_cast<std::size_t>(-1) / size) return nullptr;
    void* const here = allocate_here(count * size);
    return here != nullptr ? here : sized_heap::allocate_zeroed(home_.memory(), count, size);
}

void* connection_home::reallocate(void* block, std::size_t size) noexcept {
    if (block == nullptr) return allocate(size);
    if (!home_.holds(block)) return sized_heap::reallocate(home_.memory(), block, size);
    const std::size_t before = (static_cast<const head*>(block) - 1)->size;
    if (size <= before) return block;
    void* const moved = allocate(size);
    if (moved == nullptr) return nullptr;
    std::memcpy(moved, block, before);
    release(block);
    return moved;
}

void connection_home::release(void* block) noexcept {
    if (block == nullptr) return;
    if (!home_.holds(block)) return sized_heap::release(home_.memory(), block);
    const auto* const own = reinterpret_cast<const std::uint8_t*>(static_cast<const head*>(block) - 1);
    const auto place = static_cast<std::uint32_t>(own - home_.base());
    std::memset(block, 0, at(place).size);
    std::uint32_t previous = none;
    std::uint32_t next = first_;
    for (; next != none && next < place; next = at(next).next) previous = next;
    at(place).next = next;
    (previous == none ? first_ : at(previous).next) = place;

    const auto join = [&](std::uint32_t one, std::uint32_t other) {
        if (behind(one, at(one)) != other) return false;
        at(one).size += static_cast<std::uint32_t>(sizeof(head)) + at(other).size;
        at(one).next = at(other).next;
        at(other) = {};
        return true;
    };
    if (next != none) (void)join(place, next);
    std::uint32_t last = place;
    std::uint32_t before_last = previous;
    if (previous != none && join(previous, place)) {
        last = previous;
        before_last = none;
        for (std::uint32_t i = first_; i != last; i = at(i).next) before_last = i;
    }
    if (behind(last, at(last)) != home_.end()) return;
    (before_last == none ? first_ : at(before_last).next) = none;
    at(last) = {};
    home_.move_end(last);
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
