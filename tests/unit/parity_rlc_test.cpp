// SPDX-License-Identifier: MIT
//
// The sliding-window codec's contract: misuse and bad repairs get a status and a counter and change nothing else.

#include "duality/parity_rlc.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

using namespace duality;

namespace {

using bytes = std::vector<std::uint8_t>;

bytes packet(std::uint32_t esi) {
    return bytes(10 + esi % 7, static_cast<std::uint8_t>(esi));
}

struct repair {
    repair_payload_id id;
    bytes symbol;
};

/// Both ends, with packets 0…19 sent, 5 and 6 lost.
struct pair {
    rlc_encoder encoder = std::move(rlc_encoder::create({}, allocator::system())).value();
    rlc_decoder decoder = std::move(rlc_decoder::create({}, allocator::system())).value();

    pair() {
        for (std::uint32_t i = 0; i < 20; ++i) {
            REQUIRE(encoder.push(i, 1, packet(i)) == status::ok);
            if (i != 5 && i != 6) REQUIRE(decoder.push_source(i, 1, packet(i)) == status::ok);
        }
    }
    repair make(std::uint32_t first, std::uint32_t count) {
        repair r;
        std::size_t size = 0;
        r.symbol.resize(1500);
        REQUIRE(encoder.make_repair(first, count, r.id, r.symbol, size) == status::ok);
        r.symbol.resize(size);
        return r;
    }
};

}  // namespace

TEST_CASE("the encoder refuses gaps, ranges it does not have and packets that are too large") {
    auto e = rlc_encoder::create({.max_window = 4, .max_symbol = 20}, allocator::system());
    repair_payload_id id;
    std::size_t size = 0;
    bytes out(20);
    REQUIRE(e->make_repair(4, id, out, size) == status::need_more);
    REQUIRE(e->push(100, 0, packet(0)) == status::ok);
    REQUIRE(e->push(102, 0, packet(0)) == status::invalid_argument);
    REQUIRE(e->push(101, 0, bytes(18)) == status::too_large);
    REQUIRE(e->push(101, 0, bytes(17)) == status::ok);
    REQUIRE(e->prepare(18).empty());
    REQUIRE(e->commit(102, 0, 18) == status::wrong_state);
    REQUIRE(e->size() == 2);
    REQUIRE(e->first_esi() == 100);
    REQUIRE(e->make_repair(99, 2, id, out, size) == status::out_of_window);
    REQUIRE(e->make_repair(101, 2, id, out, size) == status::out_of_window);
    REQUIRE(e->make_repair(100, 0, id, out, size) == status::invalid_argument);
    REQUIRE(e->make_repair(100, 2, id, byte_span{out.data(), 19}, size) == status::buffer_too_small);
    REQUIRE(size == 20);
    REQUIRE(e->make_repair(100, 2, id, out, size) == status::ok);
    REQUIRE(id.repair_key == 0);  // the key was not used up by the failures
    for (std::uint32_t i = 102; i < 110; ++i) REQUIRE(e->push(i, 0, packet(i)) == status::ok);
    REQUIRE(e->size() == 4);
    REQUIRE(e->first_esi() == 106);
}

TEST_CASE("configurations out of range name the field") {
    const auto field = [](const rlc_config& c) {
        return std::string{rlc_decoder::create(c, allocator::system()).error().where.field};
    };
    REQUIRE(field({.max_window = 0}) == "max_window");
    REQUIRE(field({.max_window = 4096}) == "max_window");
    REQUIRE(field({.max_symbol = 7}) == "max_symbol");
    REQUIRE(field({.max_symbol = 100, .symbol_size = 101}) == "symbol_size");
    REQUIRE(field({.symbol_size = 3}) == "symbol_size");
    REQUIRE(field({.decoder_window = 63}) == "decoder_window");
    REQUIRE(field({.cached_rows = 100}) == "cached_rows");
    REQUIRE(field({.density_threshold = 16}) == "density_threshold");
}

