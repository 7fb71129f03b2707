// SPDX-License-Identifier: MIT
//
// How soon the regime detector tells that a path became worse, how often it says so without reason, and what it costs.
//
//   bench_detect [--quick] [--json FILE|-] [--csv FILE] [--svg FILE]
//
// Detection: a first-in-first-out path with heavy-tailed jitter (Gaussian, 0.5 % spikes of 20 ms on average, 0.1 % loss)
// for 60 s, then the change; the time counts from when the first changed packet was due on the path as it was. 400
// repetitions. False alarms: 24 hours of the same without a change, and of four other distributions. Both in simulated
// time, the same on every machine. Beside it on the same packets: a CUSUM (Page, 1954) on the deviation |delay − median|
// with median and mean deviation of the first 50 s, its threshold such that it raises one false alarm an hour; and the
// signals of the reference law at their own thresholds. Cost: CPU time, the least of 40 rounds; beside it that of the
// reference law's signals alone, written down plainly.
// The CSV has every single detection time; the SVG is the plot of docs/regimes.md.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <iterator>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duality/jitter_hold.hpp"
#include "duality/random.hpp"
#include "duality/regime.hpp"
#include "duality/statistics.hpp"
#include "parity_report.hpp"

namespace {

using namespace duality;
using namespace duality::literals;
using parity_bench::row;

struct arrival {
    instant at;
    std::uint64_t sequence = 0;
    media_time origin;

    double delay_ms() const { return static_cast<double>(at.ns() - origin.ns()) / 1e6; }
};

enum class jitter { heavy_tailed, lognormal, exponential, laplace, pareto };
constexpr std::string_view jitter_names[] = {"Gaussian, 0.5 % spikes", "log-normal", "exponential", "Laplace",
                                             "Gaussian, 2 % Pareto"};

/// A first-in-first-out path. `next` gives the next packet that is not lost.
class flow {
public:
    flow(std::uint64_t seed, double spacing_ms, jitter kind = jitter::heavy_tailed)
        : random_{seed}, spacing_ms_{spacing_ms}, kind_{kind} {}

    double scale = 1;
    double loss = 0.001;
    double shift_ms = 0;
    double ramp = 0;  ///< ms per ms, from `ramp_from_ms` on
    double ramp_from_ms = 0;
    double resemblance = 0;  ///< correlation of the Gaussian part with that of the packet before

    double send_time_ms() const { return static_cast<double>(sequence_) * spacing_ms_; }
    arrival next() {
        for (;;) {
            const double origin = send_time_ms();
            const double delay = 30 + shift_ms + ramp * (origin - ramp_from_ms) + draw();
            const std::uint64_t s = sequence_++;
            if (random_.chance(loss)) continue;
            newest_ms_ = std::max(newest_ms_, origin + std::max(delay, 1.0));
            return {instant::from_ns(static_cast<std::int64_t>(newest_ms_ * 1e6)), s,
                    media_time::from_ns(static_cast<std::int64_t>(origin * 1e6))};
        }
    }

private:
    double draw() {
        switch (kind_) {
            case jitter::heavy_tailed:
                gaussian_ = resemblance * gaussian_ + std::sqrt(1 - resemblance * resemblance) * random_.gaussian();
                return gaussian_ * 3 * scale + (random_.chance(0.005) ? random_.exponential(20) : 0);
            case jitter::lognormal: return scale * 3 * std::exp(0.8 * random_.gaussian());
            case jitter::exponential: return scale * random_.exponential(3);
            case jitter::laplace: return scale * (random_.chance(0.5) ? 1 : -1) * random_.exponential(2.2);
            case jitter::pareto:
                return scale * random_.gaussian() * 1.5 +
                       (random_.chance(0.02) ? std::min(random_.pareto(3, 1.2), 800.0) : 0);
        }
        return 0;
    }

