// SPDX-License-Identifier: MIT
//
// What the clients of several relays have and use all together, so that a limit for a client holds for all of them. Made
// by whoever runs the relays, named in their configurations, and living longer than they do. The relays may belong to
// different threads; the allocator must bear that.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "duality/memory.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

class client_accounts;
class relay;

class client_ledger {
public:
    /// Texts are copied; `tokens` as in `relay_config`, which then needs none. `out_of_memory`; `unsupported`: no random
    /// numbers; `invalid_argument`: an empty token.
    [[nodiscard]] static result<client_ledger> create(std::span<const std::string_view> tokens,
                                                      const allocator& memory) noexcept;
    client_ledger(client_ledger&&) noexcept;
    client_ledger& operator=(client_ledger&&) noexcept;
    ~client_ledger();

private:
    friend class relay;
    struct deleter {
        void operator()(client_accounts* accounts) const noexcept;
    };
    explicit client_ledger(client_accounts* made) noexcept;

    std::unique_ptr<client_accounts, deleter> accounts_;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
