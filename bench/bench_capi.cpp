// SPDX-License-Identifier: MIT
//
// What the C interface costs over C++, per packet: the same traffic through both, in turns, so that what else the machine
// does hits both alike. The C side goes through the shared library as a program would; where that is optimised as a whole
// (DUALITY_C_LTO) it may take less than the C++ side, which is linked with the archive.
//
//   bench_capi [--quick] [--json FILE|-]
#include <duality/duality.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "duality/jitter_hold.hpp"
#include "duality/parity.hpp"
#include "duality/regime.hpp"
#include "duality/session.hpp"
#include "parity_report.hpp"

using namespace duality;

namespace {

constexpr std::int64_t interval_ns = 5'000'000;
std::uint64_t sink = 0;  ///< printed, so that no work can be left out

/// Two C++ sessions joined by a perfect link: one packet each way through send, poll_output and handle_datagram.
class cpp_pair {
public:
    cpp_pair() : near_{made()}, far_{made()} {}
    void packet() {
        now_ += duration::from_ns(interval_ns);
        sink += near_.send(now_, 0, payload_) == status::ok;
        carry(near_, far_);
        carry(far_, near_);
    }

private:
    static session made() {
        auto s = session::create({}, allocator::system());
        sink += s->add_path({}, 0, {}) == status::ok;
        return std::move(s).value();
    }
    void carry(session& from, session& to) {
        while (from.poll_output(now_, out_)) {
            if (out_.kind == output_kind::transmit)
                sink += to.handle_datagram(now_, out_.transmit.path, out_.transmit.bytes) == status::ok;
            if (out_.kind == output_kind::deliver) sink += out_.deliver.bytes.size();
        }
    }
    session near_;
    session far_;
    session_output out_;
    instant now_;
    std::array<std::uint8_t, 400> payload_{};
};

class c_pair {
public:
    c_pair() {
        for (duality_session** s : {&near_, &far_}) {
            sink += duality_session_create(nullptr, nullptr, nullptr, s) == DUALITY_OK;
            sink += duality_session_add_path(*s, 0, 0, nullptr) == DUALITY_OK;
        }
        out_.struct_size = sizeof out_;
    }
    c_pair(const c_pair&) = delete;
    c_pair& operator=(const c_pair&) = delete;
    ~c_pair() {
        (void)duality_session_destroy(near_);
        (void)duality_session_destroy(far_);
    }
    void packet() {
        now_ += interval_ns;
        sink += duality_session_send(near_, now_, 0, payload_.data(), payload_.size()) == DUALITY_OK;
        carry(near_, far_);
        carry(far_, near_);
    }

private:
    void carry(duality_session* from, duality_session* to) {
        while (duality_session_poll_output(from, now_, &out_) == DUALITY_OK) {
            if (out_.kind == DUALITY_OUTPUT_TRANSMIT)
                sink += duality_session_handle_datagram(to, now_, out_.path, out_.bytes, out_.size) == DUALITY_OK;
            if (out_.kind == DUALITY_OUTPUT_DELIVER) sink += out_.size;
        }
    }
    duality_session* near_ = nullptr;
    duality_session* far_ = nullptr;
    duality_session_output out_{};
    std::int64_t now_ = 0;
    std::array<std::uint8_t, 400> payload_{};
};

/// A jitter hold and a detector fed by a flow with some jitter, and drained.
class cpp_receiver {
public:
    void packet() {
        const std::int64_t origin = static_cast<std::int64_t>(number_) * interval_ns;
        const instant now = instant::from_ns(origin + static_cast<std::int64_t>(number_ * 7'919 % 4'000'000));
        sink += detector_.on_arrival(now, number_, media_time::from_ns(origin)) == status::ok;
        sink += hold_.push(now, {number_, media_time::from_ns(origin), number_}) == status::ok;
        while (hold_.poll(now, out_)) sink += out_.packet.token;
        ++number_;
    }

private:
    jitter_hold hold_ = std::move(jitter_hold::create({}, allocator::system())).value();
    regime_detector detector_ = std::move(regime_detector::create({}, allocator::system())).value();
    released_packet out_;
    std::uint64_t number_ = 0;
};

class c_receiver {
public:
    c_receiver() {
        sink += duality_jitter_hold_create(nullptr, nullptr, nullptr, &hold_) == DUALITY_OK;
        sink += duality_regime_detector_create(nullptr, nullptr, nullptr, &detector_) == DUALITY_OK;
        out_.struct_size = sizeof out_;
    }
    c_receiver(const c_receiver&) = delete;
    c_receiver& operator=(const c_receiver&) = delete;
    ~c_receiver() {
        (void)duality_jitter_hold_destroy(hold_);
        (void)duality_regime_detector_destroy(detector_);
    }
    void packet() {
        const std::int64_t origin = static_cast<std::int64_t>(number_) * interval_ns;
        const std::int64_t now = origin + static_cast<std::int64_t>(number_ * 7'919 % 4'000'000);
        sink += duality_regime_detector_on_arrival(detector_, now, number_, origin) == DUALITY_OK;
        sink += duality_jitter_hold_push(hold_, now, number_, origin, number_, DUALITY_RECOVERY_NONE) == DUALITY_OK;
        while (duality_jitter_hold_poll(hold_, now, &out_) == DUALITY_OK) sink += out_.token;
        ++number_;
    }

private:
    duality_jitter_hold* hold_ = nullptr;
    duality_regime_detector* detector_ = nullptr;
    duality_released_packet out_{};
    std::uint64_t number_ = 0;
};

/// Nothing but the call: the next timeout of an idle session.
class cpp_call {
public:
    void packet() {
        sink += static_cast<std::uint64_t>(hold_.next_timeout().ns());
        sink ^= 1;
    }

private:
    jitter_hold hold_ = std::move(jitter_hold::create({}, allocator::system())).value();
};

class c_call {
public:
    c_call() { sink += duality_jitter_hold_create(nullptr, nullptr, nullptr, &hold_) == DUALITY_OK; }
    c_call(const c_call&) = delete;
    c_call& operator=(const c_call&) = delete;
    ~c_call() { (void)duality_jitter_hold_destroy(hold_); }
    void packet() {
        std::int64_t at = 0;
        sink += static_cast<std::uint64_t>(duality_jitter_hold_next_timeout(hold_, &at));
        sink ^= static_cast<std::uint64_t>(at);
    }

private:
    duality_jitter_hold* hold_ = nullptr;
};

struct costs {
    double cpp_ns = 0;
    double c_ns = 0;
};

/// Rounds of both in turns. What else the machine does can only add, so the lower decile of each is compared.
template <class Cpp, class C>
costs measure(int rounds, int packets) {
    Cpp cpp;
    C c;
    const auto time = [packets](auto& subject) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < packets; ++i) subject.packet();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        return took.count() / packets;
    };
    std::vector<double> cpp_ns;
    std::vector<double> c_ns;
    (void)time(cpp);
    (void)time(c);
    for (int i = 0; i < rounds; ++i) {
        cpp_ns.push_back(time(cpp));
        c_ns.push_back(time(c));
    }
    const auto lower = [](std::vector<double>& v) {
        const auto at = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 10);
        std::nth_element(v.begin(), at, v.end());
        return *at;
    };
    return {lower(cpp_ns), lower(c_ns)};
}

parity_bench::row row_of(std::string name, const costs& m, double floor, double target) {
    const double difference = m.c_ns - m.cpp_ns;
    return {std::move(name), difference, "ns", "C++", m.cpp_ns, m.c_ns / m.cpp_ns, floor, target, false, true};
}

}  // namespace

int main(int argc, char** argv) {
    const parity_bench::options options = parity_bench::parse(argc, argv);
    if (!options.ok) return 2;
    const int rounds = options.quick ? 5 : 301;
    const std::vector<parity_bench::row> rows = {
        row_of("session: C - C++ per packet, send to delivery", measure<cpp_pair, c_pair>(rounds, 2'000), 20, 5),
        row_of("hold and detector: C - C++ per packet", measure<cpp_receiver, c_receiver>(rounds, 20'000), 20, 5),
        row_of("one call", measure<cpp_call, c_call>(rounds, 100'000), 20, 5),
    };
    FILE* out = parity_bench::table_output(options);
    parity_bench::print(out, "C interface over C++, lower deciles of " + std::to_string(rounds) + " rounds", rows);
    std::fprintf(out, "(checksum %llu)\n", static_cast<unsigned long long>(sink));
    return parity_bench::finish(options, "bench_capi", rows);
}
