// SPDX-License-Identifier: MIT
//
// What each client of a relay, or of several, has and uses, and who is one.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "duality/masque/address.hpp"
#include "duality/masque/client_ledger.hpp"
#include "masque/connection_table.hpp"
#include "masque/datagram_pool.hpp"
#include "masque/heap.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Relays on other threads may use the same one.
class client_account {
public:
    /// One connection, tunnel or lookup more, if there are fewer than `most`.
    [[nodiscard]] bool take_connection(std::uint32_t most) noexcept { return take(connections_, most); }
    [[nodiscard]] bool take_tunnel(std::uint32_t most) noexcept { return take(tunnels_, most); }
    [[nodiscard]] bool take_lookup(std::uint32_t most) noexcept { return take(lookups_, most); }
    void give_connection() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] bool take_bond(std::uint32_t most) noexcept { return take(bonds_, most); }
    void give_bond() noexcept { bonds_.fetch_sub(1, std::memory_order_relaxed); }
    void give_tunnel() noexcept { tunnels_.fetch_sub(1, std::memory_order_relaxed); }
    void give_lookup() noexcept { lookups_.fetch_sub(1, std::memory_order_relaxed); }

    /// Counts the datagrams of its connections that wait for something, as `datagram_pool::take` wants it.
    [[nodiscard]] datagram_pool::share& buffers() noexcept { return buffers_; }

    /// May so many bytes pass? They are counted if they may; 0: there is no limit, and nothing is counted.
    [[nodiscard]] bool within_quota(std::size_t bytes, std::uint64_t most) noexcept {
        if (most == 0) return true;
        if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= most) return true;
        bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        return false;
    }
    [[nodiscard]] bool quota_used_up(std::uint64_t most) const noexcept {
        return most > 0 && bytes_.load(std::memory_order_relaxed) >= most;
    }
    /// A rate limiter without a timer: a payload passes while what passed before is at most `burst` ahead of the rate.
    [[nodiscard]] bool within_rate(instant now, std::size_t bytes, std::uint64_t rate_bps) noexcept {
        constexpr std::int64_t burst = duration::from_ms(250).ns();
        if (rate_bps == 0) return true;
        const auto takes = static_cast<std::int64_t>(std::uint64_t{bytes} * 8 * 1'000'000'000 / rate_bps);
        std::int64_t before = rate_at_.load(std::memory_order_relaxed);
        std::int64_t start = 0;
        do {
            start = std::max(before, now.ns());
            if (start - now.ns() > burst) return false;
        } while (!rate_at_.compare_exchange_weak(before, start + takes, std::memory_order_relaxed));
        return true;
    }

private:
    friend class client_accounts;

    [[nodiscard]] static bool take(std::atomic<std::uint32_t>& from, std::uint32_t most) noexcept {
        if (from.fetch_add(1, std::memory_order_relaxed) < most) return true;
        from.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }

    std::atomic<std::uint32_t> connections_{0};
    std::atomic<std::uint32_t> tunnels_{0};
    std::atomic<std::uint32_t> lookups_{0};
    std::atomic<std::uint32_t> bonds_{0};
    datagram_pool::share buffers_{0};
    std::atomic<std::uint64_t> bytes_{0};
    /// When all that was let through would have passed at the rate.
    std::atomic<std::int64_t> rate_at_{instant::before_all().ns()};
    std::uint32_t holders_ = 0;  ///< of an address or a key: connections that know this account
    cid_key key_;                ///< an address, or the beginning of a key's digest
};

class client_accounts {
public:
    client_accounts(const allocator& memory, keyed_hash hash) noexcept : memory_{memory}, by_key_{memory, hash} {}
    client_accounts(const client_accounts&) = delete;
    client_accounts& operator=(const client_accounts&) = delete;
    ~client_accounts() {
        by_key_.for_each([&](const cid_key&, client_account* a) { heap_deleter{memory_}(a); });
    }

    [[nodiscard]] bool create(std::span<const std::string_view> tokens) noexcept {
        if (!digests_.create(tokens.size(), memory_) || !by_token_.create(tokens.size(), memory_)) return false;
        for (std::size_t i = 0; i < tokens.size(); ++i)
            digests_[i] = tls::sha256({reinterpret_cast<const std::uint8_t*>(tokens[i].data()), tokens[i].size()});
        return true;
    }

    [[nodiscard]] const allocator& memory() const noexcept { return memory_; }
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

    /// The account of an address, of an IPv6 address its /64; nullptr without memory. To be let go of by `close`.
    [[nodiscard]] client_account* open_address(const ip_address& ip) noexcept {
        return open(cid_key{ip.bytes().first(ip.is_v6() ? std::size_t{8} : std::size_t{4})}, false);
    }
    /// The account of a certificate's key; nullptr without memory. To be let go of by `close`; what it has used is
    /// remembered `for_good`, or until the last connection is gone.
    [[nodiscard]] client_account* open_key(const key_pin& key, bool for_good) noexcept {
        return open(cid_key{key.sha256}, for_good);  // longer than any address
    }
    /// For what may outlive the client's connections: the account of an address or key stays until it is given back.
    void keep(client_account& account) noexcept {
        if (account.key_.size == 0) return;  // of a token
        const hold held{busy_};
        ++account.holders_;
    }
    void give_back(client_account& account) noexcept {
        if (account.key_.size != 0) close(account);
    }
    /// Forgets an address or key when nobody holds it any more.
    void close(client_account& account) noexcept {
        const hold held{busy_};
        if (--account.holders_ > 0) return;
        by_key_.erase(account.key_);
        heap_deleter{memory_}(&account);
    }

private:
    /// The table of addresses and keys changes with connections, not with packets, so waiting for it is rare and short.
    class hold {
    public:
        explicit hold(std::atomic_flag& busy) noexcept : busy_{busy} {
            while (busy_.test_and_set(std::memory_order_acquire)) continue;
        }
        ~hold() { busy_.clear(std::memory_order_release); }
        hold(const hold&) = delete;
        hold& operator=(const hold&) = delete;

    private:
        std::atomic_flag& busy_;
    };

    [[nodiscard]] client_account* open(const cid_key& key, bool for_good) noexcept {
        const hold held{busy_};
        if (client_account** const found = by_key_.find(key)) {
            ++(*found)->holders_;
            return *found;
        }
        heap_ptr<client_account> made = make_on_heap<client_account>(memory_);
        if (!made || !by_key_.insert(key, made.get())) return nullptr;
        made->key_ = key;
        made->holders_ = for_good ? 2 : 1;
        return made.release();
    }

    allocator memory_;
    std::atomic_flag busy_;
    hash_map<cid_key, client_account*, keyed_hash> by_key_;
    buffer<std::array<std::uint8_t, 32>> digests_;
    buffer<client_account> by_token_;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
