// SPDX-License-Identifier: MIT
//
// Throughput of the parity codes on 1200-byte symbols, on one core, with ISA-L and libfec measured in the same run.
//
// Every round measures all cases one after another; a value is the median over the rounds, a ratio the median of the
// ratios within one round, so that a machine that changes its pace does not change the ratio. Behind the ratio stands
// half the distance of its quartiles.
//
// ISA-L has no sliding-window code. "Used the same way" it makes the same repair symbols: per repair the coefficients
// of its key are drawn, the multiplication tables expanded, and the window encoded where it lies. Two more cases keep,
// as our encoder does, what belongs to a key: the coefficients, or the tables, which are 32 times as large. In all of
// them the packets lie still and nobody keeps a window, so all that our encoder does per packet counts against us.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <string>

#include "duality/parity.hpp"
#include "duality/random.hpp"
#include "parity_report.hpp"

#if defined(DUALITY_BENCH_ISAL)
#include <isa-l.h>
#endif
#if defined(DUALITY_BENCH_FEC)
extern "C" {
#include <fec.h>
}
#endif

namespace {

using namespace duality;
using parity_bench::row;

constexpr std::size_t symbol_bytes = 1200;
constexpr std::size_t data_bytes = symbol_bytes - source_unit_header;
constexpr std::size_t spacing = 1216;  // 19 cache lines
constexpr std::uint32_t window = 40;
constexpr std::uint32_t per_repair = 20;

void keep(const void* memory) {
    asm volatile("" : : "r"(memory) : "memory");
}

/// Time this thread has spent on a processor: what else the machine does shall not count.
double processor_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct symbols {
    buffer<std::uint8_t> memory;
    std::vector<std::uint8_t*> pointer;

    symbols(std::size_t count, std::uint64_t seed) {
        if (!memory.create(count * spacing, allocator::system())) std::abort();
        xoshiro256 random{seed};
        for (std::uint8_t& b : memory) b = static_cast<std::uint8_t>(random.next());
        for (std::size_t i = 0; i < count; ++i) pointer.push_back(memory.data() + i * spacing);
    }
    std::vector<const std::uint8_t*> inputs(std::size_t count) const {
        return {pointer.begin(), pointer.begin() + static_cast<std::ptrdiff_t>(count)};
    }
};

/// One case: `work` is done `batch` times per measurement and handles `bytes` of source data (0: the time is wanted).
struct test_case {
    std::string name;
    double bytes;
    int batch;
    std::function<void()> work;
    std::vector<double> seconds{};
};

class suite {
public:
    void add(std::string name, double bytes, int batch, std::function<void()> work) {
        cases_.push_back({std::move(name), bytes, batch, std::move(work)});
    }
    void run(int rounds) {
        for (int round = -1; round < rounds; ++round)
            for (test_case& c : cases_) {
                const double from = processor_seconds();
                for (int i = 0; i < c.batch; ++i) c.work();
                const double took = processor_seconds() - from;
                if (round >= 0) c.seconds.push_back(took / c.batch);
            }
    }
    bool has(const std::string& name) const { return find(name) != nullptr; }
    double gigabytes(const std::string& name) const {
        const test_case* c = find(name);
        return c == nullptr ? 0 : c->bytes / median(c->seconds) / 1e9;
    }
    /// Half the distance between the quartiles of what `ratio` is the median of.
    double spread(const std::string& name, const std::string& reference) const {
        std::vector<double> r = ratios(name, reference);
        std::sort(r.begin(), r.end());
        return r.empty() ? 0 : (r[r.size() * 3 / 4] - r[r.size() / 4]) / 2;
    }
    double microseconds(const std::string& name) const {
        const test_case* c = find(name);
        return c == nullptr ? 0 : median(c->seconds) * 1e6;
    }
    /// Median over the rounds of how many times faster `name` is than `reference`, per byte.
    double ratio(const std::string& name, const std::string& reference) const {
        return median(ratios(name, reference));
    }

private:
    std::vector<double> ratios(const std::string& name, const std::string& reference) const {
        const test_case* a = find(name);
        const test_case* b = find(reference);
        std::vector<double> r;
        if (a == nullptr || b == nullptr) return r;
        for (std::size_t i = 0; i < a->seconds.size(); ++i)
            r.push_back((a->bytes / a->seconds[i]) / (b->bytes / b->seconds[i]));
        return r;
    }
    static double median(std::vector<double> v) {
        std::sort(v.begin(), v.end());
        return v.empty() ? 0 : v[v.size() / 2];
    }
    const test_case* find(const std::string& name) const {
        for (const test_case& c : cases_)
            if (c.name == name) return &c;
        return nullptr;
    }

