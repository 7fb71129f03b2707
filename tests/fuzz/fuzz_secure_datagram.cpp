// SPDX-License-Identifier: MIT
//
// Two secure channels that an adversary carries messages for: whatever he does, nothing is opened that the other end did
// not seal for this path, nothing is opened twice, and hellos stop by themselves.
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "duality/wire.hpp"
#include "secure/secure_pair.hpp"

using namespace duality;
using test::bytes;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

class world {
public:
    explicit world(byte_view script) : in_{script} {
        const secure_config config{.rotate_packets = 16, .rotate_after = duration::from_seconds(1)};
        for (std::size_t e : {0u, 1u}) {
            secure_config c = config;
            c.suite = static_cast<aead_suite>(1 + in_.u8() % 3);  // not always the same: then they never agree
            c.initiate = e == 0 || (in_.u8() & 1) != 0;
            ends_.push_back(test::channel_of(c, 1, entropy_));
        }
    }

    void run() {
        while (in_.ok() && in_.remaining() != 0) step();
    }

private:
    struct message {
        std::size_t to = 0;
        path_id path = 0;
        bytes datagram;
    };

    void step() {
        const std::uint8_t what = in_.u8();
        const std::size_t e = what & 1;
        const auto path = static_cast<path_id>(what >> 1 & 1);
        switch (what >> 4 & 7) {
            case 0:
            case 1: {
                const auto out = test::sealed(ends_[e], now_, path, {static_cast<std::uint8_t>(e), path, 1, 2, 3});
                if (!out) break;
                require(sealed_.insert(*out).second);
                keep({1 - e, path, *out});
                break;
            }
            case 2: {
                int count = 0;
                for (auto& [on, hello] : test::hellos(ends_[e], now_)) {
                    require(++count <= 4);
                    keep({1 - e, on, hello});
                }
                break;
            }
            case 3: now_ += duration::from_ms(in_.u16()); break;
            case 4: open({e, path, {}}, raw()); break;
            case 5: {  // changed
                if (seen_.empty()) break;
                const message& m = pick();
                bytes datagram = m.datagram;
                datagram[in_.u8() % datagram.size()] ^= in_.u8();
                open(m, datagram);
                break;
            }
            case 6: {  // sent elsewhere, or back
                if (seen_.empty()) break;
                message m = pick();
                m.path ^= what >> 2 & 1;
                m.to ^= static_cast<std::size_t>(what >> 3 & 1);
                open(m, m.datagram);
                break;
            }
            default:
                if (!seen_.empty()) open(pick(), pick().datagram);
        }
        (void)ends_[e].next_timeout();
    }

    bytes raw() {
        const byte_view data = in_.bytes(in_.u8() % (in_.remaining() + 1));
        return {data.begin(), data.end()};
    }
    void keep(message m) {
        if (seen_.size() == 64) seen_.erase(seen_.begin());
        seen_.push_back(std::move(m));
    }
    const message& pick() { return seen_[in_.u8() % seen_.size()]; }

    void open(const message& m, const bytes& datagram) {
        const auto [answer, plain] = test::open(ends_[m.to], now_, m.path, datagram);
        if (answer != status::ok) return;
        require(plain.size() == 5 && plain[0] == 1 - m.to && plain[1] == m.path);
        require(sealed_.contains(datagram));
        require(opened_.insert(datagram).second);
    }

    wire::reader in_;
    test::seeded_entropy entropy_{1};
    std::vector<secure_channel> ends_;
    std::vector<message> seen_;
    std::set<bytes> sealed_;
    std::set<bytes> opened_;
    instant now_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    world{byte_view{data, size}}.run();
    return 0;
}
