// SPDX-License-Identifier: MIT
//
// The erasure codes in C: a window of packets with repairs of any code, and plain blocks.
#include "duality/parity.hpp"

#include "objects.hpp"

using namespace duality;
using namespace duality::capi;

namespace {

constexpr auto parity_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.code, cpp.code, parity_code::rs, "code");
    visit(c.max_window, cpp.rlc.max_window);
    visit(c.max_symbol, cpp.rlc.max_symbol);
    visit(c.symbol_size, cpp.rlc.symbol_size);
    visit(c.decoder_window, cpp.rlc.decoder_window);
    visit(c.max_equations, cpp.rlc.max_equations);
    visit(c.max_jump, cpp.rlc.max_jump);
    visit(c.cached_rows, cpp.rlc.cached_rows);
    visit(c.density_threshold, cpp.rlc.density_threshold);
    visit(c.repairs_ahead, cpp.rlc.repairs_ahead);
    visit(c.rs_roots, cpp.rs.roots);
    visit(c.rs_first_root, cpp.rs.first_root);
    visit(c.rs_primitive, cpp.rs.primitive);
};

constexpr auto encoder_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.sources, cpp.sources);
    visit(c.source_bytes, cpp.source_bytes);
    visit(c.repairs, cpp.repairs);
    visit(c.repair_bytes, cpp.repair_bytes);
    visit(c.repairs_ahead, cpp.repairs_ahead);
};

constexpr auto decoder_statistics_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.received, cpp.received);
    visit(c.recovered, cpp.recovered);
    visit(c.expired, cpp.expired);
    visit(c.duplicates, cpp.duplicates);
    visit(c.late, cpp.late);
    visit(c.refused, cpp.refused);
    visit(c.unpolled, cpp.unpolled);
    visit(c.repairs_used, cpp.repairs_used);
    visit(c.repairs_unneeded, cpp.repairs_unneeded);
    visit(c.repairs_dependent, cpp.repairs_dependent);
    visit(c.repairs_malformed, cpp.repairs_malformed);
    visit(c.repairs_outside, cpp.repairs_outside);
    visit(c.inconsistent, cpp.inconsistent);
    visit(c.equations_dropped, cpp.equations_dropped);
    visit(c.equations_outdated, cpp.equations_outdated);
};

constexpr auto deficit_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.first_missing, cpp.first_missing);
    visit(c.last_missing, cpp.last_missing);
    visit(c.missing, cpp.missing);
    visit(c.symbols_needed, cpp.symbols_needed);
};

constexpr auto block_fields = [](auto&& visit, auto& c, auto& cpp) {
    visit(c.max_sources, cpp.max_sources);
    visit(c.max_repairs, cpp.max_repairs);
};

void give_repair(duality_repair& c, const parity_repair& repair) noexcept {
    c.code = static_cast<std::int32_t>(repair.code);
    c.repair_key = repair.id.repair_key;
    c.density_threshold = repair.id.density_threshold;
    c.window_size = repair.id.window_size;
    c.first_esi = repair.id.first_esi;
}

/// False: no struct, or a field that does not fit its bits.
[[nodiscard]] bool take_repair(const duality_repair* given, parity_repair& repair) noexcept {
    duality_repair c{};
    if (!read_struct(given, c)) return false;
    if (c.code < 0 || c.code > static_cast<std::int32_t>(parity_code::rs) || c.repair_key > 0xFFFF ||
        c.density_threshold > 15 || c.window_size > 0xFFFF)
        return false;
    repair.code = static_cast<parity_code>(c.code);
    repair.id = {static_cast<std::uint16_t>(c.repair_key), static_cast<std::uint8_t>(c.density_threshold),
                 static_cast<std::uint16_t>(c.window_size), c.first_esi};
    return true;
}

/// The caller's output buffer, which may be NULL when it has no bytes.
struct output_buffer {
    std::uint8_t* bytes;
    std::size_t capacity;
    std::size_t* needed;

    [[nodiscard]] bool usable() const noexcept { return readable(bytes, capacity) && needed != nullptr; }
    [[nodiscard]] byte_span span() const noexcept { return {bytes, capacity}; }
};

