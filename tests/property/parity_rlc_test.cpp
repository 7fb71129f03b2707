// SPDX-License-Identifier: MIT
//
// Sliding-window code against a model that keeps everything: whatever the order of arrival, what comes out is what was
// sent, and everything that linear algebra allows comes out.

#include "duality/parity_rlc.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <vector>

#include "duality/detail/gf256.hpp"
#include "duality/random.hpp"

namespace {

using namespace duality;
using bytes = std::vector<std::uint8_t>;

struct repair {
    repair_payload_id id;
    bytes symbol;
};

/// Rank of the repairs over the missing sources, and which sources it determines, by plain elimination.
class rank_model {
public:
    void add(const repair_payload_id& id, const std::map<std::uint32_t, bytes>& arrived) {
        detail::tinymt32 generator{id.repair_key};
        std::map<std::uint32_t, std::uint8_t> row;
        for (std::uint32_t i = 0; i < id.window_size; ++i) {
            const std::uint8_t c = detail::next_coefficient(generator, id.density_threshold);
            if (c != 0 && !arrived.contains(id.first_esi + i)) row[id.first_esi + i] = c;
        }
        for (const auto& [pivot, other] : rows_)
            if (auto it = row.find(pivot); it != row.end()) subtract(row, other, it->second);
        if (row.empty()) return;
        const std::uint32_t pivot = row.begin()->first;
        const std::uint8_t scale = detail::gf256_inverse(row.begin()->second);
        for (auto& term : row) term.second = detail::gf256_multiply(term.second, scale);
        for (auto& [p, other] : rows_)
            if (auto it = other.find(pivot); it != other.end()) subtract(other, row, it->second);
        rows_[pivot] = row;
    }
    std::vector<std::uint32_t> solved() const {
        std::vector<std::uint32_t> out;
        for (const auto& [pivot, row] : rows_)
            if (row.size() == 1) out.push_back(pivot);
        return out;
    }

private:
    using sparse = std::map<std::uint32_t, std::uint8_t>;

    static void subtract(sparse& from, const sparse& what, std::uint8_t factor) {
        for (const auto& [column, c] : what) {
            const std::uint8_t value = from[column] ^ detail::gf256_multiply(c, factor);
            if (value == 0)
                from.erase(column);
            else
                from[column] = value;
        }
    }

    std::map<std::uint32_t, sparse> rows_;
};

bytes random_bytes(xoshiro256& random, std::size_t size) {
    bytes out(size);
    for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(random.next());
    return out;
}

template <class T>
void shuffle(std::vector<T>& items, xoshiro256& random) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

}  // namespace

TEST_CASE("whatever the order of arrival, exactly what is determined comes back") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        rlc_config config;
        config.max_window = 1 + static_cast<std::uint32_t>(random.below(40));
        config.max_symbol = 8 + static_cast<std::uint32_t>(random.below(200));
        config.decoder_window = 256;
        config.max_equations = 200;
        config.density_threshold = random.chance(0.5) ? 15 : static_cast<std::uint32_t>(random.below(15));
        auto encoder = rlc_encoder::create(config, allocator::system());
        auto decoder = rlc_decoder::create(config, allocator::system());
        REQUIRE(encoder);
        REQUIRE(decoder);

        // Numbers start shortly before the wrap in every other run.
        const std::uint32_t start = seed % 2 ? 0xFFFFFFD0u : static_cast<std::uint32_t>(random.next());
        const std::uint32_t total = 100;
        std::map<std::uint32_t, bytes> sent;
        std::map<std::uint32_t, std::uint8_t> flows;
        std::vector<repair> repairs;
        bytes symbol(config.max_symbol);
        for (std::uint32_t i = 0; i < total; ++i) {
            const std::uint32_t esi = start + i;
            sent[esi] = random_bytes(random, random.below(config.max_symbol - 2));
            flows[esi] = static_cast<std::uint8_t>(random.next());
            REQUIRE(encoder->push(esi, flows[esi], sent[esi]) == status::ok);
            while (random.chance(0.15)) {
                repair r;
                std::size_t size = 0;
                const auto n = 1 + static_cast<std::uint32_t>(random.below(encoder->size()));
                const auto back = static_cast<std::uint32_t>(random.below(encoder->size() - n + 1));
                REQUIRE(encoder->make_repair(encoder->next_esi() - n - back, n, r.id, symbol, size) == status::ok);
                r.symbol.assign(symbol.begin(), symbol.begin() + static_cast<std::ptrdiff_t>(size));
                repairs.push_back(r);
            }
        }
        REQUIRE(decoder->begin(start) == status::ok);

        struct arrival {
            bool is_repair;
            std::uint32_t index;
        };
        std::vector<arrival> arrivals;
        for (std::uint32_t i = 0; i < total; ++i)
            if (!random.chance(0.2)) arrivals.push_back({false, start + i});
        for (std::uint32_t i = 0; i < repairs.size(); ++i) arrivals.push_back({true, i});
        // The newest source first, so that no repair is ahead of everything; then any order.
        shuffle(arrivals, random);
        arrivals.insert(arrivals.begin(), {false, start + total - 1});

        std::map<std::uint32_t, bytes> arrived;
        std::map<std::uint32_t, bytes> recovered;
        std::vector<repair_payload_id> seen;
        for (const arrival& a : arrivals) {
            if (a.is_repair) {
                REQUIRE(!failed(decoder->push_repair(repairs[a.index].id, repairs[a.index].symbol)));
                seen.push_back(repairs[a.index].id);
            } else {
                const status s = decoder->push_source(a.index, flows[a.index], sent[a.index]);
                REQUIRE((s == status::ok ||
                         (s == status::duplicate && (recovered.contains(a.index) || arrived.contains(a.index)))));
                arrived[a.index] = sent[a.index];
            }
            for (recovered_unit u; decoder->poll(u);) {
                REQUIRE(sent.contains(u.esi));
                REQUIRE(u.flow == flows[u.esi]);
                REQUIRE(std::ranges::equal(u.data, sent[u.esi]));
                REQUIRE(recovered.emplace(u.esi, sent[u.esi]).second);
            }
            if (random.chance(0.1) || &a == &arrivals.back()) {
                rank_model model;
                for (const repair_payload_id& id : seen) model.add(id, arrived);
                for (const std::uint32_t esi : model.solved()) REQUIRE(decoder->has(esi));
                for (const auto& [esi, data] : arrived) REQUIRE(decoder->has(esi));
                std::size_t there = 0;
                for (std::uint32_t i = 0; i < total; ++i) there += decoder->has(start + i) ? 1u : 0u;
                std::size_t expected = arrived.size();
                for (const std::uint32_t esi : model.solved()) expected += arrived.contains(esi) ? 0 : 1;
                REQUIRE(there == expected);
            }
        }
        REQUIRE(decoder->stats().inconsistent == 0);
        REQUIRE(decoder->stats().recovered == recovered.size());
    }
}