TEST_CASE("creation survives an allocator that fails at any call, and gives everything back") {
    struct ledger {
        int calls = 0;
        int fail_at = 0;
        int held = 0;
    } book;
    const allocator memory{&book,
                           [](void* user, std::size_t n, std::size_t alignment) noexcept -> void* {
                               auto& b = *static_cast<ledger*>(user);
                               if (++b.calls == b.fail_at) return nullptr;
                               ++b.held;
                               const allocator heap = allocator::system();
                               return heap.allocate(heap.user, n, alignment);
                           },
                           [](void* user, void* p, std::size_t n, std::size_t alignment) noexcept {
                               --static_cast<ledger*>(user)->held;
                               const allocator heap = allocator::system();
                               heap.release(heap.user, p, n, alignment);
                           }};
    const auto survives = [&](auto create, auto use) {
        book.fail_at = 0;
        for (bool done = false; !done;) {
            book.calls = 0;
            ++book.fail_at;
            {
                auto made = create();
                done = made.has_value();
                REQUIRE((done || made.code() == status::out_of_memory));
                if (done) {
                    const int before = book.calls;
                    use(*made);
                    REQUIRE(book.calls == before);
                }
            }
            REQUIRE(book.held == 0);
        }
        REQUIRE(book.fail_at > 3);
    };
    survives([&] { return rlc_decoder::create({}, memory); },
             [](rlc_decoder& d) {
                 for (std::uint32_t i = 0; i < 300; i += 2) REQUIRE(d.push_source(i, 0, packet(i)) == status::ok);
             });
    survives([&] { return rlc_encoder::create({}, memory); },
             [](rlc_encoder& e) {
                 REQUIRE(e.expect_repairs(64, 8) == status::ok);
                 bytes symbol(1500);
                 repair_payload_id id;
                 std::size_t size = 0;
                 for (std::uint32_t i = 0; i < 300; ++i) {
                     REQUIRE(e.push(i, 0, packet(i)) == status::ok);
                     if (i % 8 == 7) REQUIRE(e.make_repair(64, id, symbol, size) == status::ok);
                 }
                 REQUIRE(e.stats().repairs_ahead != 0);
             });
}

TEST_CASE("bad repairs get a status and a counter, and good ones still decode") {
    pair p;
    const repair good = p.make(0, 20);
    const auto push = [&](const repair& r) { return p.decoder.push_repair(r.id, r.symbol); };
    const rlc_decoder_statistics& s = p.decoder.stats();

    repair bad = good;
    bad.id.window_size = 0;
    REQUIRE(push(bad) == status::malformed);
    bad.id.window_size = 65;
    REQUIRE(push(bad) == status::too_large);
    bad = good;
    bad.id.density_threshold = 16;
    REQUIRE(push(bad) == status::malformed);
    bad = good;
    bad.symbol.resize(2);
    REQUIRE(push(bad) == status::malformed);
    bad.symbol.resize(1501);
    REQUIRE(push(bad) == status::too_large);
    REQUIRE(s.repairs_malformed == 5);
    bad = good;
    bad.symbol.resize(12);  // shorter than packets it covers
    REQUIRE(push(bad) == status::inconsistent);
    bad = good;
    bad.id.first_esi = 25;
    REQUIRE(push(bad) == status::out_of_window);
    REQUIRE(p.decoder.push_repair({0, 15, 8, 0xFFFFFF00u}, good.symbol) == status::late);
    REQUIRE(s.repairs_used == 0);
    REQUIRE(p.decoder.equations() == 0);

    REQUIRE(push(good) == status::ok);
    REQUIRE(push(good) == status::no_change);  // replayed
    REQUIRE(s.repairs_dependent == 1);
    const repair second = p.make(0, 20);
    REQUIRE(push(second) == status::ok);
    recovered_unit u;
    std::uint32_t seen = 0;
    for (; p.decoder.poll(u); ++seen) REQUIRE(std::ranges::equal(u.data, packet(u.esi)));
    REQUIRE(seen == 2);
    REQUIRE(push(p.make(0, 20)) == status::no_change);
    REQUIRE(s.repairs_unneeded == 1);
    REQUIRE(s.received == 18);
    REQUIRE(s.recovered == 2);
    REQUIRE(p.decoder.push_source(5, 1, packet(5)) == status::duplicate);
    REQUIRE(p.decoder.push_source(6, 1, packet(5)) == status::inconsistent);
    REQUIRE(p.decoder.push_source(4, 1, packet(4)) == status::duplicate);
    REQUIRE(s.received == 18);
}

