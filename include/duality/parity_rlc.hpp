// SPDX-License-Identifier: MIT
//
// Sliding-window random linear code over GF(2^8): RFC 8681, FEC Encoding ID 10, bit-exact.
//
// The encoder keeps the last few source packets and makes repair symbols over any run of them, whenever asked. The
// decoder takes sources and repairs in any order and gives lost packets back. A source packet becomes a source unit,
// flow id (1 byte) · length (2 bytes) · data, padded with zeros; so packets of different sizes and flows share one
// window, and a lost packet comes back with its size and its flow.
//
// No clock, no I/O, no allocation after `create`. An object belongs to one thread at a time. Bytes from the network
// are always checked: whatever arrives is answered by a status and a counter, and what is already decoded stays.
// Nothing here authenticates: a forged repair gives a forged packet, so symbols must be authentic before they come in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "duality/detail/rlc_sums.hpp"
#include "duality/detail/tinymt32.hpp"
#include "duality/detail/unit_memory.hpp"
#include "duality/detail/unit_pool.hpp"
#include "duality/memory.hpp"
#include "duality/ring.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {

/// Bytes a source unit has before the data: flow id and length.
inline constexpr std::size_t source_unit_header = 3;

namespace detail {

/// Memory of one source unit.
struct rlc_unit {
    std::uint8_t* bytes = nullptr;
    std::uint32_t length = 0;  ///< bytes that may be non-zero
    std::uint32_t number = 0;  ///< its own in a pool
};

inline void write_unit_header(std::uint8_t* unit, std::uint8_t flow, std::size_t length) noexcept {
    unit[0] = flow;
    unit[1] = static_cast<std::uint8_t>(length >> 8);
    unit[2] = static_cast<std::uint8_t>(length);
}

}  // namespace detail

/// The Repair FEC Payload ID (RFC 8681, section 4.1.3): which sources a repair symbol covers and with which
/// coefficients.
struct repair_payload_id {
    static constexpr std::size_t wire_size = 8;

    std::uint16_t repair_key = 0;         ///< seed of the coefficients
    std::uint8_t density_threshold = 15;  ///< DT, 0…15: a coefficient is not zero with probability (DT + 1) / 16
    std::uint16_t window_size = 0;        ///< NSS, 1…4095: number of consecutive sources covered
    std::uint32_t first_esi = 0;          ///< FSS_ESI: the oldest of them

    constexpr bool operator==(const repair_payload_id&) const noexcept = default;
};

/// Reads the first 8 bytes of `bytes`. `malformed` when there are fewer or NSS is 0.
[[nodiscard]] status parse(byte_view bytes, repair_payload_id& id) noexcept;
/// Writes 8 bytes. `buffer_too_small`, or `invalid_argument` when a field does not fit its bits or NSS is 0.
[[nodiscard]] status write(const repair_payload_id& id, byte_span bytes) noexcept;

/// The same for both ends, except where a field says so.
struct rlc_config {
    /// Source symbols a repair may cover, 1…4095. The encoder's memory is `(max_window + 1) * max_symbol`.
    std::uint32_t max_window = 64;
    /// Largest source unit in bytes, its 3 header bytes included, 8…65535.
    std::uint32_t max_symbol = 1500;
    /// E, the fixed symbol size of RFC 8681, in bytes, at most `max_symbol`: repairs of another size are refused.
    /// 0: a repair is as long as the longest unit it covers, which costs nothing and saves bytes with small packets.
    std::uint32_t symbol_size = 0;
    /// Decoder only: source symbols the decoder remembers, in [max_window, 16384], rounded up to a power of two, at
    /// least 64; 0: twice `max_window`. Older symbols than the deadline still help to decode newer ones (RFC 8681,
    /// appendix D). Costs this times `max_symbol` bytes of room, of which only what the packets need is ever written.
    std::uint32_t decoder_window = 0;
    /// Decoder only: repairs that can wait at once for the missing rest, 1…4095; 0: `max_window`. When one more comes,
    /// the one for the oldest symbols is dropped. Each costs `decoder_window` bytes.
    std::uint32_t max_equations = 0;
    /// Decoder only: units there is room for, 16…32768: of sources in the window, of repairs that wait, and of packets kept
    /// apart (see `rlc_decoder::keep`). When there is no more, the oldest source leaves the window early. 0: two more than
    /// the window, which is always enough for it alone.
    std::uint32_t max_units = 0;
    /// Decoder only: a source further ahead of the newest than this is believed only when a second one confirms it,
    /// so that a damaged number cannot sweep the window. In symbols, 64…1000000.
    std::uint32_t max_jump = 4096;
    /// Coefficient rows kept, a power of two, 16…65536. The encoder goes round as many repair keys, which must be more
    /// than the repairs ever made over one and the same window. Each costs `max_window + 24` bytes once it is used; the
    /// first 64 coefficients of keys below 256, all non-zero, cost nothing.
    std::uint32_t cached_rows = 256;
    /// Encoder only: DT of its repairs, 0…15. 15 (all coefficients non-zero) is right for windows of a few hundred.
    std::uint32_t density_threshold = 15;
    /// Encoder only: repairs that `expect_repairs` can have under way at once, 1…64. Each costs `max_symbol` bytes.
    std::uint32_t repairs_ahead = 8;
};

