// SPDX-License-Identifier: MIT
//
// Secure datagrams: seals what a session sends over bare UDP and opens what arrives, with a key that both ends share.
// `docs/wire-format.md`, section 10, is the specification.
//
//     channel.seal(now, path, plain, out, size)           → put `out` on the path
//     channel.open(now, path, datagram, out, size)        → ok: give `out` to the session
//     while (channel.poll_hello(now, path, out, size)) …  → put `out` on the path; again at next_timeout()
//
// Every sealed datagram is 20 bytes longer than what it carries: 4 for key generation and packet number, 16 for the tag
// of AES-GCM or ChaCha20-Poly1305. The key of a direction comes from the shared key and from salts that both ends draw
// anew for every association, so a nonce is never used twice whatever restarts, and nothing recorded before is valid
// after. The salts travel in hellos of 51 bytes; an answer is never longer than its question. Keys rotate by count and
// by time; the one before stays good for a grace. A direction, a path and a packet number each make a packet another
// one: what was sealed for one is refused on the other.
//
// Forged, repeated, cut and foreign datagrams get a status and a counter, and change nothing else. There is no forward
// secrecy: whoever learns the shared key can read what was recorded.
//
// Sans-I/O, no exceptions. Memory and cipher contexts are taken in `create`; sealing and opening take none, a hello or
// a rotation may make OpenSSL take and return some. One object belongs to one thread. Needs `duality::secure`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "duality/memory.hpp"
#include "duality/multipath.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

enum class aead_suite : std::uint8_t { aes_128_gcm = 1, aes_256_gcm = 2, chacha20_poly1305 = 3 };

/// Where salts come from. `fill` returns false when it has no randomness; it must not throw.
struct entropy_source {
    void* user = nullptr;
    bool (*fill)(void* user, byte_span out) noexcept = nullptr;

    /// OpenSSL's generator, seeded by the operating system.
    [[nodiscard]] static entropy_source system() noexcept;
};

/// Both ends use the same suite; everything else is each end's own.
struct secure_config {
    aead_suite suite = aead_suite::aes_128_gcm;
    bool initiate = true;                                   ///< says hello first; one end at least must
    std::uint32_t max_paths = 4;                            ///< 1 … 16
    std::uint32_t replay_packets = 1'024;                   ///< per path: one further back is too old. 64 … 65,536
    std::uint32_t rotate_packets = 1u << 22;                ///< sealed with one key, all paths together. 16 … 2^24
    duration rotate_after = duration::from_seconds(3'600);  ///< and for so long. 1 s … 7 days
    duration grace = duration::from_seconds(5);        ///< in which the key before is still good. 100 ms … 10 min
    duration hello_interval = duration::from_ms(100);  ///< of unanswered hellos; doubles up to 2 s. 10 ms … 2 s
    /// Nothing authentic has come since this long after something was sealed: says hello anew. 100 ms … 1 h
    duration silence = duration::from_seconds(3);
};

inline constexpr field_bounds secure_bounds[] = {
    {"psk", 16, 64, "bytes"},
    {"suite", 1, 3, "aead_suite"},
    {"max_paths", 1, 16, "paths"},
    {"replay_packets", 64, 65'536, "packets"},
    {"rotate_packets", 16, 1 << 24, "packets"},
    {"rotate_after", 1'000, 604'800'000, "ms"},
    {"grace", 100, 600'000, "ms"},
    {"hello_interval", 10, 2'000, "ms"},
    {"silence", 100, 3'600'000, "ms"},
};

struct secure_statistics {
    std::uint64_t sealed = 0;
    std::uint64_t opened = 0;
    std::uint64_t associations = 0;  ///< agreed on with a peer; the second one means that an end began anew
    std::uint64_t rotations = 0;     ///< of our own key
    std::uint64_t peer_rotations = 0;
    std::uint64_t hellos_sent = 0;
    std::uint64_t hellos_received = 0;  ///< authentic ones
    std::uint64_t forged = 0;           ///< the tag is wrong: other key, other association, other path, changed bytes
    std::uint64_t replayed = 0;
    std::uint64_t too_old = 0;      ///< behind the replay window
    std::uint64_t expired = 0;      ///< sealed with a key whose grace is over
    std::uint64_t malformed = 0;    ///< too short, or of no known kind
    std::uint64_t reflected = 0;    ///< our own hello came back
    std::uint64_t other_suite = 0;  ///< authentic, and wants another suite
    std::uint64_t unready = 0;      ///< nothing agreed on yet, in either direction
    std::uint64_t no_entropy = 0;
};

class secure_channel {
public:
    /// What sealing adds.
    static constexpr std::size_t overhead = 20;
    static constexpr std::size_t hello_size = 51;

    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        return find_bounds(secure_bounds, field);
    }
    /// `psk`: 16 to 64 bytes that only the two ends know, as random as a key; a copy is kept and wiped at the end.
    /// `invalid_config` (naming the field), `out_of_memory`, `unsupported` when OpenSSL lacks the suite.
    [[nodiscard]] static result<secure_channel> create(const secure_config& config, byte_view psk,
                                                       entropy_source entropy, const allocator& memory) noexcept;
    secure_channel(secure_channel&& other) noexcept;
    secure_channel& operator=(secure_channel&& other) noexcept;
    secure_channel(const secure_channel&) = delete;
    secure_channel& operator=(const secure_channel&) = delete;
    ~secure_channel();

    /// Once for every path; its packet numbers go on when it is added again. `queue_full`: more than `max_paths`.
    [[nodiscard]] status add_path(path_id path) noexcept;

    /// Seals `plain` (at least a byte) into `out`, which must have room for `overhead` bytes more. `wrong_state` before an
    /// association; `buffer_too_small`, `unknown_path`, `invalid_argument`.
    [[nodiscard]] status seal(instant now, path_id path, byte_view plain, byte_span out, std::size_t& size) noexcept;
    /// Opens a datagram into `out`, which must have room for as many bytes as it has.
    ///   ok           `size` bytes of `out` are what the peer sealed
    ///   no_change    a hello; there may be one to send now
    ///   duplicate    seen before
    ///   late         behind the replay window, or its key is past its grace
    ///   malformed    forged, cut, foreign, or no such datagram at all
    ///   wrong_state  nothing agreed on yet
    ///   unknown_path, buffer_too_small
    /// But for `ok`, `out` holds nothing of the datagram.
    [[nodiscard]] status open(instant now, path_id path, byte_view datagram, byte_span out, std::size_t& size) noexcept;

    /// The next hello to send, `hello_size` bytes at most; false when there is none until `next_timeout()`.
    [[nodiscard]] bool poll_hello(instant now, path_id& path, byte_span out, std::size_t& size) noexcept;
    /// When `poll_hello` will have one again; may lie in the past.
    [[nodiscard]] instant next_timeout() const noexcept;

    /// May `seal` be called?
    [[nodiscard]] bool established() const noexcept;
    [[nodiscard]] const secure_statistics& statistics() const noexcept;

private:
    class state;
    explicit secure_channel(state* made, const allocator& memory) noexcept : state_{made}, memory_{memory} {}
    void reset() noexcept;

    state* state_ = nullptr;
    allocator memory_{};
};

}  // namespace v0
}  // namespace duality