TEST_CASE("a damaged symbol that decodes to no valid unit is dropped and the packet stays missing") {
    pair p;
    REQUIRE(p.decoder.push_source(6, 1, packet(6)) == status::ok);
    repair r = p.make(0, 20);
    for (std::uint8_t& b : r.symbol) b ^= 0xA5;
    REQUIRE(p.decoder.push_repair(r.id, r.symbol) == status::inconsistent);
    recovered_unit u;
    REQUIRE(!p.decoder.poll(u));
    REQUIRE(!p.decoder.has(5));
    const repair good = p.make(0, 20);
    REQUIRE(p.decoder.push_repair(good.id, good.symbol) == status::ok);
    REQUIRE(p.decoder.poll(u));
    REQUIRE(u.esi == 5);
}

TEST_CASE("with a fixed symbol size, repairs of another size are refused") {
    rlc_config c{.max_symbol = 64, .symbol_size = 40};
    auto e = rlc_encoder::create(c, allocator::system());
    auto d = rlc_decoder::create(c, allocator::system());
    REQUIRE(e->push(0, 0, packet(0)) == status::ok);
    REQUIRE(e->push(1, 0, bytes(38)) == status::too_large);
    REQUIRE(d->begin(0) == status::ok);
    repair_payload_id id;
    bytes symbol(64);
    std::size_t size = 0;
    REQUIRE(e->make_repair(1, id, symbol, size) == status::ok);
    REQUIRE(size == 40);
    REQUIRE(d->push_repair(id, {symbol.data(), 39}) == status::inconsistent);
    REQUIRE(d->push_repair(id, {symbol.data(), 41}) == status::inconsistent);
    REQUIRE(d->push_repair(id, {symbol.data(), 40}) == status::ok);
}

TEST_CASE("repairs may change their size as long as they cover their packets and end with zeros") {
    pair p;  // 5 and 6 are missing
    const repair first = p.make(0, 20);
    repair second = p.make(0, 20);
    const std::size_t size = second.symbol.size();
    second.symbol.resize(size - 1);
    REQUIRE(p.decoder.push_repair(second.id, second.symbol) == status::inconsistent);
    second = p.make(0, 20);
    second.symbol.resize(size + 100, 0);
    REQUIRE(p.decoder.push_repair(first.id, first.symbol) == status::ok);
    REQUIRE(p.decoder.push_repair(second.id, second.symbol) == status::ok);
    std::uint32_t seen = 0;
    for (recovered_unit u; p.decoder.poll(u); ++seen) REQUIRE(std::ranges::equal(u.data, packet(u.esi)));
    REQUIRE(seen == 2);

    pair q;
    const repair good = q.make(0, 20);
    repair bad = q.make(0, 20);
    bad.symbol.resize(size + 100, 9);  // no packet ends like that
    REQUIRE(q.decoder.push_repair(good.id, good.symbol) == status::ok);
    REQUIRE(q.decoder.push_repair(bad.id, bad.symbol) == status::ok);
    recovered_unit u;
    REQUIRE(!q.decoder.poll(u));
    REQUIRE(q.decoder.stats().inconsistent == 2);  // one packet after the other would have ended like that
    REQUIRE(q.decoder.stats().recovered == 0);
    REQUIRE(q.decoder.has(4));
}

TEST_CASE("numbers wrap, and so do windows, deficits and what is forgotten") {
    auto encoder = rlc_encoder::create({}, allocator::system());
    auto decoder = rlc_decoder::create({}, allocator::system());
    REQUIRE(decoder->begin(0xFFFFFFF8u) == status::ok);
    for (std::uint32_t i = 0xFFFFFFF8u; i != 8; ++i) {
        REQUIRE(encoder->push(i, 1, packet(i & 15)) == status::ok);
        if (i != 0xFFFFFFFFu && i != 0 && i != 2) REQUIRE(decoder->push_source(i, 1, packet(i & 15)) == status::ok);
    }
    REQUIRE(encoder->first_esi() == 0xFFFFFFF8u);
    REQUIRE(encoder->next_esi() == 8);
    REQUIRE(decoder->newest_esi() == 7);
    rlc_deficit d = decoder->deficit();
    REQUIRE(d.first_missing == 0xFFFFFFFFu);
    REQUIRE(d.last_missing == 2);
    REQUIRE(d.symbols_needed == 3);
    d = decoder->deficit(0);
    REQUIRE(d.first_missing == 0);
    REQUIRE(d.missing == 2);
    decoder->forget(1);
    bytes symbol(1500);
    repair_payload_id id;
    std::size_t size = 0;
    for (int i = 0; i < 3; ++i) {
        REQUIRE(encoder->make_repair(0xFFFFFFFEu, 8, id, symbol, size) == status::ok);
        REQUIRE(decoder->push_repair(id, byte_view{symbol}.first(size)) == status::ok);
    }
    std::uint32_t seen = 0;
    for (recovered_unit u; decoder->poll(u); ++seen) {
        REQUIRE(std::ranges::equal(u.data, packet(u.esi & 15)));
        REQUIRE(u.expired == (u.esi != 2));
    }
    REQUIRE(seen == 3);
    REQUIRE(decoder->deficit().missing == 0);
}