    std::vector<test_case> cases_;
};

rlc_config stream_config() {
    rlc_config c;
    c.max_window = window;
    c.max_symbol = symbol_bytes;
    c.cached_rows = 32;  // far more than the repairs of one window; all of them stay in the first cache
    return c;
}

/// An encoder working the way a session does: `per_repair` packets, then a repair over the last `window`.
struct stream_encoder {
    rlc_encoder encoder = std::move(rlc_encoder::create(stream_config(), allocator::system())).value();
    symbols packets{per_repair, 1};
    std::array<std::uint8_t, spacing> symbol{};
    repair_payload_id id{};
    std::size_t size = 0;

    explicit stream_encoder(bool announced) {
        if (announced && encoder.expect_repairs(window, per_repair) != status::ok) std::abort();
        for (int i = 0; i < 5; ++i) copied();
    }
    void copied() {
        for (std::uint32_t i = 0; i < per_repair; ++i)
            if (encoder.push(encoder.next_esi(), 1, {packets.pointer[i], data_bytes}) != status::ok) std::abort();
        repair();
    }
    void in_place() {
        for (std::uint32_t i = 0; i < per_repair; ++i) {
            keep(encoder.prepare(data_bytes).data());
            if (encoder.commit(encoder.next_esi(), 1, data_bytes) != status::ok) std::abort();
        }
        repair();
    }
    void repair() {
        if (encoder.make_repair(window, id, symbol, size) != status::ok) std::abort();
        keep(symbol.data());
    }
    /// With a key that has not been used for a long time.
    void fresh_repair() {
        id.first_esi = encoder.next_esi() - window;
        id.window_size = window;
        ++id.repair_key;
        if (encoder.make_repair(id, symbol, size) != status::ok) std::abort();
        keep(symbol.data());
    }
};

/// A recorded stream in which one packet of every `per_repair` is lost, played to a decoder again and again. With
/// `alike` all packets are the same, so that every room the decoder offers for the next one holds it already: reception
/// in place without the work of a network card.
struct stream_decoder {
    struct repair {
        repair_payload_id id;
        std::array<std::uint8_t, symbol_bytes> symbol;
    };
    static constexpr std::uint32_t groups = 8;

    rlc_decoder decoder = std::move(rlc_decoder::create(stream_config(), allocator::system())).value();
    symbols packets{groups * per_repair, 2};
    std::vector<repair> repairs{groups};
    std::vector<std::uint32_t> lost = std::vector<std::uint32_t>(groups);
    std::uint32_t group = 0;
    bool alike;

    explicit stream_decoder(bool all_alike) : alike{all_alike} {
        if (alike)
            for (std::uint8_t* p : packets.pointer)
                if (p != packets.pointer[0]) std::memcpy(p, packets.pointer[0], symbol_bytes);
        // The window of a repair reaches over the end of the recording into its beginning, so it can be repeated.
        auto encoder = std::move(rlc_encoder::create(stream_config(), allocator::system())).value();
        xoshiro256 random{3};
        std::size_t size = 0;
        for (std::uint32_t g = 0; g < 2 * groups; ++g) {
            for (std::uint32_t i = 0; i < per_repair; ++i)
                (void)encoder.push(g * per_repair + i, 1, {packet(g, i), data_bytes});
            repair& r = repairs[g % groups];
            if (encoder.make_repair(window, r.id, r.symbol, size) != status::ok) std::abort();
            lost[g % groups] = static_cast<std::uint32_t>(random.below(per_repair));
        }
        for (std::uint32_t g = 0; g < groups; ++g) next();
    }
    const std::uint8_t* packet(std::uint32_t g, std::uint32_t i) const {
        return packets.pointer[(g % groups) * per_repair + i];
    }
    void next() {
        const std::uint32_t g = group % groups;
        const std::uint32_t first = group * per_repair;
        const bool in_place = alike && first > 2 * decoder.config().decoder_window;
        const bool room_filled = first > 4 * decoder.config().decoder_window;
        for (std::uint32_t i = 0; i < per_repair; ++i) {
            if (i == lost[g] && group != 0) continue;
            status pushed = status::ok;
            if (in_place) {
                const byte_span room = decoder.prepare_source(data_bytes);
                if (!room_filled) std::memcpy(room.data(), packet(g, i), data_bytes);
                keep(room.data());
                pushed = decoder.commit_source(first + i, 1, data_bytes);
            } else {
                pushed = decoder.push_source(first + i, 1, {packet(g, i), data_bytes});
            }
            if (pushed != status::ok) std::abort();
        }
        if (group++ == 0) return;  // the repair would reach before the first packet
        repair_payload_id id = repairs[g].id;
        id.first_esi = first + per_repair - window;
        if (decoder.push_repair(id, repairs[g].symbol) != status::ok) std::abort();
        recovered_unit unit;
        if (!decoder.poll(unit) || unit.data.size() != data_bytes ||
            std::memcmp(unit.data.data(), packet(g, lost[g]), data_bytes) != 0)
            std::abort();
        keep(unit.data.data());
    }
};

struct block_bench {
    std::uint32_t k;
    std::uint32_t r;
    symbols source;
    symbols parity;
    symbols copy;
    block_code code = std::move(block_code::create({}, allocator::system())).value();
    std::vector<const std::uint8_t*> inputs;
    std::vector<block_repair> repairs;
    std::vector<std::uint8_t> present;  // bool, without the packing of std::vector<bool>