inline constexpr field_bounds rlc_bounds[] = {
    {"max_window", 1, 4095, "symbols"},    {"max_symbol", 8, 65535, "bytes"},
    {"symbol_size", 0, 65535, "bytes"},    {"decoder_window", 0, 16384, "symbols"},
    {"max_equations", 0, 4095, "repairs"}, {"max_units", 0, 32768, "units"},
    {"max_jump", 64, 1000000, "symbols"},  {"cached_rows", 16, 65536, "power of two"},
    {"density_threshold", 0, 15, ""},      {"repairs_ahead", 1, 64, "repairs"},
};

struct rlc_encoder_statistics {
    std::uint64_t sources = 0;        ///< accepted by `push` or `commit`
    std::uint64_t source_bytes = 0;   ///< of application data in them
    std::uint64_t repairs = 0;        ///< made
    std::uint64_t repair_bytes = 0;   ///< of repair symbols, payload ids not included
    std::uint64_t repairs_ahead = 0;  ///< of the repairs: expected, and made ahead of time
};

/// Makes repair symbols over the most recent sources.
class rlc_encoder {
public:
    [[nodiscard]] static result<rlc_encoder> create(const rlc_config& config, const allocator& memory) noexcept;

    /// Adds a packet as source `esi`. Numbers are consecutive (2^32 - 1 is followed by 0); the first one is free. The
    /// oldest source falls out when the window is full. `invalid_argument`: not the next number. `too_large`: the unit
    /// exceeds `max_symbol` (or `symbol_size`); nothing was added, and as a gap is not allowed, either the packet is
    /// sent under no number of this sequence or `reset` is called.
    [[nodiscard]] status push(std::uint32_t esi, std::uint8_t flow, byte_view data) noexcept {
        return push(esi, flow, {}, data);
    }
    /// The same for a packet in two pieces, which are protected as one.
    [[nodiscard]] status push(std::uint32_t esi, std::uint8_t flow, byte_view prefix, byte_view data) noexcept;

    /// The two halves of `push` without a copy: room for the `size` bytes of the next packet, to be filled in before
    /// `commit`; empty when too large. Valid until `commit`, `push` or the next `prepare`; repairs may be made meanwhile.
    [[nodiscard]] byte_span prepare(std::size_t size) noexcept {
        if (size + source_unit_header > std::min(unit_limit_, memory_.stride()) && !make_room(size)) [[unlikely]] {
            prepared_ = 0;
            return {};
        }
        const auto length = static_cast<std::uint32_t>(size + source_unit_header);
        detail::rlc_unit& unit = *next_;
        prepared_ = length;
        if (unit.length < length) [[unlikely]]
            unit.length = length;
        return {unit.bytes + source_unit_header, size};
    }
    /// `wrong_state` without a matching `prepare`; otherwise as `push`.
    [[nodiscard]] status commit(std::uint32_t esi, std::uint8_t flow, std::size_t size) noexcept {
        const std::uint32_t length = prepared_;
        if (length == 0 || size + source_unit_header != length) [[unlikely]]
            return status::wrong_state;
        if (esi != next_esi_ && this->size() != 0) [[unlikely]]
            return status::invalid_argument;
        detail::rlc_unit* const unit = next_;
        if (unit->length > length) [[unlikely]]
            clear_behind();
        if (last_length_ != length) [[unlikely]] {
            last_length_ = length;
            same_since_ = esi;
        }
        prepared_ = 0;
        next_esi_ = esi + 1;
        next_ = unit + 1 == units_.end() ? units_.begin() : unit + 1;
        ++stats_.sources;
        stats_.source_bytes += size;
        detail::write_unit_header(unit->bytes, flow, size);
        return status::ok;
    }