/// A block has at most 256 symbols; larger counts are refused before anything is read.
constexpr std::uint32_t block_limit = 256;

/// `count` symbols of `size` bytes, none of them NULL (unless they are empty).
template <class Byte>
[[nodiscard]] bool all_there(Byte* const* symbols, std::uint32_t count, std::size_t size) noexcept {
    if (count > block_limit || !readable(symbols, count)) return false;
    return size == 0 || std::all_of(symbols, symbols + count, [](const Byte* s) { return s != nullptr; });
}

}  // namespace

template <>
struct duality::capi::handle_traits<duality_parity_encoder> {
    using object = parity_encoder;
    static constexpr handle_kind kind = handle_kind::parity_encoder;
};

template <>
struct duality::capi::handle_traits<duality_parity_decoder> {
    using object = parity_decoder;
    static constexpr handle_kind kind = handle_kind::parity_decoder;
};

template <>
struct duality::capi::handle_traits<duality_block_code> {
    using object = block_code;
    static constexpr handle_kind kind = handle_kind::block_code;
};

namespace {

/// Makes a repair over `window_size` packets, from `first_esi` on or (without one) the newest.
[[nodiscard]] duality_status make_repair(duality_parity_encoder* encoder, const std::uint32_t* first_esi,
                                         std::uint32_t window_size, duality_repair* out,
                                         output_buffer symbol) noexcept {
    if (!sized(out) || !symbol.usable()) return DUALITY_INVALID_ARGUMENT;
    return with(encoder, [&](parity_encoder& object) {
        std::uint32_t first = first_esi == nullptr ? 0 : *first_esi;
        if (first_esi == nullptr) {
            if (object.sources().size() == 0) return status::need_more;
            window_size = std::min(window_size, object.sources().size());
            first = object.sources().next_esi() - window_size;
        }
        parity_repair repair;
        const status made = object.make_repair(first, window_size, repair, symbol.span(), *symbol.needed);
        if (made == status::ok) write_struct(out, [&](duality_repair& c) { give_repair(c, repair); });
        return made;
    });
}

}  // namespace

duality_status duality_parity_config_default(duality_parity_config* config) {
    return give_struct(config, parity_config{}, parity_fields);
}

duality_status duality_parity_encoder_create(const duality_parity_config* config, const duality_host* host,
                                             duality_failure* failure, duality_parity_encoder** encoder) {
    parity_config wanted;
    const auto early = take_struct(config, wanted, parity_fields);
    return create("parity encoder", host, early, failure, encoder,
                  [&](const allocator& memory) { return parity_encoder::create(wanted, memory); });
}

duality_status duality_parity_encoder_destroy(duality_parity_encoder* encoder) {
    return destroy(encoder);
}

duality_status duality_parity_encoder_push(duality_parity_encoder* encoder, std::uint32_t esi, std::uint32_t flow,
                                           const std::uint8_t* data, std::size_t size) {
    if (flow > 0xFF || !readable(data, size)) return DUALITY_INVALID_ARGUMENT;
    return with(encoder, [&](parity_encoder& object) {
        return object.sources().push(esi, static_cast<std::uint8_t>(flow), {data, size});
    });
}

duality_status duality_parity_encoder_use(duality_parity_encoder* encoder, std::int32_t code) {
    if (code < 0 || code > static_cast<std::int32_t>(parity_code::rs)) return DUALITY_INVALID_ARGUMENT;
    return with(encoder, [&](parity_encoder& object) {
        object.use(static_cast<parity_code>(code));
        return status::ok;
    });
}

duality_status duality_parity_encoder_repair(duality_parity_encoder* encoder, std::uint32_t first_esi,
                                             std::uint32_t window_size, duality_repair* repair, std::uint8_t* symbol,
                                             std::size_t capacity, std::size_t* needed) {
    return make_repair(encoder, &first_esi, window_size, repair, {symbol, capacity, needed});
}

duality_status duality_parity_encoder_repair_newest(duality_parity_encoder* encoder, std::uint32_t window_size,
                                                    duality_repair* repair, std::uint8_t* symbol, std::size_t capacity,
                                                    std::size_t* needed) {
    return make_repair(encoder, nullptr, window_size, repair, {symbol, capacity, needed});
}