    block_bench(std::uint32_t sources, std::uint32_t count)
        : k{sources}, r{count}, source{k, 4}, parity{r, 5}, copy{k, 4}, inputs{source.inputs(k)}, present(k, 1) {
        encode();
        // The first symbols of the block are lost, and repaired by all the parity there is.
        for (std::uint32_t i = 0; i < r; ++i) {
            present[i] = 0;
            repairs.push_back({i, parity.pointer[i]});
            std::memset(copy.pointer[i], 0, spacing);
        }
        decode();
        for (std::uint32_t i = 0; i < k; ++i)
            if (std::memcmp(copy.pointer[i], source.pointer[i], symbol_bytes) != 0) std::abort();
    }
    void encode() {
        if (code.encode(inputs, symbol_bytes, parity.pointer) != status::ok) std::abort();
        keep(parity.memory.data());
    }
    void decode() {
        const std::span<const bool> there{reinterpret_cast<const bool*>(present.data()), k};
        if (code.decode(copy.pointer, there, repairs, symbol_bytes) != status::ok) std::abort();
        keep(copy.memory.data());
    }
};

#if defined(DUALITY_BENCH_ISAL)
struct isal_stream {
    symbols packets{window, 1};
    std::array<std::uint8_t, spacing> symbol{};
    std::array<std::uint8_t, window> coefficients{};
    static constexpr std::size_t keys = 32;  // as many as our encoder keeps
    std::array<std::array<std::uint8_t, 32 * window>, keys> tables{};
    std::uint16_t key = 0;

    isal_stream() {
        for (std::size_t i = 0; i < keys; ++i) {
            draw();
            expand();
        }
    }
    void draw() {
        detail::tinymt32 generator{key++};
        for (std::uint8_t& c : coefficients) c = detail::next_coefficient(generator, 15);
    }
    void expand() { ec_init_tables(window, 1, coefficients.data(), tables[key % keys].data()); }
    void encode() {
        std::uint8_t* out = symbol.data();
        ec_encode_data(symbol_bytes, window, 1, tables[key % keys].data(), packets.pointer.data(), &out);
        keep(symbol.data());
    }
};

struct isal_block {
    int k;
    int r;
    symbols source;
    symbols parity;
    symbols copy;
    std::vector<std::uint8_t> matrix;
    std::vector<std::uint8_t> tables;

    isal_block(int sources, int repairs)
        : k{sources},
          r{repairs},
          source{static_cast<std::size_t>(k), 4},
          parity{static_cast<std::size_t>(r), 5},
          copy{static_cast<std::size_t>(r), 6},
          matrix(static_cast<std::size_t>((k + r) * k)),
          tables(static_cast<std::size_t>(32 * k * r)) {
        gf_gen_cauchy1_matrix(matrix.data(), k + r, k);
        ec_init_tables(k, r, matrix.data() + k * k, tables.data());
    }
    void encode() {
        ec_encode_data(symbol_bytes, k, r, tables.data(), source.pointer.data(), parity.pointer.data());
        keep(parity.memory.data());
    }
    /// The first `r` sources are lost: the rows of the rest and of the parity are inverted.
    void decode() {
        std::vector<std::uint8_t> rows(static_cast<std::size_t>(k * k));
        std::vector<std::uint8_t> inverse(rows.size());
        std::vector<std::uint8_t> decode_tables(tables.size());
        std::vector<std::uint8_t*> inputs;
        for (int i = r; i < k + r; ++i) {
            std::memcpy(&rows[static_cast<std::size_t>((i - r) * k)], &matrix[static_cast<std::size_t>(i * k)],
                        static_cast<std::size_t>(k));
            inputs.push_back(i < k ? source.pointer[static_cast<std::size_t>(i)]
                                   : parity.pointer[static_cast<std::size_t>(i - k)]);
        }
        if (gf_invert_matrix(rows.data(), inverse.data(), k) != 0) std::abort();
        ec_init_tables(k, r, inverse.data(), decode_tables.data());
        ec_encode_data(symbol_bytes, k, r, decode_tables.data(), inputs.data(), copy.pointer.data());
        keep(copy.memory.data());
    }
};
#endif

#if defined(DUALITY_BENCH_FEC)
/// libfec has no whole symbols: the block is coded byte position by byte position.
struct fec_block {
    static constexpr int k = 20;
    int r;
    void* rs;
    symbols source{20, 4};
    symbols parity{10, 5};