TEST_CASE("a repair may come before all the packets it covers") {
    pair p;
    auto d = rlc_decoder::create({}, allocator::system());
    const repair r = p.make(0, 20);
    REQUIRE(d->push_repair(r.id, r.symbol) == status::out_of_window);  // numbers unknown yet
    REQUIRE(d->begin(0) == status::ok);
    REQUIRE(d->begin(0) == status::wrong_state);
    REQUIRE(d->push_repair(r.id, r.symbol) == status::ok);
    for (std::uint32_t i = 20; i-- > 1;) REQUIRE(d->push_source(i, 1, packet(i)) == status::ok);
    recovered_unit u;
    REQUIRE(d->poll(u));
    REQUIRE(u.esi == 0);
    REQUIRE(std::ranges::equal(u.data, packet(0)));
}

TEST_CASE("one damaged number far ahead does not sweep the window; two that agree move it") {
    pair p;
    REQUIRE(p.decoder.push_source(1'000'000, 1, packet(0)) == status::out_of_window);
    REQUIRE(p.decoder.stats().refused == 1);
    REQUIRE(p.decoder.has(4));
    REQUIRE(p.decoder.push_source(20, 1, packet(20)) == status::ok);
    REQUIRE(p.decoder.push_source(3'000'000, 1, packet(0)) == status::out_of_window);
    REQUIRE(p.decoder.push_source(3'000'002, 1, packet(0)) == status::ok);
    REQUIRE(p.decoder.newest_esi() == 3'000'002);
    REQUIRE(p.decoder.push_source(21, 1, packet(21)) == status::late);
}

TEST_CASE("the deficit says what is missing and how many repairs would bring it") {
    pair p;
    rlc_deficit d = p.decoder.deficit();
    REQUIRE(d.first_missing == 5);
    REQUIRE(d.last_missing == 6);
    REQUIRE(d.missing == 2);
    REQUIRE(d.symbols_needed == 2);
    const repair r = p.make(0, 20);
    REQUIRE(p.decoder.push_repair(r.id, r.symbol) == status::ok);
    REQUIRE(p.decoder.deficit().symbols_needed == 1);
    d = p.decoder.deficit(6);
    REQUIRE(d.missing == 1);
    REQUIRE(d.symbols_needed == 1);  // what waits for 5 cannot bring 6 alone
    p.decoder.forget(6);
    REQUIRE(p.decoder.deficit().first_missing == 6);
    const repair s = p.make(0, 20);
    REQUIRE(p.decoder.push_repair(s.id, s.symbol) == status::ok);
    recovered_unit u;
    bool expired[2] = {};
    while (p.decoder.poll(u)) expired[u.esi - 5] = u.expired;
    REQUIRE(expired[0]);
    REQUIRE(!expired[1]);
    REQUIRE(p.decoder.deficit().missing == 0);
}

TEST_CASE("what is never polled and never solved stays within bounds") {
    auto e = rlc_encoder::create({.max_window = 32, .max_symbol = 64}, allocator::system());
    auto d = rlc_decoder::create({.max_window = 32, .max_symbol = 64, .max_equations = 4}, allocator::system());
    REQUIRE(d->begin(0) == status::ok);
    bytes symbol(64);
    for (std::uint32_t i = 0; i < 2000; ++i) {
        REQUIRE(e->push(i, 0, packet(i)) == status::ok);
        if (i % 3 == 0) REQUIRE(d->push_source(i, 0, packet(i)) == status::ok);
        if (i % 2 == 0) {
            repair_payload_id id;
            std::size_t size = 0;
            REQUIRE(e->make_repair(i % 8 == 0 ? 2 : 32, id, symbol, size) == status::ok);
            REQUIRE(!failed(d->push_repair(id, {symbol.data(), size})));
        }
        REQUIRE(d->equations() <= 4);
    }
    const rlc_decoder_statistics& s = d->stats();
    REQUIRE(s.equations_dropped > 0);
    REQUIRE(s.unpolled > 0);
    std::uint64_t left = 0;
    for (recovered_unit u; d->poll(u); ++left) REQUIRE(std::ranges::equal(u.data, packet(u.esi)));
    REQUIRE(left + s.unpolled == s.recovered);
}

