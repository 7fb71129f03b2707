// SPDX-License-Identifier: MIT
//
// What each client of a relay has and uses, and who is one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "duality/masque/address.hpp"
#include "masque/connection_table.hpp"
#include "masque/heap.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

struct client_account {
    std::uint32_t connections = 0;
    std::uint32_t tunnels = 0;
    std::uint64_t bytes = 0;
    instant rate_at = instant::before_all();  ///< when all that was let through would have passed at the rate
    cid_key key;                              ///< of an address
};

/// A rate limiter without a timer: a payload passes while what passed before is at most `burst` ahead of the rate.
[[nodiscard]] inline bool within_rate(client_account& account, instant now, std::size_t bytes,
                                      std::uint64_t rate_bps) noexcept {
    constexpr duration burst = duration::from_ms(250);
    if (rate_bps == 0) return true;
    const instant start = std::max(account.rate_at, now);
    if (start - now > burst) return false;
    const std::uint64_t takes = static_cast<std::uint64_t>(bytes) * 8 * 1'000'000'000 / rate_bps;
    account.rate_at = start + duration::from_ns(static_cast<std::int64_t>(takes));
    return true;
}

class client_accounts {
public:
    client_accounts(const allocator& memory, keyed_hash hash) noexcept : memory_{memory}, by_address_{memory, hash} {}
    client_accounts(const client_accounts&) = delete;
    client_accounts& operator=(const client_accounts&) = delete;
    ~client_accounts() {
        by_address_.for_each([&](const cid_key&, client_account* a) { heap_deleter{memory_}(a); });
    }

    [[nodiscard]] bool create(std::span<const std::string_view> tokens) noexcept {
        if (!digests_.create(tokens.size(), memory_) || !by_token_.create(tokens.size(), memory_)) return false;
        for (std::size_t i = 0; i < tokens.size(); ++i)
            digests_[i] = tls::sha256({reinterpret_cast<const std::uint8_t*>(tokens[i].data()), tokens[i].size()});
        return true;
    }

    [[nodiscard]] bool needs_token() const noexcept { return !digests_.empty(); }
    /// Looks at every token to the last byte, whatever was shown, so that time tells nothing.
    [[nodiscard]] client_account* find_token(const std::array<std::uint8_t, 32>& shown) noexcept {
        std::size_t found = digests_.size();
        for (std::size_t i = 0; i < digests_.size(); ++i) {
            unsigned differences = 0;
            for (std::size_t b = 0; b < shown.size(); ++b)
                differences |= static_cast<unsigned>(digests_[i][b] ^ shown[b]);
            // All ones when there is no difference, else zero.
            const std::size_t mask = std::size_t{0} - static_cast<std::size_t>((differences - 1) >> 31);
            found = (i & mask) | (found & ~mask);
        }
        return found < by_token_.size() ? &by_token_[found] : nullptr;
    }

    /// The account of an address, of an IPv6 address its /64; nullptr without memory.
    [[nodiscard]] client_account* open_address(const ip_address& ip) noexcept {
        const cid_key key{ip.bytes().first(ip.is_v6() ? std::size_t{8} : std::size_t{4})};
        if (client_account** const found = by_address_.find(key)) return *found;
        heap_ptr<client_account> made = make_on_heap<client_account>(memory_);
        if (!made || !by_address_.insert(key, made.get())) return nullptr;
        made->key = key;
        return made.release();
    }
    /// Forgets an address that has nothing any more.
    void release(client_account& account) noexcept {
        if (account.key.size == 0 || account.connections + account.tunnels > 0) return;
        by_address_.erase(account.key);
        heap_deleter{memory_}(&account);
    }

private:
    allocator memory_;
    hash_map<cid_key, client_account*, keyed_hash> by_address_;
    buffer<std::array<std::uint8_t, 32>> digests_;
    buffer<client_account> by_token_;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
