// SPDX-License-Identifier: MIT
//
// A recording of one session: its configuration, and every call with its time and bytes in the order they were made.
// The same calls give the same answers, so a recording made on real sockets can be played again where nothing moves,
// and the hash of all calls and answers tells whether the two were the same to the last bit. `docs/live.md` describes
// the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duality/lab/event_log.hpp"
#include "duality/memory.hpp"
#include "duality/session.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// What else belongs to a recording: the network, its seed, which end this is.
struct recording_note {
    std::string key;
    std::string value;
    bool operator==(const recording_note&) const noexcept = default;
};

/// The hash of what goes into a session and of everything it answers: each call as the recording has it, its status,
/// and of every output each field that means something, datagrams and payloads byte by byte.
class session_hash {
public:
    void add(byte_view bytes) noexcept;
    void add(instant now, status answer) noexcept;
    void add(instant now, const session_output& out) noexcept;
    [[nodiscard]] std::uint64_t value() const noexcept { return chain_.value(); }

private:
    void add(const transmission& out) noexcept;
    void add(const delivery& out) noexcept;
    void add(const session_event& e) noexcept;
    void add(const lane_event& e) noexcept;

    hash_chain chain_;
};

/// Writes a recording. Tell it every call on the session after it was made, none left out, and what it answered. Memory
/// grows with the recording until `take` empties it; running out of it ends the program.
class session_recorder {
public:
    session_recorder(const session_config& config, std::span<const recording_note> notes);

    /// `session::add_path` answered.
    void add_path(instant now, path_id id, const path_config& config, status answer);
    /// `session::remove_path` answered.
    void remove_path(instant now, path_id id, status answer);
    /// `session::send` answered.
    void send(instant now, stream_id stream, byte_view payload, status answer);
    /// `session::send_event` answered.
    void send_event(instant now, byte_view event, instant repeat_until, status answer);
    /// `session::handle_datagram` answered.
    void handle_datagram(instant now, path_id path, byte_view datagram, status answer);
    /// `session::handle_timeout` was called.
    void handle_timeout(instant now);
    /// `session::poll_output` gave `out`.
    void polled(instant now, const session_output& out);
    /// Or nothing.
    void polled_nothing(instant now);
    /// `session::set_stream` answered.
    void set_stream(instant now, stream_id stream, const stream_config& config, status answer);
    /// `session::set_wall_clock` was called.
    void set_wall_clock(instant now, wall_time wall);
    /// `session::close` answered.
    void close(instant now, wire::close_reason reason, status answer);
    /// Nothing more comes. Without it the recording counts as truncated.
    void finish();

    /// Of all so far.
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_.value(); }
    /// Written so far; polls that follow each other count once.
    [[nodiscard]] std::uint64_t calls() const noexcept { return calls_; }
    /// Bytes not taken yet. They may end in the middle of what was recorded until `finish`.
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    /// Gives the bytes away.
    [[nodiscard]] std::vector<std::uint8_t> take() noexcept;

private:
    void begin(std::uint8_t call, instant now);
    void write_call(std::uint8_t call, instant now);
    void end();
    void end(instant now, status answer);
    void end_poll(bool emptied);

    std::vector<std::uint8_t> bytes_;
    session_hash hash_;
    std::size_t call_at_ = 0;  ///< where the call being written begins
    std::uint64_t calls_ = 0;
    std::uint64_t outputs_ = 0;
    instant last_now_{};
    std::uint64_t polled_ = 0;  ///< outputs since the last other call
    instant polled_at_{};
};

/// What playing a recording found.
struct recording_replay {
    /// `ok`: the same answers, to the bit. `inconsistent`: other ones. `need_more`: the recording ends too early.
    /// `malformed`, `unsupported_version`: it is none that this build can read. `invalid_config`, `out_of_memory`: no
    /// session can be made from it.
    status code = status::malformed;
    std::string reason;      ///< for the user; empty when `ok`
    std::size_t offset = 0;  ///< byte at which reading stopped

    std::uint64_t recorded_hash = 0;  ///< zero without an end
    std::uint64_t replayed_hash = 0;  ///< of what was played
    std::uint64_t calls = 0;          ///< played
    std::uint64_t outputs = 0;
    std::uint64_t first_difference =
        0;              ///< number of the call after which answers differed, from 1; 0: unknown or none
    duration length{};  ///< from the first call to the last

    session_config config{};
    std::vector<recording_note> notes;  ///< as recorded
    session_statistics statistics{};    ///< of the played session
};

/// Plays a recording through a session made with `memory`. Any bytes at all may be given.
[[nodiscard]] recording_replay replay_recording(byte_view recording, const allocator& memory);

}  // namespace lab
}  // namespace v0
}  // namespace duality