TEST_CASE("a steady pace is made ahead of time after one window, and again after a break") {
    auto encoder = rlc_encoder::create({.max_window = 40, .max_symbol = 200}, allocator::system());
    REQUIRE(encoder);
    REQUIRE(encoder->expect_repairs(40, 20) == status::ok);
    REQUIRE(encoder->expect_repairs(0, 20) == status::invalid_argument);
    REQUIRE(encoder->expect_repairs(41, 20) == status::invalid_argument);
    REQUIRE(encoder->expect_repairs(40, 4) == status::invalid_argument);  // ten at once
    REQUIRE(encoder->expect_repairs(40, 20) == status::ok);
    const std::vector<std::uint8_t> packet(100, 7);
    std::vector<std::uint8_t> symbol(200);
    std::uint32_t esi = 0;
    const auto push = [&](int n) {
        for (; n != 0; --n) REQUIRE(encoder->push(esi++, 1, packet) == status::ok);
    };
    const auto repair = [&] {
        repair_payload_id id;
        std::size_t size = 0;
        REQUIRE(encoder->make_repair(40, id, symbol, size) == status::ok);
        return encoder->stats().repairs_ahead;
    };
    push(20);
    REQUIRE(repair() == 0);  // not a whole window yet
    push(20);
    REQUIRE(repair() == 0);
    push(20);
    REQUIRE(repair() == 0);
    push(20);
    REQUIRE(repair() == 1);
    push(20);
    REQUIRE(repair() == 2);
    push(1);
    REQUIRE(repair() == 2);  // out of step
    push(20);
    REQUIRE(repair() == 2);
    push(20);
    REQUIRE(repair() == 3);
    push(45);
    REQUIRE(repair() == 3);  // sources fell out before they were summed
    push(20);
    REQUIRE(repair() == 3);
    push(20);
    REQUIRE(repair() == 4);
    REQUIRE(encoder->expect_repairs(40, 0) == status::ok);
    push(20);
    REQUIRE(repair() == 4);
}

namespace {

/// Of ever longer packets, and short ones between them.
bytes growing(std::uint32_t esi) {
    bytes out(esi % 3 == 0 ? 5 : std::size_t{20} * esi);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(esi * 31 + i * 7);
    return out;
}

}  // namespace