    explicit fec_block(int repairs) : r{repairs}, rs{init_rs_char(8, 0x11D, 1, 1, repairs, 255 - 20 - repairs)} {}
    ~fec_block() { free_rs_char(rs); }
    fec_block(const fec_block&) = delete;
    fec_block& operator=(const fec_block&) = delete;

    void encode() {
        std::uint8_t in[k];
        std::uint8_t out[16];
        for (std::size_t b = 0; b < symbol_bytes; ++b) {
            for (std::size_t j = 0; j < std::size_t{k}; ++j) in[j] = source.pointer[j][b];
            encode_rs_char(rs, in, out);
            for (std::size_t i = 0; i < static_cast<std::size_t>(r); ++i) parity.pointer[i][b] = out[i];
        }
        keep(parity.memory.data());
    }
};
#endif

void bare_dot(const std::vector<const std::uint8_t*>& inputs, std::uint8_t* out) {
    static const std::array<std::uint8_t, window> coefficients = [] {
        std::array<std::uint8_t, window> c{};
        detail::tinymt32 generator{1};
        for (std::uint8_t& x : c) x = detail::next_coefficient(generator, 15);
        return c;
    }();
    detail::gf256_active().dot(out, inputs.data(), coefficients.data(), inputs.size(), symbol_bytes);
    keep(out);
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 2;
    const int rounds = options.quick ? 3 : 301;
    constexpr double group_bytes = per_repair * static_cast<double>(symbol_bytes);
    constexpr double block_bytes = 20.0 * symbol_bytes;

    suite tests;
    stream_encoder encoder{true};
    stream_encoder unannounced{false};
    stream_decoder decoder{false};
    stream_decoder decoder_in_place{true};
    symbols probe{window, 7};
    const auto probe_inputs = probe.inputs(window);
    std::array<std::uint8_t, spacing> probe_out{};
    tests.add("encode in place", group_bytes, 200, [&] { encoder.in_place(); });
    tests.add("bare dot", group_bytes, 200, [&] { bare_dot(probe_inputs, probe_out.data()); });
#if defined(DUALITY_BENCH_ISAL)
    isal_stream isal;
    tests.add("isal encode", group_bytes, 50, [&] {
        isal.draw();
        isal.expand();
        isal.encode();
    });
    tests.add("isal encode, coefficients kept", group_bytes, 50, [&] {
        isal.expand();
        isal.encode();
    });
    tests.add("isal encode, tables kept", group_bytes, 50, [&] {
        ++isal.key;
        isal.encode();
    });
#endif
    tests.add("encode in place, unannounced", group_bytes, 200, [&] { unannounced.in_place(); });
    tests.add("encode copied", group_bytes, 100, [&] { encoder.copied(); });
    tests.add("decode in place", group_bytes, 200, [&] { decoder_in_place.next(); });
    tests.add("decode copied", group_bytes, 200, [&] { decoder.next(); });
    tests.add("repair", 0, 200, [&] { unannounced.repair(); });
    tests.add("repair, fresh key", 0, 200, [&] { unannounced.fresh_repair(); });
    tests.add("draw", 0, 300, [&] {
        static std::uint16_t key = 0;
        detail::tinymt32 generator{key++};
        std::uint8_t last = 0;
        for (std::uint32_t i = 0; i < window; ++i) last ^= detail::next_coefficient(generator, 15);
        keep(&last);
    });
    block_bench small{20, 2};
    block_bench large{20, 10};
    tests.add("block 20+2 encode", block_bytes, 300, [&] { small.encode(); });
#if defined(DUALITY_BENCH_ISAL)
    isal_block isal_small{20, 2};
    isal_block isal_large{20, 10};
    tests.add("isal 20+2 encode", block_bytes, 200, [&] { isal_small.encode(); });
#endif
    tests.add("block 20+10 encode", block_bytes, 100, [&] { large.encode(); });
#if defined(DUALITY_BENCH_ISAL)
    tests.add("isal 20+10 encode", block_bytes, 60, [&] { isal_large.encode(); });
    tests.add("isal 20+2 decode", block_bytes, 20, [&] { isal_small.decode(); });
#endif
    tests.add("block 20+2 decode", block_bytes, 300, [&] { small.decode(); });
    tests.add("block 20+10 decode", block_bytes, 100, [&] { large.decode(); });
#if defined(DUALITY_BENCH_ISAL)
    tests.add("isal 20+10 decode", block_bytes, 20, [&] { isal_large.decode(); });
#endif
#if defined(DUALITY_BENCH_FEC)
    fec_block fec{2};
    tests.add("libfec 20+2 encode", block_bytes, 2, [&] { fec.encode(); });
#endif
    tests.run(rounds);

    // Every kernel of this machine, forced, with the same stream.
    suite kernels;
    for (const std::string_view name : parity_kernels())
        kernels.add(std::string{name}, group_bytes, name == "scalar" ? 5 : 50, [&encoder, name] {
            if (parity_kernel() != name && parity_force_kernel(name) != status::ok) std::abort();
            encoder.in_place();
        });
    kernels.run(rounds);
    (void)parity_force_kernel("");

    std::vector<row> rows;
    const auto throughput = [&](std::string label, const std::string& name, std::string reference_label,
                                const std::string& reference, double floor, double target, bool on_ratio) {
        rows.push_back({std::move(label), tests.gigabytes(name), "GB/s",
                        tests.has(reference) ? std::move(reference_label) : std::string{}, tests.gigabytes(reference),
                        tests.ratio(name, reference), floor, target, on_ratio && tests.has(reference), false,
                        tests.spread(name, reference)});
    };
    throughput("RLC encode W=40/20", "encode in place", "ISA-L the same way", "isal encode", 4, 0, true);
    throughput("  against a bare dot product", "encode in place", "bare dot", "bare dot", 0, 0.95, true);
    throughput("  against ISA-L with coefficients kept", "encode in place", "ISA-L", "isal encode, coefficients kept",
               0, 0, true);
    throughput("  against ISA-L with tables kept", "encode in place", "ISA-L", "isal encode, tables kept", 0, 0, true);
    throughput("  the pace not announced", "encode in place, unannounced", "ISA-L the same way", "isal encode", 0, 0,
               true);
    throughput("  packets copied in", "encode copied", "ISA-L without copying", "isal encode", 0, 0, true);
    throughput("RLC decode W=40/20, every loss repaired", "decode in place", "", "", 15, 25, false);
    throughput("  packets copied in", "decode copied", "", "", 0, 0, false);
    throughput("block 20+2 encode", "block 20+2 encode", "ISA-L", "isal 20+2 encode", 1, 1.5, true);
    throughput("block 20+2 decode, 2 lost", "block 20+2 decode", "ISA-L", "isal 20+2 decode", 30, 50, true);
    throughput("block 20+10 encode", "block 20+10 encode", "ISA-L", "isal 20+10 encode", 1, 2, true);
    throughput("block 20+10 decode, 10 lost", "block 20+10 decode", "ISA-L", "isal 20+10 decode", 6, 8, true);
    throughput("  libfec 20+2 encode, for scale", "libfec 20+2 encode", "", "", 0, 0, false);
    rows.push_back({"a repair at W=40, coefficients drawn", tests.microseconds("repair, fresh key"), "us",
                    "drawing them alone", tests.microseconds("draw"), 0, 1, 0.6, false, true});
    rows.push_back({"  coefficients kept", tests.microseconds("repair"), "us", "", 0, 0, 0, 0, false, true});
    std::vector<row> kernel_rows;
    for (const std::string_view name : parity_kernels()) {
        row r{"RLC encode W=40/20, " + std::string{name},
              kernels.gigabytes(std::string{name}),
              "GB/s",
              "scalar",
              kernels.gigabytes("scalar"),
              kernels.ratio(std::string{name}, "scalar"),
              0,
              0,
              false,
              false,
              kernels.spread(std::string{name}, "scalar")};
        if (name == "avx2") r.floor = 12, r.target = 22;
        if (name == "scalar") r.floor = 0.6, r.target = 1.2;
        kernel_rows.push_back(r);
    }
    FILE* out = parity_bench::table_output(options);
    parity_bench::print(out, "Parity, 1200-byte symbols, GB/s of source data, kernel " + std::string{parity_kernel()},
                        rows);
    parity_bench::print(out, "Kernels", kernel_rows);
    rows.insert(rows.end(), kernel_rows.begin(), kernel_rows.end());
    parity_bench::print_summary(out, rows);
    return parity_bench::finish(options, "bench_parity", rows);
}
