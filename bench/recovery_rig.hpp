// SPDX-License-Identifier: MIT
//
// What the benchmarks of recovery measure with: losses, the codec of the library, and an oracle without bad luck (the same
// repairs over the same windows and losses, with coefficients from a field so large that what could be independent is).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "duality/parity.hpp"
#include "duality/random.hpp"

namespace recovery_bench {

using namespace duality;

/// Losses one after another: independent, in bursts (Gilbert–Elliott: everything is lost in the bad state), or as
/// recorded.
class channel {
public:
    channel(double loss, double burst, std::uint64_t seed) : random_{seed}, loss_{loss}, burst_{burst} {}
    explicit channel(const std::vector<bool>& recorded) : random_{0}, recorded_{&recorded} {}

    bool lose() {
        if (recorded_ != nullptr) return (*recorded_)[at_++ % recorded_->size()];
        if (burst_ <= 1) return random_.chance(loss_);
        const double leave = 1 / burst_;
        bad_ = bad_ ? !random_.chance(leave) : random_.chance(loss_ * leave / (1 - loss_));
        return bad_;
    }

private:
    xoshiro256 random_;
    double loss_ = 0;
    double burst_ = 0;
    bool bad_ = false;
    const std::vector<bool>* recorded_ = nullptr;
    std::size_t at_ = 0;
};

/// The codec of the library.
class codec_receiver {
public:
    explicit codec_receiver(std::uint32_t deadline) {
        rlc_config c;
        c.max_window = 128;
        c.max_symbol = 16;
        c.decoder_window = std::max<std::uint32_t>(256, 4 * deadline);
        c.max_equations = 256;
        encoder_.emplace(std::move(rlc_encoder::create(c, allocator::system())).value());
        decoder_.emplace(std::move(rlc_decoder::create(c, allocator::system())).value());
        (void)decoder_->begin(0);
    }
    void source(std::uint32_t i, bool lost) {
        const std::uint32_t content = i * 2654435761u;
        std::uint8_t data[4];
        std::memcpy(data, &content, sizeof data);
        if (encoder_->push(i, 0, data) != status::ok) std::abort();
        if (!lost) (void)decoder_->push_source(i, 0, data);
    }
    void repair(std::uint32_t window, bool lost) {
        std::uint8_t symbol[16];
        repair_payload_id id;
        std::size_t size = 0;
        if (encoder_->make_repair(window, id, symbol, size) != status::ok) std::abort();
        if (!lost) (void)decoder_->push_repair(id, {symbol, size});
    }
    bool poll(std::uint32_t& esi) {
        recovered_unit u;
        if (!decoder_->poll(u)) return false;
        std::uint32_t content = 0;
        std::memcpy(&content, u.data.data(), sizeof content);
        if (content != u.esi * 2654435761u) std::abort();
        esi = u.esi;
        return true;
    }
    rlc_encoder& encoder() { return *encoder_; }
    rlc_decoder& decoder() { return *decoder_; }

private:
    std::optional<rlc_encoder> encoder_;
    std::optional<rlc_decoder> decoder_;
};

/// Elimination modulo 2^61 - 1 with random coefficients, on coefficients only.
class oracle_receiver {
public:
    explicit oracle_receiver(std::uint32_t deadline)
        : capacity_{std::bit_ceil(std::max<std::uint32_t>(256, 4 * deadline))}, known_(capacity_, false) {}

    void source(std::uint32_t i, bool lost) {
        sent_ = i + 1;
        const std::uint32_t slot = i % capacity_;
        for (std::size_t r = 0; r < rows_.size();) {  // what leaves the window
            if (rows_[r].pivot + capacity_ == i) {
                rows_[r] = std::move(rows_.back());
                rows_.pop_back();
            } else {
                ++r;
            }
        }
        known_[slot] = !lost;
    }
    void repair(std::uint32_t window, bool lost) {
        const std::uint32_t n = std::min(window, sent_);
        std::vector<std::uint64_t> row(capacity_, 0);
        bool any = false;
        for (std::uint32_t i = sent_ - n; i < sent_; ++i) {
            const std::uint64_t c = 1 + random_.below(modulus - 1);
            if (lost || known_[i % capacity_]) continue;
            row[i % capacity_] = c;
            any = true;
        }
        if (!any) return;
        for (const equation& e : rows_) subtract(row, e.coefficients, row[e.pivot % capacity_]);
        std::uint32_t pivot = sent_ - n;
        while (pivot < sent_ && row[pivot % capacity_] == 0) ++pivot;
        if (pivot == sent_) return;
        const std::uint64_t scale = inverse(row[pivot % capacity_]);
        for (std::uint64_t& c : row) c = multiply(c, scale);
        for (equation& e : rows_) subtract(e.coefficients, row, e.coefficients[pivot % capacity_]);
        rows_.push_back({pivot, std::move(row)});
        for (std::size_t r = 0; r < rows_.size();) {
            const auto& c = rows_[r].coefficients;
            if (std::count(c.begin(), c.end(), 0u) + 1 != static_cast<std::ptrdiff_t>(capacity_)) {
                ++r;
                continue;
            }
            known_[rows_[r].pivot % capacity_] = true;
            solved_.push_back(rows_[r].pivot);
            rows_[r] = std::move(rows_.back());
            rows_.pop_back();
        }
    }
    bool poll(std::uint32_t& esi) {
        if (solved_.empty()) return false;
        esi = solved_.back();
        solved_.pop_back();
        return true;
    }

private:
    static constexpr std::uint64_t modulus = (std::uint64_t{1} << 61) - 1;

    struct equation {
        std::uint32_t pivot;
        std::vector<std::uint64_t> coefficients;
    };

    __extension__ using wide = unsigned __int128;
    static std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
        const wide p = wide{a} * b;
        const std::uint64_t s = static_cast<std::uint64_t>(p & modulus) + static_cast<std::uint64_t>(p >> 61);
        return s >= modulus ? s - modulus : s;
    }
    static std::uint64_t inverse(std::uint64_t a) {
        std::uint64_t result = 1;
        for (std::uint64_t e = modulus - 2; e != 0; e >>= 1, a = multiply(a, a))
            if (e & 1) result = multiply(result, a);
        return result;
    }
    static void subtract(std::vector<std::uint64_t>& from, const std::vector<std::uint64_t>& what,
                         std::uint64_t factor) {
        if (factor == 0) return;
        for (std::size_t i = 0; i < from.size(); ++i) {
            if (what[i] == 0) continue;
            const std::uint64_t product = multiply(what[i], factor);
            from[i] = from[i] >= product ? from[i] - product : from[i] + modulus - product;
        }
    }

    std::uint32_t capacity_;
    std::vector<bool> known_;
    std::vector<equation> rows_;
    std::vector<std::uint32_t> solved_;
    std::uint32_t sent_ = 0;
    xoshiro256 random_{99};
};

inline parity_conditions conditions(double loss, double burst, std::uint32_t deadline) {
    parity_conditions c;
    c.interval = duration::from_ms(5);
    c.deadline = c.interval * deadline;
    c.loss_ppm = static_cast<std::uint32_t>(loss * 1e6);
    c.burst_x100 = static_cast<std::uint32_t>(std::max(1.0, burst) * 100);
    return c;
}

}  // namespace recovery_bench
