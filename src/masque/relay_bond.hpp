// SPDX-License-Identifier: MIT
//
// A relay's bonds: several legs, one session endpoint, one target each.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "duality/masque/bond.hpp"
#include "duality/masque/relay.hpp"
#include "duality/session.hpp"
#include "masque/connection_table.hpp"
#include "masque/home.hpp"
#include "masque/timer_heap.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

struct bond_leg {
    connection* via = nullptr;  ///< nullptr: the place is free
    request* on = nullptr;
    std::uint8_t number = 0;
    bool registered = false;  ///< frames travel
    std::uint32_t max_datagram = 0;
};

/// The relay's end of a bond, which rests while it has nothing to do.
class bond_end {
public:
    bond_end() noexcept = default;
    bond_end(const bond_end&) = delete;
    bond_end& operator=(const bond_end&) = delete;
    ~bond_end() { home_.wake(); }

    /// Makes the session; one with nothing to do for `rest_after` rests. With `homes` nullptr it does not.
    [[nodiscard]] status begin(const session_config& config, const allocator& memory, home_pool* homes,
                               duration rest_after) noexcept;

    [[nodiscard]] session& awake() noexcept {
        home_.wake();
        return *session_;
    }
    [[nodiscard]] bond_statistics statistics() const noexcept {
        if (home_.rests()) return at_rest_.statistics;
        const session_statistics s = session_->statistics();
        return {s.sender, s.receiver};
    }
    [[nodiscard]] instant next_timeout() const noexcept {
        const bool may_rest = rest_after_ > duration::zero() && !home_.rests();
        return std::min(session_timeout(), may_rest ? active_at_ + rest_after_ : instant::never());
    }
    /// Something was done for it.
    void touch(instant now) noexcept { active_at_ = now; }
    /// Lays it to rest, if it is time for that and for nothing else.
    [[nodiscard]] bool rest(instant now) noexcept;

private:
    [[nodiscard]] instant session_timeout() const noexcept {
        return home_.rests() ? at_rest_.timeout : session_->next_timeout();
    }

    plain_home home_;            ///< of the session and all that it has
    heap_ptr<session> session_;  ///< set by `begin`
    duration rest_after_{};
    instant active_at_ = instant::before_all();
    struct {
        instant timeout = instant::never();
        bond_statistics statistics;
    } at_rest_;
};

inline status bond_end::begin(const session_config& config, const allocator& memory, home_pool* homes,
                              duration rest_after) noexcept {
    home_.open(memory, homes);
    rest_after_ = homes != nullptr ? rest_after : duration::zero();
    result<session> made = session::create(config, home_.get());
    if (!made) return made.error().code;
    session_ = make_on_heap<session>(home_.get(), std::move(made).value());
    return session_ != nullptr ? status::ok : status::out_of_memory;
}

inline bool bond_end::rest(instant now) noexcept {
    if (rest_after_ <= duration::zero() || now < active_at_ + rest_after_ || session_timeout() <= now) return false;
    active_at_ = now;  // or else it is tried again after as long
    at_rest_ = {session_timeout(), statistics()};
    (void)home_.rest();
    return true;
}

struct relay_bond {
    relay_bond(const udp_target& wanted, client_account& opener, target_id number) noexcept
        : target{wanted}, client{&opener}, target_number{number} {}

    static constexpr std::size_t most_legs = 16;

    bond_end end;
    bond_id id{};
    bond_secret secret{};
    udp_target target;
    client_account* client;
    target_id target_number;
    std::uint32_t max_payload = 0;  ///< of the session
    std::array<bond_leg, most_legs> legs{};
    std::size_t leg_count = 0;
    instant over_at = instant::never();  ///< without a leg, and with nobody coming
    bool over = false;
    std::size_t timer_place = 0;
    instant timer_at = instant::never();

    [[nodiscard]] bond_leg* find(std::uint8_t number) noexcept {
        for (bond_leg& leg : legs)
            if (leg.via != nullptr && leg.number == number) return &leg;
        return nullptr;
    }
    [[nodiscard]] bond_leg* find(const request& on) noexcept {
        bond_leg* const leg = find(on.leg);
        return leg != nullptr && leg->on == &on ? leg : nullptr;
    }
    [[nodiscard]] instant next_timeout() const noexcept { return std::min(end.next_timeout(), over_at); }
    [[nodiscard]] bool rest(instant now) noexcept { return now < over_at && end.rest(now); }
};

class bond_table {
public:
    bond_table(const allocator& memory, keyed_hash hash) noexcept : memory_{memory}, by_id_{memory, hash} {}
    bond_table(const bond_table&) = delete;
    bond_table& operator=(const bond_table&) = delete;
    ~bond_table() {
        for (std::size_t i = 0; i < heap_.count(); ++i) heap_deleter{memory_}(&heap_[i]);
    }

    [[nodiscard]] bool create(std::size_t capacity) noexcept { return heap_.create(capacity, memory_); }
    [[nodiscard]] std::size_t count() const noexcept { return heap_.count(); }
    [[nodiscard]] bool full() const noexcept { return heap_.full(); }

    /// Takes over; nullptr without memory. Precondition: not full.
    [[nodiscard]] relay_bond* add(heap_ptr<relay_bond> b) noexcept {
        if (!by_id_.insert(cid_key{b->id}, b.get())) return nullptr;
        heap_.add(*b);
        return b.release();
    }
    void remove(relay_bond& b) noexcept {
        by_id_.erase(cid_key{b.id});
        heap_.remove(b);
        heap_deleter{memory_}(&b);
    }
    [[nodiscard]] relay_bond* find(const bond_id& id) noexcept {
        relay_bond** const found = by_id_.find(cid_key{id});
        return found != nullptr ? *found : nullptr;
    }
    void retime(relay_bond& b) noexcept { heap_.retime(b, b.next_timeout()); }
    /// Of all that are there.
    [[nodiscard]] bond_statistics statistics() const noexcept {
        bond_statistics all;
        for (std::size_t i = 0; i < heap_.count(); ++i) all += heap_[i].end.statistics();
        return all;
    }
    [[nodiscard]] relay_bond* first() noexcept { return heap_.first(); }
    [[nodiscard]] instant next_timeout() const noexcept {
        return heap_.count() == 0 ? instant::never() : heap_.first()->timer_at;
    }

private:
    allocator memory_;
    hash_map<cid_key, relay_bond*, keyed_hash> by_id_;
    timer_heap<relay_bond> heap_;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
