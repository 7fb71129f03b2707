// SPDX-License-Identifier: MIT
//
// How often a code fails although enough arrived. Three questions:
//
//  - the random code at its limit: as many repairs over a window as the window has losses, with the density, the keys
//    and the number of cached rows of a session; and with one repair more than that;
//  - the random code in a stream, 10 % repairs, a deadline of 20 packets, the window its policy chooses: packets that the
//    same repairs bring back in time when their coefficients come from a field without bad luck, and that it does not;
//  - the block codes, which must not fail: every pattern of small blocks, random ones of blocks of all sizes.
//
// All figures are the same on every machine.
//
//   bench_decoding [--quick] [--json FILE|-]
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "duality/parity.hpp"
#include "duality/parity_codec.hpp"
#include "duality/random.hpp"
#include "duality/session_config.hpp"
#include "parity_report.hpp"
#include "recovery_rig.hpp"
#if defined(DUALITY_LIBFEC)
#include "duality/parity_libfec.hpp"
#endif

namespace {

using namespace recovery_bench;
using parity_bench::row;

struct tally {
    std::uint64_t tried = 0;
    std::uint64_t failed = 0;

    double percent() const { return tried == 0 ? 0 : 100 * static_cast<double>(failed) / static_cast<double>(tried); }
};

/// `count` different places of `size`.
std::vector<bool> draw(std::uint32_t count, std::uint32_t size, xoshiro256& random) {
    std::vector<bool> out(size, false);
    for (std::uint32_t left = count; left != 0;) {
        const auto at = static_cast<std::size_t>(random.below(size));
        if (out[at]) continue;
        out[at] = true;
        --left;
    }
    return out;
}

void content(std::uint32_t esi, std::uint8_t (&data)[4]) {
    const std::uint32_t word = esi * 2654435761u;
    std::memcpy(data, &word, sizeof data);
}

// ---- the random code ----------------------------------------------------------------------------------------------

/// Windows one after another that lose `losses` of `window` packets and get `losses + more` repairs over all of it.
tally at_the_limit(std::uint32_t window, std::uint32_t losses, std::uint32_t more, std::uint32_t windows) {
    rlc_config code;  // as a session makes it, but for the size of packets
    code.max_window = session_config{}.protected_packets;
    code.max_symbol = 16;
    auto encoder = std::move(rlc_encoder::create(code, allocator::system())).value();
    auto decoder = std::move(rlc_decoder::create(code, allocator::system())).value();
    (void)decoder.begin(0);
    xoshiro256 random{derive_seed(window, losses * 16 + more)};
    tally out;
    std::uint32_t next = 0;
    std::uint8_t data[4];
    for (; out.tried < windows; ++out.tried, next += window) {
        const std::vector<bool> lost = draw(losses, window, random);
        for (std::uint32_t i = 0; i < window; ++i) {
            content(next + i, data);
            if (encoder.push(next + i, 0, data) != status::ok) std::abort();
            if (!lost[i]) (void)decoder.push_source(next + i, 0, data);
        }
        for (std::uint32_t i = 0; i < losses + more; ++i) {
            std::uint8_t symbol[16];
            repair_payload_id id;
            std::size_t size = 0;
            if (encoder.make_repair(window, id, symbol, size) != status::ok) std::abort();
            (void)decoder.push_repair(id, {symbol, size});
        }
        for (recovered_unit u; decoder.poll(u);) {
            content(u.esi, data);
            if (!std::equal(u.data.begin(), u.data.end(), data, data + sizeof data)) std::abort();
        }
        bool whole = true;
        for (std::uint32_t i = 0; i < window; ++i) whole = whole && (!lost[i] || decoder.has(next + i));
        out.failed += whole ? 0 : 1;
    }
    return out;
}

/// Of the packets that the oracle brings back within `deadline` packets, those that the code does not.
tally in_a_stream(double loss, double burst, std::uint32_t deadline, std::uint32_t rate_bp, std::uint32_t packets) {
    const std::uint32_t window = plan_window(rate_bp, conditions(loss, burst, deadline), 64);
    channel losses{loss, burst, 17};
    codec_receiver code{deadline};
    oracle_receiver oracle{deadline};
    repair_pacer pacer;
    std::vector<bool> ours(packets, false);
    std::vector<bool> possible(packets, false);
    const auto take = [&](auto& receiver, std::vector<bool>& in_time, std::uint32_t now) {
        for (std::uint32_t esi = 0; receiver.poll(esi);) in_time[esi] = now - esi <= deadline;
    };
    for (std::uint32_t i = 0; i < packets; ++i) {
        const bool lost = losses.lose();
        code.source(i, lost);
        oracle.source(i, lost);
        for (std::uint32_t due = pacer.packet(rate_bp); due != 0; --due) {
            const bool repair_lost = losses.lose();
            code.repair(window, repair_lost);
            oracle.repair(window, repair_lost);
        }
        take(code, ours, i);
        take(oracle, possible, i);
    }
    tally out;
    for (std::uint32_t i = 0; i < packets; ++i) {
        out.tried += possible[i] ? 1 : 0;
        out.failed += possible[i] && !ours[i] ? 1 : 0;
    }
    return out;
}

void add_random_code(std::vector<row>& rows, std::uint32_t scale) {
    tally all;
    tally worst;
    tally more;
    char label[128];
    std::vector<row> cells;
    for (const std::uint32_t window : {10u, 20u, 40u, 64u})
        for (const std::uint32_t losses : {1u, 2u, 3u, 4u, 6u, 8u}) {
            const tally t = at_the_limit(window, losses, 0, 100'000 / scale);
            std::snprintf(label, sizeof label, "rlc, W=%u, %u lost, %u repairs: not decoded", window, losses, losses);
            cells.push_back({label, t.percent(), "%", "", 0, 0, 0, 0, false, true});
            all.tried += t.tried;
            all.failed += t.failed;
            if (worst.tried == 0 || t.percent() > worst.percent()) worst = t;
            const tally m = at_the_limit(window, losses, 1, 100'000 / scale);
            more.tried += m.tried;
            more.failed += m.failed;
        }
    const auto add = [&](const std::string& name, const tally& t, double floor) {
        rows.push_back({name, t.percent(), "%", "", 0, 0, floor, 0, false, true});
    };
    add("rlc, as many repairs as losses: not decoded, worst cell", worst, 0.5);
    add("rlc, as many repairs as losses: not decoded, mean", all, 0.5);
    add("rlc, one repair more than losses: not decoded", more, 0.5);
    rows.insert(rows.end(), cells.begin(), cells.end());
    tally streams;
    for (const double burst : {1.0, 3.0})
        for (const double loss : {0.01, 0.02, 0.05, 0.10}) {
            const tally t = in_a_stream(loss, burst, 20, 1'000, 1'000'000 / scale);
            std::snprintf(label, sizeof label, "rlc, stream, %g %% lost in bursts of %g: not decoded", loss * 100,
                          burst);
            add(label, t, 0.5);
            streams.tried += t.tried;
            streams.failed += t.failed;
        }
    add("rlc, all streams: not decoded", streams, 0.5);
}

// ---- block codes --------------------------------------------------------------------------------------------------

/// A block of one of the codes, as its own interface has it: `block_code`, and libfec's where it is there.
template <class Code>
class blocks {
public:
    blocks(Code& code, std::uint32_t sources, std::uint32_t repairs, xoshiro256& random)
        : code_{code}, source_(sources), repair_(repairs) {
        std::vector<const std::uint8_t*> in;
        std::vector<std::uint8_t*> out;
        for (symbol& s : source_) {
            for (std::uint8_t& b : s.bytes) b = static_cast<std::uint8_t>(random.next());
            in.push_back(s.bytes);
        }
        for (symbol& s : repair_) out.push_back(s.bytes);
        if (failed(code_.encode(in, sizeof symbol::bytes, out))) std::abort();
    }

    /// Places 0 … sources - 1 are those of the sources, the others those of the repairs.
    template <class Lost>
    bool decodes(const Lost& lost) {
        std::vector<symbol> copy = source_;
        bool present[256];
        std::vector<std::uint8_t*> symbols;
        for (std::size_t j = 0; j < copy.size(); ++j) {
            present[j] = !lost(j);
            if (!present[j]) copy[j] = {};
            symbols.push_back(copy[j].bytes);
        }
        std::vector<block_repair> arrived;
        for (std::size_t i = 0; i < repair_.size(); ++i)
            if (!lost(copy.size() + i)) arrived.push_back({static_cast<std::uint32_t>(i), repair_[i].bytes});
        if (code_.decode(symbols, {present, copy.size()}, arrived, sizeof symbol::bytes) != status::ok) return false;
        return std::ranges::equal(copy, source_, [](const symbol& a, const symbol& b) {
            return std::memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
        });
    }

private:
    struct symbol {
        std::uint8_t bytes[4] = {};
    };

    Code& code_;
    std::vector<symbol> source_;
    std::vector<symbol> repair_;
};

/// The same through the codec of a session, which solves all codes in one system of equations.
class codec_blocks {
public:
    codec_blocks(parity_code code, std::uint32_t sources, std::uint32_t repairs) : sources_{sources} {
        config_.code = code;
        config_.rlc.max_window = sources;
        config_.rlc.max_symbol = 16;
        config_.rlc.decoder_window = std::max(sources, 64u);
        config_.rlc.max_equations = repairs;
        config_.rs.roots = std::clamp(repairs, 1u, 128u);
        auto encoder = parity_encoder::create(config_, allocator::system());
        if (!encoder) std::abort();
        std::uint8_t data[4];
        for (std::uint32_t i = 0; i < sources; ++i) {
            content(i, data);
            if (failed(encoder->sources().push(i, 0, data))) std::abort();
        }
        repairs_.resize(repairs);
        for (repair& r : repairs_)
            if (failed(encoder->make_repair(0, sources, r.id, r.bytes, r.size))) std::abort();
    }

    template <class Lost>
    bool decodes(const Lost& lost) {
        auto decoder = parity_decoder::create(config_, allocator::system());
        if (!decoder || failed(decoder->sources().begin(0))) std::abort();
        std::uint8_t data[4];
        for (std::uint32_t i = 0; i < sources_; ++i) {
            if (lost(i)) continue;
            content(i, data);
            (void)decoder->sources().push_source(i, 0, data);
        }
        for (std::size_t i = 0; i < repairs_.size(); ++i)
            if (!lost(sources_ + i)) (void)decoder->push_repair(repairs_[i].id, {repairs_[i].bytes, repairs_[i].size});
        for (recovered_unit u; decoder->sources().poll(u);) {
            content(u.esi, data);
            if (!std::equal(u.data.begin(), u.data.end(), data, data + sizeof data)) return false;
        }
        for (std::uint32_t i = 0; i < sources_; ++i)
            if (!decoder->sources().has(i)) return false;
        return true;
    }

private:
    struct repair {
        parity_repair id{};
        std::uint8_t bytes[16] = {};
        std::size_t size = 0;
    };

    parity_config config_;
    std::uint32_t sources_;
    std::vector<repair> repairs_;
};

/// Every pattern that loses a source and leaves as many symbols as there are sources.
template <class Block>
void every_pattern(Block&& block, std::uint32_t sources, std::uint32_t repairs, tally& out) {
    for (std::uint32_t pattern = 1; pattern < 1u << (sources + repairs); ++pattern) {
        const bool source_lost = (pattern & ((1u << sources) - 1)) != 0;
        if (!source_lost || static_cast<std::uint32_t>(std::popcount(pattern)) > repairs) continue;
        out.failed += block.decodes([&](std::size_t i) { return (pattern >> i & 1) != 0; }) ? 0 : 1;
        ++out.tried;
    }
}

/// Random patterns that leave exactly as many symbols as there are sources.
template <class Block>
void random_patterns(Block&& block, std::uint32_t sources, std::uint32_t repairs, std::uint32_t count,
                     xoshiro256& random, tally& out) {
    for (std::uint32_t n = 0; n < count; ++n) {
        const std::vector<bool> lost = draw(repairs, sources + repairs, random);
        out.failed += block.decodes([&](std::size_t i) { return lost[i]; }) ? 0 : 1;
        ++out.tried;
    }
}

struct shape {
    std::uint32_t sources;
    std::uint32_t repairs;
};

constexpr shape large_blocks[] = {{20, 2}, {20, 10}, {50, 5}, {64, 32}, {127, 128}, {223, 32}};

/// `visit(sources, repairs, small)` for the blocks that are tried exhaustively and for those tried at random.
template <class Visit>
void each_shape(const Visit& visit) {
    for (std::uint32_t k = 1; k <= 8; ++k)
        for (std::uint32_t r = 1; r <= 6; ++r) visit(k, r, true);
    for (const shape s : large_blocks) visit(s.sources, s.repairs, false);
}

void add_block_codes(std::vector<row>& rows, std::uint32_t scale) {
    xoshiro256 random{5};
    const std::uint32_t rounds = 2'000 / scale;
    const auto run = [&](auto&& block, std::uint32_t k, std::uint32_t r, bool small, tally& out) {
        if (small)
            every_pattern(block, k, r, out);
        else
            random_patterns(block, k, r, rounds, random, out);
    };
    const auto add = [&](const std::string& name, const tally& t) {
        row r{name + ": not decoded",
              static_cast<double>(t.failed),
              "",
              "within its power:",
              static_cast<double>(t.tried),
              0,
              0,
              0,
              false,
              true};
        r.must_be_zero = true;
        rows.push_back(r);
    };
    tally cauchy;
    each_shape([&](std::uint32_t k, std::uint32_t r, bool small) {
        auto code = std::move(block_code::create({k, r}, allocator::system())).value();
        run(blocks{code, k, r, random}, k, r, small, cauchy);
    });
    add("MDS block, Cauchy", cauchy);
    tally shared[2];
    each_shape([&](std::uint32_t k, std::uint32_t r, bool small) {
        run(codec_blocks{parity_code::block, k, r}, k, r, small, shared[0]);
        run(codec_blocks{parity_code::rs, k, r}, k, r, small, shared[1]);
    });
    add("MDS block, Cauchy, in the common decoder", shared[0]);
    add("MDS block, Reed-Solomon, in the common decoder", shared[1]);
#if defined(DUALITY_LIBFEC)
    tally libfec;
    each_shape([&](std::uint32_t k, std::uint32_t r, bool small) {
        auto code = std::move(libfec_code::create(k, {.roots = r})).value();
        run(blocks{code, k, r, random}, k, r, small, libfec);
    });
    add("MDS block, libfec", libfec);
#endif
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 2;
    const std::uint32_t scale = options.quick ? 20 : 1;
    std::vector<row> rows;
    add_random_code(rows, scale);
    add_block_codes(rows, scale);
    FILE* out = parity_bench::table_output(options);
    parity_bench::print(out, "Decoding where enough arrived (lower is better)", rows);
    parity_bench::print_summary(out, rows);
    return parity_bench::finish(options, "bench_decoding", rows);
}
