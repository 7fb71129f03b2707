// SPDX-License-Identifier: MIT
//
// All connections of a relay: found by connection id, woken in order of time, written to in turn.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "masque/connection.hpp"
#include "masque/timer_heap.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

struct cid_key {
    std::array<std::uint8_t, NGTCP2_MAX_CIDLEN> bytes{};
    std::uint8_t size = 0;

    cid_key() noexcept = default;
    explicit cid_key(byte_view id) noexcept : size{static_cast<std::uint8_t>(std::min(id.size(), bytes.size()))} {
        std::memcpy(bytes.data(), id.data(), size);
    }
    bool operator==(const cid_key&) const noexcept = default;
};

/// Clients choose some of the keys, so where they go depends on a secret.
struct keyed_hash {
    std::uint64_t secret[2]{};

    /// False when the system has no random numbers.
    [[nodiscard]] bool randomize() noexcept {
        std::array<std::uint8_t, sizeof secret> bytes{};
        const bool ok = tls::random_bytes(bytes);
        std::memcpy(secret, bytes.data(), bytes.size());
        return ok;
    }

    template <class Bytes>
    [[nodiscard]] std::uint64_t mix(const Bytes& bytes) const noexcept {
        std::uint64_t state = secret[0];
        for (std::size_t i = 0; i < bytes.size(); i += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
            state ^= word;
            state = splitmix64(state) ^ secret[1];
        }
        return state;
    }
    [[nodiscard]] std::uint64_t operator()(const cid_key& key) const noexcept { return mix(key.bytes); }
};

class connection_table {
public:
    connection_table(const allocator& memory, keyed_hash hash) noexcept : memory_{memory}, by_id_{memory, hash} {}
    connection_table(const connection_table&) = delete;
    connection_table& operator=(const connection_table&) = delete;
    ~connection_table() {
        for (std::size_t i = 0; i < heap_.count(); ++i) heap_deleter{memory_}(&heap_[i]);
    }

    [[nodiscard]] bool create(std::size_t capacity) noexcept { return heap_.create(capacity, memory_); }

    [[nodiscard]] std::size_t count() const noexcept { return heap_.count(); }
    [[nodiscard]] bool full() const noexcept { return heap_.full(); }

    [[nodiscard]] connection* find(byte_view id) noexcept {
        connection** const found = by_id_.find(cid_key{id});
        return found != nullptr ? *found : nullptr;
    }
    [[nodiscard]] bool add_id(const ngtcp2_cid& id, connection& c) noexcept {
        return by_id_.insert(cid_key{{id.data, id.datalen}}, &c);
    }
    void remove_id(const ngtcp2_cid& id, const connection& c) noexcept {
        const cid_key key{{id.data, id.datalen}};
        connection** const found = by_id_.find(key);
        if (found != nullptr && *found == &c) by_id_.erase(key);
    }

    /// Takes over. Precondition: not full.
    void add(heap_ptr<connection> c) noexcept { heap_.add(*c.release()); }
    /// Gives the connection back; its ids must be gone.
    [[nodiscard]] heap_ptr<connection> remove(connection& c) noexcept {
        heap_.remove(c);
        return heap_ptr<connection>{&c, heap_deleter{memory_}};
    }

    /// Tells when a connection wants to be woken.
    void retime(connection& c) noexcept { heap_.retime(c, c.next_timeout()); }
    /// Whoever wants to be woken next; nullptr without connections.
    [[nodiscard]] connection* first() noexcept { return heap_.first(); }
    [[nodiscard]] const connection* first() const noexcept { return heap_.first(); }
    template <class See>
    void for_each(See see) noexcept {
        for (std::size_t i = 0; i < heap_.count(); ++i) see(heap_[i]);
    }

    // Those that have not shown yet that they may use the relay, by age. Whoever only comes to take up room is among them.

    void add_unproven(connection& c) noexcept {
        c.unproven = true;
        c.older_unproven = newest_unproven_;
        (newest_unproven_ == nullptr ? oldest_unproven_ : newest_unproven_->newer_unproven) = &c;
        newest_unproven_ = &c;
    }
    /// Harmless when it is none.
    void remove_unproven(connection& c) noexcept {
        if (!c.unproven) return;
        c.unproven = false;
        (c.older_unproven == nullptr ? oldest_unproven_ : c.older_unproven->newer_unproven) = c.newer_unproven;
        (c.newer_unproven == nullptr ? newest_unproven_ : c.newer_unproven->older_unproven) = c.older_unproven;
    }
    [[nodiscard]] connection* oldest_unproven() noexcept { return oldest_unproven_; }

    // Those that have something to write, first come first served.

    void list(connection& c) noexcept {
        if (c.listed_to_write) return;
        c.listed_to_write = true;
        c.next_to_write = nullptr;
        (first_listed_ == nullptr ? first_listed_ : last_listed_->next_to_write) = &c;
        last_listed_ = &c;
    }
    [[nodiscard]] connection* first_listed() noexcept { return first_listed_; }
    [[nodiscard]] bool any_listed() const noexcept { return first_listed_ != nullptr; }
    void unlist_first() noexcept {
        first_listed_->listed_to_write = false;
        first_listed_ = first_listed_->next_to_write;
    }

private:
    allocator memory_;
    hash_map<cid_key, connection*, keyed_hash> by_id_;
    timer_heap<connection> heap_;
    connection* oldest_unproven_ = nullptr;
    connection* newest_unproven_ = nullptr;
    connection* first_listed_ = nullptr;
    connection* last_listed_ = nullptr;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
