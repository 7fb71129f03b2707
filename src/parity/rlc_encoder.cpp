// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstring>

#include "rlc_units.hpp"

namespace duality {
inline namespace v0 {

status parse(byte_view bytes, repair_payload_id& id) noexcept {
    if (bytes.size() < repair_payload_id::wire_size) return status::malformed;
    const std::uint8_t* b = bytes.data();
    repair_payload_id read;
    read.repair_key = static_cast<std::uint16_t>(b[0] << 8 | b[1]);
    read.density_threshold = static_cast<std::uint8_t>(b[2] >> 4);
    read.window_size = static_cast<std::uint16_t>((b[2] & 0xF) << 8 | b[3]);
    read.first_esi = static_cast<std::uint32_t>(b[4]) << 24 | static_cast<std::uint32_t>(b[5]) << 16 |
                     static_cast<std::uint32_t>(b[6]) << 8 | b[7];
    if (read.window_size == 0) return status::malformed;
    id = read;
    return status::ok;
}

status write(const repair_payload_id& id, byte_span bytes) noexcept {
    if (id.density_threshold > 15 || id.window_size == 0 || id.window_size > 4095) return status::invalid_argument;
    if (bytes.size() < repair_payload_id::wire_size) return status::buffer_too_small;
    std::uint8_t* b = bytes.data();
    b[0] = static_cast<std::uint8_t>(id.repair_key >> 8);
    b[1] = static_cast<std::uint8_t>(id.repair_key);
    b[2] = static_cast<std::uint8_t>(id.density_threshold << 4 | id.window_size >> 8);
    b[3] = static_cast<std::uint8_t>(id.window_size);
    b[4] = static_cast<std::uint8_t>(id.first_esi >> 24);
    b[5] = static_cast<std::uint8_t>(id.first_esi >> 16);
    b[6] = static_cast<std::uint8_t>(id.first_esi >> 8);
    b[7] = static_cast<std::uint8_t>(id.first_esi);
    return status::ok;
}

namespace {

/// An encoder whose rows are all common ones draws others only when asked for a repair with a key of somebody else.
std::size_t kept_rows(const rlc_config& config) noexcept {
    const bool common = config.cached_rows <= detail::common_keys && config.max_window <= detail::common_width &&
                        config.density_threshold == detail::common_density;
    return common ? 16 : config.cached_rows;
}

}  // namespace

result<rlc_encoder> rlc_encoder::create(const rlc_config& config, const allocator& memory) noexcept {
    failure why;
    if (!detail::valid(config, why)) return why;
    rlc_encoder e;
    e.config_ = config;
    e.unit_limit_ = detail::unit_limit(config);
    const std::size_t slots = std::size_t{config.max_window} + 1;
    const std::size_t stride = detail::unit_stride(e.unit_limit_);
    if (!e.memory_.create(slots, e.unit_limit_, config.symbol_size != 0, memory) || !e.units_.create(slots, memory) ||
        !e.pointers_.create(2 * slots, memory) || !e.rows_.create(kept_rows(config), config.max_window, memory) ||
        !e.sums_.create(config.repairs_ahead, config.max_window, stride, memory))
        return status::out_of_memory;
    e.place_units();
    e.next_ = e.units_.begin();
    return e;
}

void rlc_encoder::place_units() noexcept {
    const std::size_t slots = units_.size();
    for (std::size_t i = 0; i < slots; ++i) pointers_[i] = pointers_[i + slots] = units_[i].bytes = memory_.place(i);
    const auto too_long = static_cast<std::uint32_t>(memory_.stride() + 1);
    for (std::size_t i = begun_units_; i < slots; ++i) units_[i].length = too_long;
}

/// A packet longer than any before: false when it is too long.
bool rlc_encoder::make_room(std::size_t size) noexcept {
    const std::size_t length = size + source_unit_header;
    if (size > 0xFFFF || length > unit_limit_) return false;
    memory_.widen(length, begun_units_);
    place_units();
    return true;
}

std::size_t rlc_encoder::slot_of(std::uint32_t esi) const noexcept {
    const std::size_t slots = units_.size();
    const auto next = static_cast<std::size_t>(next_ - units_.data());
    const std::size_t back = next_esi_ - esi;  // at most max_window
    return next >= back ? next - back : next + slots - back;
}

std::size_t rlc_encoder::longest_of(std::size_t slot, std::size_t count) const noexcept {
    std::uint32_t longest = 0;
    for (; count != 0; --count) {
        if (units_[slot].length > longest) longest = units_[slot].length;
        if (++slot == units_.size()) slot = 0;
    }
    return longest;
}

void rlc_encoder::clear_behind() noexcept {
    const auto place = static_cast<std::size_t>(next_ - units_.data());
    const std::size_t behind = place < begun_units_ ? next_->length : memory_.stride();
    std::memset(next_->bytes + prepared_, 0, behind - prepared_);
    next_->length = prepared_;
    begun_units_ = std::max(begun_units_, place + 1);
}

status rlc_encoder::push(std::uint32_t esi, std::uint8_t flow, byte_view prefix, byte_view data) noexcept {
    if (esi != next_esi_ && this->size() != 0) return status::invalid_argument;
    const std::size_t size = prefix.size() + data.size();
    (void)prepare(size);
    if (prepared_ == 0) return status::too_large;
    detail::copy_into_unit(next_->bytes, source_unit_header, prefix);
    detail::copy_into_unit(next_->bytes, source_unit_header + prefix.size(), data);
    return commit(esi, flow, size);
}

std::size_t rlc_encoder::size_over(std::uint32_t first_esi, std::size_t count) const noexcept {
    if (config_.symbol_size != 0) return config_.symbol_size;
    const bool all_alike = next_esi_ - first_esi <= next_esi_ - same_since_;
    return all_alike ? last_length_ : longest_of(slot_of(first_esi), count);
}

status rlc_encoder::combine(std::uint32_t first_esi, byte_view coefficients, byte_span symbol,
                            std::size_t& symbol_size) noexcept {
    const std::size_t count = coefficients.size();
    const std::uint32_t from_first = first_esi - this->first_esi();
    if (count == 0) return status::invalid_argument;
    if (from_first >= size() || size() - from_first < count) return status::out_of_window;
    symbol_size = size_over(first_esi, count);
    if (symbol.size() < symbol_size) return status::buffer_too_small;
    detail::gf256_active().dot(symbol.data(), &pointers_[slot_of(first_esi)], coefficients.data(), count, symbol_size);
    ++stats_.repairs;
    stats_.repair_bytes += symbol_size;
    return status::ok;
}

status rlc_encoder::make_repair(const repair_payload_id& id, byte_span symbol, std::size_t& symbol_size) noexcept {
    if (id.window_size == 0 || id.density_threshold > 15) return status::invalid_argument;
    if (id.window_size > config_.max_window) return status::out_of_window;
    const std::uint8_t* row = rows_.row(id.repair_key, id.density_threshold, id.window_size);
    return combine(id.first_esi, {row, id.window_size}, symbol, symbol_size);
}

status rlc_encoder::make_repair(std::uint32_t first_esi, std::uint32_t window_size, repair_payload_id& id,
                                byte_span symbol, std::size_t& symbol_size) noexcept {
    if (window_size == 0) return status::invalid_argument;
    if (window_size > config_.max_window) return status::out_of_window;
    if (window_size == sums_.window() && first_esi + window_size == next_esi_ && window_size <= size())
        return make_expected(first_esi, id, symbol, symbol_size);
    return make_alone(first_esi, window_size, id, symbol, symbol_size);
}

/// A repair with a key of its own, over sources read for it alone.
status rlc_encoder::make_alone(std::uint32_t first_esi, std::uint32_t window_size, repair_payload_id& id,
                               byte_span symbol, std::size_t& symbol_size) noexcept {
    const repair_payload_id chosen = describe(next_key_, first_esi, window_size);
    const status made = make_repair(chosen, symbol, symbol_size);
    if (made != status::ok) return made;
    (void)take_key();
    id = chosen;
    return status::ok;
}

std::uint16_t rlc_encoder::take_key() noexcept {
    const std::uint16_t key = next_key_;
    next_key_ = static_cast<std::uint16_t>((key + 1u) & (config_.cached_rows - 1));
    return key;
}

repair_payload_id rlc_encoder::describe(std::uint16_t key, std::uint32_t first_esi,
                                        std::uint32_t window_size) const noexcept {
    return {key, static_cast<std::uint8_t>(config_.density_threshold), static_cast<std::uint16_t>(window_size),
            first_esi};
}

status rlc_encoder::make_repair(std::uint32_t window_size, repair_payload_id& id, byte_span symbol,
                                std::size_t& symbol_size) noexcept {
    if (size() == 0) return status::need_more;
    const std::uint32_t n = window_size < size() ? window_size : size();
    return make_repair(next_esi_ - n, n, id, symbol, symbol_size);
}

// Repairs ahead of time

status rlc_encoder::expect_repairs(std::uint32_t window_size, std::uint32_t every) noexcept {
    const std::uint64_t reach = std::uint64_t{every} * config_.repairs_ahead;
    if (every != 0 && (window_size == 0 || window_size > config_.max_window || window_size > reach))
        return status::invalid_argument;
    sums_.expect(window_size, every);
    return status::ok;
}

status rlc_encoder::make_expected(std::uint32_t first_esi, repair_payload_id& id, byte_span symbol,
                                  std::size_t& symbol_size) noexcept {
    symbol_size = size_over(first_esi, sums_.window());
    if (symbol.size() < symbol_size) return status::buffer_too_small;
    sums_.align(next_esi_, size());
    while (sums_.lacks_sum(next_esi_)) sums_.open(take_key());
    const bool ready = sums_.ready(first_esi);
    if (!ready) {
        const status made = make_alone(first_esi, sums_.window(), id, symbol, symbol_size);
        if (made != status::ok) return made;
    } else {
        id = describe(sums_.key(), first_esi, sums_.window());
        ++stats_.repairs;
        ++stats_.repairs_ahead;
        stats_.repair_bytes += symbol_size;
    }
    sums_.add(&pointers_[slot_of(sums_.summed_to())], next_esi_, symbol_size, rows_, config_.density_threshold,
              ready ? symbol.data() : nullptr);
    return status::ok;
}

}  // namespace v0
}  // namespace duality