    xoshiro256 random_;
    double spacing_ms_;
    jitter kind_;
    double gaussian_ = 0;
    std::uint64_t sequence_ = 0;
    double newest_ms_ = 0;
};

enum change { jitter_times_4, queue_ramp, loss_5_percent, step_50_ms, change_count };

void make_worse(flow& f, change what) {
    switch (what) {
        case jitter_times_4: f.scale = 4; break;
        case queue_ramp:
            f.ramp = 0.2;
            f.ramp_from_ms = f.send_time_ms();
            break;
        case loss_5_percent: f.loss = 0.05; break;
        case step_50_ms: f.shift_ms = 50; break;
        case change_count: break;
    }
}

// Detectors. `add` tells whether the packet raised an alarm of the kind that `change` asks for.

regime_detector make_detector() {
    auto made = regime_detector::create({}, allocator::system());
    if (!made) std::abort();
    return std::move(made).value();
}

class ours {
public:
    explicit ours(change looked_for) : wanted_{kinds[looked_for]} {}
    bool add(const arrival& a) {
        (void)detector_.on_arrival(a.at, a.sequence, a.origin);
        regime_event event;
        bool found = false;
        while (detector_.poll_event(event)) found |= event.what == wanted_;
        return found;
    }

private:
    static constexpr regime_event::kind kinds[] = {regime_event::kind::delay_worse, regime_event::kind::delay_worse,
                                                   regime_event::kind::loss_worse, regime_event::kind::level_step};
    regime_detector detector_ = make_detector();
    regime_event::kind wanted_;
};

/// Page's CUSUM of |delay − median| / mean deviation, at most 4 so that one spike does not decide, over packets that
/// did not come in a bunch.
class cusum {
public:
    cusum(double threshold, double spacing_ms) : threshold_{threshold}, spacing_ms_{spacing_ms} {}
    bool add(const arrival& a) {
        const double delay = a.delay_ms();
        if (a.origin.ns() < learn_ns) {
            learning_.push_back(delay);
            return false;
        }
        if (!learning_.empty()) learn();
        const bool fresh = (a.at - last_) * 10 >= duration::from_ns(static_cast<std::int64_t>(spacing_ms_ * 3e6));
        last_ = a.at;
        if (!fresh) return false;
        sum_ = std::max(0.0, sum_ + std::min(std::abs(delay - median_) / mean_, 4.0) - 1.8);
        if (sum_ < threshold_) return false;
        sum_ = 0;
        return true;
    }
    double sum() const { return sum_; }

private:
    static constexpr std::int64_t learn_ns = 50'000'000'000;

    void learn() {
        std::sort(learning_.begin(), learning_.end());
        median_ = learning_[learning_.size() / 2];
        for (const double d : learning_) mean_ += std::abs(d - median_) / static_cast<double>(learning_.size());
        learning_.clear();
    }

    double threshold_;
    double spacing_ms_;
    instant last_;
    std::vector<double> learning_;
    double median_ = 0;
    double mean_ = 0;
    double sum_ = 0;
};

/// The threshold that a CUSUM passes `per_hour` times an hour while nothing changes.
double cusum_threshold(double spacing_ms, double hours, double per_hour) {
    cusum test{1e300, spacing_ms};
    flow f{7, spacing_ms};
    std::vector<double> peaks;
    double peak = 0;
    while (f.send_time_ms() < hours * 3.6e6) {
        (void)test.add(f.next());
        peak = std::max(peak, test.sum());
        if (test.sum() > 0 || peak == 0) continue;
        peaks.push_back(peak);
        peak = 0;
    }
    const auto allowed = std::min(static_cast<std::size_t>(hours * per_hour), peaks.size() - 1);
    std::nth_element(peaks.begin(), peaks.begin() + static_cast<std::ptrdiff_t>(allowed), peaks.end(),
                     std::greater<>{});
    return peaks[allowed];
}

/// The reference law sees trouble when it would raise hold or parity.
class reference_law {
public:
    bool add(const arrival& a) {
        (void)detector_.on_arrival(a.at, a.sequence, a.origin);
        const regime_features f = detector_.features(a.at);
        const bool trouble = f.loss20 >= 2 || f.j_fast > 10_ms;
        const bool before = std::exchange(trouble_, trouble);
        return trouble && !before;
    }

private:
    regime_detector detector_ = make_detector();
    bool trouble_ = false;
};

// Runs

constexpr double never_ms = 5'000;

struct latencies {
    std::vector<double> ms;  ///< in the order of the repetitions; `never_ms`: not within that time