TEST_CASE("packets that get longer leave those before them as they were") {
    rlc_encoder encoder = std::move(rlc_encoder::create({}, allocator::system())).value();
    rlc_encoder wide = std::move(rlc_encoder::create({}, allocator::system())).value();
    REQUIRE(wide.push(0, 0, bytes(1'400)) == status::ok);  // has all the room there is from the beginning
    wide.reset();
    rlc_decoder decoder = std::move(rlc_decoder::create({}, allocator::system())).value();
    bytes symbol(1'500);
    bytes same(1'500);
    for (std::uint32_t i = 0; i < 70; ++i) {
        REQUIRE(encoder.push(i, 1, growing(i)) == status::ok);
        REQUIRE(wide.push(i, 1, growing(i)) == status::ok);
        if (i % 5 != 2) REQUIRE(decoder.push_source(i, 1, growing(i)) == status::ok);
        std::size_t size = 0;
        std::size_t same_size = 0;
        repair_payload_id id;
        repair_payload_id same_id;
        REQUIRE(encoder.make_repair(64, id, symbol, size) == status::ok);
        REQUIRE(wide.make_repair(64, same_id, same, same_size) == status::ok);
        REQUIRE(size == same_size);
        REQUIRE(std::equal(symbol.begin(), symbol.begin() + static_cast<std::ptrdiff_t>(size), same.begin()));
        for (std::uint32_t back = 0; back < encoder.size(); ++back) {
            const bytes there = growing(i - back);
            REQUIRE(std::ranges::equal(encoder.source(i - back), there));
        }
        if (i % 5 != 4) continue;
        // Equations are there when the units move, and solved after it.
        REQUIRE_FALSE(failed(decoder.push_repair(id, {symbol.data(), size})));
        for (recovered_unit u; decoder.poll(u);) REQUIRE(std::ranges::equal(u.data, growing(u.esi)));
    }
    CHECK(decoder.stats().inconsistent == 0);
    CHECK(decoder.deficit().missing == 0);
    CHECK(decoder.stats().recovered == 14);
}

TEST_CASE("equations survive a longer packet") {
    rlc_encoder encoder = std::move(rlc_encoder::create({}, allocator::system())).value();
    rlc_decoder decoder = std::move(rlc_decoder::create({}, allocator::system())).value();
    bytes symbol(1'500);
    repair_payload_id id;
    std::size_t size = 0;
    for (std::uint32_t i = 0; i < 40; ++i) {
        REQUIRE(encoder.push(i, 1, growing(i)) == status::ok);
        if (i % 4 != 1) REQUIRE(decoder.push_source(i, 1, growing(i)) == status::ok);
        if (i % 8 != 7) continue;  // half of the repairs that would be needed
        REQUIRE(encoder.make_repair(64, id, symbol, size) == status::ok);
        REQUIRE(decoder.push_repair(id, {symbol.data(), size}) == status::ok);
    }
    CHECK(decoder.equations() == 5);
    for (int i = 0; i < 5; ++i) {
        REQUIRE(encoder.make_repair(64, id, symbol, size) == status::ok);
        REQUIRE(decoder.push_repair(id, {symbol.data(), size}) == status::ok);
    }
    std::uint32_t back = 0;
    for (recovered_unit u; decoder.poll(u); ++back) REQUIRE(std::ranges::equal(u.data, growing(u.esi)));
    CHECK(back == 10);
    CHECK(decoder.equations() == 0);
}

TEST_CASE("kept packets outlive the window, and take no second place in it") {
    rlc_config config;
    config.max_units = 70;
    rlc_decoder decoder = std::move(rlc_decoder::create(config, allocator::system())).value();
    std::vector<std::uint32_t> kept;
    const auto text = [&](std::uint32_t esi) {
        bytes whole{static_cast<std::uint8_t>(esi), 7, 7};
        const bytes rest = packet(esi);
        whole.insert(whole.end(), rest.begin(), rest.end());
        return whole;
    };
    for (std::uint32_t i = 0; i < 70; ++i) {
        const bytes head{static_cast<std::uint8_t>(i), 7, 7};
        const std::uint32_t k = decoder.keep(1, head, packet(i));
        REQUIRE(k != rlc_decoder::no_packet);
        REQUIRE(decoder.push_kept(i, k) == status::ok);
        REQUIRE(decoder.push_kept(i, k) == status::duplicate);
        kept.push_back(k);
    }
    CHECK(decoder.has(0));
    CHECK(decoder.has(69));
    // All that there is room for is kept: the window gives way, and in the end nothing more can be.
    CHECK(decoder.keep(1, {}, packet(70)) == rlc_decoder::no_packet);
    CHECK_FALSE(decoder.has(69));
    CHECK(decoder.push_source(70, 1, packet(70)) == status::late);
    for (std::uint32_t i = 0; i < 70; ++i) REQUIRE(std::ranges::equal(decoder.kept(kept[i]), text(i)));
    decoder.reset();
    for (std::uint32_t i = 0; i < 70; ++i) REQUIRE(std::ranges::equal(decoder.kept(kept[i]), text(i)));
    for (const std::uint32_t k : kept) decoder.drop(k);
    for (std::uint32_t i = 100; i < 400; ++i) REQUIRE(decoder.push_source(i, 1, packet(i)) == status::ok);
    CHECK(decoder.has(399 - 69));
    CHECK_FALSE(decoder.has(399 - 70));
}

TEST_CASE("a rebuilt packet can be kept") {
    pair p;
    const repair a = p.make(0, 20);
    const repair b = p.make(0, 20);
    REQUIRE(p.decoder.push_repair(a.id, a.symbol) == status::ok);
    REQUIRE(p.decoder.push_repair(b.id, b.symbol) == status::ok);
    std::vector<std::uint32_t> kept;
    for (recovered_unit u; p.decoder.poll(u);) kept.push_back(p.decoder.keep(u));
    REQUIRE(kept.size() == 2);
    p.decoder.reset();
    CHECK(std::ranges::equal(p.decoder.kept(kept[0]), packet(p.decoder.kept(kept[0])[0])));
    CHECK(std::ranges::equal(p.decoder.kept(kept[1]), packet(p.decoder.kept(kept[1])[0])));
}