TEST_CASE("repairs made ahead of time are those made alone, whatever comes between them") {
    std::uint64_t ahead = 0;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        INFO("seed " << seed);
        xoshiro256 random{seed};
        rlc_config config;
        config.max_window = 1 + static_cast<std::uint32_t>(random.below(60));
        config.max_symbol = 8 + static_cast<std::uint32_t>(random.below(300));
        if (random.chance(0.2)) config.symbol_size = config.max_symbol;
        config.cached_rows = 256;
        config.repairs_ahead = 1 + static_cast<std::uint32_t>(random.below(12));
        config.density_threshold = random.chance(0.7) ? 15 : static_cast<std::uint32_t>(random.below(15));
        auto paced = rlc_encoder::create(config, allocator::system());
        auto plain = rlc_encoder::create(config, allocator::system());
        REQUIRE(paced);
        REQUIRE(plain);

        std::uint32_t esi = seed % 2 ? 0xFFFFFF00u : static_cast<std::uint32_t>(random.next());
        std::uint32_t window = 0;
        std::uint32_t every = 0;
        std::map<std::uint16_t, std::pair<std::uint32_t, std::uint32_t>> last_use;  // of each key: its window
        bytes symbol(config.max_symbol);
        bytes expected(config.max_symbol);
        std::uint32_t until_due = 0;
        std::size_t longest = config.max_symbol - 2;
        for (int i = 0; i < 600; ++i) {
            if (every == 0 || random.chance(0.01)) {
                every = 1 + static_cast<std::uint32_t>(random.below(25));
                window = 1 + static_cast<std::uint32_t>(random.below(config.max_window));
                const bool fits = window <= every * config.repairs_ahead;
                REQUIRE(paced->expect_repairs(window, every) == (fits ? status::ok : status::invalid_argument));
                until_due = every;
            }
            if (random.chance(0.002)) {
                paced->reset();
                plain->reset();
                esi += 1000;
            }
            if (random.chance(0.05)) longest = 1 + random.below(config.max_symbol - 2);
            const bytes packet = random_bytes(random, random.below(longest));
            const auto flow = static_cast<std::uint8_t>(random.next());
            REQUIRE(paced->push(esi, flow, packet) == status::ok);
            REQUIRE(plain->push(esi, flow, packet) == status::ok);
            ++esi;
            if (until_due != 0) --until_due;
            // Due, or in between, or late, or over something else.
            const bool due = until_due == 0 && !random.chance(0.03);
            if (!due && !random.chance(0.05)) continue;
            std::uint32_t n = window;
            if (!due && random.chance(0.5)) n = 1 + static_cast<std::uint32_t>(random.below(config.max_window));
            if (due) until_due = every;
            repair_payload_id id;
            std::size_t size = 0;
            std::size_t expected_size = 0;
            if (random.chance(0.1)) {
                REQUIRE(paced->make_repair(n, id, byte_span{symbol}.first(2), size) == status::buffer_too_small);
            }
            REQUIRE(paced->make_repair(n, id, symbol, size) == status::ok);
            REQUIRE(id.first_esi + id.window_size == esi);
            REQUIRE(id.window_size == std::min(n, paced->size()));
            REQUIRE(plain->make_repair(id, expected, expected_size) == status::ok);
            REQUIRE(size == expected_size);
            REQUIRE(std::equal(symbol.begin(), symbol.begin() + static_cast<std::ptrdiff_t>(size), expected.begin()));
            const std::pair what{id.first_esi, std::uint32_t{id.window_size}};
            REQUIRE((!last_use.contains(id.repair_key) || last_use[id.repair_key] != what));
            last_use[id.repair_key] = what;
        }
        ahead += paced->stats().repairs_ahead;
        REQUIRE(paced->stats().repairs_ahead <= paced->stats().repairs);
        REQUIRE(plain->stats().repairs == paced->stats().repairs);
        REQUIRE(plain->stats().repair_bytes == paced->stats().repair_bytes);
    }
    REQUIRE(ahead > 5'000);
}
