// SPDX-License-Identifier: MIT
//
// HTTP Datagrams and the Capsule Protocol (RFC 9297), as far as CONNECT-UDP (RFC 9298) needs them.
//
// A capsule is type, length and value on a request's stream; a DATAGRAM capsule holds what a QUIC DATAGRAM frame would
// have carried after the stream's number. Reading never trusts its input, keeps nothing and allocates nothing; values
// that come in pieces are put together in memory of the caller.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "duality/memory.hpp"
#include "duality/status.hpp"
#include "duality/wire.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// Context of plain UDP payloads.
inline constexpr std::uint64_t udp_context = 0;
/// Largest payload a UDP packet can have; more in context 0 ends the tunnel (RFC 9298, section 5).
inline constexpr std::size_t udp_payload_max = 65'527;
/// Largest stream number that a datagram may name, divided by four (RFC 9297, section 2.1).
inline constexpr std::uint64_t quarter_stream_max = (std::uint64_t{1} << 60) - 1;

inline constexpr std::uint64_t datagram_capsule = 0x00;

[[nodiscard]] constexpr std::size_t varint_size(std::uint64_t value) noexcept {
    return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x40000000 ? 4 : 8;
}

/// The content of a QUIC DATAGRAM frame of HTTP/3.
struct http_datagram {
    std::uint64_t stream = 0;  ///< of the request; divisible by four
    byte_view content;         ///< starts with a context id when the request is CONNECT-UDP
};

/// `malformed`: no stream number, or one that no stream can have. Either is an H3_DATAGRAM_ERROR of the connection.
[[nodiscard]] inline status read_http_datagram(byte_view frame, http_datagram& out) noexcept {
    wire::reader in{frame};
    const std::uint64_t quarter = in.varint();
    if (!in.ok() || quarter > quarter_stream_max) return status::malformed;
    out = {quarter * 4, in.rest()};
    return status::ok;
}

/// What CONNECT-UDP puts into an HTTP Datagram.
struct udp_datagram {
    std::uint64_t context = udp_context;
    byte_view payload;
};

/// `malformed`: no context id. `too_large`: a UDP payload that no UDP packet can hold.
[[nodiscard]] inline status read_udp_datagram(byte_view content, udp_datagram& out) noexcept {
    wire::reader in{content};
    out.context = in.varint();
    if (!in.ok()) return status::malformed;
    out.payload = in.rest();
    return out.context == udp_context && out.payload.size() > udp_payload_max ? status::too_large : status::ok;
}

struct capsule {
    std::uint64_t type = 0;
    byte_view value;
};

/// Bytes that a capsule takes besides its value.
[[nodiscard]] constexpr std::size_t capsule_overhead(std::uint64_t type, std::size_t value_size) noexcept {
    return varint_size(type) + varint_size(value_size);
}

inline void write_capsule(wire::writer& out, const capsule& c) noexcept {
    out.varint(c.type);
    out.varint(c.value.size());
    out.bytes(c.value);
}

/// Cuts capsules off a stream that comes in pieces of any size.
///
///     while ((s = reader.next(piece, c)) == status::ok) …      // views in `c` last until the next call
///
/// A value longer than the limit is skipped and counted, so that no peer can make this end keep more.
class capsule_reader {
public:
    /// Values of up to `limit` bytes are handed over.
    explicit capsule_reader(std::size_t limit) noexcept : limit_{limit} {}

    /// Takes bytes from the front of `in`. `ok`: a capsule is whole. `need_more`: `in` is used up.
    /// `buffer_too_small`: a value continues in the next piece and `room` is shorter than it; call again with
    /// `wanted_room()` bytes, the same ones until that capsule is whole, or `skip()` it.
    [[nodiscard]] status next(byte_view& in, capsule& out, byte_span room) noexcept {
        for (;;) {
            if (state_ == state::header && !read_header(in)) return status::need_more;
            if (state_ == state::skipping) {
                const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
                in = in.subspan(count);
                left_ -= count;
                if (left_ > 0) return status::need_more;
                state_ = state::header;
                continue;
            }
            const auto size = static_cast<std::size_t>(left_);
            if (kept_ == 0 && in.size() >= size) {  // whole in one piece: no copy
                out = {type_, in.first(size)};
                in = in.subspan(size);
                state_ = state::header;
                return status::ok;
            }
            if (in.empty()) return status::need_more;
            if (room.size() < size) return status::buffer_too_small;
            const std::size_t count = std::min(size - kept_, in.size());
            std::memcpy(room.data() + kept_, in.data(), count);
            in = in.subspan(count);
            kept_ += count;
            if (kept_ < size) return status::need_more;
            out = {type_, room.first(size)};
            state_ = state::header;
            kept_ = 0;
            return status::ok;
        }
    }

    /// Gives up the value that is being read.
    void skip() noexcept {
        if (state_ != state::value) return;
        left_ -= kept_;
        kept_ = 0;
        state_ = state::skipping;
        ++skipped_;
    }

    /// Bytes of the value that is being put together; 0 between capsules.
    [[nodiscard]] std::size_t wanted_room() const noexcept {
        return state_ == state::value ? static_cast<std::size_t>(left_) : 0;
    }
    /// Is the room in use, so that it must stay the same?
    [[nodiscard]] bool keeps() const noexcept { return kept_ > 0; }
    /// May the stream end here? Otherwise its last capsule is cut off, which makes the message malformed.
    [[nodiscard]] bool at_boundary() const noexcept { return state_ == state::header && header_size_ == 0; }
    /// Values skipped so far, for their length or by `skip`.
    [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }

private:
    enum class state : std::uint8_t { header, value, skipping };

    /// True when type and length are known.
    [[nodiscard]] bool read_header(byte_view& in) noexcept {
        for (;;) {
            wire::reader header{byte_view{header_, header_size_}};
            const std::uint64_t type = header.varint();
            const std::uint64_t length = header.varint();
            if (header.ok()) {
                type_ = type;
                left_ = length;
                header_size_ = 0;
                state_ = length > limit_ ? state::skipping : state::value;
                if (length > limit_) ++skipped_;
                return true;
            }
            if (in.empty()) return false;
            header_[header_size_++] = in.front();
            in = in.subspan(1);
        }
    }

    std::size_t limit_;
    std::uint64_t type_ = 0;
    std::uint64_t left_ = 0;  ///< of the value; of what is still to skip
    std::size_t kept_ = 0;    ///< of the value, in the caller's room
    std::uint64_t skipped_ = 0;
    std::uint8_t header_[16]{};
    std::uint8_t header_size_ = 0;
    state state_ = state::header;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
