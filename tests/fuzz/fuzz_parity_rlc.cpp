// SPDX-License-Identifier: MIT
//
// A sliding-window encoder and decoder under a hostile network: the input is a list of events that push, lose, delay,
// repeat and damage. As long as nothing damaged was accepted, every recovered packet must be the one sent; with damage
// anything may be wrong except memory, and counters must still balance.

#include <cstdlib>
#include <cstring>
#include <vector>

#include "duality/parity_rlc.hpp"

namespace {

using namespace duality;

struct reader {
    const std::uint8_t* at;
    const std::uint8_t* end;

    bool empty() const { return at == end; }
    std::uint32_t byte() { return at == end ? 0 : *at++; }
    std::uint32_t word() {
        const std::uint32_t high = byte();
        return high << 8 | byte();
    }
};

void require(bool holds) {
    if (!holds) std::abort();
}

struct repair {
    repair_payload_id id;
    std::vector<std::uint8_t> symbol;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader in{data, data + size};
    rlc_config config;
    config.max_window = 1 + in.byte() % 70;
    config.max_symbol = 8 + in.byte();
    config.symbol_size = in.byte() % 4 == 0 ? config.max_symbol : 0;
    config.decoder_window = config.max_window + in.byte();
    config.max_equations = in.byte() % 20;
    config.max_jump = 64 + in.byte();
    config.cached_rows = 16u << in.byte() % 3;
    config.density_threshold = in.byte() % 16;
    config.repairs_ahead = 1 + in.byte() % 16;
    config.max_units = in.byte() % 2 ? 0 : 16 + in.byte();
    auto encoder = rlc_encoder::create(config, allocator::system());
    auto decoder = rlc_decoder::create(config, allocator::system());
    require(encoder.has_value() && decoder.has_value());

    const std::uint32_t start = in.byte() % 2 ? 0xFFFFFFF0u : in.word();
    const auto content = [](std::uint32_t esi, std::size_t i) { return static_cast<std::uint8_t>(esi * 29 + i * 7); };
    const auto length = [&](std::uint32_t esi) { return (esi * 2654435761u >> 8) % (config.max_symbol - 2); };
    std::vector<std::uint8_t> packet(config.max_symbol);
    const auto packet_of = [&](std::uint32_t esi) -> byte_view {
        const std::size_t n = length(esi);
        for (std::size_t i = 0; i < n; ++i) packet[i] = content(esi, i);
        return {packet.data(), n};
    };
    std::vector<repair> repairs;
    std::vector<std::uint8_t> symbol(config.max_symbol);
    std::uint32_t next = start;
    std::uint32_t pace = 0;
    bool damaged = false;    // something damaged was accepted, so anything may come out
    std::uint64_t told = 0;  // refusals as inconsistent
    if (in.byte() % 2) require(decoder->begin(start) == status::ok);
    struct kept {
        std::uint32_t packet;
        std::uint32_t esi;
    };
    std::vector<kept> apart;

