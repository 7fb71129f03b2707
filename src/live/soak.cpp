// SPDX-License-Identifier: MIT
#include "live/soak.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "duality/lab/families.hpp"
#include "duality/lab/simulation.hpp"
#include "duality/random.hpp"
#include "io/impaired_path.hpp"
#include "io/loop_thread.hpp"
#include "io/udp_endpoint.hpp"

namespace duality {
inline namespace v0 {
namespace live {
namespace {

constexpr std::size_t paths = 2;
/// Packets whose second release would be noticed.
constexpr std::size_t seen_window = 4'096;

[[nodiscard]] std::int64_t resident_bytes() {
    std::int64_t pages = 0;
    std::ifstream in{"/proc/self/statm"};
    in >> pages >> pages;
    return pages * ::sysconf(_SC_PAGESIZE);
}

[[nodiscard]] std::int64_t descriptors() {
    std::error_code ignored;
    const std::filesystem::directory_iterator open{"/proc/self/fd", ignored};
    return std::distance(begin(open), end(open));
}

[[nodiscard]] std::int64_t heap_bytes() noexcept {
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

/// A packet says which one it is, when it was sent, and is filled with what follows from its number.
struct numbered {
    std::uint64_t number = 0;
    std::int64_t sent_ns = 0;
};

void write_packet(const numbered& head, byte_span out) noexcept {
    std::uint64_t state = head.number;
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(splitmix64(state));
    std::memcpy(out.data(), &head, sizeof head);
}

class soak_run {
public:
    soak_run(const soak_options& options, const std::atomic<bool>& stop,
             const std::function<void(const soak_round&)>& on_round)
        : options_{options}, stop_{stop}, on_round_{on_round}, packet_(options.packet_bytes), seen_(seen_window) {}

    [[nodiscard]] bool open(std::string& error) {
        thread_ = io::loop_thread::create(error);
        if (!thread_) return false;
        uv_loop_t& loop = thread_->loop();
        receiver_ = io::udp_socket::create(
            loop, loopback_,
            [this](instant now, const io::socket_address&, byte_view bytes) { on_received(now, bytes); }, error);
        const auto ignore = [](instant, const io::socket_address&, byte_view) {};
        sender_ = io::udp_socket::create(loop, loopback_, ignore, error);
        if (!receiver_ || !sender_ || !open_ends(loop, error)) return false;
        ticker_ = io::wake_timer::create(
            loop, [this] { tick(); }, error);
        return ticker_ != nullptr;
    }

    [[nodiscard]] soak_result run() {
        start_ = io::monotonic_now() + duration::from_ms(100);
        end_ = start_ + options_.length;
        next_regime_ = start_;
        ticker_->wake_at(start_);
        thread_->start();
        while (!done_.load() && !stop_.load()) ::usleep(50'000);
        thread_->stop();
        return finish();
    }

private:
    [[nodiscard]] bool open_ends(uv_loop_t& loop, std::string& error) {
        lab::simulation_config rules{.protection = lab::variant::dual, .payload = options_.packet_bytes};
        io::udp_endpoint_config end;
        end.protocol = lab::session_for(rules);
        end.bind = loopback_;
        end.start = io::monotonic_now();
        end.paths.resize(paths);
        end.paths[1].limits.cost = cost_class::metered;
        end.paths[1].limits.budget = {.day_bytes = byte_budget_config::unlimited};  // days would otherwise differ

        io::udp_endpoint_config far = end;
        far.application = receiver_->local();
        far_ = io::udp_endpoint::create(loop, std::move(far), error);
        if (!far_) return false;
        for (std::size_t p = 0; p < paths; ++p) {
            io::impaired_path_config path;
            path.listen = loopback_;
            path.forward = far_->path_side(static_cast<path_id>(p));
            network_.push_back(io::impaired_path::create(loop, std::move(path), error));
            if (!network_.back()) return false;
            end.paths[p].peer = network_.back()->local();
        }
        near_ = io::udp_endpoint::create(loop, std::move(end), error);
        return near_ != nullptr;
    }

    // The loop's thread.

    void tick() {
        const instant now = io::monotonic_now();
        if (now >= next_regime_) change_regime(now);
        if (now >= end_) {
            done_.store(true);
            return;
        }
        // After a long stall the flow goes on from now rather than making up for it.
        if (now - due() > duration::from_seconds(1)) skipped_ += (now - due()).ns() / options_.interval.ns();
        for (; due() <= now; ++sent_) {
            write_packet({sent_, io::monotonic_now().ns()}, packet_);
            if (!sender_->send(near_->application_side(), packet_)) ++socket_errors_;
        }
        ticker_->wake_at(due());
    }

    [[nodiscard]] instant due() const noexcept {
        return start_ + options_.interval * (static_cast<std::int64_t>(sent_) + skipped_);
    }

    void change_regime(instant now) {
        const auto families = lab::families();
        if (regime_ == families.size()) {
            close_round(now);
            regime_ = 0;
        }
        lab::scenario made = lab::make_scenario(families[regime_].id, options_.seed + regime_, options_.regime);
        network_[0]->change_network(std::move(made.primary));
        network_[1]->change_network(std::move(made.second));
        ++regime_;
        next_regime_ += options_.regime;
    }

    void on_received(instant now, byte_view bytes) {
        numbered head;
        if (bytes.size() != packet_.size()) {
            ++damaged_;
            return;
        }
        std::memcpy(&head, bytes.data(), sizeof head);
        expected_.resize(packet_.size());
        write_packet(head, expected_);
        if (head.number >= sent_ || !std::ranges::equal(bytes, expected_)) {
            ++damaged_;
            return;
        }
        std::uint64_t& seen = seen_[head.number % seen_window];
        if (seen == head.number + 1) {
            ++repeated_;
            return;
        }
        seen = head.number + 1;
        ++released_;
        delays_.add(now - instant::from_ns(head.sent_ns));
    }

    void close_round(instant now) {
        soak_round round;
        round.hours = (now - start_).ms() / 3'600'000;
        round.heap_bytes = heap_bytes();
        round.resident_bytes = resident_bytes();
        round.descriptors = descriptors();
        round.sent = sent_ - round_sent_;
        round.released = released_ - round_released_;
        round.delay_p50 = delays_.quantile(5'000);
        round.delay_p95 = delays_.quantile(9'500);
        round.overhead_pct = overhead_pct();
        round.lateness_p99 =
            std::max(near_->timer_lateness().spread.quantile(9'900), far_->timer_lateness().spread.quantile(9'900));
        for (const auto& path : network_)
            round.lateness_p99 = std::max(round.lateness_p99, path->stats().lateness.quantile(9'900));
        round_sent_ = sent_;
        round_released_ = released_;
        delays_ = delay_histogram{};
        rounds_.push_back(round);
        if (on_round_) on_round_(round);
    }

    [[nodiscard]] double overhead_pct() const {
        std::uint64_t extra = 0;
        for (const io::udp_endpoint* end : {near_.get(), far_.get()}) {
            const sender_statistics& s = end->protocol().statistics().sender;
            extra += s.extra_bytes();
        }
        const std::uint64_t useful = near_->protocol().statistics().sender.source.bytes;
        return useful == 0 ? 0 : 100.0 * static_cast<double>(extra) / static_cast<double>(useful);
    }

    [[nodiscard]] soak_result finish() {
        const instant now = io::monotonic_now();
        if (sent_ > round_sent_) close_round(std::min(now, end_));  // whatever was begun
        soak_result out;
        out.rounds = std::move(rounds_);
        out.sent = sent_;
        out.released = released_;
        out.repeated = repeated_;
        out.damaged = damaged_;
        out.refused = near_->stats().refused;
        out.socket_errors = socket_errors_ + near_->stats().unsent + far_->stats().unsent + far_->stats().undelivered;
        out.length = std::min(now, end_) - start_;
        return out;
    }

    const soak_options& options_;
    const std::atomic<bool>& stop_;
    const std::function<void(const soak_round&)>& on_round_;
    const io::socket_address loopback_ = io::socket_address::parse("127.0.0.1:0").value();
    std::unique_ptr<io::loop_thread> thread_;
    std::unique_ptr<io::udp_socket> receiver_;
    std::unique_ptr<io::udp_endpoint> far_;
    std::vector<std::unique_ptr<io::impaired_path>> network_;
    std::unique_ptr<io::udp_endpoint> near_;
    std::unique_ptr<io::udp_socket> sender_;
    std::unique_ptr<io::wake_timer> ticker_;
    std::atomic<bool> done_{false};

    instant start_;
    instant end_;
    instant next_regime_;
    std::size_t regime_ = 0;
    std::int64_t skipped_ = 0;  ///< packets not sent after stalls
    std::uint64_t sent_ = 0;
    std::uint64_t released_ = 0;
    std::uint64_t round_sent_ = 0;
    std::uint64_t round_released_ = 0;
    std::uint64_t repeated_ = 0;
    std::uint64_t damaged_ = 0;
    std::uint64_t socket_errors_ = 0;
    std::vector<std::uint8_t> packet_;
    std::vector<std::uint8_t> expected_;
    std::vector<std::uint64_t> seen_;
    delay_histogram delays_;
    std::vector<soak_round> rounds_;
};

}  // namespace

std::vector<std::string> find_growth(const std::vector<soak_round>& rounds, const soak_limits& limits) {
    std::vector<std::string> out;
    if (rounds.empty()) return {"no round was finished"};
    const soak_round& first = rounds[rounds.size() >= 3 ? 1 : 0];
    const soak_round& last = rounds.back();
    const auto grew = [&out](const char* what, std::int64_t by, std::int64_t most, const char* unit) {
        if (by > most)
            out.push_back(std::string{what} + " grew by " + std::to_string(by) + " " + unit + ", allowed are " +
                          std::to_string(most));
    };
    grew("heap", last.heap_bytes - first.heap_bytes, limits.heap_bytes, "bytes");
    grew("resident memory", last.resident_bytes - first.resident_bytes, limits.resident_bytes, "bytes");
    grew("file descriptors", last.descriptors - first.descriptors, limits.descriptors, "of them");
    // A last round that was broken off had other networks.
    const bool is_whole = last.sent * 100 >= first.sent * 95;
    if (is_whole && rounds.size() >= 2) {
        grew("median delay", (last.delay_p50 - first.delay_p50).us(), limits.delay_p50.us(), "us");
        grew("p95 of the delay", (last.delay_p95 - first.delay_p95).us(), limits.delay_p95.us(), "us");
    }
    if (last.overhead_pct > limits.overhead_pct) out.emplace_back("overhead above its cap");
    return out;
}

std::optional<soak_result> soak(const soak_options& options, const soak_limits& limits, const std::atomic<bool>& stop,
                                const std::function<void(const soak_round&)>& on_round, std::string& error) {
    soak_run run{options, stop, on_round};
    if (!run.open(error)) return std::nullopt;
    soak_result out = run.run();
    out.violations = find_growth(out.rounds, limits);
    if (out.repeated > 0) out.violations.push_back(std::to_string(out.repeated) + " packets were released twice");
    if (out.damaged > 0) out.violations.push_back(std::to_string(out.damaged) + " packets were damaged");
    if (out.released == 0) out.violations.emplace_back("nothing was released");
    return out;
}

}  // namespace live
}  // namespace v0
}  // namespace duality
