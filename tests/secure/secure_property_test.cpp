// SPDX-License-Identifier: MIT
//
// Two channels over a network that loses, repeats, reorders and forges, with ends that start anew at any time.
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "secure/secure_pair.hpp"

using namespace duality;
using namespace duality::literals;
using test::bytes;

namespace {

class world {
public:
    explicit world(std::uint64_t seed) : random_{seed}, entropy_{derive_seed(seed, 1)} {
        config_.suite = static_cast<aead_suite>(1 + random_.below(3));
        config_.rotate_packets = 16 + static_cast<std::uint32_t>(random_.below(100));
        config_.rotate_after = duration::from_ms(1'000 + static_cast<std::int64_t>(random_.below(3'000)));
        config_.grace = duration::from_ms(100 + static_cast<std::int64_t>(random_.below(1'000)));
        config_.replay_packets = 64;
        for (std::size_t e : {0u, 1u}) start(e);
        loss_ = random_.uniform(0, 0.4);
        restarts_ = random_.chance(0.5) ? 0.002 : 0;
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) step();
        // A good network brings every pair of ends together.
        loss_ = restarts_ = 0;
        forging_ = false;
        wire_.clear();
        for (int i = 0; i < 400; ++i) step();
        const std::uint64_t before = delivered_;
        for (int i = 0; i < 100; ++i) step();
        REQUIRE(delivered_ > before + 30);
    }
    [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
    [[nodiscard]] std::uint64_t rotations() const { return rotations_ + ends_[0]->statistics().rotations; }

private:
    struct in_flight {
        std::size_t to = 0;
        path_id path = 0;
        bytes datagram;
        bool ours = true;
    };

    void start(std::size_t e) {
        if (ends_[e]) rotations_ += ends_[e]->statistics().rotations;
        secure_config c = config_;
        c.initiate = e == 0;
        ends_[e] = test::channel_of(c, 1, entropy_);
        ++life_[e];
    }

    void step() {
        now_ += duration::from_us(static_cast<std::int64_t>(random_.below(20'000)));
        const std::size_t e = random_.below(2);
        for (auto& [path, hello] : test::hellos(*ends_[e], now_)) send(e, path, hello);
        if (random_.chance(0.5)) {
            // What is sealed says who sealed it, where, and in which life; nothing else, so that a nonce used twice would
            // give the same bytes twice.
            const auto path = static_cast<path_id>(random_.below(2));
            const bytes plain{static_cast<std::uint8_t>(e), path, 0, 0, 0, 0, 0, 0};
            if (const auto datagram = test::sealed(*ends_[e], now_, path, plain)) {
                REQUIRE(all_sealed_.insert(*datagram).second);
                send(e, path, *datagram);
            }
        }
        if (forging_ && random_.chance(0.2)) forge();
        if (random_.chance(restarts_)) start(random_.below(2));
        while (!wire_.empty() && wire_.begin()->first.first <= now_) arrive();
    }

    void send(std::size_t from, path_id path, const bytes& datagram) {
        for (int copies = random_.chance(0.2) ? 2 : 1; copies > 0; --copies) {
            if (random_.chance(loss_)) continue;
            const auto delay =
                duration::from_us(static_cast<std::int64_t>(random_.below(random_.chance(0.05) ? 3'000'000 : 40'000)));
            wire_.emplace(std::pair{now_ + delay, order_++}, in_flight{1 - from, path, datagram});
        }
    }

    /// Something seen before, changed, cut or sent somewhere else.
    void forge() {
        if (wire_.empty()) return;
        in_flight f = wire_.begin()->second;
        f.ours = false;
        switch (random_.below(4)) {
            case 0:
                f.datagram[random_.below(f.datagram.size())] ^= static_cast<std::uint8_t>(1 + random_.below(255));
                break;
            case 1: f.datagram.resize(random_.below(f.datagram.size())); break;
            case 2: f.path ^= 1; break;
            default: f.to = 1 - f.to;
        }
        wire_.emplace(std::pair{now_, order_++}, std::move(f));
    }

    void arrive() {
        const in_flight f = std::move(wire_.begin()->second);
        wire_.erase(wire_.begin());
        const auto [answer, plain] = test::open(*ends_[f.to], now_, f.path, f.datagram);
        if (answer != status::ok) return;
        ++delivered_;
        REQUIRE(plain.size() == 8);
        REQUIRE(plain[0] == 1 - f.to);  // sealed by the other end, for this path
        REQUIRE(plain[1] == f.path);
        REQUIRE(all_sealed_.contains(f.datagram));
        REQUIRE(opened_[f.to].insert(f.datagram).second);  // in all its lives, once
    }

    xoshiro256 random_;
    test::seeded_entropy entropy_;
    secure_config config_;
    std::array<std::optional<secure_channel>, 2> ends_;
    std::array<int, 2> life_{};
    std::map<std::pair<instant, std::uint64_t>, in_flight> wire_;
    std::set<bytes> all_sealed_;
    std::array<std::set<bytes>, 2> opened_;
    std::uint64_t order_ = 0;
    std::uint64_t delivered_ = 0;
    std::uint64_t rotations_ = 0;
    double loss_ = 0;
    double restarts_ = 0;
    bool forging_ = true;
    instant now_{};
};

}  // namespace

TEST_CASE("secure: no nonce twice, nothing opened twice or foreign, and always together again") {
    std::uint64_t delivered = 0;
    std::uint64_t rotations = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        world w{seed};
        w.run(1'500);
        delivered += w.delivered();
        rotations += w.rotations();
    }
    CHECK(delivered > 150 * 300);
    CHECK(rotations > 150 * 4);
}