duality_status duality_parity_encoder_expect_repairs(duality_parity_encoder* encoder, std::uint32_t window_size,
                                                     std::uint32_t every) {
    return with(encoder, [&](parity_encoder& object) { return object.sources().expect_repairs(window_size, every); });
}

duality_status duality_parity_encoder_source(const duality_parity_encoder* encoder, std::uint32_t esi,
                                             const std::uint8_t** data, std::size_t* size) {
    if (data == nullptr || size == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(encoder, [&](const parity_encoder& object) {
        if (esi - object.sources().first_esi() >= object.sources().size()) return status::out_of_window;
        const byte_view found = object.sources().source(esi);
        *data = found.data();
        *size = found.size();
        return status::ok;
    });
}

duality_status duality_parity_encoder_reset(duality_parity_encoder* encoder) {
    return with(encoder, [&](parity_encoder& object) {
        object.sources().reset();
        return status::ok;
    });
}

duality_status duality_parity_encoder_get_statistics(const duality_parity_encoder* encoder,
                                                     duality_parity_encoder_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(encoder, [&](const parity_encoder& object) {
        write_struct(statistics, [&](duality_parity_encoder_statistics& c) {
            c.size = object.sources().size();
            c.first_esi = object.sources().first_esi();
            c.next_esi = object.sources().next_esi();
            encoder_statistics_fields(give{}, c, object.sources().stats());
        });
        return status::ok;
    });
}

duality_status duality_parity_decoder_create(const duality_parity_config* config, const duality_host* host,
                                             duality_failure* failure, duality_parity_decoder** decoder) {
    parity_config wanted;
    const auto early = take_struct(config, wanted, parity_fields);
    return create("parity decoder", host, early, failure, decoder,
                  [&](const allocator& memory) { return parity_decoder::create(wanted, memory); });
}

duality_status duality_parity_decoder_destroy(duality_parity_decoder* decoder) {
    return destroy(decoder);
}

duality_status duality_parity_decoder_begin(duality_parity_decoder* decoder, std::uint32_t first_esi) {
    return with(decoder, [&](parity_decoder& object) { return object.sources().begin(first_esi); });
}

duality_status duality_parity_decoder_push_source(duality_parity_decoder* decoder, std::uint32_t esi,
                                                  std::uint32_t flow, const std::uint8_t* data, std::size_t size) {
    if (flow > 0xFF || !readable(data, size)) return DUALITY_INVALID_ARGUMENT;
    return with(decoder, [&](parity_decoder& object) {
        return object.sources().push_source(esi, static_cast<std::uint8_t>(flow), {data, size});
    });
}

duality_status duality_parity_decoder_push_repair(duality_parity_decoder* decoder, const duality_repair* repair,
                                                  const std::uint8_t* symbol, std::size_t size) {
    parity_repair taken;
    if (!take_repair(repair, taken) || !readable(symbol, size)) return DUALITY_INVALID_ARGUMENT;
    return with(decoder, [&](parity_decoder& object) { return object.push_repair(taken, {symbol, size}); });
}

duality_status duality_parity_decoder_poll(duality_parity_decoder* decoder, duality_recovered* recovered) {
    if (!sized(recovered)) return DUALITY_INVALID_ARGUMENT;
    return with(decoder, [&](parity_decoder& object) {
        recovered_unit unit;
        if (!object.sources().poll(unit)) return status::need_more;
        write_struct(recovered, [&](duality_recovered& c) {
            c.esi = unit.esi;
            c.flow = unit.flow;
            c.expired = unit.expired ? 1 : 0;
            c.data = unit.data.data();
            c.size = unit.data.size();
        });
        return status::ok;
    });
}

duality_status duality_parity_decoder_forget(duality_parity_decoder* decoder, std::uint32_t before_esi) {
    return with(decoder, [&](parity_decoder& object) {
        object.sources().forget(before_esi);
        return status::ok;
    });
}

duality_status duality_parity_decoder_get_deficit(const duality_parity_decoder* decoder, duality_deficit* deficit) {
    return with(decoder, [&](const parity_decoder& object) {
        return static_cast<status>(give_struct(deficit, object.sources().deficit(), deficit_fields));
    });
}

duality_status duality_parity_decoder_has(const duality_parity_decoder* decoder, std::uint32_t esi,
                                          std::uint32_t* has) {
    if (has == nullptr) return DUALITY_INVALID_ARGUMENT;
    return with(decoder, [&](const parity_decoder& object) {
        *has = object.sources().has(esi) ? 1 : 0;
        return status::ok;
    });
}

duality_status duality_parity_decoder_get_statistics(const duality_parity_decoder* decoder,
                                                     duality_parity_decoder_statistics* statistics) {
    if (!sized(statistics)) return DUALITY_INVALID_ARGUMENT;
    return with(decoder, [&](const parity_decoder& object) {
        write_struct(statistics, [&](duality_parity_decoder_statistics& c) {
            c.newest_esi = object.sources().newest_esi();
            decoder_statistics_fields(give{}, c, object.sources().stats());
            c.repairs_malformed += object.refused();
        });
        return status::ok;
    });
}

duality_status duality_repair_write(const duality_repair* repair, std::uint8_t* bytes, std::size_t capacity,
                                    std::size_t* needed) {
    const output_buffer out{bytes, capacity, needed};
    parity_repair taken;
    if (!take_repair(repair, taken) || !out.usable()) return DUALITY_INVALID_ARGUMENT;
    *needed = repair_payload_id::wire_size;
    return to_c(write(taken.id, out.span()));
}

duality_status duality_repair_parse(const std::uint8_t* bytes, std::size_t size, duality_repair* repair) {
    if (!readable(bytes, size) || !sized(repair)) return DUALITY_INVALID_ARGUMENT;
    parity_repair parsed;
    const status read = parse({bytes, size}, parsed.id);
    if (read != status::ok) return to_c(read);
    write_struct(repair, [&](duality_repair& c) {
        const std::int32_t code = c.code;
        give_repair(c, parsed);
        c.code = code;
    });
    return DUALITY_OK;
}

duality_status duality_block_config_default(duality_block_config* config) {
    return give_struct(config, block_config{}, block_fields);
}

duality_status duality_block_code_create(const duality_block_config* config, const duality_host* host,
                                         duality_failure* failure, duality_block_code** code) {
    block_config wanted;
    const auto early = take_struct(config, wanted, block_fields);
    return create("block code", host, early, failure, code,
                  [&](const allocator& memory) { return block_code::create(wanted, memory); });
}

duality_status duality_block_code_destroy(duality_block_code* code) {
    return destroy(code);
}

duality_status duality_block_code_encode(duality_block_code* code, const std::uint8_t* const* sources,
                                         std::uint32_t source_count, std::uint8_t* const* repairs,
                                         std::uint32_t repair_count, std::uint32_t first_index, std::size_t size) {
    if (!all_there(sources, source_count, size) || !all_there(repairs, repair_count, size))
        return DUALITY_INVALID_ARGUMENT;
    return with(code, [&](block_code& object) {
        return object.encode({sources, source_count}, size, {repairs, repair_count}, first_index);
    });
}

duality_status duality_block_code_decode(duality_block_code* code, std::uint8_t* const* sources,
                                         const std::uint8_t* present, std::uint32_t source_count,
                                         const std::uint8_t* const* repairs, const std::uint32_t* indices,
                                         std::uint32_t repair_count, std::size_t size) {
    if (!all_there(sources, source_count, size) || !all_there(repairs, repair_count, size) || present == nullptr ||
        !readable(indices, repair_count))
        return DUALITY_INVALID_ARGUMENT;
    return with(code, [&](block_code& object) {
        bool there[block_limit];
        for (std::uint32_t i = 0; i < source_count; ++i) there[i] = present[i] != 0;
        block_repair given[block_limit];
        for (std::uint32_t i = 0; i < repair_count; ++i) given[i] = {indices[i], repairs[i]};
        return object.decode({sources, source_count}, {there, source_count}, {given, repair_count}, size);
    });
}
