// SPDX-License-Identifier: MIT

#include <bit>
#include <cstring>
#include <utility>

#include "duality/sequence.hpp"
#include "rlc_units.hpp"

namespace duality {
inline namespace v0 {
namespace {

/// Internal positions are ESIs that do not wrap; they begin here plus the first ESI, so that none is ever negative.
constexpr std::int64_t origin = std::int64_t{1} << 40;

bool all_zero(const std::uint8_t* bytes, std::size_t size) noexcept {
    std::uint8_t any = 0;
    for (std::size_t i = 0; i < size; ++i) any |= bytes[i];
    return any == 0;
}

}  // namespace

result<rlc_decoder> rlc_decoder::create(const rlc_config& config, const allocator& memory) noexcept {
    failure why;
    if (!detail::valid(config, why)) return why;
    rlc_decoder d;
    d.config_ = config;
    if (d.config_.decoder_window == 0) d.config_.decoder_window = 2 * config.max_window;
    if (d.config_.max_equations == 0) d.config_.max_equations = config.max_window;
    d.capacity_ = std::bit_ceil(std::size_t{d.config_.decoder_window < 64 ? 64 : d.config_.decoder_window});
    d.config_.decoder_window = static_cast<std::uint32_t>(d.capacity_);
    if (d.config_.max_units == 0) d.config_.max_units = static_cast<std::uint32_t>(d.capacity_) + 2;
    const std::size_t equations = std::size_t{d.config_.max_equations} + 1;
    const std::size_t terms = std::size_t{config.max_window} + d.config_.max_equations + 1;
    if (!d.pool_.create(d.config_.max_units, detail::unit_limit(config), config.symbol_size != 0, memory) ||
        !d.unit_.create(d.capacity_, memory) || !d.sources_.create(d.capacity_, memory) ||
        !d.known_.create(d.capacity_ / 64, memory) || !d.work_.create_untouched(equations * d.capacity_, memory) ||
        !d.equation_.create(equations, memory) || !d.pivot_of_.create(d.capacity_, memory) ||
        !d.pointers_.create_untouched(terms, memory) || !d.factors_.create_untouched(terms, memory) ||
        !d.ready_.create(d.capacity_, memory) || !d.rows_.create(config.cached_rows, config.max_window, memory))
        return status::out_of_memory;
    for (std::uint16_t& e : d.pivot_of_) e = no_equation;
    return d;
}

/// Bit i is set when position + i is not known; `count` <= 64.
std::uint64_t rlc_decoder::missing_bits(std::int64_t position, std::uint32_t count) const noexcept {
    const std::size_t words = known_.size();
    const std::size_t s = slot_of(position);
    const std::size_t word = s / 64;
    const unsigned shift = s % 64;
    std::uint64_t bits = known_[word] >> shift;
    if (shift != 0) bits |= known_[word + 1 == words ? 0 : word + 1] << (64 - shift);
    bits = ~bits;
    return count < 64 ? bits & ((std::uint64_t{1} << count) - 1) : bits;
}

void rlc_decoder::set_known(std::int64_t position, bool value) noexcept {
    const std::size_t s = slot_of(position);
    const std::uint64_t bit = std::uint64_t{1} << (s % 64);
    known_[s / 64] = value ? known_[s / 64] | bit : known_[s / 64] & ~bit;
}

void rlc_decoder::start(std::int64_t newest) noexcept {
    started_ = true;
    newest_ = newest;
    base_ = newest - static_cast<std::int64_t>(capacity_) + 1;
}

void rlc_decoder::release(std::size_t e) noexcept {
    pivot_of_[slot_of(equation_[e].pivot)] = no_equation;
    discard(e);
}

/// The same of one that is no source's equation, with its unit.
void rlc_decoder::discard(std::size_t e) noexcept {
    pool_.note_length(equation_[e].symbol, equation_[e].size);
    pool_.release(equation_[e].symbol);
    equation_[e].used = false;
    --equations_;
}

/// Moves the window so that `newest` is its last position.
void rlc_decoder::advance(std::int64_t newest) noexcept {
    newest_ = newest;
    const std::int64_t base = newest - static_cast<std::int64_t>(capacity_) + 1;
    if (base > base_) leave(base);
}

/// Makes `base` the first position of the window. An equation whose oldest unknown leaves cannot be used any more; no
/// other equation contains that unknown, because it is a pivot.
void rlc_decoder::leave(std::int64_t base) noexcept {
    const std::int64_t gone =
        base - base_ < static_cast<std::int64_t>(capacity_) ? base : base_ + static_cast<std::int64_t>(capacity_);
    for (std::int64_t p = base_; p < gone; ++p) {
        const std::size_t s = slot_of(p);
        if (pivot_of_[s] != no_equation) {
            release(pivot_of_[s]);
            ++stats_.equations_outdated;
        }
        if (sources_[s].queued) {
            sources_[s].queued = false;
            ++stats_.unpolled;
        }
        if (known(p)) pool_.release(unit_[s].number);
        set_known(p, false);
    }
    base_ = base;
}

/// For units of `length` bytes.
void rlc_decoder::make_room(std::size_t length) noexcept {
    if (length <= pool_.stride()) return;
    pool_.widen(length);
    for (std::size_t s = 0; s < capacity_; ++s)
        if ((known_[s / 64] >> (s % 64) & 1) != 0) unit_[s].bytes = pool_.bytes(unit_[s].number);
}

/// When all units are in use the window gets shorter. What is kept apart may leave none.
std::uint32_t rlc_decoder::take() noexcept {
    std::uint32_t taken = pool_.take();
    while (taken == no_packet && started_ && base_ <= newest_) {
        leave(base_ + 1);
        taken = pool_.take();
    }
    return taken;
}

/// Is there a unit of `length` bytes to work with?
bool rlc_decoder::have_spare(std::size_t length) noexcept {
    make_room(length);
    if (spare_ == no_packet) spare_ = take();
    return spare_ != no_packet;
}

/// A unit with a packet; `no_packet` when there is no room. Precondition: it is not too large.
std::uint32_t rlc_decoder::fill(std::uint8_t flow, byte_view prefix, byte_view data) noexcept {
    const std::size_t payload = prefix.size() + data.size();
    make_room(payload + source_unit_header);
    const std::uint32_t taken = take();
    if (taken == no_packet) return taken;
    std::uint8_t* const out = pool_.bytes(taken);
    detail::write_unit_header(out, flow, payload);
    detail::copy_into_unit(out, source_unit_header, prefix);
    detail::copy_into_unit(out, source_unit_header + prefix.size(), data);
    pool_.set_length(taken, payload + source_unit_header);
    return taken;
}

/// A source more than `max_jump` ahead: true when another one near it came before.
bool rlc_decoder::believe_jump(std::int64_t position) noexcept {
    const std::int64_t distance = position - jump_;
    const bool confirmed = jump_pending_ && distance != 0 && distance > -static_cast<std::int64_t>(capacity_) &&
                           distance < static_cast<std::int64_t>(capacity_);
    jump_pending_ = !confirmed;
    jump_ = position;
    return confirmed;
}

status rlc_decoder::begin(std::uint32_t first_esi) noexcept {
    if (started_) return status::wrong_state;
    start(origin + first_esi - 1);
    wanted_ = newest_ + 1;
    return status::ok;
}

/// Finds the place of a source that arrived. `ok`: it is new, and its position is in the window.
status rlc_decoder::admit(std::uint32_t esi, std::uint8_t flow, byte_view prefix, byte_view data,
                          std::int64_t& position) noexcept {
    if (!started_) {
        start(origin + esi);
        wanted_ = newest_;
    }
    position = unwrap_nearest(newest_, esi, 32);
    if (position < base_) {
        ++stats_.late;
        return status::late;
    }
    if (position > newest_) {
        if (position - newest_ > config_.max_jump && !believe_jump(position)) {
            ++stats_.refused;
            return status::out_of_window;
        }
        advance(position);
    }
    if (!known(position)) return status::ok;
    ++stats_.duplicates;
    if (!sources_[slot_of(position)].recovered) return status::duplicate;
    const std::uint8_t* there = unit(position).bytes;
    const std::size_t size = source_unit_header + prefix.size() + data.size();
    const bool same =
        unit(position).length == size && there[0] == flow &&
        (prefix.empty() || std::memcmp(there + source_unit_header, prefix.data(), prefix.size()) == 0) &&
        (data.empty() || std::memcmp(there + source_unit_header + prefix.size(), data.data(), data.size()) == 0);
    if (same) return status::duplicate;
    ++stats_.inconsistent;
    return status::inconsistent;
}

/// The source at `position` is in the unit `taken`.
void rlc_decoder::put(std::int64_t position, std::uint32_t taken) noexcept {
    const detail::rlc_unit in{pool_.bytes(taken), pool_.length(taken), taken};
    unit(position) = in;
    if (in.length > longest_) longest_ = in.length;
    set_known(position, true);
}

/// A source arrived, and was admitted.
void rlc_decoder::received(std::int64_t position, std::uint32_t taken) noexcept {
    put(position, taken);
    sources_[slot_of(position)].recovered = false;
    ++stats_.received;
    if (equations_ != 0) absorb(position);
}

bool rlc_decoder::too_large(std::size_t payload) const noexcept {
    return payload > 0xFFFF || payload + source_unit_header > detail::unit_limit(config_);
}

status rlc_decoder::push_source(std::uint32_t esi, std::uint8_t flow, byte_view prefix, byte_view data) noexcept {
    prepared_ = 0;
    if (too_large(prefix.size() + data.size())) {
        ++stats_.refused;
        return status::too_large;
    }
    std::int64_t position = 0;
    const status admitted = admit(esi, flow, prefix, data, position);
    if (admitted != status::ok) return admitted;
    const std::uint32_t taken = fill(flow, prefix, data);
    if (taken == no_packet || position < base_) return no_room(taken);
    received(position, taken);
    return status::ok;
}

/// What is kept apart has left no unit for a source, or has made the window too short for it.
status rlc_decoder::no_room(std::uint32_t taken) noexcept {
    if (taken != no_packet) pool_.release(taken);
    ++stats_.late;
    return status::late;
}

byte_span rlc_decoder::prepare_source(std::size_t size) noexcept {
    prepared_ = 0;
    if (too_large(size) || !have_spare(size + source_unit_header)) return {};
    prepared_ = size + source_unit_header;
    if (pool_.length(spare_) < prepared_) pool_.note_length(spare_, prepared_);
    return {pool_.bytes(spare_) + source_unit_header, size};
}

status rlc_decoder::commit_source(std::uint32_t esi, std::uint8_t flow, std::size_t size) noexcept {
    if (prepared_ == 0 || size + source_unit_header != prepared_) return status::wrong_state;
    pool_.set_length(spare_, prepared_);
    prepared_ = 0;
    std::int64_t position = 0;
    std::uint8_t* const in = pool_.bytes(spare_);
    const status admitted = admit(esi, flow, {}, {in + source_unit_header, size}, position);
    if (admitted != status::ok) return admitted;
    detail::write_unit_header(in, flow, size);
    received(position, std::exchange(spare_, no_packet));
    return status::ok;
}

std::uint32_t rlc_decoder::keep(std::uint8_t flow, byte_view prefix, byte_view data) noexcept {
    prepared_ = 0;
    return too_large(prefix.size() + data.size()) ? no_packet : fill(flow, prefix, data);
}

std::uint32_t rlc_decoder::keep(const recovered_unit& recovered) noexcept {
    const std::uint32_t unit = this->unit(unwrap_nearest(newest_, recovered.esi, 32)).number;
    pool_.share(unit);
    return unit;
}

status rlc_decoder::push_kept(std::uint32_t esi, std::uint32_t packet) noexcept {
    prepared_ = 0;
    std::int64_t position = 0;
    const status admitted = admit(esi, pool_.bytes(packet)[0], {}, kept(packet), position);
    if (admitted != status::ok) return admitted;
    pool_.share(packet);
    received(position, packet);
    return status::ok;
}

/// A source that was unknown to the equations came by itself: move its term to the right-hand side of each.
void rlc_decoder::absorb(std::int64_t position) noexcept {
    const std::size_t column = slot_of(position);
    const std::size_t length = unit(position).length;
    const detail::gf256_kernel& kernel = detail::gf256_active();
    const std::uint16_t own = pivot_of_[column];
    for (std::size_t e = 0; e < config_.max_equations; ++e) {
        const std::uint8_t c = equation_[e].used ? coefficients(e)[column] : std::uint8_t{0};
        if (c == 0) continue;
        if (length > equation_[e].size) {  // the repair was too short to cover this source
            ++stats_.inconsistent;
            release(e);
            continue;
        }
        coefficients(e)[column] = 0;
        kernel.multiply_add(symbol(e), unit(position).bytes, c, detail::padded(length));
        if (e != own) solve(e);
    }
    if (own == no_equation || !equation_[own].used) return;
    // The equation that had this source as its pivot needs another one: the oldest unknown left in it.
    pivot_of_[column] = no_equation;
    std::int64_t p = position + 1;
    while (p <= newest_ && coefficients(own)[slot_of(p)] == 0) ++p;
    if (p > newest_) {
        if (!all_zero(symbol(own), equation_[own].size)) ++stats_.inconsistent;
        discard(own);
        return;
    }
    equation_[own].pivot = p;
    const std::uint8_t scale = detail::gf256_inverse(coefficients(own)[slot_of(p)]);
    const auto change = static_cast<std::uint8_t>(scale ^ 1);
    kernel.multiply_add(coefficients(own), coefficients(own), change, capacity_);
    kernel.multiply_add(symbol(own), symbol(own), change, detail::padded(equation_[own].size));
    eliminate(own);
}

/// Makes the pivot of equation `e`, which is normalised, vanish from all others, and looks what that solved.
void rlc_decoder::eliminate(std::size_t e) noexcept {
    const std::size_t column = slot_of(equation_[e].pivot);
    const detail::gf256_kernel& kernel = detail::gf256_active();
    pivot_of_[column] = static_cast<std::uint16_t>(e);
    for (std::size_t other = 0; other < config_.max_equations; ++other) {
        if (other == e || !equation_[other].used) continue;
        const std::uint8_t c = coefficients(other)[column];
        if (c == 0) continue;
        kernel.multiply_add(coefficients(other), coefficients(e), c, capacity_);
        kernel.multiply_add(symbol(other), symbol(e), c, detail::padded(equation_[e].size));
        if (equation_[other].size < equation_[e].size) equation_[other].size = equation_[e].size;
        solve(other);
    }
    solve(e);
}

/// When only its pivot is left in equation `e`, its symbol is that source.
void rlc_decoder::solve(std::size_t e) noexcept {
    const detail::rlc_equation& eq = equation_[e];
    const std::size_t column = slot_of(eq.pivot);
    const std::uint8_t* row = coefficients(e);
    if (!all_zero(row, column) || !all_zero(row + column + 1, capacity_ - column - 1)) return;

    const std::int64_t position = eq.pivot;
    const std::size_t size = eq.size;
    const std::uint32_t solved = eq.symbol;
    pool_.share(solved);  // outlives its equation
    release(e);
    if (!recover(position, solved, size)) pool_.release(solved);
}

/// Takes a unit, `size` bytes and zero behind them, for the source at `position`, if it is a valid one.
bool rlc_decoder::recover(std::int64_t position, std::uint32_t taken, std::size_t size) noexcept {
    const std::uint8_t* const in = pool_.bytes(taken);
    const std::size_t length = source_unit_header + (std::size_t{in[1]} << 8 | in[2]);
    if (length > size || length > detail::unit_limit(config_) || !all_zero(in + length, size - length)) {
        ++stats_.inconsistent;  // some repair or source behind it was damaged: the source stays missing
        return false;
    }
    pool_.note_length(taken, length);
    put(position, taken);
    detail::rlc_source& source = sources_[slot_of(position)];
    source.recovered = true;
    source.queued = ready_.push(position);
    if (!source.queued) ++stats_.unpolled;
    ++stats_.recovered;
    return true;
}

/// The usual case: one source is missing in the window of a repair and nothing else is open. The terms of the known
/// sources are in the scratch arrays.
status rlc_decoder::solve_single(std::int64_t position, std::uint8_t coefficient, std::size_t terms,
                                 byte_view repair) noexcept {
    const detail::gf256_kernel& kernel = detail::gf256_active();
    pointers_[terms] = repair.data();
    factors_[terms++] = 1;
    const std::uint8_t scale = detail::gf256_inverse(coefficient);
    kernel.multiply_add(factors_.data(), factors_.data(), static_cast<std::uint8_t>(scale ^ 1), terms);
    kernel.dot(pool_.bytes(spare_), pointers_.data(), factors_.data(), terms, repair.size());
    pool_.set_length(spare_, repair.size());
    if (!recover(position, spare_, repair.size())) return status::inconsistent;
    spare_ = no_packet;
    ++stats_.repairs_used;
    return status::ok;
}

status rlc_decoder::push_repair(const repair_payload_id& id, byte_view repair) noexcept {
    if (id.window_size == 0 || id.density_threshold > 15) {
        ++stats_.repairs_malformed;
        return status::malformed;
    }
    return accept_repair(id.first_esi, id.window_size, repair,
                         [&]() noexcept { return rows_.row(id.repair_key, id.density_threshold, id.window_size); });
}

status rlc_decoder::push_combination(std::uint32_t first_esi, byte_view combination, byte_view repair) noexcept {
    if (combination.empty() || combination.size() > 0xFFFF) {
        ++stats_.repairs_malformed;
        return status::malformed;
    }
    return accept_repair(first_esi, static_cast<std::uint32_t>(combination.size()), repair,
                         [&]() noexcept { return combination.data(); });
}

/// `coefficient_row` is called only when something is missing.
template <class Row>
status rlc_decoder::accept_repair(std::uint32_t first_esi, std::uint32_t count, byte_view repair,
                                  Row coefficient_row) noexcept {
    if (repair.size() < source_unit_header) {
        ++stats_.repairs_malformed;
        return status::malformed;
    }
    if (count > config_.max_window || repair.size() > config_.max_symbol) {
        ++stats_.repairs_malformed;
        return status::too_large;
    }
    if (config_.symbol_size != 0 && repair.size() != config_.symbol_size) {
        ++stats_.inconsistent;
        return status::inconsistent;
    }
    if (!started_) {
        ++stats_.repairs_outside;
        return status::out_of_window;
    }
    const std::int64_t first = unwrap_nearest(newest_, first_esi, 32);
    const std::int64_t last = first + count - 1;
    if (last < base_) {
        ++stats_.late;
        return status::late;
    }
    if (first > newest_ + 1 || first < base_) {
        ++stats_.repairs_outside;
        return status::out_of_window;
    }

    // Up to `newest_` the window tells what is missing and how long the rest is; beyond, everything is missing.
    std::uint32_t missing = last > newest_ ? static_cast<std::uint32_t>(last - newest_) : 0;
    const auto covered = static_cast<std::uint32_t>(count - missing);
    for (std::uint32_t i = 0; i < covered; i += 64)
        missing += static_cast<std::uint32_t>(std::popcount(missing_bits(first + i, covered - i)));
    if (missing == 0) {
        ++stats_.repairs_unneeded;
        return status::no_change;
    }
    if (repair.size() < longest_)
        for (std::int64_t p = first; p < first + covered; ++p)
            if (known(p) && unit(p).length > repair.size()) {
                ++stats_.inconsistent;
                return status::inconsistent;
            }
    prepared_ = 0;
    if (last > newest_) advance(last);  // keeps `first`: no repair is wider than the decoder's window
    if (!have_spare(repair.size()) || first < base_) {
        ++stats_.repairs_outside;
        return status::out_of_window;
    }

    // Terms of the right-hand side: the known sources, then equations, then the repair itself.
    const detail::gf256_kernel& kernel = detail::gf256_active();
    const std::uint8_t* row = coefficient_row();
    const std::size_t sources = count - missing;
    std::int64_t unknown = first;
    {
        std::size_t at = 0;
        for (std::uint32_t i = 0; i < count; i += 64) {
            const std::uint32_t n = count - i < 64 ? count - i : 64;
            const std::uint64_t absent = missing_bits(first + i, n);
            for (std::uint32_t b = 0; b < n; ++b) {
                pointers_[at] = unit(first + i + b).bytes;
                factors_[at] = row[i + b];
                at += (absent >> b & 1) == 0 ? 1u : 0u;
            }
            if (absent != 0) unknown = first + i + std::countr_zero(absent);
        }
    }
    if (missing == 1 && equations_ == 0) {
        const std::uint8_t c = row[unknown - first];
        if (c != 0) return solve_single(unknown, c, sources, repair);
    }

    // The coefficients of the unknowns, reduced by the equations there are.
    std::uint8_t* reduced = coefficients(config_.max_equations);
    std::size_t size = 0;  // of the equation: the longest of the repair and those it is reduced by
    std::size_t terms = 0;
    for (;;) {
        std::memset(reduced, 0, capacity_);
        for (std::uint32_t i = 0; i < count; ++i)
            if (!known(first + i)) reduced[slot_of(first + i)] = row[i];
        terms = sources;
        size = repair.size();
        for (std::uint32_t i = 0; equations_ != 0 && i < count; ++i) {
            const std::size_t column = slot_of(first + i);
            const std::uint16_t other = pivot_of_[column];
            if (other == no_equation || reduced[column] == 0) continue;
            if (equation_[other].size > size) size = equation_[other].size;
            pointers_[terms] = symbol(other);
            factors_[terms++] = reduced[column];
            kernel.multiply_add(reduced, coefficients(other), reduced[column], capacity_);
        }
        if (all_zero(reduced, capacity_)) {
            ++stats_.repairs_dependent;
            return status::no_change;
        }
        if (equations_ < config_.max_equations) break;
        std::size_t oldest = 0;
        for (std::size_t e = 1; e < config_.max_equations; ++e)
            if (equation_[e].pivot < equation_[oldest].pivot) oldest = e;
        release(oldest);
        ++stats_.equations_dropped;
    }

    std::size_t e = 0;
    while (equation_[e].used) ++e;
    detail::rlc_equation& eq = equation_[e];
    eq.used = true;
    ++equations_;
    eq.pivot = first;
    while (reduced[slot_of(eq.pivot)] == 0) ++eq.pivot;

    // Normalised by its pivot, the right-hand side is one dot product.
    const std::uint8_t scale = detail::gf256_inverse(reduced[slot_of(eq.pivot)]);
    std::memset(coefficients(e), 0, capacity_);
    kernel.multiply_add(coefficients(e), reduced, scale, capacity_);
    kernel.multiply_add(factors_.data(), factors_.data(), static_cast<std::uint8_t>(scale ^ 1), terms);
    eq.symbol = std::exchange(spare_, no_packet);
    std::uint8_t* out = symbol(e);
    kernel.dot(out, pointers_.data(), factors_.data(), terms, detail::padded(size));
    kernel.multiply_add(out, repair.data(), scale, repair.size());
    pool_.set_length(eq.symbol, detail::padded(size));
    eq.size = static_cast<std::uint32_t>(size);
    ++stats_.repairs_used;
    eliminate(e);
    return status::ok;
}

bool rlc_decoder::poll(recovered_unit& out) noexcept {
    while (!ready_.empty()) {
        const std::int64_t position = ready_.pop();
        detail::rlc_source& source = sources_[slot_of(position)];
        if (position < base_ || !source.queued) continue;  // left the window before it was polled; counted there
        source.queued = false;
        const detail::rlc_unit& in = unit(position);
        out.esi = static_cast<std::uint32_t>(position);
        out.flow = in.bytes[0];
        out.expired = position < wanted_;
        out.data = {in.bytes + source_unit_header, in.length - source_unit_header};
        if (out.expired) ++stats_.expired;
        return true;
    }
    return false;
}

void rlc_decoder::forget(std::uint32_t before_esi) noexcept {
    if (!started_) return;
    const std::int64_t position = unwrap_nearest(newest_, before_esi, 32);
    if (position > wanted_) wanted_ = position;
}

void rlc_decoder::reset() noexcept {
    if (!started_) return;
    advance(newest_ + static_cast<std::int64_t>(capacity_));
    ready_.clear();
    started_ = jump_pending_ = false;
    prepared_ = 0;
}

rlc_deficit rlc_decoder::deficit(std::uint32_t from_esi) const noexcept {
    const std::int64_t position = unwrap_nearest(newest_, from_esi, 32);
    return deficit_from(position > wanted_ ? position : wanted_);
}

rlc_deficit rlc_decoder::deficit_from(std::int64_t position) const noexcept {
    rlc_deficit out;
    if (!started_) return out;
    const std::int64_t from = position > base_ ? position : base_;
    for (std::int64_t p = from; p <= newest_; p += 64) {
        const std::int64_t left = newest_ - p + 1;
        const std::uint64_t bits = missing_bits(p, left < 64 ? static_cast<std::uint32_t>(left) : 64);
        if (bits == 0) continue;
        if (out.missing == 0) out.first_missing = static_cast<std::uint32_t>(p + std::countr_zero(bits));
        out.last_missing = static_cast<std::uint32_t>(p + 63 - std::countl_zero(bits));
        out.missing += static_cast<std::uint32_t>(std::popcount(bits));
    }
    std::uint32_t useful = 0;
    for (std::size_t e = 0; equations_ != 0 && e < config_.max_equations; ++e)
        useful += equation_[e].used && equation_[e].pivot >= from ? 1u : 0u;
    out.symbols_needed = out.missing - useful;
    return out;
}

bool rlc_decoder::has(std::uint32_t esi) const noexcept {
    if (!started_) return false;
    const std::int64_t position = unwrap_nearest(newest_, esi, 32);
    return position >= base_ && position <= newest_ && known(position);
}

}  // namespace v0
}  // namespace duality
