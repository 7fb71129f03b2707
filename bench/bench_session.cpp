// SPDX-License-Identifier: MIT
//
// What a session costs: time for a packet from `send` at one end to `deliver` at the other, reports and parity of 5 %
// included, with the kernel carrying the same packet over loopback UDP beside it; and memory.
//
//   bench_session [--quick] [--json FILE|-]
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "duality/session.hpp"
#include "parity_report.hpp"
#include "support/counting_allocator.hpp"

namespace {

using namespace duality;
using parity_bench::row;

constexpr std::size_t payload_size = 400;
constexpr duration spacing = duration::from_ms(5);

double ns_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

/// Two sessions without a network between them: what one transmits the other has at once, but for one packet in 40.
class pair_of_sessions {
public:
    explicit pair_of_sessions(const session_config& config)
        : near_{session::create(config, allocator::system()).value()},
          far_{session::create(config, allocator::system()).value()} {
        (void)near_.add_path(now_, 0, {});
        (void)far_.add_path(now_, 0, {});
    }

    void packet() {
        now_ += spacing;
        ++payload_[0];
        (void)near_.send(now_, 0, payload_);
        carry(near_, far_, 40);
        carry(far_, near_, 0);
    }
    [[nodiscard]] const session& near() const { return near_; }
    [[nodiscard]] std::uint64_t delivered() const { return delivered_; }

private:
    void carry(session& from, session& to, std::uint64_t lose_every) {
        session_output out;
        while (from.poll_output(now_, out)) {
            if (out.kind == output_kind::deliver) ++delivered_;
            if (out.kind != output_kind::transmit || (lose_every != 0 && ++count_ % lose_every == 0)) continue;
            (void)to.handle_datagram(now_, out.transmit.path, out.transmit.bytes);
        }
    }

    session near_;
    session far_;
    instant now_{};
    std::array<std::uint8_t, payload_size> payload_{};
    std::uint64_t count_ = 0;
    std::uint64_t delivered_ = 0;
};

/// Sends to itself over loopback.
class loopback {
public:
    loopback() : socket_{::socket(AF_INET, SOCK_DGRAM, 0)} {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        ok_ = socket_ >= 0 && ::bind(socket_, reinterpret_cast<sockaddr*>(&address_), size) == 0 &&
              ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size) == 0;
    }
    ~loopback() {
        if (socket_ >= 0) ::close(socket_);
    }
    loopback(const loopback&) = delete;
    loopback& operator=(const loopback&) = delete;

    [[nodiscard]] bool ok() const { return ok_; }
    bool packet() {
        return ::sendto(socket_, bytes_.data(), bytes_.size(), 0, reinterpret_cast<sockaddr*>(&address_),
                        sizeof address_) == static_cast<ssize_t>(bytes_.size()) &&
               ::recv(socket_, bytes_.data(), bytes_.size(), 0) == static_cast<ssize_t>(bytes_.size());
    }

private:
    int socket_;
    sockaddr_in address_{};
    bool ok_ = false;
    std::array<std::uint8_t, payload_size + wire::data_packet_overhead> bytes_{};
};

template <class Work>
double ns_per_call(int calls, Work work) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) work();
    return ns_since(begin) / calls;
}

/// Parity alone, so that the rate is twice the loss: 5 %.
session_config protected_by_parity() {
    session_config config;
    config.reactive = config.second_path = false;
    config.control.reactive_enabled = config.control.second_path_enabled = false;
    return config;
}

/// 200 packets/s of up to 1,200 bytes, one stream, a window of 200 ms.
session_config small_session() {
    session_config config;
    config.max_streams = 1;
    config.protected_packets = 40;
    config.receive_packets = 40;
    config.queue = 64;
    config.paths.max_paths = 2;
    return config;
}

double kib_of(const session_config& config) {
    test::counting_allocator counted;
    const result<session> made = session::create(config, counted.get());
    return made ? static_cast<double>(counted.live_bytes()) / 1'024 : 0;
}

row time_row(bool quick) {
    pair_of_sessions pair{protected_by_parity()};
    loopback wire;
    const int calls = quick ? 500 : 20'000;
    for (int i = 0; i < 1'000; ++i) pair.packet();  // until the controller has settled
    std::vector<double> ours;
    std::vector<double> kernel;
    std::vector<double> ratios;
    for (int round = 0; round < (quick ? 3 : 15); ++round) {
        ours.push_back(ns_per_call(calls, [&] { pair.packet(); }) / 1'000);
        if (!wire.ok()) continue;
        kernel.push_back(ns_per_call(calls, [&] { (void)wire.packet(); }) / 1'000);
        ratios.push_back(ours.back() / kernel.back());
    }
    const sender_statistics s = pair.near().statistics().sender;
    const double share = 100.0 * static_cast<double>(s.parity.bytes) / static_cast<double>(s.source.bytes);
    char name[96];
    std::snprintf(name, sizeof name, "session send + receive, 400 B, parity %.1f %%, per packet", share);
    row r{.name = name, .value = median(ours), .unit = "us", .reference = {}, .floor = 1.5, .target = 0.7};
    r.lower_is_better = true;
    if (!ratios.empty()) {
        r.reference = "loopback UDP send + receive";
        r.reference_value = median(kernel);
        r.ratio = median(ratios);
    }
    return r;
}

row memory_row(const std::string& name, const session_config& config, double floor, double target) {
    row r{.name = name, .value = kib_of(config), .unit = "KiB", .reference = {}, .floor = floor, .target = target};
    r.lower_is_better = true;
    return r;
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 2;
    const std::vector<row> rows{
        time_row(options.quick),
        memory_row("session memory, 200 packets/s, 200 ms window", small_session(), 512, 128),
        memory_row("session memory, default configuration", {}, 0, 0),
    };
    std::FILE* out = parity_bench::table_output(options);
    parity_bench::print(out, "What a session costs", rows);
    parity_bench::print_summary(out, rows);
    return parity_bench::finish(options, "bench_session", rows);
}
