// SPDX-License-Identifier: MIT
//
// The targets of a relay's tunnels, and what the caller is still to be told about them.
#pragma once

#include <cstdint>
#include <optional>

#include "duality/masque/relay.hpp"
#include "masque/client_accounts.hpp"
#include "masque/connection.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

enum class target_state : std::uint8_t {
    free,
    resolve_due,  ///< the caller is to look the name up
    resolving,    ///< it does
    open_due,     ///< the caller is to open a socket
    opening,      ///< it does
    open,         ///< payloads flow
    close_due,    ///< the caller is to forget it
    forgotten,    ///< nobody wants it, and the caller has not heard of it yet
};

struct relay_bond;

struct relay_target {
    target_state at = target_state::free;
    bool listed = false;     ///< the caller is to be told
    bool known = false;      ///< it has been told of this target
    bool looked_up = false;  ///< its name counts among the client's lookups
    std::uint32_t generation = 0;
    std::uint32_t next = 0;
    std::uint32_t unanswered = 0;
    connection* via = nullptr;
    request* on = nullptr;
    client_account* client = nullptr;
    heap_ptr<udp_target> asked;  ///< until the socket is open
    udp_address address;
    relay_bond* bond = nullptr;  ///< has it instead of `via` and `on`
    bool wants_bond = false;
    std::uint32_t bond_payload = 0;  ///< largest that the client wants protected; 0: it does not say
};

class target_table {
public:
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    [[nodiscard]] bool create(std::size_t capacity, const allocator& memory) noexcept {
        if (!targets_.create(capacity, memory)) return false;
        for (std::size_t i = capacity; i-- > 0;) {
            targets_[i].next = first_free_;
            first_free_ = static_cast<std::uint32_t>(i);
        }
        return true;
    }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] relay_target* take() noexcept {
        if (first_free_ == none) return nullptr;
        relay_target& t = targets_[first_free_];
        first_free_ = t.next;
        t.next = none;
        ++count_;
        return &t;
    }
    void give(relay_target& t) noexcept {
        const std::uint32_t generation = t.generation + 1;
        t = {};
        t.generation = generation;
        t.next = first_free_;
        first_free_ = index_of(t);
        --count_;
    }

    [[nodiscard]] target_id id_of(const relay_target& t) const noexcept {
        return target_id{t.generation} << 32 | index_of(t);
    }
    [[nodiscard]] relay_target* find(target_id id) noexcept {
        const auto i = static_cast<std::uint32_t>(id);
        if (i >= targets_.size() || targets_[i].at == target_state::free || targets_[i].generation != id >> 32)
            return nullptr;
        return &targets_[i];
    }

    /// The caller is to be told about `t`, after what it is to be told already.
    void list(relay_target& t) noexcept {
        if (t.listed) return;
        t.listed = true;
        t.next = none;
        (first_listed_ == none ? first_listed_ : targets_[last_listed_].next) = index_of(t);
        last_listed_ = index_of(t);
    }
    [[nodiscard]] bool any_listed() const noexcept { return first_listed_ != none; }
    /// Precondition: `any_listed()`.
    [[nodiscard]] relay_target& pop_listed() noexcept {
        relay_target& t = targets_[first_listed_];
        first_listed_ = t.next;
        t.listed = false;
        t.next = none;
        return t;
    }

private:
    [[nodiscard]] std::uint32_t index_of(const relay_target& t) const noexcept {
        return static_cast<std::uint32_t>(&t - targets_.data());
    }

    buffer<relay_target> targets_;
    std::size_t count_ = 0;
    std::uint32_t first_free_ = none;
    std::uint32_t first_listed_ = none;
    std::uint32_t last_listed_ = none;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
