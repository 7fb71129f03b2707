// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <utility>

#include "duality/lab/session_recording.hpp"
#include "recording_fields.hpp"
#include "recording_format.hpp"

namespace duality {
inline namespace v0 {
namespace lab {
namespace {

using detail::recorded_call;

constexpr std::uint64_t notes_max = 256;
constexpr std::uint64_t note_bytes_max = 65'536;
constexpr std::uint64_t fields_max = 1'024;
constexpr std::uint64_t field_name_max = 128;

/// Takes values off the front. After the first one that is not there or makes no sense everything is zero.
class cursor {
public:
    explicit cursor(byte_view bytes) noexcept : bytes_{bytes} {}

    std::uint8_t byte() noexcept {
        if (offset_ == bytes_.size()) return give_up(status::need_more), std::uint8_t{0};
        return bytes_[offset_++];
    }
    std::uint64_t number() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 70; shift += 7) {
            const std::uint8_t next = byte();
            if (shift == 63 && next > 1) break;
            value |= std::uint64_t{next & 0x7Fu} << shift;
            if (next < 0x80) return ok() ? value : 0;
        }
        return give_up(status::malformed), std::uint64_t{0};
    }
    std::int64_t signed_number() noexcept { return detail::unzigzag(number()); }
    byte_view bytes(std::uint64_t most = ~std::uint64_t{0}) noexcept {
        const std::uint64_t size = number();
        if (size > most) return give_up(status::malformed), byte_view{};
        if (size > bytes_.size() - offset_) return give_up(status::need_more), byte_view{};
        const byte_view out = bytes_.subspan(offset_, static_cast<std::size_t>(size));
        offset_ += out.size();
        return out;
    }
    std::string_view text(std::uint64_t most) noexcept {
        const byte_view out = bytes(most);
        return {reinterpret_cast<const char*>(out.data()), out.size()};
    }
    /// A count of things of at least one byte each, so that no loop is longer than the recording.
    std::uint64_t count(std::uint64_t most) noexcept {
        const std::uint64_t value = number();
        if (value > most) return give_up(status::malformed), std::uint64_t{0};
        return value;
    }

    void give_up(status why) noexcept {
        if (code_ == status::ok) code_ = why;
        offset_ = ok() ? offset_ : std::min(offset_, bytes_.size());
        bytes_ = bytes_.first(offset_);
    }
    [[nodiscard]] bool ok() const noexcept { return code_ == status::ok; }
    [[nodiscard]] status code() const noexcept { return code_; }
    [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
    /// What was taken since `offset` was there.
    [[nodiscard]] byte_view since(std::size_t offset) const noexcept {
        return bytes_.subspan(offset, offset_ - offset);
    }
    [[nodiscard]] bool at_end() const noexcept { return offset_ == bytes_.size(); }

private:
    byte_view bytes_;
    std::size_t offset_ = 0;
    status code_ = status::ok;
};

/// Reads fields by name into `config`; those not told keep their defaults. Says what was wrong.
template <class Config>
[[nodiscard]] std::string read_fields(cursor& in, Config& config) {
    for (std::uint64_t left = in.count(fields_max); left > 0 && in.ok(); --left) {
        const std::string_view name = in.text(field_name_max);
        const std::int64_t value = in.signed_number();
        if (!in.ok()) break;
        bool known = false;
        bool fits = false;
        detail::visit_fields(config, [&](const char* field, auto& member, std::int64_t most = 0) {
            if (name != field) return;
            known = true;
            fits = detail::set_value(member, value, most);
        });
        if (known && fits) continue;
        in.give_up(status::malformed);
        return (known ? "value out of range: '" : "unknown configuration field '") + std::string{name} + "'";
    }
    return {};
}

class player {
public:
    player(byte_view recording, const allocator& memory) : in_{recording}, memory_{memory} {}

    [[nodiscard]] recording_replay play() {
        if (read_header() && make_session()) {
            while (in_.ok() && !ended_ && out_.first_difference == 0) step();
        }
        finish();
        return std::move(out_);
    }

private:
    [[nodiscard]] bool read_header() {
        for (std::size_t i = 0; i < detail::recording_magic.size(); ++i) {
            const std::uint8_t got = in_.byte();
            if (!in_.ok()) return fail(status::malformed, "is not a recording");
            if (got == detail::recording_magic[i]) continue;
            return i + 1 < detail::recording_magic.size() ? fail(status::malformed, "is not a recording")
                                                          : fail(status::unsupported_version, "another version");
        }
        for (std::uint64_t left = in_.count(notes_max); left > 0 && in_.ok(); --left) {
            const std::string_view key = in_.text(note_bytes_max);
            const std::string_view value = in_.text(note_bytes_max);
            if (in_.ok()) out_.notes.push_back({std::string{key}, std::string{value}});
        }
        out_.reason = read_fields(in_, out_.config);
        if (in_.ok()) hash_.add(in_.since(0));
        return in_.ok();
    }

    [[nodiscard]] bool make_session() {
        result<session> made = session::create(out_.config, memory_);
        if (made) {
            session_.emplace(std::move(made).value());
            return true;
        }
        std::string why{to_string(made.code())};
        if (!made.error().where.field.empty()) why += ": " + std::string{made.error().where.field};
        return fail(made.code(), "no session can be made: " + why);
    }

    void step() {
        call_at_ = in_.offset();
        const auto call = static_cast<recorded_call>(in_.byte());
        if (in_.ok() && call == recorded_call::end) return read_end();
        const auto difference = static_cast<std::uint64_t>(in_.signed_number());
        now_ = instant::from_ns(static_cast<std::int64_t>(static_cast<std::uint64_t>(now_.ns()) + difference));
        if (!in_.ok()) return;
        make(call);
        if (!in_.ok()) return;
        if (call != recorded_call::poll) hash_.add(in_.since(call_at_));
        if (out_.calls == 0) first_ = now_;
        ++out_.calls;
        out_.length = now_ - first_;
    }

    void make(recorded_call call) {
        switch (call) {
            case recorded_call::end: break;
            case recorded_call::add_path: {
                const path_id id = in_.byte();
                path_config config;
                out_.reason = read_fields(in_, config);
                if (in_.ok()) hash_.add(now_, session_->add_path(now_, id, config));
                break;
            }
            case recorded_call::remove_path: {
                const path_id id = in_.byte();
                if (in_.ok()) hash_.add(now_, session_->remove_path(now_, id));
                break;
            }
            case recorded_call::send: {
                const stream_id stream = in_.byte();
                const byte_view payload = in_.bytes();
                if (in_.ok()) hash_.add(now_, session_->send(now_, stream, payload));
                break;
            }
            case recorded_call::send_event: {
                const instant repeat_until = instant::from_ns(in_.signed_number());
                const byte_view event = in_.bytes();
                if (in_.ok()) hash_.add(now_, session_->send_event(now_, event, repeat_until));
                break;
            }
            case recorded_call::datagram: {
                const path_id path = in_.byte();
                const byte_view datagram = in_.bytes();
                if (in_.ok()) hash_.add(now_, session_->handle_datagram(now_, path, datagram));
                break;
            }
            case recorded_call::timeout: session_->handle_timeout(now_); break;
            case recorded_call::poll: poll(); break;
            case recorded_call::set_stream: {
                const stream_id stream = in_.byte();
                stream_config config;
                out_.reason = read_fields(in_, config);
                if (in_.ok()) hash_.add(now_, session_->set_stream(now_, stream, config));
                break;
            }
            case recorded_call::set_wall_clock: {
                const wall_time wall = wall_time::from_ns(in_.signed_number());
                if (in_.ok()) session_->set_wall_clock(now_, wall);
                break;
            }
            case recorded_call::close: {
                const auto reason = static_cast<wire::close_reason>(in_.number());
                if (in_.ok()) hash_.add(now_, session_->close(now_, reason));
                break;
            }
            default: in_.give_up(status::malformed);
        }
    }

    /// As often as it gave something then, and once more if it gave nothing at last.
    void poll() {
        const std::uint64_t told = in_.number();
        const byte_view call = in_.since(call_at_);
        const std::uint8_t check = in_.byte();
        if (!in_.ok()) return;
        session_output output;
        bool same = true;
        for (std::uint64_t left = told >> 1; left > 0 && same; --left) {
            same = session_->poll_output(now_, output);
            if (!same) break;
            hash_.add(now_, output);
            ++out_.outputs;
        }
        if (same && (told & 1) != 0) same = !session_->poll_output(now_, output);
        hash_.add(call);
        if (!same || check != static_cast<std::uint8_t>(hash_.value())) out_.first_difference = out_.calls + 1;
    }

    void read_end() {
        const std::uint64_t calls = in_.number();
        const std::uint64_t outputs = in_.number();
        std::uint64_t hash = 0;
        for (int byte = 0; byte < 8; ++byte) hash |= std::uint64_t{in_.byte()} << (8 * byte);
        if (!in_.ok()) return;
        if (!in_.at_end() || calls != out_.calls) return in_.give_up(status::malformed);
        ended_ = true;
        out_.recorded_hash = hash;
        same_count_ = outputs == out_.outputs;
    }

    bool fail(status code, std::string why) {
        in_.give_up(code);
        out_.reason = std::move(why);
        return false;
    }

    void finish() {
        out_.offset = in_.offset();
        out_.replayed_hash = hash_.value();
        if (session_) out_.statistics = session_->statistics();
        out_.code = in_.code();
        if (out_.first_difference != 0) {
            out_.code = status::inconsistent;
            out_.reason = "the answers differ from call " + std::to_string(out_.first_difference) + " on";
        } else if (ended_ && (out_.replayed_hash != out_.recorded_hash || !same_count_)) {
            out_.code = status::inconsistent;
            out_.reason = "the hash differs";
        } else if (out_.code == status::need_more) {
            out_.reason = "ends too early, the recording is truncated";
        } else if (out_.code == status::malformed && out_.reason.empty()) {
            out_.reason = "cannot be read from byte " + std::to_string(out_.offset) + " on";
        }
    }

    cursor in_;
    allocator memory_;
    recording_replay out_;
    std::optional<session> session_;
    session_hash hash_;
    std::size_t call_at_ = 0;
    instant now_{};
    instant first_{};
    bool ended_ = false;
    bool same_count_ = false;
};

}  // namespace

recording_replay replay_recording(byte_view recording, const allocator& memory) {
    return player{recording, memory}.play();
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
