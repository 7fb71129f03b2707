// SPDX-License-Identifier: MIT
//
// The golden vectors through C++: what the table says is what the library does. The same table is checked through C and
// every binding, so all of them are one library.
//
//   golden vectors.txt            complain
//   golden vectors.txt --write    rewrite the table
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "duality/jitter_hold.hpp"
#include "duality/lab/simulation.hpp"
#include "duality/parity.hpp"

using namespace duality;

namespace {

constexpr std::string_view introduction =
    R"(# SPDX-License-Identifier: MIT
#
# Golden vectors: the same through C++, C, Python and Rust. Written by tests/golden/golden.cpp --write.
#
# repair <code> <first> <window> <key> <symbol>
#     A parity encoder of default configuration has taken packets 0 … 23, packet e with flow e and 5 + 3 (e mod 4) bytes,
#     byte k being 17 e + 7 k + 3 modulo 256. Repairs in this order have these keys and symbols.
# hold <sequence> <due_ns> <lateness_ns>
#     A jitter hold of default configuration is given packet i, origin 5 i ms, at the later of the time of the packet
#     before it and 5 i + 20 + (7919 i mod 23) ms, for i = 0 … 59, and polled right after each, and 1 s after the last.
#     These come out, in this order.
# lab <family> <variant> <seed> <milliseconds> <event hash> <delivered>
#     A run of the lab, otherwise of default configuration.
)";

std::string hex(byte_view bytes) {
    std::string out;
    for (const std::uint8_t b : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", b);
        out += digits;
    }
    return out;
}

void repairs(std::ostream& out) {
    auto encoder = parity_encoder::create({}, allocator::system());
    for (std::uint32_t e = 0; e < 24; ++e) {
        std::vector<std::uint8_t> data(5 + 3 * (e % 4));
        for (std::size_t k = 0; k < data.size(); ++k) data[k] = static_cast<std::uint8_t>(17 * e + 7 * k + 3);
        (void)encoder->sources().push(e, static_cast<std::uint8_t>(e), data);
    }
    struct wanted {
        parity_code code;
        std::uint32_t first;
        std::uint32_t window;
    };
    for (const wanted w : {wanted{parity_code::rlc, 0, 24},
                           {parity_code::rlc, 3, 9},
                           {parity_code::rlc, 23, 1},
                           {parity_code::block, 0, 8},
                           {parity_code::block, 0, 8},
                           {parity_code::rs, 8, 12},
                           {parity_code::rs, 8, 12}}) {
        encoder->use(w.code);
        parity_repair repair;
        std::uint8_t symbol[1500];
        std::size_t size = 0;
        (void)encoder->make_repair(w.first, w.window, repair, symbol, size);
        out << "repair " << static_cast<int>(w.code) << ' ' << w.first << ' ' << w.window << ' ' << repair.id.repair_key
            << ' ' << hex({symbol, size}) << '\n';
    }
}

void holds(std::ostream& out) {
    constexpr std::int64_t ms = 1'000'000;
    auto hold = jitter_hold::create({}, allocator::system());
    instant now;
    const auto poll = [&] {
        released_packet released;
        while (hold->poll(now, released))
            out << "hold " << released.packet.sequence << ' ' << released.due.ns() << ' ' << released.lateness.ns()
                << '\n';
    };
    for (std::int64_t i = 0; i < 60; ++i) {
        now = std::max(now, instant::from_ns((5 * i + 20 + 7'919 * i % 23) * ms));
        const auto number = static_cast<std::uint64_t>(i);
        (void)hold->push(now, {number, media_time::from_ns(5 * i * ms), number});
        poll();
    }
    now += duration::from_seconds(1);
    poll();
}

void runs(std::ostream& out) {
    constexpr std::int64_t length_ms = 10'000;
    for (const lab::family_info& family : lab::families())
        for (const lab::variant v : {lab::variant::baseline, lab::variant::dual}) {
            lab::simulation_config config;
            config.protection = v;
            const lab::scenario network = lab::make_scenario(family.id, 3, duration::from_ms(length_ms));
            const result<lab::run_result> run = lab::simulate(network, config);
            char hash[17];
            std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(run.value().event_hash));
            out << "lab " << static_cast<int>(family.id) << ' ' << static_cast<int>(v) << " 3 " << length_ms << ' '
                << hash << ' ' << run.value().outcome.fates.delivered << '\n';
        }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    std::ostringstream wanted;
    wanted << introduction;
    repairs(wanted);
    holds(wanted);
    runs(wanted);
    if (argc > 2 && std::string_view{argv[2]} == "--write") {
        std::ofstream{argv[1]} << wanted.str();
        return 0;
    }
    std::ifstream file{argv[1]};
    std::ostringstream there;
    there << file.rdbuf();
    std::istringstream a{wanted.str()};
    std::istringstream b{there.str()};
    std::string made;
    std::string said;
    const char* const advice = "after a change of decisions that is meant: golden_cpp tests/golden/vectors.txt --write";
    while (std::getline(a, made))
        if (!std::getline(b, said) || made != said) {
            std::fprintf(stderr, "golden: the table says\n  %s\nand the library\n  %s\n%s\n", said.c_str(),
                         made.c_str(), advice);
            return 1;
        }
    if (std::getline(b, said)) {
        std::fprintf(stderr, "golden: the table also says\n  %s\n", said.c_str());
        return 1;
    }
    std::puts("golden: C++ agrees with the table");
    return 0;
}
