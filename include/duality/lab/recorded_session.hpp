// SPDX-License-Identifier: MIT
//
// A session and, if wanted, the recorder of every call on it. Same verbs, same answers.
#pragma once

#include <memory>
#include <utility>

#include "duality/lab/session_recording.hpp"
#include "duality/session.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

class recorded_session {
public:
    /// Records into `recorder` unless that is nullptr. Nobody may have called anything on `made` before.
    explicit recorded_session(session made, std::unique_ptr<session_recorder> recorder = nullptr) noexcept
        : session_{std::move(made)}, recorder_{std::move(recorder)} {}

    /// `session::add_path`.
    [[nodiscard]] status add_path(instant now, path_id id, const path_config& config) {
        const status answer = session_.add_path(now, id, config);
        if (recorder_) recorder_->add_path(now, id, config, answer);
        return answer;
    }
    /// `session::remove_path`.
    status remove_path(instant now, path_id id) {
        const status answer = session_.remove_path(now, id);
        if (recorder_) recorder_->remove_path(now, id, answer);
        return answer;
    }
    /// `session::send`.
    [[nodiscard]] status send(instant now, stream_id stream, byte_view payload) {
        const status answer = session_.send(now, stream, payload);
        if (recorder_) recorder_->send(now, stream, payload, answer);
        return answer;
    }
    /// `session::send_event`.
    [[nodiscard]] status send_event(instant now, byte_view event, instant repeat_until = instant::before_all()) {
        const status answer = session_.send_event(now, event, repeat_until);
        if (recorder_) recorder_->send_event(now, event, repeat_until, answer);
        return answer;
    }
    /// `session::handle_datagram`.
    status handle_datagram(instant now, path_id path, byte_view datagram) {
        const status answer = session_.handle_datagram(now, path, datagram);
        if (recorder_) recorder_->handle_datagram(now, path, datagram, answer);
        return answer;
    }
    /// `session::handle_timeout`.
    void handle_timeout(instant now) {
        session_.handle_timeout(now);
        if (recorder_) recorder_->handle_timeout(now);
    }
    /// `session::poll_output`.
    [[nodiscard]] bool poll_output(instant now, session_output& out) {
        const bool any = session_.poll_output(now, out);
        if (recorder_ && any) recorder_->polled(now, out);
        if (recorder_ && !any) recorder_->polled_nothing(now);
        return any;
    }
    /// `session::set_stream`.
    [[nodiscard]] status set_stream(instant now, stream_id stream, const stream_config& config) {
        const status answer = session_.set_stream(now, stream, config);
        if (recorder_) recorder_->set_stream(now, stream, config, answer);
        return answer;
    }
    /// `session::set_wall_clock`.
    void set_wall_clock(instant now, wall_time wall) {
        session_.set_wall_clock(now, wall);
        if (recorder_) recorder_->set_wall_clock(now, wall);
    }
    /// `session::close`.
    status close(instant now, wire::close_reason reason) {
        const status answer = session_.close(now, reason);
        if (recorder_) recorder_->close(now, reason, answer);
        return answer;
    }

    /// `session::next_timeout`.
    [[nodiscard]] instant next_timeout() const noexcept { return session_.next_timeout(); }
    /// The session itself, for what changes nothing.
    [[nodiscard]] const session& get() const noexcept { return session_; }
    /// nullptr when nothing is recorded.
    [[nodiscard]] session_recorder* recorder() noexcept { return recorder_.get(); }

private:
    session session_;
    std::unique_ptr<session_recorder> recorder_;
};

}  // namespace lab
}  // namespace v0
}  // namespace duality