    double quantile(double share) const {
        std::vector<double> sorted = ms;
        std::sort(sorted.begin(), sorted.end());
        return sorted[std::min(static_cast<std::size_t>(share * static_cast<double>(sorted.size())),
                               sorted.size() - 1)];
    }
};

template <class Make>
latencies detect(change what, double spacing_ms, int repetitions, Make make) {
    latencies out;
    for (int i = 0; i < repetitions; ++i) {
        auto detector = make();
        flow f{1'000 + static_cast<std::uint64_t>(i), spacing_ms};
        while (f.send_time_ms() < 60'000) (void)detector.add(f.next());
        const double start = f.send_time_ms() + 30;
        make_worse(f, what);
        double found = never_ms;
        for (double now = 0; found == never_ms && now < start + never_ms;) {
            const arrival a = f.next();
            now = static_cast<double>(a.at.ns()) / 1e6;
            if (detector.add(a)) found = now - start;
        }
        out.ms.push_back(found);
    }
    return out;
}

struct alarm_rates {
    double delay = 0;
    double loss = 0;
    double steps = 0;
};

alarm_rates false_alarms(jitter kind, double spacing_ms, double hours, double resemblance = 0) {
    regime_detector detector = make_detector();
    flow f{99, spacing_ms, kind};
    f.resemblance = resemblance;
    regime_event event;
    while (f.send_time_ms() < hours * 3.6e6) {
        const arrival a = f.next();
        (void)detector.on_arrival(a.at, a.sequence, a.origin);
        while (detector.poll_event(event)) {
        }
    }
    const regime_statistics& counted = detector.statistics();
    return {static_cast<double>(counted.delay_alarms) / hours, static_cast<double>(counted.loss_alarms) / hours,
            static_cast<double>(counted.level_steps) / hours};
}

double reference_false_alarms(double spacing_ms, double hours) {
    reference_law law;
    flow f{99, spacing_ms};
    int count = 0;
    while (f.send_time_ms() < hours * 3.6e6) count += law.add(f.next());
    return count / hours;
}

/// Share of packets that a default jitter hold plays late between `from_ms` and 2 s after the step of 50 ms.
double late_after_step(double from_ms, int repetitions) {
    int late = 0;
    int packets = 0;
    for (int i = 0; i < repetitions; ++i) {
        auto hold = jitter_hold::create({}, allocator::system());
        if (!hold) std::abort();
        flow f{1'000 + static_cast<std::uint64_t>(i), 5};
        released_packet out;
        double start = 0;
        for (double now = 0; start == 0 || now < start + 2'000;) {
            if (start == 0 && f.send_time_ms() >= 10'000) {
                start = f.send_time_ms() + 30;
                make_worse(f, step_50_ms);
            }
            const arrival a = f.next();
            now = static_cast<double>(a.at.ns()) / 1e6;
            while (hold->next_timeout() <= a.at)
                if (!hold->poll(hold->next_timeout(), out)) break;
            (void)hold->push(a.at, {a.sequence, a.origin, a.sequence, recovery::none});
            if (start == 0 || now < start + from_ms) continue;
            while (hold->poll(a.at, out)) late += out.lateness > 0_ms;
            ++packets;
        }
    }
    return 100.0 * late / packets;
}

// Cost

/// The metrics of a report, from the same packets.
struct report_statistics {
    delay_variation variation;
    interarrival_jitter jitter;
    burst_gap bursts;
    outage_ledger outages;
    instant last;
    std::uint64_t next = 0;

    void add(const arrival& a) noexcept {
        const duration relative = duration::from_ns(a.at.ns() - a.origin.ns());
        variation.add(relative);
        jitter.add(relative);
        for (; next < a.sequence; ++next) bursts.add(true);
        bursts.add(false);
        ++next;
        outages.add(a.at - last);
        last = a.at;
    }
};

std::vector<arrival> recorded_flow() {
    std::vector<arrival> packets;
    flow f{1, 5};
    while (packets.size() < 100'000) packets.push_back(f.next());
    return packets;
}

/// Least CPU time per packet over `rounds`, in ns.
template <class Work>
double cost(const std::vector<arrival>& packets, int rounds, Work work) {
    double least = 1e300;
    for (int r = 0; r < rounds; ++r) {
        const std::clock_t begin = std::clock();
        work(packets);
        const double ns = 1e9 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        least = std::min(least, ns / static_cast<double>(packets.size()));
    }
    return least;
}

volatile std::int64_t sink = 0;

double detector_cost(const std::vector<arrival>& packets, int rounds) {
    return cost(packets, rounds, [](const std::vector<arrival>& all) {
        regime_detector detector = make_detector();
        for (const arrival& a : all) (void)detector.on_arrival(a.at, a.sequence, a.origin);
        sink = sink + detector.baseline().ns();
    });
}

/// The signals of the reference law as one would write them down, and nothing else: averages of the deviation from the
/// median of the last 32 inter-arrival times, losses among the last 20 packets.
class plain_signals {
public:
    void add(const arrival& a) {
        spacings_[count_++ % spacings_.size()] = static_cast<double>((a.at - last_).ns());
        last_ = a.at;
        std::array<double, 32> sorted = spacings_;
        std::nth_element(sorted.begin(), sorted.begin() + 15, sorted.end());
        const double deviation = std::abs(spacings_[(count_ - 1) % spacings_.size()] - sorted[15]);
        fast_ += 0.2 * (deviation - fast_);
        slow_ += 0.05 * (deviation - slow_);
        for (; next_ < a.sequence; ++next_) missing_[next_ % missing_.size()] = 1;
        missing_[next_++ % missing_.size()] = 0;
        losses_ = std::accumulate(missing_.begin(), missing_.end(), 0);
    }
    std::int64_t sum() const { return static_cast<std::int64_t>(fast_ + slow_) + losses_; }

private:
    std::array<double, 32> spacings_{};
    std::array<int, 20> missing_{};
    std::size_t count_ = 0;
    std::uint64_t next_ = 0;
    instant last_;
    double fast_ = 0;
    double slow_ = 0;
    int losses_ = 0;
};

double plain_cost(const std::vector<arrival>& packets, int rounds) {
    return cost(packets, rounds, [](const std::vector<arrival>& all) {
        plain_signals signals;
        for (const arrival& a : all) signals.add(a);
        sink = sink + signals.sum();
    });
}

double statistics_cost(const std::vector<arrival>& packets, int rounds) {
    return cost(packets, rounds, [](const std::vector<arrival>& all) {
        report_statistics statistics;
        if (!statistics.variation.create(allocator::system())) std::abort();
        for (const arrival& a : all) statistics.add(a);
        sink = sink + statistics.jitter.value().ns() + statistics.outages.total().ns();
    });
}

// Output

struct labelled {
    std::string change;
    std::string detector;
    int pps = 0;
    latencies found;
};

bool write_csv(const char* file, const std::vector<labelled>& all) {
    FILE* out = std::fopen(file, "w");
    if (out == nullptr) return false;
    std::fprintf(out, "change,detector,pps,repetition,detected_ms\n");
    for (const labelled& l : all)
        for (std::size_t i = 0; i < l.found.ms.size(); ++i)
            std::fprintf(out, "%s,%s,%d,%zu,%.3f\n", l.change.c_str(), l.detector.c_str(), l.pps, i, l.found.ms[i]);
    return std::fclose(out) == 0;
}

/// Share of repetitions found within a time, one line per detector and rate; jitter times four only.
bool write_svg(const char* file, const std::vector<labelled>& all) {
    FILE* out = std::fopen(file, "w");
    if (out == nullptr) return false;
    constexpr double left = 60;
    constexpr double top = 40;
    constexpr double width = 520;
    constexpr double height = 320;
    constexpr double span_ms = 600;
    std::fprintf(out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"420\" font-family=\"sans-serif\" "
                 "font-size=\"13\">\n<rect width=\"820\" height=\"420\" fill=\"white\"/>\n"
                 "<text x=\"%g\" y=\"24\" font-size=\"15\">Jitter times four: found within (limit: one false alarm an "
                 "hour; the reference law has none)</text>\n",
                 left);
    for (int p = 0; p <= 100; p += 25)
        std::fprintf(out,
                     "<path d=\"M%g %g h%g\" stroke=\"#ddd\"/><text x=\"%g\" y=\"%g\" text-anchor=\"end\">%d "
                     "%%</text>\n",
                     left, top + height * (100 - p) / 100.0, width, left - 6, top + 4 + height * (100 - p) / 100.0, p);
    for (int ms = 0; ms <= static_cast<int>(span_ms); ms += 100)
        std::fprintf(out, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%d</text>\n", left + width * ms / span_ms,
                     top + height + 18, ms);
    std::fprintf(out,
                 "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">ms after the first changed packet was due</text>\n",
                 left + width / 2, top + height + 38);
    constexpr const char* colours[] = {"#0060c0", "#c05000", "#60a0e0", "#e0a060"};
    std::size_t line = 0;
    for (const labelled& l : all) {
        if (l.change != "jitter x4" || line == std::size(colours)) continue;
        std::vector<double> sorted = l.found.ms;
        std::sort(sorted.begin(), sorted.end());
        std::fprintf(out, "<path fill=\"none\" stroke-width=\"2\" stroke=\"%s\" d=\"M%g %g", colours[line], left,
                     top + height);
        for (std::size_t i = 0; i < sorted.size() && sorted[i] <= span_ms; ++i)
            std::fprintf(out, " L%.1f %.1f", left + width * std::max(sorted[i], 0.0) / span_ms,
                         top + height * (1 - static_cast<double>(i + 1) / static_cast<double>(sorted.size())));
        std::fprintf(out, "\"/>\n<text x=\"%g\" y=\"%g\" fill=\"%s\">%s, %d packets/s</text>\n", left + width + 10,
                     top + 20 + 22.0 * static_cast<double>(line), colours[line], l.detector.c_str(), l.pps);
        ++line;
    }
    std::fprintf(out, "</svg>\n");
    return std::fclose(out) == 0;
}

row bounded(std::string name, double value, const char* unit, double floor, double target) {
    row r;
    r.name = std::move(name);
    r.value = value;
    r.unit = unit;
    r.floor = floor;
    r.target = target;
    r.lower_is_better = true;
    return r;
}

row against(row r, const char* reference, double value) {
    r.reference = reference;
    r.reference_value = value;
    r.ratio = value == 0 ? 0 : r.value / value;
    return r;
}

}  // namespace

int main(int argc, char** argv) {
    const char* csv = nullptr;
    const char* svg = nullptr;
    std::vector<char*> rest{argv[0]};
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--csv") == 0 && i + 1 < argc)
            csv = argv[++i];
        else if (std::strcmp(argv[i], "--svg") == 0 && i + 1 < argc)
            svg = argv[++i];
        else
            rest.push_back(argv[i]);
    }
    const parity_bench::options options = parity_bench::parse(static_cast<int>(rest.size()), rest.data());
    if (!options.ok) {
        std::fprintf(stderr, "                    [--csv FILE] [--svg FILE]\n");
        return 2;
    }
    FILE* const table = parity_bench::table_output(options);
    const int repetitions = options.quick ? 40 : 400;
    const double hours = options.quick ? 1 : 24;

    struct wanted {
        change what;
        const char* name;
        int pps;
        double median[2];  ///< floor and target; 0: none
        double p95[2];
    };
    constexpr wanted wanteds[] = {
        {jitter_times_4, "jitter x4", 200, {100, 80}, {200, 150}},
        {jitter_times_4, "jitter x4", 50, {250, 180}, {450, 350}},
        {queue_ramp, "queue ramp 0.2 ms/ms", 200, {0, 0}, {150, 100}},
        {queue_ramp, "queue ramp 0.2 ms/ms", 50, {0, 0}, {0, 0}},
        {loss_5_percent, "loss 0.1 to 5 %", 200, {400, 300}, {1'000, 800}},
        {loss_5_percent, "loss 0.1 to 5 %", 50, {0, 0}, {0, 0}},
        {step_50_ms, "latency step +50 ms", 200, {200, 100}, {200, 0}},
        {step_50_ms, "latency step +50 ms", 50, {0, 0}, {0, 0}},
    };
    std::vector<row> rows;
    std::vector<labelled> all;
    const double thresholds[] = {cusum_threshold(5, hours, 1), cusum_threshold(20, hours, 1)};
    for (const wanted& w : wanteds) {
        const double spacing = 1'000.0 / w.pps;
        const latencies found = detect(w.what, spacing, repetitions, [&] { return ours{w.what}; });
        const std::string name = std::string{w.name} + ", " + std::to_string(w.pps) + "/s";
        row median = bounded(name + ": median", found.quantile(0.5), "ms", w.median[0], w.median[1]);
        row p95 = bounded(name + ": p95", found.quantile(0.95), "ms", w.p95[0], w.p95[1]);
        all.push_back({w.name, "duality", w.pps, found});
        if (w.what == jitter_times_4 || w.what == queue_ramp) {
            const double threshold = thresholds[w.pps == 200 ? 0 : 1];
            const latencies page = detect(w.what, spacing, repetitions, [&] { return cusum{threshold, spacing}; });
            median = against(median, "CUSUM", page.quantile(0.5));
            p95 = against(p95, "CUSUM", page.quantile(0.95));
            all.push_back({w.name, "CUSUM", w.pps, page});
        } else {
            const latencies law = detect(w.what, spacing, repetitions, [] { return reference_law{}; });
            median = against(median, "reference law", law.quantile(0.5));
            p95 = against(p95, "reference law", law.quantile(0.95));
            all.push_back({w.name, "reference law", w.pps, law});
        }
        rows.push_back(median);
        rows.push_back(p95);
    }
    {
        const latencies law = detect(jitter_times_4, 5, repetitions, [] { return reference_law{}; });
        rows.push_back(bounded("reference law: jitter x4, 200/s: median (5000: never)", law.quantile(0.5), "ms", 0, 0));
        all.push_back({"jitter x4", "reference law", 200, law});
    }
    parity_bench::print(table, "Detection, " + std::to_string(repetitions) + " repetitions", rows);

    std::vector<row> rates;
    const double reference = reference_false_alarms(5, std::min(hours, 6.0));
    for (std::size_t kind = 0; kind < std::size(jitter_names); ++kind)
        for (const int pps : {200, 50}) {
            const alarm_rates r = false_alarms(static_cast<jitter>(kind), 1'000.0 / pps, hours);
            const std::string name = std::string{jitter_names[kind]} + ", " + std::to_string(pps) + "/s";
            row total = bounded(name + ": false alarms, configured 1/h", r.delay + r.loss, "1/h", 1.5, 1.2);
            if (kind == 0 && pps == 200) total = against(total, "reference law", reference);
            rates.push_back(total);
            rates.push_back(bounded(name + ":   of them by loss", r.loss, "1/h", 0, 0));
            rates.push_back(bounded(name + ":   false level steps", r.steps, "1/h", 0, 0));
        }
    for (const double resemblance : {0.3, 0.5, 0.7, 0.9})
        for (const int pps : {200, 50}) {
            const double some_hours = std::min(hours, 6.0);
            const alarm_rates r = false_alarms(jitter::heavy_tailed, 1'000.0 / pps, some_hours, resemblance);
            char name[80];
            std::snprintf(name, sizeof name, "Gaussian, neighbours correlated by %.1f, %d/s", resemblance, pps);
            rates.push_back(bounded(std::string{name} + ": false alarms", r.delay + r.loss, "1/h", 0, 0));
            rates.push_back(bounded(std::string{name} + ":   false level steps", r.steps, "1/h", 0, 0));
        }
    parity_bench::print(table, "Nothing changes, " + std::to_string(static_cast<int>(hours)) + " hours each", rates);

    std::vector<row> costs;
    const std::vector<arrival> packets = recorded_flow();
    const int rounds = options.quick ? 5 : 40;
    const double detector = detector_cost(packets, rounds);
    const double statistics = statistics_cost(packets, rounds);
    const double plain = plain_cost(packets, rounds);
    costs.push_back(against(bounded("detector, per packet", detector, "ns", 0, 0), "signals of the law alone", plain));
    costs.push_back(bounded("RFC 5481, 3550, 3611 metrics and outage ledger, per packet", statistics, "ns", 0, 0));
    costs.push_back(bounded("detector + statistics, per packet", detector + statistics, "ns", 100, 50));
    costs.push_back(
        bounded("late share 0.2 ... 2 s after a +50 ms step, default hold", late_after_step(200, 40), "%", 0, 0));
    parity_bench::print(table, "Cost, and playout after a level step", costs);

    rows.insert(rows.end(), rates.begin(), rates.end());
    rows.insert(rows.end(), costs.begin(), costs.end());
    if (csv != nullptr && !write_csv(csv, all)) {
        std::fprintf(stderr, "bench_detect: cannot write %s\n", csv);
        return 1;
    }
    if (svg != nullptr && !write_svg(svg, all)) {
        std::fprintf(stderr, "bench_detect: cannot write %s\n", svg);
        return 1;
    }
    return parity_bench::finish(options, "bench_detect", rows);
}