    while (!in.empty()) {
        switch (in.byte() % 16) {
            case 0:
            case 1:
            case 2: {  // sent and received
                const byte_view p = packet_of(next);
                require(encoder->push(next, 5, p) == status::ok);
                const status s = decoder->push_source(next, 5, p);
                require(damaged || s == status::ok || s == status::duplicate || s == status::out_of_window ||
                        (s == status::late && !apart.empty()));
                if (s == status::inconsistent) ++told;
                ++next;
                break;
            }
            case 3: {  // sent in place, and lost
                const byte_view p = packet_of(next);
                const byte_span room = encoder->prepare(p.size());
                require(room.size() == p.size());
                if (!p.empty()) std::memcpy(room.data(), p.data(), p.size());
                require(encoder->commit(next, 5, p.size()) == status::ok);
                ++next;
                break;
            }
            case 4: {  // an old packet again, or late
                if (next == start) break;
                const std::uint32_t esi = next - 1 - in.byte() % (next - start);
                const byte_view p = packet_of(esi);
                const byte_span room = decoder->prepare_source(p.size());
                if (room.size() != p.size() && !apart.empty()) break;
                require(room.size() == p.size());
                if (!p.empty()) std::memcpy(room.data(), p.data(), p.size());
                const status s = decoder->commit_source(esi, 5, p.size());
                require(damaged || s == status::ok || s == status::duplicate || s == status::late ||
                        s == status::out_of_window);
                break;
            }
            case 5: {  // a repair made, kept for later
                if (encoder->size() == 0) break;
                repair r;
                std::size_t n = 0;
                const std::uint32_t count = 1 + in.byte() % encoder->size();
                const std::uint32_t back = in.byte() % (encoder->size() - count + 1);
                require(encoder->make_repair(encoder->next_esi() - count - back, count, r.id, symbol, n) == status::ok);
                r.symbol.assign(symbol.begin(), symbol.begin() + static_cast<std::ptrdiff_t>(n));
                repairs.push_back(r);
                if (repairs.size() > 64) repairs.erase(repairs.begin());
                break;
            }
            case 6:
            case 7: {  // a repair arrives, maybe not for the first time
                if (repairs.empty()) break;
                const repair& r = repairs[in.byte() % repairs.size()];
                const status s = decoder->push_repair(r.id, r.symbol);
                require(damaged || s == status::ok || s == status::no_change || s == status::late ||
                        s == status::out_of_window);
                break;
            }
            case 8: {  // a damaged repair
                if (repairs.empty()) break;
                repair r = repairs[in.byte() % repairs.size()];
                const std::uint32_t what = in.byte();
                if (what & 1) r.id.repair_key = static_cast<std::uint16_t>(in.word());
                if (what & 2) r.id.window_size = static_cast<std::uint16_t>(in.word());
                if (what & 4) r.id.first_esi += in.word() - 0x8000;
                if (what & 8) r.id.density_threshold = static_cast<std::uint8_t>(in.byte());
                if (what & 16) r.symbol.resize(in.word() % 600);
                if ((what & 32) && !r.symbol.empty()) r.symbol[in.word() % r.symbol.size()] ^= 1;
                const status s = decoder->push_repair(r.id, r.symbol);
                if (s == status::ok) damaged = true;
                if (s == status::inconsistent) ++told;
                break;
            }
            case 9: {  // a damaged source
                const byte_view p = packet_of(next);
                const std::uint32_t esi = next + (in.byte() << in.byte() % 24);
                const status s = decoder->push_source(esi, static_cast<std::uint8_t>(in.byte()), p);
                if (s == status::ok || s == status::out_of_window) damaged = true;
                if (s == status::inconsistent) ++told;
                break;
            }
            case 10: decoder->forget(next - in.byte()); break;
            case 11: {  // what would help
                const rlc_deficit d = decoder->deficit();
                require(d.symbols_needed <= d.missing);
                require(d.missing == 0 || d.last_missing - d.first_missing < 16384);
                break;
            }
            case 12: {  // another pace
                const std::uint32_t every = in.byte() % 24;
                const status s = encoder->expect_repairs(pace = in.byte() % 80, every);
                require(s == status::ok || s == status::invalid_argument);
                break;
            }
            case 13: {  // what the pace expects, or nearly so: however it was made, the same symbol
                if (encoder->size() == 0 || pace == 0) break;
                repair r;
                std::size_t n = 0;
                require(encoder->make_repair(pace, r.id, symbol, n) == status::ok);
                r.symbol.assign(symbol.begin(), symbol.begin() + static_cast<std::ptrdiff_t>(n));
                require(encoder->make_repair(r.id, symbol, n) == status::ok && n == r.symbol.size());
                require(std::memcmp(symbol.data(), r.symbol.data(), n) == 0);
                repairs.push_back(r);
                if (repairs.size() > 64) repairs.erase(repairs.begin());
                break;
            }
            case 14: {  // a packet kept apart, and received
                const byte_view p = packet_of(next);
                const std::size_t head = p.size() < 3 ? p.size() : 3;
                const std::uint32_t k = decoder->keep(5, p.first(head), p.subspan(head));
                if (k == rlc_decoder::no_packet) {
                    require(apart.size() + 1 >= decoder->config().max_units);
                    break;
                }
                require(encoder->push(next, 5, p) == status::ok);
                const status s = decoder->push_kept(next, k);
                require(damaged || s == status::ok || s == status::duplicate || s == status::out_of_window);
                if (s == status::inconsistent) ++told;
                apart.push_back({k, next});
                ++next;
                break;
            }
            case 15: {  // one is handed on
                if (apart.empty()) break;
                const std::size_t which = in.byte() % apart.size();
                const byte_view p = packet_of(apart[which].esi);
                const byte_view there = decoder->kept(apart[which].packet);
                require(there.size() == p.size() && (p.empty() || std::memcmp(there.data(), p.data(), p.size()) == 0));
                decoder->drop(apart[which].packet);
                apart.erase(apart.begin() + static_cast<std::ptrdiff_t>(which));
                break;
            }
        }
        if (in.byte() % 4 == 0) continue;
        for (recovered_unit u; decoder->poll(u);) {
            require(u.data.size() + source_unit_header <= config.max_symbol);
            std::uint8_t sum = 0;
            for (const std::uint8_t b : u.data) sum ^= b;
            packet[0] = sum;  // reads all of it
            if (damaged) continue;
            require(u.flow == 5 && u.data.size() == length(u.esi));
            for (std::size_t i = 0; i < u.data.size(); ++i) require(u.data[i] == content(u.esi, i));
        }
    }
    const rlc_decoder_statistics& s = decoder->stats();
    require(damaged || s.inconsistent == told);
    require(s.expired <= s.recovered && decoder->equations() <= decoder->config().max_equations);
    require(s.repairs_used >= s.equations_dropped + s.equations_outdated);
    return 0;
}
