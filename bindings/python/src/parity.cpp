// SPDX-License-Identifier: MIT
//
// The parity codes: sliding window and blocks.
#include "duality/parity.hpp"

#include <memory>
#include <vector>

#include "support.hpp"

namespace duality::python {

namespace {

using encoder_object = owned<rlc_encoder>;
using decoder_object = owned<rlc_decoder>;
using block_object = owned<block_code>;
using byte_array = py::array_t<std::uint8_t>;

struct repair {
    repair_payload_id id;
    py::bytes symbol;
};

struct recovered {
    std::uint32_t esi = 0;
    std::uint8_t flow = 0;
    bool expired = false;
    py::bytes data;
};

[[nodiscard]] byte_array new_rows(std::size_t rows, std::size_t columns) {
    return byte_array{{static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)}};
}

/// Makes one repair into bytes of the right size: `make(symbol, size)`.
template <class F>
[[nodiscard]] repair make_repair(encoder_object& self, F&& make) {
    const rlc_encoder& encoder = self.use();
    std::vector<std::uint8_t> symbol(std::max(encoder.config().max_symbol, encoder.config().symbol_size));
    std::size_t size = 0;
    repair out;
    check(make(out.id, byte_span{symbol}, size));
    out.symbol = bytes_of({symbol.data(), size});
    return out;
}

/// Every row is a packet; after every `every` of them a repair over the newest `window_size` is made.
[[nodiscard]] py::tuple encode(encoder_object& self, const py::object& sources, std::uint32_t first_esi,
                               std::uint32_t window_size, std::uint32_t every, std::uint8_t flow) {
    const array_view<const std::uint8_t> rows{sources, "sources", 2};
    if (every == 0 || window_size == 0) raise(status::invalid_argument, "every and window_size must be at least 1");
    const std::size_t count = rows.extent(0);
    const std::size_t size = rows.extent(1);
    encoder_object::batch batch{self};
    rlc_encoder& encoder = batch.object;
    // Units already in the window may be longer, and so may be the repairs that cover them.
    std::size_t longest = size;
    for (std::uint32_t i = 0; i < encoder.size(); ++i)
        longest = std::max(longest, encoder.source(encoder.first_esi() + i).size());
    const std::size_t symbol_size =
        encoder.config().symbol_size != 0 ? encoder.config().symbol_size : longest + source_unit_header;
    const std::size_t repairs = count / every;
    byte_array symbols = new_rows(repairs, symbol_size);
    py::array_t<repair_payload_id> ids{static_cast<py::ssize_t>(repairs)};
    std::uint8_t* symbol = symbols.mutable_data();
    repair_payload_id* id = ids.mutable_data();
    status answer = status::ok;
    {
        const py::gil_scoped_release free;
        // A pace that cannot be expected is made in the ordinary way.
        (void)encoder.expect_repairs(window_size, every);
        std::uint32_t since = 0;
        for (std::size_t i = 0; i < count && !failed(answer); ++i) {
            const auto esi = first_esi + static_cast<std::uint32_t>(i);
            answer = encoder.push(esi, flow, byte_view{rows.data() + i * size, size});
            if (failed(answer) || ++since < every) continue;
            since = 0;
            std::size_t made = 0;
            answer = encoder.make_repair(window_size, *id++, {symbol, symbol_size}, made);
            if (made < symbol_size) std::fill(symbol + made, symbol + symbol_size, std::uint8_t{0});
            symbol += symbol_size;
        }
        (void)encoder.expect_repairs(0, 0);
    }
    check(answer);
    return py::make_tuple(ids, symbols);
}

[[nodiscard]] byte_array block_encode(block_object& self, const py::object& sources, std::uint32_t repairs,
                                      std::uint32_t first_index) {
    const array_view<const std::uint8_t> rows{sources, "sources", 2};
    const std::size_t size = rows.extent(1);
    byte_array out = new_rows(repairs, size);
    std::vector<const std::uint8_t*> source_of(rows.extent(0));
    for (std::size_t i = 0; i < source_of.size(); ++i) source_of[i] = rows.data() + i * size;
    std::vector<std::uint8_t*> repair_of(repairs);
    for (std::size_t i = 0; i < repairs; ++i) repair_of[i] = out.mutable_data() + i * size;
    block_object::batch batch{self};
    status answer = status::ok;
    {
        const py::gil_scoped_release free;
        answer = batch.object.encode(source_of, size, repair_of, first_index);
    }
    check(answer);
    return out;
}

[[nodiscard]] status block_decode(block_object& self, const py::object& sources, const py::object& present,
                                  const py::object& repairs, const py::object& indices) {
    const array_view<std::uint8_t> rows{sources, "sources", 2, true};
    const array_view<const bool> there{present, "present", 1};
    const array_view<const std::uint8_t> symbols{repairs, "repairs", 2};
    const array_view<const std::uint32_t> index_of{indices, "indices", 1};
    const std::size_t size = rows.extent(1);
    require_length(there.extent(0), rows.extent(0), "present");
    require_length(index_of.extent(0), symbols.extent(0), "indices");
    if (symbols.extent(0) != 0) require_length(symbols.extent(1), size, "a row of repairs");
    std::vector<std::uint8_t*> source_of(rows.extent(0));
    for (std::size_t i = 0; i < source_of.size(); ++i) source_of[i] = rows.data() + i * size;
    std::vector<block_repair> came(symbols.extent(0));
    for (std::size_t i = 0; i < came.size(); ++i) came[i] = {index_of[i], symbols.data() + i * size};
    block_object::batch batch{self};
    status answer = status::ok;
    {
        const py::gil_scoped_release free;
        answer = batch.object.decode(source_of, {there.data(), there.extent(0)}, came, size);
    }
    return answer == status::malformed ? answer : check(answer);
}

void bind_rlc(py::module_& m) {
    config<rlc_config>{m, "RlcConfig", "Configuration of RlcEncoder and RlcDecoder; the same at both ends."}
        .field("max_window", &rlc_config::max_window, "source symbols a repair may cover; 1 to 4095")
        .field("max_symbol", &rlc_config::max_symbol,
               "largest source unit in bytes, 3 header bytes included; 8 to 65535")
        .field("symbol_size", &rlc_config::symbol_size, "fixed symbol size; 0: as long as the longest unit covered")
        .field("decoder_window", &rlc_config::decoder_window, "source symbols the decoder remembers; 0: 2 * max_window")
        .field("max_equations", &rlc_config::max_equations, "repairs that can wait at once; 0: max_window")
        .field("max_jump", &rlc_config::max_jump, "a source further ahead needs confirmation; 64 to 1000000")
        .field("cached_rows", &rlc_config::cached_rows, "coefficient rows kept, a power of two; 16 to 65536")
        .field("density_threshold", &rlc_config::density_threshold, "of the encoder's repairs; 0 to 15")
        .field("repairs_ahead", &rlc_config::repairs_ahead, "repairs that can be made ahead of time; 1 to 64");

    config<repair_payload_id>{m, "RepairId",
                              "Repair FEC Payload ID: which sources a repair covers, with which coefficients."}
        .field("repair_key", &repair_payload_id::repair_key, "seed of the coefficients")
        .field("density_threshold", &repair_payload_id::density_threshold, "0 to 15")
        .field("window_size", &repair_payload_id::window_size, "number of consecutive sources covered; 1 to 4095")
        .field("first_esi", &repair_payload_id::first_esi, "the oldest of them");

    record<repair>{m, "Repair", "A repair symbol and its id."}
        .field("id", &repair::id)
        .field("symbol", &repair::symbol);

    record<recovered>{m, "Recovered", "A packet the decoder rebuilt."}
        .field("esi", &recovered::esi)
        .field("flow", &recovered::flow)
        .field("expired", &recovered::expired, "older than what is wanted")
        .field("data", &recovered::data);

    record<rlc_deficit>{m, "Deficit", "What is missing now, for repair on request."}
        .field("first_missing", &rlc_deficit::first_missing)
        .field("last_missing", &rlc_deficit::last_missing)
        .field("missing", &rlc_deficit::missing, "how many are not there; 0: the other fields mean nothing")
        .field("symbols_needed", &rlc_deficit::symbols_needed, "repairs that would bring all");

    using sent = rlc_encoder_statistics;
    record<sent>{m, "RlcEncoderStatistics", "Counts since creation."}
        .field("sources", &sent::sources)
        .field("source_bytes", &sent::source_bytes)
        .field("repairs", &sent::repairs)
        .field("repair_bytes", &sent::repair_bytes, "payload ids not included")
        .field("repairs_ahead", &sent::repairs_ahead, "of the repairs: made ahead of time");

    using came = rlc_decoder_statistics;
    record<came>{m, "RlcDecoderStatistics", "Counts since creation."}
        .field("received", &came::received)
        .field("recovered", &came::recovered)
        .field("expired", &came::expired)
        .field("duplicates", &came::duplicates)
        .field("late", &came::late)
        .field("refused", &came::refused)
        .field("unpolled", &came::unpolled, "recovered, and out of the window before they were polled")
        .field("repairs_used", &came::repairs_used)
        .field("repairs_unneeded", &came::repairs_unneeded)
        .field("repairs_dependent", &came::repairs_dependent)
        .field("repairs_malformed", &came::repairs_malformed)
        .field("repairs_outside", &came::repairs_outside)
        .field("inconsistent", &came::inconsistent)
        .field("equations_dropped", &came::equations_dropped)
        .field("equations_outdated", &came::equations_outdated);

    py::class_<encoder_object>{
        m, "RlcEncoder",
        "Sliding-window random linear code over GF(2^8) (RFC 8681): makes repairs over the newest\n"
        "packets."}
        .def(py::init(&create<rlc_encoder, rlc_config>), py::arg_v("config", rlc_config{}, "..."))
        .def(
            "push",
            [](encoder_object& self, std::uint32_t esi, byte_view data, std::uint8_t flow) {
                check(self.use().push(esi, flow, data));
            },
            py::arg("esi"), py::arg("data"), py::arg("flow") = 0,
            "Adds a packet. Numbers are consecutive modulo 2**32; the first one is free. Raises TOO_LARGE or\n"
            "INVALID_ARGUMENT (not the next number).")
        .def(
            "make_repair",
            [](encoder_object& self, std::uint32_t window_size) {
                return make_repair(self, [&](auto& id, auto symbol, auto& size) {
                    const status made = self.use().make_repair(window_size, id, symbol, size);
                    if (made == status::need_more) raise(status::out_of_window, "no packet was pushed yet");
                    return made;
                });
            },
            py::arg("window_size"), "A repair over the newest packets, or over all there are if fewer.")
        .def(
            "make_repair_for",
            [](encoder_object& self, const repair_payload_id& id) {
                return make_repair(self, [&](auto& out, auto symbol, auto& size) {
                    return self.use().make_repair(out = id, symbol, size);
                });
            },
            py::arg("id"), "The repair that an id describes. Raises OUT_OF_WINDOW when its packets are not there.")
        .def(
            "encode", &encode, py::arg("sources"), py::arg("first_esi"), py::arg("window_size"), py::arg("every"),
            py::arg("flow") = 0,
            "Pushes every row of a 2-D uint8 array and makes a repair over the newest window_size packets after every\n"
            "`every` of them, in one call without the GIL. Returns (ids, symbols): a structured array with the fields "
            "of\n"
            "RepairId, and one row of bytes per repair.")
        .def("reset", method(&rlc_encoder::reset), "Forgets all packets; the next one may have any number.")
        .def("__len__", method(&rlc_encoder::size))
        .def_property_readonly("first_esi", method(&rlc_encoder::first_esi))
        .def_property_readonly("next_esi", method(&rlc_encoder::next_esi))
        .def_property_readonly("statistics", method(&rlc_encoder::stats));

    py::class_<decoder_object>{m, "RlcDecoder", "Rebuilds lost packets from the repairs of an RlcEncoder."}
        .def(py::init(&create<rlc_decoder, rlc_config>), py::arg_v("config", rlc_config{}, "..."))
        .def("begin", checked(&rlc_decoder::begin), py::arg("first_esi"),
             "Says with which number the packets begin, before anything has come.")
        .def(
            "push_source",
            [](decoder_object& self, std::uint32_t esi, byte_view data, std::uint8_t flow) {
                return self.use().push_source(esi, flow, data);
            },
            py::arg("esi"), py::arg("data"), py::arg("flow") = 0,
            "A packet that arrived. The status says what became of it; nothing a peer can send raises.")
        .def("push_repair", method(&rlc_decoder::push_repair), py::arg("id"), py::arg("symbol"),
             "A repair that arrived. The status says what became of it; nothing a peer can send raises.")
        .def(
            "poll",
            [](decoder_object& self) -> std::optional<recovered> {
                recovered_unit unit;
                if (!self.use().poll(unit)) return std::nullopt;
                return recovered{unit.esi, unit.flow, unit.expired, bytes_of(unit.data)};
            },
            "The next rebuilt packet, in the order they were solved, or None.")
        .def("forget", method(&rlc_decoder::forget), py::arg("before_esi"), "Older packets are no longer wanted.")
        .def("has", method(&rlc_decoder::has), py::arg("esi"), "Is this packet there, received or rebuilt?")
        .def(
            "deficit", [](decoder_object& self) { return self.use().deficit(); },
            "What is missing between the oldest wanted and the newest packet.")
        .def_property_readonly("newest_esi", method(&rlc_decoder::newest_esi))
        .def_property_readonly("statistics", method(&rlc_decoder::stats));
}

void bind_block(py::module_& m) {
    config<block_config>{m, "BlockConfig", "Configuration of a BlockCodec."}
        .field("max_sources", &block_config::max_sources, "largest block, 1 to 255; with max_repairs at most 256")
        .field("max_repairs", &block_config::max_repairs, "largest number of repairs per block, 1 to 255");

    py::class_<block_object>{
        m, "BlockCodec", "Cauchy Reed-Solomon blocks: any k of the k sources and their repairs give the sources back."}
        .def(py::init(&create<block_code, block_config>), py::arg_v("config", block_config{}, "..."))
        .def("encode", &block_encode, py::arg("sources"), py::arg("repairs"), py::arg("first_index") = 0,
             "Repairs first_index, first_index + 1, ... of the block whose sources are the rows of a 2-D uint8 array;\n"
             "one row each. Without the GIL.")
        .def("decode", &block_decode, py::arg("sources"), py::arg("present"), py::arg("repairs"), py::arg("indices"),
             "Writes the missing rows of `sources` in place. `present` (bool) says which rows are there, `indices` "
             "(uint32)\n"
             "which repairs the rows of `repairs` are. NEED_MORE: too few repairs, nothing was written. MALFORMED: an "
             "index\n"
             "is out of range or comes twice. Without the GIL.");
}

}  // namespace

void bind_parity(py::module_& m) {
    PYBIND11_NUMPY_DTYPE(repair_payload_id, repair_key, density_threshold, window_size, first_esi);
    bind_rlc(m);
    bind_block(m);
    m.def(
        "parse_repair_id",
        [](byte_view bytes) {
            repair_payload_id id;
            check(parse(bytes, id));
            return id;
        },
        py::arg("data"), "Reads a RepairId from its 8 bytes on the wire (RFC 8681, section 4.1.3); raises MALFORMED.");
    m.def(
        "write_repair_id",
        [](const repair_payload_id& id) {
            std::array<std::uint8_t, repair_payload_id::wire_size> bytes{};
            check(write(id, bytes));
            return bytes_of(bytes);
        },
        py::arg("id"), "The 8 bytes of a RepairId on the wire; raises INVALID_ARGUMENT.");
}

}  // namespace duality::python