    /// Makes a repair over `window_size` sources from `first_esi` on, with the next repair key. `out_of_window`: not
    /// all of them are there. `buffer_too_small`: `symbol_size` says what is needed, and the key is not used up.
    [[nodiscard]] status make_repair(std::uint32_t first_esi, std::uint32_t window_size, repair_payload_id& id,
                                     byte_span symbol, std::size_t& symbol_size) noexcept;
    /// Over the newest `window_size` sources, or all there are if fewer. `need_more` when there are none.
    [[nodiscard]] status make_repair(std::uint32_t window_size, repair_payload_id& id, byte_span symbol,
                                     std::size_t& symbol_size) noexcept;
    /// The repair that `id` describes, whoever chose its key and density.
    [[nodiscard]] status make_repair(const repair_payload_id& id, byte_span symbol, std::size_t& symbol_size) noexcept;

    /// Announces a pace: a repair over the newest `window_size` sources after every `every` of them. The encoder then
    /// reads each source once, for all the repairs it is part of, when the first of those is made, instead of once for
    /// each, which takes a tenth to a third less time. Repairs stay as they are, and may be made at any moment, expected
    /// or not. After a break in the pace the next ones are made in the ordinary way first. `every` 0: no pace any more.
    /// `invalid_argument`: no window, one above `max_window`, or above `every * repairs_ahead`.
    [[nodiscard]] status expect_repairs(std::uint32_t window_size, std::uint32_t every) noexcept;

    /// The data of a source still in the window, so that nobody has to keep it a second time. Empty outside of the
    /// window (and for a packet without data); valid until the next call that is not const.
    [[nodiscard]] byte_view source(std::uint32_t esi) const noexcept {
        if (esi - first_esi() >= size()) return {};
        const detail::rlc_unit& unit = units_[slot_of(esi)];
        return {unit.bytes + source_unit_header, unit.length - source_unit_header};
    }

    /// Any other linear combination of consecutive sources, one coefficient for each: what the repairs of the other
    /// codes over this field are made with.
    [[nodiscard]] status combine(std::uint32_t first_esi, byte_view coefficients, byte_span symbol,
                                 std::size_t& symbol_size) noexcept;

    /// Forgets all sources; the next one may have any number.
    void reset() noexcept {
        begun_ = stats_.sources;
        last_length_ = 0;
        sums_.forget();
    }

    /// Number of sources in the window, and the numbers of the oldest and of the one to be pushed next (meaningful
    /// once a source was pushed).
    [[nodiscard]] std::uint32_t size() const noexcept {
        const std::uint64_t pushed = stats_.sources - begun_;
        return pushed < config_.max_window ? static_cast<std::uint32_t>(pushed) : config_.max_window;
    }
    [[nodiscard]] std::uint32_t first_esi() const noexcept { return next_esi_ - size(); }
    [[nodiscard]] std::uint32_t next_esi() const noexcept { return next_esi_; }
    [[nodiscard]] const rlc_config& config() const noexcept { return config_; }
    [[nodiscard]] const rlc_encoder_statistics& stats() const noexcept { return stats_; }

private:
    rlc_encoder() noexcept = default;

