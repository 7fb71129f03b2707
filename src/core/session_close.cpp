// SPDX-License-Identifier: MIT
//
// The end of a session.
#include <algorithm>

#include "duality/session.hpp"

namespace duality {
inline namespace v0 {

status session::close(instant now, wire::close_reason reason) noexcept {
    now = clamp(now);
    if (state_ != life::open) return status::closed;
    state_ = life::closing;
    bool has_path = false;
    paths_.for_each_path([&](path_id) { has_path = true; });
    // A peer that has never heard of this session waits for nothing.
    const bool known = has_path && (sender_.statistics().source.packets != 0 || stats_.datagrams_received != 0);
    farewell_.begin(now, reason, longest_round_trip(), known ? config_.close_timeout : duration{});
    say_goodbye(now);
    return status::ok;
}

void session::say_goodbye(instant now) noexcept {
    if (!farewell_.poll(now)) return;
    bool any_lives = false;
    paths_.for_each_path([&](path_id id) { any_lives = any_lives || paths_.state(id) != path_state::dead; });
    paths_.for_each_path([&](path_id id) {
        if (!any_lives || paths_.state(id) != path_state::dead)  // a path given up may still carry a word
            (void)sender_.plan({.kind = transmit_kind::close, .path = id, .close = {.reason = farewell_.reason()}});
    });
}

void session::handle_close(instant now, path_id path, const wire::close_frame& close) noexcept {
    if (close.answer) {
        if (state_ == life::closing) farewell_.on_answer(now);
        return;
    }
    (void)sender_.plan({.kind = transmit_kind::close, .path = path, .close = {.reason = close.reason, .answer = true}});
    if (!farewell_.on_close(now, close.reason, longest_round_trip(), config_.close_timeout)) return;
    state_ = life::closing;
    push_event({.kind = session_event_kind::peer_closed, .at = now, .reason = close.reason});
}

duration session::longest_round_trip() const noexcept {
    duration longest{};
    paths_.for_each_path([&](path_id id) {
        if (paths_.state(id) != path_state::dead) longest = std::max(longest, paths_.rtt(id));
    });
    return longest;
}

}  // namespace v0
}  // namespace duality
