// SPDX-License-Identifier: MIT
//
// A session's part in clock sync: asks the peer when it is time, answers what it asks, and lets both ride on datagrams
// that leave anyway. No promise of stability.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "duality/clock_sync.hpp"
#include "duality/detail/session_sender.hpp"
#include "duality/memory.hpp"
#include "duality/ring.hpp"
#include "duality/session_config.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {
namespace detail {

class session_clock {
public:
    [[nodiscard]] static result<session_clock> create(const session_config& config, const allocator& memory) noexcept;

    /// A request waits for its answer to ride, a response goes into the estimate. More requests at once than are kept
    /// are forgotten.
    void on_frame(instant now, path_id path, const wire::clock_frame& frame) noexcept;

    /// The peer's clock is another one.
    void on_peer_restart(instant now) noexcept {
        sync_.reset(now);
        answers_.clear();
    }

    /// Bytes that want to ride on a datagram that leaves over this path now. 0: none.
    [[nodiscard]] std::size_t riding_size(instant now, path_id path) const noexcept;
    /// Appends that many bytes of frames with their lengths.
    void write(instant now, path_id path, wire::writer& out) const noexcept;
    /// They left.
    void on_sent(instant now, path_id path) noexcept;
    /// They would have been too expensive: answers are given up, the request is made later.
    void on_refused(instant now, path_id path) noexcept;

    /// An answer that found nothing to ride on.
    [[nodiscard]] std::optional<planned_datagram> take_overdue(instant now) noexcept;
    /// When there may be one.
    [[nodiscard]] instant next_timeout() const noexcept;

    [[nodiscard]] const clock_sync& sync() const noexcept { return sync_; }

private:
    /// Reports and source packets leave more often than this while anything flows.
    static constexpr duration patience = duration::from_ms(150);
    static constexpr std::size_t answers_max = 4;

    struct answer {
        path_id path = 0;
        std::uint64_t t1 = 0;
        instant asked{};
    };

    session_clock(bool asks, clock_sync sync) noexcept;
    [[nodiscard]] bool asks_at(instant now) const noexcept { return asks_ && sync_.next_request() <= now; }
    void drop_answers(path_id path) noexcept;

    bool asks_;
    clock_sync sync_;
    ring<answer> answers_;
};

}  // namespace detail
}  // namespace v0
}  // namespace duality