    [[nodiscard]] std::size_t slot_of(std::uint32_t esi) const noexcept;
    [[nodiscard]] bool make_room(std::size_t size) noexcept;
    void place_units() noexcept;
    void clear_behind() noexcept;
    [[nodiscard]] std::size_t longest_of(std::size_t slot, std::size_t count) const noexcept;
    [[nodiscard]] std::size_t size_over(std::uint32_t first_esi, std::size_t count) const noexcept;
    [[nodiscard]] std::uint16_t take_key() noexcept;
    [[nodiscard]] repair_payload_id describe(std::uint16_t key, std::uint32_t first_esi,
                                             std::uint32_t window_size) const noexcept;
    [[nodiscard]] status make_alone(std::uint32_t first_esi, std::uint32_t window_size, repair_payload_id& id,
                                    byte_span symbol, std::size_t& symbol_size) noexcept;
    [[nodiscard]] status make_expected(std::uint32_t first_esi, repair_payload_id& id, byte_span symbol,
                                       std::size_t& symbol_size) noexcept;
    rlc_config config_{};
    detail::unit_memory memory_;            ///< of all units, zero behind each
    buffer<detail::rlc_unit> units_;        ///< `max_window + 1` of them, taken in turn
    detail::rlc_unit* next_ = nullptr;      ///< the one for the next source
    buffer<const std::uint8_t*> pointers_;  ///< to the units, twice over, so that every run of them is contiguous
    detail::coefficient_rows rows_;
    detail::rlc_sums sums_;
    std::size_t unit_limit_ = 0;
    std::size_t begun_units_ = 0;  ///< those that ever held a source; the others hold anything and seem too long
    std::uint32_t prepared_ = 0;   ///< unit size promised by `prepare`, 0 when there is none
    std::uint32_t next_esi_ = 0;
    std::uint64_t begun_ = 0;        ///< sources before the last `reset`
    std::uint32_t last_length_ = 0;  ///< of the newest unit
    std::uint32_t same_since_ = 0;   ///< from this source on all units have that length
    std::uint16_t next_key_ = 0;
    rlc_encoder_statistics stats_{};
};

/// A packet the decoder rebuilt.
struct recovered_unit {
    std::uint32_t esi = 0;
    std::uint8_t flow = 0;
    bool expired = false;  ///< older than what `forget` said is wanted: it came back too late to be of use
    byte_view data{};      ///< valid until the next call that is not const
};

/// What is missing now, for reactive repair.
struct rlc_deficit {
    std::uint32_t first_missing = 0;   ///< oldest wanted source that is not there
    std::uint32_t last_missing = 0;    ///< the newest one
    std::uint32_t missing = 0;         ///< how many are not there; 0: the other fields mean nothing
    std::uint32_t symbols_needed = 0;  ///< independent repairs over [first_missing, last_missing] that would bring all
};

struct rlc_decoder_statistics {
    std::uint64_t received = 0;    ///< sources that came by themselves and were new
    std::uint64_t recovered = 0;   ///< sources rebuilt from repairs
    std::uint64_t expired = 0;     ///< of those, older than what was wanted when they were polled
    std::uint64_t duplicates = 0;  ///< sources that were there already
    std::uint64_t late = 0;        ///< sources and repairs older than the whole window
    std::uint64_t refused = 0;     ///< sources too large, or too far ahead and not confirmed
    std::uint64_t unpolled = 0;    ///< recovered sources that fell out of the window before they were polled

    std::uint64_t repairs_used = 0;        ///< repairs that added an equation
    std::uint64_t repairs_unneeded = 0;    ///< nothing was missing in their window
    std::uint64_t repairs_dependent = 0;   ///< something was missing, and they said nothing new about it
    std::uint64_t repairs_malformed = 0;   ///< NSS 0 or over the limit, or a symbol too short or too long
    std::uint64_t repairs_outside = 0;     ///< windows outside of what this decoder knows
    std::uint64_t inconsistent = 0;        ///< contradicts a source or the symbol size, or decodes to no valid unit
    std::uint64_t equations_dropped = 0;   ///< given up because `max_equations` were waiting
    std::uint64_t equations_outdated = 0;  ///< given up because their symbols left the window
};

namespace detail {

struct rlc_source {
    bool recovered = false;
    bool queued = false;  ///< recovered and not polled yet
};

struct rlc_equation {
    std::int64_t pivot = 0;    ///< the oldest missing source in it, with coefficient 1
    std::uint32_t size = 0;    ///< of its symbol; zero behind
    std::uint32_t symbol = 0;  ///< its unit
    bool used = false;
};

}  // namespace detail

/// Rebuilds lost sources. Linear equations over the missing sources are kept in reduced form, so each repair costs one
/// pass over its window and each recovered packet is known at once.
class rlc_decoder {
public:
    [[nodiscard]] static result<rlc_decoder> create(const rlc_config& config, const allocator& memory) noexcept;

    /// Says that the numbers begin with `first_esi`, before anything has come. Without it they begin with the first
    /// source that arrives, and repairs before it are refused. `wrong_state` once something has come.
    [[nodiscard]] status begin(std::uint32_t first_esi) noexcept;

