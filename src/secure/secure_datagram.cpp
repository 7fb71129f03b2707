// SPDX-License-Identifier: MIT
#include "duality/secure_datagram.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "duality/detail/replay_window.hpp"
#include "duality/sequence.hpp"
#include "secure/aead.hpp"

namespace duality {
inline namespace v0 {

namespace {

using detail::secret;

constexpr std::size_t header_size = 4;
constexpr std::size_t salt_size = 16;
constexpr std::size_t mac_size = 16;
constexpr unsigned number_bits = 28;
constexpr std::uint8_t sealed_form = 0x40;  ///< upper two bits of the first byte
constexpr std::uint8_t ask = 0x80;          ///< a hello that wants an answer
constexpr std::uint8_t tell = 0x81;         ///< one that does not
constexpr std::uint8_t hello_version = 1;
constexpr duration hello_interval_max = duration::from_seconds(2);

using salt = std::array<std::uint8_t, salt_size>;

static_assert(secure_channel::overhead == header_size + detail::tag_size);
static_assert(secure_channel::hello_size == 3 + 2 * salt_size + mac_size);

[[nodiscard]] failure check(const secure_config& c, byte_view psk) noexcept {
    constexpr std::int64_t ms = 1'000'000;
    config_check fields{secure_bounds};
    fields.in_range("psk", static_cast<std::int64_t>(psk.size()))
        .in_range("suite", static_cast<std::int64_t>(c.suite))
        .in_range("max_paths", c.max_paths)
        .in_range("replay_packets", c.replay_packets)
        .in_range("rotate_packets", c.rotate_packets)
        .in_range("rotate_after", c.rotate_after.ns() / ms)
        .in_range("grace", c.grace.ns() / ms)
        .in_range("hello_interval", c.hello_interval.ns() / ms)
        .in_range("silence", c.silence.ns() / ms);
    return fields.ok() ? failure{status::ok, {}} : fields.error();
}

/// The secret of a direction, one generation of keys after the other.
[[nodiscard]] bool first_secret(byte_view psk, const salt& sender, const salt& receiver, secret& out) noexcept {
    std::array<std::uint8_t, 2 * salt_size> both;
    std::copy(sender.begin(), sender.end(), both.begin());
    std::copy(receiver.begin(), receiver.end(), both.begin() + salt_size);
    secret extracted{};
    const bool made =
        detail::hkdf_extract(both, psk, extracted) && detail::hkdf_expand(extracted, "duality 1 direction", out);
    detail::wipe(extracted);
    return made;
}

[[nodiscard]] bool next_secret(secret& s) noexcept {
    return detail::hkdf_expand(s, "duality 1 next", s);
}

[[nodiscard]] bool set_key(detail::aead_key& out, aead_suite suite, const secret& from) noexcept {
    secret key{};
    detail::nonce iv{};
    const byte_span used = byte_span{key}.first(detail::key_size(suite));
    const bool made = detail::hkdf_expand(from, "duality 1 key", used) &&
                      detail::hkdf_expand(from, "duality 1 iv", iv) && out.set_key(used, iv);
    detail::wipe(key);
    return made;
}

/// The keys that packets from the peer may be sealed with: the present generation, the one before, and two to come, so
/// that a rotation is noticed even when a whole generation is lost.
class receiving_keys {
public:
    receiving_keys() noexcept = default;
    receiving_keys(const receiving_keys&) = delete;
    receiving_keys& operator=(const receiving_keys&) = delete;
    ~receiving_keys() { detail::wipe(next_); }

    [[nodiscard]] bool create(aead_suite suite) noexcept {
        suite_ = suite;
        return std::all_of(keys_.begin(), keys_.end(), [&](detail::aead_key& k) { return k.create(suite, false); });
    }
    [[nodiscard]] bool start(const secret& first) noexcept {
        next_ = first;
        derived_ = current_ = 0;
        return derive_up_to(2);
    }
    /// The generation meant by its two low bits.
    [[nodiscard]] std::uint64_t generation_of(unsigned low) const noexcept {
        const std::uint64_t base = current_ == 0 ? 0 : current_ - 1;
        return base + ((low - base) & 3);
    }
    [[nodiscard]] std::uint64_t current() const noexcept { return current_; }
    [[nodiscard]] bool has(std::uint64_t generation) const noexcept { return generation < derived_; }
    [[nodiscard]] detail::aead_key& key(std::uint64_t generation) noexcept { return keys_[generation & 3]; }
    /// An authentic packet of a later generation has come.
    [[nodiscard]] bool advance(std::uint64_t generation) noexcept {
        current_ = generation;
        return derive_up_to(generation + 2);
    }

private:
    [[nodiscard]] bool derive_up_to(std::uint64_t generation) noexcept {
        for (; derived_ <= generation; ++derived_)
            if (!set_key(keys_[derived_ & 3], suite_, next_) || !next_secret(next_)) return false;
        return true;
    }

    aead_suite suite_ = aead_suite::aes_128_gcm;
    std::array<detail::aead_key, 4> keys_;
    secret next_{};
    std::uint64_t derived_ = 0;  ///< generations
    std::uint64_t current_ = 0;
};

class sending_key {
public:
    sending_key() noexcept = default;
    sending_key(const sending_key&) = delete;
    sending_key& operator=(const sending_key&) = delete;
    ~sending_key() { detail::wipe(next_); }

    [[nodiscard]] bool create(aead_suite suite) noexcept {
        suite_ = suite;
        return key_.create(suite, true);
    }
    [[nodiscard]] bool start(instant now, const secret& first) noexcept {
        next_ = first;
        generation_ = 0;
        return take_next(now);
    }
    [[nodiscard]] bool rotate(instant now) noexcept {
        ++generation_;
        return take_next(now);
    }
    [[nodiscard]] bool is_worn(instant now, const secure_config& c) const noexcept {
        return sealed_ >= c.rotate_packets || now - since_ >= c.rotate_after;
    }
    void count() noexcept { ++sealed_; }
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
    [[nodiscard]] detail::aead_key& key() noexcept { return key_; }

private:
    [[nodiscard]] bool take_next(instant now) noexcept {
        sealed_ = 0;
        since_ = now;
        return set_key(key_, suite_, next_) && next_secret(next_);
    }

    aead_suite suite_ = aead_suite::aes_128_gcm;
    detail::aead_key key_;
    secret next_{};
    std::uint64_t generation_ = 0;
    std::uint32_t sealed_ = 0;
    instant since_{};
};

struct path_numbers {
    std::uint64_t next_sent = 0;
    detail::replay_window received;
};

/// What two ends have agreed on, or are about to.
struct association {
    enum class phase : std::uint8_t {
        none,
        offered,    ///< our salt is drawn; the peer's may be known, and is not yet known to be fresh
        agreed,     ///< both salts are fresh
        succeeded,  ///< by another one; opens what is still under way
    };

    phase is = phase::none;
    bool has_keys = false;
    salt own{};
    salt peer{};
    sending_key sending;
    receiving_keys receiving;
    instant previous_until = instant::before_all();  ///< end of the grace of the peer's key before, or of all keys
    buffer<path_numbers> paths;
};

}  // namespace

class secure_channel::state {
public:
    state(const secure_config& config, entropy_source entropy) noexcept
        : config_{config}, entropy_{entropy}, hello_wait_{config.hello_interval} {}
    ~state() {
        detail::wipe({psk_.data(), psk_.size()});
        detail::wipe(hello_key_);
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    [[nodiscard]] status open_for_business(byte_view psk, const allocator& memory) noexcept;
    [[nodiscard]] status add_path(path_id path) noexcept;
    [[nodiscard]] status seal(instant now, path_id path, byte_view plain, byte_span out, std::size_t& size) noexcept;
    [[nodiscard]] status open(instant now, path_id path, byte_view datagram, byte_span out, std::size_t& size) noexcept;
    [[nodiscard]] bool poll_hello(instant now, path_id& path, byte_span out, std::size_t& size) noexcept;
    [[nodiscard]] instant next_timeout() const noexcept;
    [[nodiscard]] bool established() const noexcept { return present().is == association::phase::agreed; }
    [[nodiscard]] const secure_statistics& statistics() const noexcept { return stats_; }

private:
    using phase = association::phase;

    struct planned_hello {
        std::uint8_t kind = ask;
        path_id path = 0;
        bool of_present = false;  ///< names the present association; else the one offered
    };

    [[nodiscard]] association& present() noexcept { return associations_[present_]; }
    [[nodiscard]] const association& present() const noexcept { return associations_[present_]; }
    [[nodiscard]] association& other() noexcept { return associations_[1 - present_]; }
    [[nodiscard]] std::size_t index_of(path_id path) const noexcept;
    [[nodiscard]] instant clamp(instant now) noexcept { return now_ = std::max(now_, now); }

    [[nodiscard]] status open_sealed(instant now, std::size_t index, byte_view datagram, byte_span out) noexcept;
    [[nodiscard]] status open_with(instant now, association& a, std::size_t index, byte_view datagram,
                                   byte_span out) noexcept;
    [[nodiscard]] status on_hello(instant now, path_id path, byte_view hello) noexcept;
    void answer(std::uint8_t kind, path_id path, bool of_present) noexcept { answer_ = {kind, path, of_present}; }
    [[nodiscard]] bool offer() noexcept;
    [[nodiscard]] bool derive(instant now, association& a) noexcept;
    void agree(instant now) noexcept;
    void heard() noexcept;
    [[nodiscard]] bool wants_to_ask(instant now) const noexcept;
    [[nodiscard]] std::size_t write_hello(const planned_hello& h, byte_span out) noexcept;

    secure_config config_;
    entropy_source entropy_;
    buffer<std::uint8_t> psk_;
    secret hello_key_{};
    std::array<association, 2> associations_;
    std::size_t present_ = 0;
    std::array<path_id, 16> paths_{};
    std::size_t path_count_ = 0;

    std::optional<planned_hello> answer_;
    std::size_t asked_paths_ = 0;  ///< of the present round of asking
    instant ask_at_ = instant::before_all();
    duration hello_wait_;
    instant unanswered_since_ = instant::never();
    instant now_ = instant::before_all();
    secure_statistics stats_;
};

// Making

status secure_channel::state::open_for_business(byte_view psk, const allocator& memory) noexcept {
    if (!psk_.create(psk.size(), memory)) return status::out_of_memory;
    std::copy(psk.begin(), psk.end(), psk_.begin());
    for (association& a : associations_) {
        if (!a.paths.create(config_.max_paths, memory)) return status::out_of_memory;
        for (path_numbers& p : a.paths)
            if (!p.received.create(config_.replay_packets, memory)) return status::out_of_memory;
        if (!a.sending.create(config_.suite) || !a.receiving.create(config_.suite)) return status::unsupported;
    }
    secret extracted{};
    constexpr std::array<std::uint8_t, 1> no_salt{};
    const bool made =
        detail::hkdf_extract(no_salt, psk, extracted) && detail::hkdf_expand(extracted, "duality 1 hello", hello_key_);
    detail::wipe(extracted);
    return made ? status::ok : status::unsupported;
}

status secure_channel::state::add_path(path_id path) noexcept {
    if (index_of(path) < path_count_) return status::no_change;
    if (path_count_ == config_.max_paths) return status::queue_full;
    paths_[path_count_++] = path;
    return status::ok;
}

std::size_t secure_channel::state::index_of(path_id path) const noexcept {
    std::size_t i = 0;
    while (i < path_count_ && paths_[i] != path) ++i;
    return i;
}

// Sealed datagrams

status secure_channel::state::seal(instant now, path_id path, byte_view plain, byte_span out,
                                   std::size_t& size) noexcept {
    now = clamp(now);
    const std::size_t index = index_of(path);
    if (index == path_count_) return status::unknown_path;
    if (plain.empty()) return status::invalid_argument;
    if (out.size() < plain.size() + overhead) return status::buffer_too_small;
    association& a = present();
    if (a.is != phase::agreed) {
        ++stats_.unready;
        return status::wrong_state;
    }
    if (a.sending.is_worn(now, config_)) {
        if (!a.sending.rotate(now)) return status::unsupported;
        ++stats_.rotations;
    }
    const std::uint64_t number = a.paths[index].next_sent++;
    const auto first = static_cast<std::uint32_t>(sealed_form) << 24 |
                       static_cast<std::uint32_t>(a.sending.generation() & 3) << number_bits |
                       static_cast<std::uint32_t>(number & ((1u << number_bits) - 1));
    for (unsigned i = 0; i < header_size; ++i) out[i] = static_cast<std::uint8_t>(first >> (8 * (3 - i)));
    a.sending.count();
    if (!a.sending.key().seal(path, number, byte_view{out}.first(header_size), plain, out.data() + header_size))
        return status::unsupported;
    size = plain.size() + overhead;
    ++stats_.sealed;
    if (unanswered_since_.is_never()) unanswered_since_ = now;
    return status::ok;
}

status secure_channel::state::open(instant now, path_id path, byte_view datagram, byte_span out,
                                   std::size_t& size) noexcept {
    now = clamp(now);
    const std::size_t index = index_of(path);
    if (index == path_count_) return status::unknown_path;
    if (datagram.size() == hello_size && (datagram[0] == ask || datagram[0] == tell))
        return on_hello(now, path, datagram);
    if (datagram.size() <= overhead || (datagram[0] & 0xC0) != sealed_form) {
        ++stats_.malformed;
        return status::malformed;
    }
    if (out.size() < datagram.size()) return status::buffer_too_small;
    const status opened = open_sealed(now, index, datagram, out);
    switch (opened) {
        case status::ok:
            ++stats_.opened;
            size = datagram.size() - overhead;
            break;
        case status::duplicate: ++stats_.replayed; break;
        case status::late: ++stats_.too_old; break;
        case status::out_of_window: ++stats_.expired; return status::late;
        case status::wrong_state: ++stats_.unready; break;
        default: ++stats_.forged; break;
    }
    return opened;
}

/// With the association that it belongs to; a packet does not say which.
status secure_channel::state::open_sealed(instant now, std::size_t index, byte_view datagram, byte_span out) noexcept {
    const status first = open_with(now, present(), index, datagram, out);
    if (first == status::ok || !other().has_keys) return first;
    const status second = open_with(now, other(), index, datagram, out);
    if (second != status::ok) return second == status::malformed && first != status::wrong_state ? first : second;
    if (other().is == phase::offered) agree(now);  // the peer has our fresh salt: only it can have sealed this
    return status::ok;
}

/// `out_of_window`: its key is past its grace.
status secure_channel::state::open_with(instant now, association& a, std::size_t index, byte_view datagram,
                                        byte_span out) noexcept {
    if (!a.has_keys) return status::wrong_state;
    std::uint32_t header = 0;
    for (unsigned i = 0; i < header_size; ++i) header = header << 8 | datagram[i];
    const std::uint64_t generation = a.receiving.generation_of(header >> number_bits & 3);
    if (!a.receiving.has(generation)) return status::malformed;
    const bool grace_over = now >= a.previous_until;
    if (grace_over && (generation < a.receiving.current() || a.is == phase::succeeded)) return status::out_of_window;

    detail::replay_window& window = a.paths[index].received;
    const std::int64_t unwrapped =
        unwrap_nearest(static_cast<std::int64_t>(window.next()), header & ((1u << number_bits) - 1), number_bits);
    if (unwrapped < 0) return status::late;
    const auto number = static_cast<std::uint64_t>(unwrapped);
    if (const status seen = window.judge(number); seen != status::ok) return seen;
    if (!a.receiving.key(generation)
             .open(paths_[index], number, datagram.first(header_size), datagram.subspan(header_size), out.data()))
        return status::malformed;
    window.mark(number);
    if (generation > a.receiving.current()) {
        a.previous_until = now + config_.grace;
        if (!a.receiving.advance(generation)) a.has_keys = false;
        ++stats_.peer_rotations;
    }
    if (a.is != phase::succeeded) heard();
    return status::ok;
}

// Hellos

status secure_channel::state::on_hello(instant now, path_id path, byte_view hello) noexcept {
    secret mac{};
    if (!detail::hmac_sha256(hello_key_, hello.first(hello_size - mac_size), mac) ||
        !detail::equal_in_constant_time(byte_view{mac}.first(mac_size), hello.last(mac_size))) {
        ++stats_.forged;
        return status::malformed;
    }
    if (hello[1] != hello_version || hello[2] != static_cast<std::uint8_t>(config_.suite)) {
        ++stats_.other_suite;
        return status::malformed;
    }
    salt theirs;
    salt echo;
    std::copy_n(hello.begin() + 3, salt_size, theirs.begin());
    std::copy_n(hello.begin() + 3 + salt_size, salt_size, echo.begin());
    for (const association& a : associations_) {
        if (a.is == phase::none || a.own != theirs) continue;
        ++stats_.reflected;
        return status::malformed;
    }
    ++stats_.hellos_received;
    const bool wants_answer = hello[0] == ask;
    if (present().is == phase::agreed && present().peer == theirs) {
        if (wants_answer) answer(tell, path, true);
        return status::no_change;
    }
    if (!offer()) return status::no_change;
    association& offered = other();
    if (!offered.has_keys || offered.peer != theirs) {
        offered.peer = theirs;
        if (!derive(now, offered)) return status::no_change;
    }
    if (offered.own == echo) {
        agree(now);
        if (wants_answer) answer(tell, path, true);
    } else if (wants_answer) {
        answer(ask, path, false);
    }
    return status::no_change;
}

/// Makes sure that there is a fresh salt to offer.
bool secure_channel::state::offer() noexcept {
    association& a = other();
    if (a.is == phase::offered) return true;
    if (entropy_.fill == nullptr || !entropy_.fill(entropy_.user, a.own)) {
        ++stats_.no_entropy;
        return false;
    }
    a.is = phase::offered;
    a.has_keys = false;
    a.peer = {};
    return true;
}

bool secure_channel::state::derive(instant now, association& a) noexcept {
    const byte_view psk{psk_.data(), psk_.size()};
    secret out{};
    secret in{};
    a.has_keys = first_secret(psk, a.own, a.peer, out) && first_secret(psk, a.peer, a.own, in) &&
                 a.sending.start(now, out) && a.receiving.start(in);
    detail::wipe(out);
    detail::wipe(in);
    for (path_numbers& p : a.paths) {
        p.next_sent = 0;
        p.received.clear();
    }
    return a.has_keys;
}

/// What was offered is now what counts.
void secure_channel::state::agree(instant now) noexcept {
    if (present().is == phase::agreed) {
        present().is = phase::succeeded;
        present().previous_until = now + config_.grace;
    }
    present_ = 1 - present_;
    present().is = phase::agreed;
    present().previous_until = now;
    ++stats_.associations;
    heard();
}

void secure_channel::state::heard() noexcept {
    unanswered_since_ = instant::never();
    hello_wait_ = config_.hello_interval;
    asked_paths_ = 0;
    ask_at_ = instant::before_all();
}

bool secure_channel::state::wants_to_ask(instant now) const noexcept {
    if (!established()) return config_.initiate;
    return !unanswered_since_.is_never() && now - unanswered_since_ >= config_.silence;
}

bool secure_channel::state::poll_hello(instant now, path_id& path, byte_span out, std::size_t& size) noexcept {
    now = clamp(now);
    if (out.size() < hello_size) return false;
    if (answer_) {
        const planned_hello h = *answer_;
        answer_.reset();
        path = h.path;
        size = write_hello(h, out);
        return size != 0;
    }
    if (path_count_ == 0 || !wants_to_ask(now) || now < ask_at_ || !offer()) return false;
    path = paths_[asked_paths_++];
    if (asked_paths_ == path_count_) {
        asked_paths_ = 0;
        ask_at_ = now + hello_wait_;
        hello_wait_ = std::min(hello_wait_ * 2, hello_interval_max);
    }
    size = write_hello({ask, path, false}, out);
    return size != 0;
}

std::size_t secure_channel::state::write_hello(const planned_hello& h, byte_span out) noexcept {
    const association& a = h.of_present ? present() : other();
    if (a.is == phase::none) return 0;
    out[0] = h.kind;
    out[1] = hello_version;
    out[2] = static_cast<std::uint8_t>(config_.suite);
    std::copy(a.own.begin(), a.own.end(), out.begin() + 3);
    std::copy(a.peer.begin(), a.peer.end(), out.begin() + 3 + salt_size);
    secret mac{};
    if (!detail::hmac_sha256(hello_key_, byte_view{out}.first(hello_size - mac_size), mac)) return 0;
    std::copy_n(mac.begin(), mac_size, out.begin() + hello_size - mac_size);
    ++stats_.hellos_sent;
    return hello_size;
}

instant secure_channel::state::next_timeout() const noexcept {
    if (answer_) return now_;
    if (path_count_ == 0) return instant::never();
    if (!established()) return config_.initiate ? std::max(ask_at_, now_) : instant::never();
    return unanswered_since_.is_never() ? instant::never() : std::max(ask_at_, unanswered_since_ + config_.silence);
}

// The outside

result<secure_channel> secure_channel::create(const secure_config& config, byte_view psk, entropy_source entropy,
                                              const allocator& memory) noexcept {
    if (const failure wrong = check(config, psk); failed(wrong.code)) return wrong;
    if (entropy.fill == nullptr) return status::invalid_argument;
    void* place = memory.allocate(memory.user, sizeof(state), alignof(state));
    if (place == nullptr) return status::out_of_memory;
    secure_channel made{new (place) state{config, entropy}, memory};
    if (const status opened = made.state_->open_for_business(psk, memory); failed(opened)) return opened;
    return made;
}

secure_channel::secure_channel(secure_channel&& other) noexcept
    : state_{std::exchange(other.state_, nullptr)}, memory_{other.memory_} {}

secure_channel& secure_channel::operator=(secure_channel&& other) noexcept {
    if (this != &other) {
        reset();
        state_ = std::exchange(other.state_, nullptr);
        memory_ = other.memory_;
    }
    return *this;
}

secure_channel::~secure_channel() {
    reset();
}

void secure_channel::reset() noexcept {
    if (state_ == nullptr) return;
    state_->~state();
    memory_.release(memory_.user, state_, sizeof(state), alignof(state));
    state_ = nullptr;
}

status secure_channel::add_path(path_id path) noexcept {
    return state_->add_path(path);
}

status secure_channel::seal(instant now, path_id path, byte_view plain, byte_span out, std::size_t& size) noexcept {
    return state_->seal(now, path, plain, out, size);
}

status secure_channel::open(instant now, path_id path, byte_view datagram, byte_span out, std::size_t& size) noexcept {
    return state_->open(now, path, datagram, out, size);
}

bool secure_channel::poll_hello(instant now, path_id& path, byte_span out, std::size_t& size) noexcept {
    return state_->poll_hello(now, path, out, size);
}

instant secure_channel::next_timeout() const noexcept {
    return state_->next_timeout();
}

bool secure_channel::established() const noexcept {
    return state_->established();
}

const secure_statistics& secure_channel::statistics() const noexcept {
    return state_->statistics();
}

}  // namespace v0
}  // namespace duality
