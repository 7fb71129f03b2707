// SPDX-License-Identifier: MIT
//
// How much loss is left after recovery, and how late what is recovered comes: the sliding-window code of this library,
// with the window its policy chooses, against block codes that are MDS (the best a block code can be: a block comes
// back exactly when enough of it arrived) and against an oracle without bad luck (the same repairs over the same
// windows and losses, with coefficients from a field so large that what could be independent is).
//
// Time is counted in packets: a packet counts as recovered when it is back before D more packets have been sent.
// A repair follows the packet that completes its window. Losses are seeded and hit packets in the order sent.
//
//   bench_recovery [--quick] [--json FILE|-] [--svg FILE]
// The SVG is the plot of docs/parity.md.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>

#include "duality/lab/trace.hpp"
#include "duality/parity.hpp"
#include "parity_report.hpp"
#include "recovery_rig.hpp"

namespace {

using namespace duality;
using parity_bench::row;
using namespace recovery_bench;

struct outcome {
    std::uint64_t packets = 0;
    std::uint64_t lost = 0;
    std::uint64_t in_time = 0;
    std::uint64_t repairs = 0;
    double delay_sum = 0;

    std::uint64_t left() const { return lost - in_time; }
    double residual() const { return static_cast<double>(left()) / static_cast<double>(packets); }
    double overhead() const { return static_cast<double>(repairs) / static_cast<double>(packets); }
    double delay() const { return in_time == 0 ? 0 : delay_sum / static_cast<double>(in_time); }
    void recovered(std::int64_t after, std::uint32_t deadline) {
        if (after > deadline) return;
        ++in_time;
        delay_sum += static_cast<double>(after);
    }
};

template <class Receiver>
outcome sliding(channel losses, std::uint32_t deadline, std::uint32_t rate_bp, std::uint32_t window,
                std::uint32_t packets) {
    Receiver receiver{deadline};
    repair_pacer pacer;
    outcome out;
    out.packets = packets;
    for (std::uint32_t i = 0; i < packets; ++i) {
        const bool lost = losses.lose();
        out.lost += lost ? 1 : 0;
        receiver.source(i, lost);
        for (std::uint32_t due = pacer.packet(rate_bp); due != 0; --due) {
            receiver.repair(window, losses.lose());
            ++out.repairs;
        }
        for (std::uint32_t esi = 0; receiver.poll(esi);) out.recovered(static_cast<std::int64_t>(i) - esi, deadline);
    }
    return out;
}

/// Blocks of `k` packets followed by `r` repairs, any `k` of which are enough.
outcome block_mds(channel losses, std::uint32_t deadline, std::uint32_t k, std::uint32_t r, std::uint32_t packets) {
    outcome out;
    std::vector<std::uint32_t> missing;
    for (std::uint32_t first = 0; first + k <= packets; first += k) {
        missing.clear();
        for (std::uint32_t j = 0; j < k; ++j)
            if (losses.lose()) missing.push_back(j);
        std::uint32_t arrived = 0;
        for (std::uint32_t i = 0; i < r; ++i) arrived += losses.lose() ? 0 : 1;
        out.packets += k;
        out.repairs += r;
        out.lost += missing.size();
        if (missing.size() <= arrived)
            for (const std::uint32_t j : missing) out.recovered(k - 1 - j, deadline);
    }
    return out;
}

/// Reactive coded repair: the receiver reports what it misses with every arrival, the sender answers. Both directions
/// take half a round trip; reports are lost as often as packets.
outcome reactive(double loss, double burst, std::uint32_t deadline_packets, std::uint32_t rtt_permille,
                 std::uint32_t packets, std::uint64_t seed) {
    const duration interval = duration::from_ms(5);
    const duration deadline = interval * deadline_packets;
    const duration rtt = deadline * rtt_permille / 1000;
    const duration one_way = rtt / 2;
    struct forward_item {
        instant at;
        bool is_repair;
        std::uint32_t esi;
        repair_payload_id id;
        std::uint8_t symbol[16];
        std::size_t size;
    };
    struct backward_item {
        instant at;
        deficit_report report;
    };
    channel forward{loss, burst, seed};
    channel backward{loss, burst, derive_seed(seed, 1)};
    codec_receiver ends{deadline_packets};
    rlc_decoder& decoder = ends.decoder();
    auto generator = std::move(repair_generator::create({})).value();
    std::deque<forward_item> to_receiver;
    std::deque<backward_item> to_sender;
    outcome out;
    out.packets = packets;
    const auto sent_at = [&](std::uint32_t esi) { return instant::from_ns(0) + interval * esi; };
    const auto ppm = static_cast<std::uint32_t>(loss * 1e6);
    const auto content = [](std::uint32_t esi, std::uint8_t(&data)[4]) {
        const std::uint32_t word = esi * 2654435761u;
        std::memcpy(data, &word, sizeof data);
    };

    const auto arrive = [&](const forward_item& item) {
        if (item.is_repair) {
            (void)decoder.push_repair(item.id, {item.symbol, item.size});
        } else {
            std::uint8_t data[4];
            content(item.esi, data);
            (void)decoder.push_source(item.esi, 0, data);
        }
        for (recovered_unit u; decoder.poll(u);) {
            const instant due = sent_at(u.esi) + one_way + deadline;
            if (item.at <= due) {
                ++out.in_time;
                out.delay_sum +=
                    static_cast<double>((item.at - sent_at(u.esi) - one_way).ns()) / static_cast<double>(interval.ns());
            }
        }
        // The oldest packet that a repair asked for now can still bring in time.
        const std::int64_t oldest = (item.at - deadline - one_way + rtt).ns() / interval.ns() + 1;
        const rlc_deficit d = decoder.deficit(static_cast<std::uint32_t>(std::max<std::int64_t>(oldest, 0)));
        if (d.symbols_needed == 0 || backward.lose()) return;
        const instant due = sent_at(d.first_missing) + one_way + deadline;
        to_sender.push_back({item.at + one_way, {d.first_missing, d.last_missing, d.symbols_needed, due - item.at}});
    };
    const auto answer = [&](const backward_item& item) {
        rlc_encoder& encoder = ends.encoder();
        const repair_order order =
            generator.answer(item.at, item.report, rtt + interval, ppm, encoder.first_esi(), encoder.next_esi());
        for (std::uint32_t i = 0; i < order.count; ++i) {
            forward_item repair{item.at + one_way, true, 0, {}, {}, 0};
            if (encoder.make_repair(order.first_esi, order.window, repair.id, repair.symbol, repair.size) != status::ok)
                std::abort();
            ++out.repairs;
            if (!forward.lose()) to_receiver.push_back(repair);
        }
    };
    const auto run_until = [&](instant limit) {
        for (;;) {
            const instant a = to_receiver.empty() ? instant::never() : to_receiver.front().at;
            const instant b = to_sender.empty() ? instant::never() : to_sender.front().at;
            if (std::min(a, b) > limit) return;
            if (a <= b) {
                const forward_item item = to_receiver.front();
                to_receiver.pop_front();
                arrive(item);
            } else {
                const backward_item item = to_sender.front();
                to_sender.pop_front();
                answer(item);
            }
        }
    };
    for (std::uint32_t i = 0; i < packets; ++i) {
        run_until(sent_at(i));
        std::uint8_t data[4];
        content(i, data);
        if (ends.encoder().push(i, 0, data) != status::ok) std::abort();
        if (forward.lose())
            ++out.lost;
        else
            to_receiver.push_back({sent_at(i) + one_way, false, i, {}, {}, 0});
    }
    run_until(instant::from_ns(instant::never().ns() - 1));
    return out;
}

/// Losses of a recorded trace: what did not come, or came more than 100 ms later than the idle path delivers. Empty
/// when it cannot be read.
std::vector<bool> recorded_losses(const std::string& folder, const std::string& name) {
    std::vector<bool> out;
    const std::string path = folder + "/" + name;
    if (path.find('\'') != std::string::npos) return out;
    FILE* pipe = popen(("gzip -dc '" + path + "' 2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return out;
    std::string text;
    char part[1 << 16];
    for (std::size_t n = 0; (n = fread(part, 1, sizeof part, pipe)) != 0;) text.append(part, n);
    pclose(pipe);
    lab::trace trace;
    lab::trace_error why;
    if (lab::parse_trace(text, {}, trace, why) != status::ok) return out;
    std::vector<std::int64_t> delays;
    for (const lab::trace_row& r : trace.rows)
        if (!r.is_lost()) delays.push_back(r.delay_ns);
    if (delays.empty()) return out;
    std::nth_element(delays.begin(), delays.begin() + static_cast<std::ptrdiff_t>(delays.size() / 20), delays.end());
    const std::int64_t limit = delays[delays.size() / 20] + 100'000'000;
    for (const lab::trace_row& r : trace.rows) out.push_back(r.is_lost() || r.delay_ns > limit);
    return out;
}

// The plot: residual loss over overhead on logarithmic axes of our own making.

struct curve {
    std::string name;
    std::string color;
    std::string dash;
    std::vector<std::pair<double, double>> points;  ///< overhead, residual
};

void write_svg(FILE* out, const std::string& title, const std::vector<curve>& curves) {
    constexpr double left = 70;
    constexpr double top = 40;
    constexpr double width = 560;
    constexpr double height = 340;
    constexpr double x_max = 0.21;
    constexpr double y_low = -6;
    constexpr double y_high = -1.5;
    const auto x = [&](double overhead) { return left + overhead / x_max * width; };
    const auto y = [&](double residual) {
        const double l = residual > 0 ? std::log10(residual) : y_low;
        return top + (y_high - std::clamp(l, y_low, y_high)) / (y_high - y_low) * height;
    };
    std::fprintf(out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"440\" "
                 "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"860\" height=\"440\" fill=\"white\"/>\n");
    std::fprintf(out, "<text x=\"%.0f\" y=\"24\" font-size=\"14\">%s</text>\n", left, title.c_str());
    for (int e = -6; e <= -2; ++e) {
        const double at = y(std::pow(10.0, e));
        std::fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left, at,
                     left + width, at);
        std::fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g %%</text>\n", left - 6, at + 4,
                     std::pow(10.0, e + 2));
    }
    for (int p = 0; p <= 20; p += 4) {
        std::fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x(p / 100.0),
                     top, x(p / 100.0), top + height);
        std::fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%d %%</text>\n", x(p / 100.0),
                     top + height + 18, p);
    }
    std::fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">overhead</text>\n", left + width / 2,
                 top + height + 38);
    std::fprintf(out, "<text transform=\"translate(16 %.1f) rotate(-90)\" text-anchor=\"middle\">loss left</text>\n",
                 top + height / 2);
    double legend = top + 10;
    for (const curve& c : curves) {
        std::fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" points=\"",
                     c.color.c_str(), c.dash.c_str());
        for (const auto& [overhead, residual] : c.points)
            if (residual > 0) std::fprintf(out, "%.1f,%.1f ", x(overhead), y(residual));
        std::fprintf(out,
                     "\"/>\n<line x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2\" "
                     "stroke-dasharray=\"%s\"/>\n<text x=\"%.0f\" y=\"%.1f\">%s</text>\n",
                     left + width + 12, legend - 4, left + width + 42, legend - 4, c.color.c_str(), c.dash.c_str(),
                     left + width + 48, legend, c.name.c_str());
        legend += 20;
    }
    std::fprintf(out, "</svg>\n");
}

}  // namespace