    /// A source that arrived. `duplicate`: was there (received or recovered); `late`: older than the window;
    /// `too_large`; `out_of_window`: too far ahead, not believed yet; `inconsistent`: differs from what was recovered
    /// under that number (which stays). May make sources available for `poll`.
    [[nodiscard]] status push_source(std::uint32_t esi, std::uint8_t flow, byte_view data) noexcept {
        return push_source(esi, flow, {}, data);
    }
    /// The same for a packet in two pieces, which were protected as one.
    [[nodiscard]] status push_source(std::uint32_t esi, std::uint8_t flow, byte_view prefix, byte_view data) noexcept;

    /// The two halves of `push_source` without a copy: room for a packet of `size` bytes, to be filled in before
    /// `commit_source`; empty when too large. Valid until the next call that is not const.
    [[nodiscard]] byte_span prepare_source(std::size_t size) noexcept;
    /// `wrong_state` without a matching `prepare_source`; otherwise as `push_source`.
    [[nodiscard]] status commit_source(std::uint32_t esi, std::uint8_t flow, std::size_t size) noexcept;

    // Packets kept apart, for one who hands them on later than they come: kept and in the window at once, they are there
    // only once. Each takes one of `max_units`.

    /// Keeps a packet in two pieces until `drop` has been called as often as it was kept and shared. `no_packet`: there is
    /// no room, or it is too large. May make the oldest sources leave the window.
    [[nodiscard]] std::uint32_t keep(std::uint8_t flow, byte_view prefix, byte_view data) noexcept;
    /// As `push_source`, of a packet that is kept.
    [[nodiscard]] status push_kept(std::uint32_t esi, std::uint32_t packet) noexcept;
    /// Keeps the packet that `poll` gave last, before any other call that is not const.
    [[nodiscard]] std::uint32_t keep(const recovered_unit& recovered) noexcept;
    void share(std::uint32_t packet) noexcept { pool_.share(packet); }   ///< one `drop` more
    void drop(std::uint32_t packet) noexcept { pool_.release(packet); }  ///< gives one up
    /// Its two pieces as one; valid until the next call that is not const.
    [[nodiscard]] byte_view kept(std::uint32_t packet) const noexcept {
        return {pool_.bytes(packet) + source_unit_header, pool_.length(packet) - source_unit_header};
    }
    static constexpr std::uint32_t no_packet = detail::unit_pool::none;  ///< none

    /// A repair that arrived. `no_change`: brought nothing new; `late`, `out_of_window`: its window is too old or
    /// reaches into what this decoder does not know; `malformed`, `too_large`: NSS or the size is out of range;
    /// `inconsistent`: shorter than a unit it covers, or not of the fixed symbol size. May make sources available.
    [[nodiscard]] status push_repair(const repair_payload_id& id, byte_view symbol) noexcept;

    /// The same for any linear combination of consecutive sources, one coefficient for each. Repairs of different codes
    /// may be mixed.
    [[nodiscard]] status push_combination(std::uint32_t first_esi, byte_view coefficients, byte_view symbol) noexcept;

    /// Takes one recovered source, in the order they were solved; false when there is none.
    [[nodiscard]] bool poll(recovered_unit& out) noexcept;

    /// Sources before `before_esi` are no longer wanted: they do not count as a deficit, and are marked expired when
    /// they are recovered. They still help to decode others while they are in the window. Never goes backwards.
    void forget(std::uint32_t before_esi) noexcept;

    /// Forgets all sources and equations; the numbers begin anew with whatever comes next.
    void reset() noexcept;

    /// The missing sources between the oldest wanted and the newest one known to exist.
    [[nodiscard]] rlc_deficit deficit() const noexcept { return deficit_from(wanted_); }
    /// The same without sources before `from_esi`, for which a repair asked for now would come too late.
    [[nodiscard]] rlc_deficit deficit(std::uint32_t from_esi) const noexcept;
    /// Is this source there, received or recovered? False outside the window.
    [[nodiscard]] bool has(std::uint32_t esi) const noexcept;
    /// Has anything come (or `begin` been called), and the newest source known to exist.
    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] std::uint32_t newest_esi() const noexcept { return static_cast<std::uint32_t>(newest_); }
    /// Equations waiting for the rest.
    [[nodiscard]] std::uint32_t equations() const noexcept { return equations_; }
    [[nodiscard]] const rlc_config& config() const noexcept { return config_; }
    [[nodiscard]] const rlc_decoder_statistics& stats() const noexcept { return stats_; }