int main(int argc, char** argv) {
    std::string svg;
    std::vector<char*> rest;
    for (int i = 0; i < argc; ++i) {
        if (std::strcmp(argv[i], "--svg") == 0 && i + 1 < argc)
            svg = argv[++i];
        else
            rest.push_back(argv[i]);
    }
    const parity_bench::options options = parity_bench::parse(static_cast<int>(rest.size()), rest.data());
    if (!options.ok) return 2;
    const std::uint32_t scale = options.quick ? 10 : 1;
    constexpr std::uint32_t tenth_bp = 1000;
    std::vector<row> rows;
    char label[128];

    // Comfortable: 10 % overhead, 2 % independent losses.
    for (const std::uint32_t d : {20u, 50u}) {
        const std::uint32_t n = (d == 20 ? 4'000'000u : 12'000'000u) / scale;
        const std::uint32_t window = plan_window(tenth_bp, conditions(0.02, 1, d), 128);
        const outcome ours = sliding<codec_receiver>({0.02, 1, 11}, d, tenth_bp, window, n);
        const outcome ideal = sliding<oracle_receiver>({0.02, 1, 11}, d, tenth_bp, window, n);
        const outcome block = block_mds({0.02, 1, 11}, d, d, d / 10, n);
        std::snprintf(label, sizeof label, "D=%u, 10 %%, iid 2 %%: loss left", d);
        rows.push_back({label, ours.residual() * 1e6, "ppm", "block MDS", block.residual() * 1e6,
                        ours.residual() / block.residual(), d == 20 ? 0.85 : 0.60, 0, true, true});
        std::snprintf(label, sizeof label, "D=%u, 10 %%, iid 2 %%: loss left", d);
        rows.push_back({label, ours.residual() * 1e6, "ppm", "generic-rank oracle", ideal.residual() * 1e6,
                        ours.residual() / ideal.residual(), 1.03, 0, true, true});
        std::snprintf(label, sizeof label, "D=%u, 10 %%, iid 2 %%: mean recovery delay", d);
        rows.push_back({label, ours.delay(), "pkt", "block MDS", block.delay(), ours.delay() / block.delay(),
                        d == 20 ? 0.65 : 0.35, 0, true, true});
    }

    // From comfortable to hopeless: the worst ratio against block codes and against the oracle, where enough was lost
    // for the ratio to mean something.
    std::vector<row> sweep;
    row worst_block{"worst of the sweep: loss left", 0, "%", "block MDS", 0, 0, 1.05, 0, true, true};
    row worst_ideal{"worst of the sweep: loss left", 0, "%", "generic-rank oracle", 0, 0, 1.03, 0, true, true};
    for (const std::uint32_t d : {20u, 50u})
        for (const double burst : {1.0, 2.0, 3.0, 5.0})
            for (const double loss : {0.02, 0.04, 0.06, 0.08, 0.10, 0.12, 0.15, 0.20, 0.30}) {
                const std::uint32_t n = 1'000'000u / scale;
                const std::uint32_t window = plan_window(tenth_bp, conditions(loss, burst, d), 128);
                const std::uint64_t seed =
                    derive_seed(7, d * 1000 + static_cast<std::uint64_t>(burst * 100 + loss * 1000));
                const outcome ours = sliding<codec_receiver>({loss, burst, seed}, d, tenth_bp, window, n);
                const outcome block = block_mds({loss, burst, seed}, d, d, d / 10, n);
                const outcome ideal = sliding<oracle_receiver>({loss, burst, seed}, d, tenth_bp, window, n / 5);
                const outcome part = sliding<codec_receiver>({loss, burst, seed}, d, tenth_bp, window, n / 5);
                std::snprintf(label, sizeof label, "D=%u, %.0f %% loss in bursts of %.0f, W=%u", d, loss * 100, burst,
                              window);
                row r{label,
                      ours.residual() * 100,
                      "%",
                      "block MDS",
                      block.residual() * 100,
                      ours.residual() / block.residual(),
                      1.05,
                      0,
                      true,
                      true};
                if (block.left() < 400) r.floor = 0;
                sweep.push_back(r);
                if (r.floor != 0 && r.ratio > worst_block.ratio) {
                    worst_block.value = r.value;
                    worst_block.reference_value = r.reference_value;
                    worst_block.ratio = r.ratio;
                }
                const double against_ideal = part.residual() / ideal.residual();
                if (ideal.left() >= 400 && against_ideal > worst_ideal.ratio) {
                    worst_ideal.value = part.residual() * 100;
                    worst_ideal.reference_value = ideal.residual() * 100;
                    worst_ideal.ratio = against_ideal;
                }
            }
    rows.push_back(worst_block);
    rows.push_back(worst_ideal);

    // Reactive repair, round trip 0.3 D.
    {
        const outcome iid = reactive(0.02, 1, 50, 300, 3'000'000 / scale, 21);
        rows.push_back({"reactive, D=50, RTT 0.3 D, iid 2 %: loss left", iid.residual() * 1e6, "ppm", "", 0, 0, 10, 0,
                        false, true});
        rows.push_back({"  its overhead", iid.overhead() * 100, "%", "", 0, 0, 4, 0, false, true});
        const outcome bursts = reactive(0.02, 4, 50, 300, 3'000'000 / scale, 22);
        rows.push_back({"reactive, D=50, RTT 0.3 D, bursts of 4, 2 %: loss left", bursts.residual() * 1e6, "ppm", "", 0,
                        0, 200, 0, false, true});
        rows.push_back({"  its overhead", bursts.overhead() * 100, "%", "", 0, 0, 5, 0, false, true});
        const outcome clean = reactive(0, 1, 50, 300, 100'000 / scale, 23);
        const parity_plan plan = plan_parity({}, conditions(0, 1, 50));
        rows.push_back({"clean link: repairs, proactive and reactive",
                        static_cast<double>(clean.repairs) + plan.rate_bp + plan.window, "", "", 0, 0, 0, 0, false,
                        true, 0, true});
    }

    // Recorded losses.
    std::vector<row> traces;
    const char* folder_name = std::getenv("DUALITY_TRACES");
    const std::string folder = folder_name != nullptr ? folder_name : "../shared/traces";
    for (const char* name : {"starlink_uvic/starlink_seattle.csv.gz", "edaf_oai5g/oai5g_sa_ul_10ms.csv.gz",
                             "mahimahi_lte/derived_200pps_TMobile-LTE-driving.down.csv.gz"}) {
        const std::vector<bool> losses = recorded_losses(folder, name);
        if (losses.empty()) {
            std::fprintf(parity_bench::table_output(options), "trace %s: not there, skipped\n", name);
            continue;
        }
        std::size_t count = 0;
        std::size_t bursts = 0;
        for (std::size_t i = 0; i < losses.size(); ++i) {
            count += losses[i] ? 1 : 0;
            bursts += losses[i] && (i == 0 || !losses[i - 1]) ? 1 : 0;
        }
        if (bursts == 0) continue;
        const double loss = static_cast<double>(count) / static_cast<double>(losses.size());
        const double burst = static_cast<double>(count) / static_cast<double>(bursts);
        const auto n = static_cast<std::uint32_t>(losses.size() * 10 / 11);
        const std::uint32_t window = plan_window(tenth_bp, conditions(loss, burst, 50), 128);
        // With a thousand losses it matters where the first block begins, so that is tried out everywhere; the same with
        // the first repair.
        double ours = 0;
        double block = 0;
        for (std::size_t shift = 0; shift < 55; ++shift) {
            const std::vector<bool> shifted(losses.begin() + static_cast<std::ptrdiff_t>(shift), losses.end());
            block += block_mds(channel{shifted}, 50, 50, 5, n).residual() / 55;
            if (shift % 5 == 0)
                ours += sliding<codec_receiver>(channel{shifted}, 50, tenth_bp, window, n).residual() / 11;
        }
        std::string title{name};
        title.resize(title.find('/'));
        std::snprintf(label, sizeof label, "%s: %.2f %% lost, bursts of %.1f, W=%u", title.c_str(), loss * 100, burst,
                      window);
        traces.push_back({label, ours * 100, "%", "block MDS 50+5", block * 100, ours / block, 0, 0, true, true});
    }

    if (!svg.empty()) {
        curve ours{"sliding window (this library)", "#0a62a8", "", {}};
        curve ideal{"the same, generic rank", "#f39c12", "3 5", {}};
        curve block{"block MDS, k = 50", "#c0392b", "", {}};
        curve small{"block MDS, k = 20", "#c0392b", "6 4", {}};
        curve exclusive{"one XOR per group", "#7f8c8d", "", {}};
        for (const std::uint32_t r : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 10u}) {
            const std::uint32_t rate_bp = r * 200;
            const double overhead = r / 50.0;
            const std::uint32_t n = 2'000'000u / scale;
            const std::uint32_t window = plan_window(rate_bp, conditions(0.02, 1, 50), 128);
            ours.points.push_back(
                {overhead, sliding<codec_receiver>({0.02, 1, 31}, 50, rate_bp, window, n).residual()});
            ideal.points.push_back(
                {overhead, sliding<oracle_receiver>({0.02, 1, 31}, 50, rate_bp, window, n).residual()});
            block.points.push_back({overhead, block_mds({0.02, 1, 31}, 50, 50, r, n).residual()});
            if (r * 20 % 50 == 0)
                small.points.push_back({overhead, block_mds({0.02, 1, 31}, 50, 20, r * 20 / 50, n).residual()});
            exclusive.points.push_back({overhead, block_mds({0.02, 1, 31}, 50, 50 / r, 1, n).residual()});
        }
        small.points.insert(small.points.begin(),
                            {0.05, block_mds({0.02, 1, 31}, 50, 20, 1, 2'000'000u / scale).residual()});
        FILE* out = std::fopen(svg.c_str(), "w");
        if (out == nullptr) {
            std::fprintf(stderr, "bench_recovery: cannot write %s\n", svg.c_str());
            return 1;
        }
        write_svg(out, "2 % independent losses, deadline 50 packets", {ours, ideal, block, small, exclusive});
        std::fclose(out);
    }

    FILE* out = parity_bench::table_output(options);
    parity_bench::print(out, "Recovery (lower is better; packets; losses as stated)", rows);
    parity_bench::print(out, "10 % overhead from 2 % to 30 % loss", sweep);
    if (!traces.empty()) parity_bench::print(out, "Recorded losses, D=50, 10 % overhead", traces);
    parity_bench::print_summary(out, rows);
    rows.insert(rows.end(), sweep.begin(), sweep.end());
    rows.insert(rows.end(), traces.begin(), traces.end());
    return parity_bench::finish(options, "bench_recovery", rows);
}