private:
    static constexpr std::uint16_t no_equation = 0xFFFF;

    rlc_decoder() noexcept = default;

    [[nodiscard]] std::size_t slot_of(std::int64_t position) const noexcept {
        return static_cast<std::size_t>(position) & (capacity_ - 1);
    }
    [[nodiscard]] detail::rlc_unit& unit(std::int64_t position) noexcept { return unit_[slot_of(position)]; }
    [[nodiscard]] std::uint8_t* coefficients(std::size_t e) noexcept { return work_.data() + e * capacity_; }
    [[nodiscard]] std::uint8_t* symbol(std::size_t e) noexcept { return pool_.bytes(equation_[e].symbol); }
    [[nodiscard]] bool known(std::int64_t position) const noexcept {
        const std::size_t s = slot_of(position);
        return (known_[s / 64] >> (s % 64) & 1) != 0;
    }
    [[nodiscard]] std::uint64_t missing_bits(std::int64_t position, std::uint32_t count) const noexcept;
    void set_known(std::int64_t position, bool value) noexcept;
    template <class Row>
    [[nodiscard]] status accept_repair(std::uint32_t first_esi, std::uint32_t count, byte_view repair,
                                       Row coefficient_row) noexcept;
    void start(std::int64_t newest) noexcept;
    void advance(std::int64_t newest) noexcept;
    void leave(std::int64_t base) noexcept;
    void make_room(std::size_t length) noexcept;
    [[nodiscard]] std::uint32_t take() noexcept;
    [[nodiscard]] bool have_spare(std::size_t length) noexcept;
    [[nodiscard]] std::uint32_t fill(std::uint8_t flow, byte_view prefix, byte_view data) noexcept;
    [[nodiscard]] rlc_deficit deficit_from(std::int64_t position) const noexcept;
    [[nodiscard]] bool believe_jump(std::int64_t position) noexcept;
    void release(std::size_t e) noexcept;
    void discard(std::size_t e) noexcept;
    [[nodiscard]] bool too_large(std::size_t payload) const noexcept;
    [[nodiscard]] status no_room(std::uint32_t taken) noexcept;
    [[nodiscard]] status admit(std::uint32_t esi, std::uint8_t flow, byte_view prefix, byte_view data,
                               std::int64_t& position) noexcept;
    void put(std::int64_t position, std::uint32_t taken) noexcept;
    void received(std::int64_t position, std::uint32_t taken) noexcept;
    [[nodiscard]] status solve_single(std::int64_t position, std::uint8_t coefficient, std::size_t terms,
                                      byte_view repair) noexcept;
    [[nodiscard]] bool recover(std::int64_t position, std::uint32_t taken, std::size_t size) noexcept;
    void absorb(std::int64_t position) noexcept;
    void eliminate(std::size_t e) noexcept;
    void solve(std::size_t e) noexcept;

    rlc_config config_{};
    std::size_t capacity_ = 0;         ///< window in symbols, a power of two
    detail::unit_pool pool_;           ///< of sources, symbols of equations, and packets kept apart
    std::uint32_t spare_ = no_packet;  ///< a unit to receive and to solve into
    buffer<detail::rlc_unit> unit_;    ///< by slot, while the source is known
    buffer<detail::rlc_source> sources_;
    buffer<std::uint64_t> known_;
    buffer<std::uint8_t> work_;  ///< per equation: coefficients by slot; one more as scratch
    buffer<detail::rlc_equation> equation_;
    buffer<std::uint16_t> pivot_of_;        ///< by slot: the equation whose pivot this source is
    buffer<const std::uint8_t*> pointers_;  ///< scratch of one dot product
    buffer<std::uint8_t> factors_;
    ring<std::int64_t> ready_;
    detail::coefficient_rows rows_;
    bool started_ = false;
    bool jump_pending_ = false;
    std::size_t prepared_ = 0;  ///< unit size promised by `prepare_source`, 0 when there is none
    std::size_t longest_ = 0;   ///< longest unit ever taken
    std::int64_t jump_ = 0;     ///< unconfirmed source far ahead
    std::int64_t base_ = 0;     ///< oldest position in the window
    std::int64_t newest_ = 0;   ///< newest position known to exist
    std::int64_t wanted_ = 0;
    std::uint32_t equations_ = 0;
    rlc_decoder_statistics stats_{};
};

}  // namespace v0
}  // namespace duality
