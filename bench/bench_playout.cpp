// SPDX-License-Identifier: MIT
//
// Players of voice on recorded and simulated paths: what `voice_playout` makes up at NetEQ's own mean playout delay,
// beside NetEQ, a fixed buffer at that delay, slots under the reference law, and the clairvoyant bound; jitter after
// the jitter hold; the way back after a stall; the cost of the hold beside speexdsp's JitterBuffer.
//
//   bench_playout [--quick] [--json FILE|-] [--csv FILE]
//
// The CSV has a line per path and player; without --csv it is written beside the JSON file.
// The traces are those in the folder DUALITY_TRACES, else ../shared/traces. A peer or a trace that is missing is named.
#if defined(DUALITY_BENCH_SPEEXDSP)
#include <speex/speex_jitter.h>
#endif

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "duality/controller.hpp"
#include "duality/jitter_hold.hpp"
#include "duality/lab/clairvoyant.hpp"
#include "duality/lab/families.hpp"
#include "duality/lab/playout.hpp"
#include "duality/lab/simulation.hpp"
#include "duality/lab/trace.hpp"
#include "duality/random.hpp"
#include "duality/regime.hpp"
#include "io/trace_file.hpp"
#include "parity_report.hpp"
#if defined(DUALITY_BENCH_NETEQ)
#include "peers/neteq_player.hpp"
#endif

using namespace duality;
using parity_bench::row;

namespace {

row bounded(std::string name, double value, const char* unit, double floor, double target, bool lower = true) {
    row r;
    r.name = std::move(name);
    r.value = value;
    r.unit = unit;
    r.floor = floor;
    r.target = target;
    r.lower_is_better = lower;
    return r;
}

enum class path_kind : std::uint8_t {
    trace,   ///< recorded, dense enough for voice: in the means
    sparse,  ///< recorded at 60 ms or more between packets: shown, not in the means
    family,
};

struct recorded {
    const char* file;
    bool round_trip;
    path_kind kind;
};

constexpr recorded traces[] = {
    {"cicv5g/arterial_n8_20hz_v70_01", true, path_kind::trace},
    {"cicv5g/rural_n8_v0_01", true, path_kind::trace},
    {"cicv5g/urban_n78_10ms_v30_01_s0", true, path_kind::trace},
    {"cicv5g/urban_n78_20hz_v20_02", true, path_kind::trace},
    {"cicv5g/urban_n8_10ms_v30_01_s0", true, path_kind::trace},
    {"edaf_oai5g/oai5g_sa_ul_10ms", false, path_kind::trace},
    {"mahimahi_lte/derived_200pps_ATT-LTE-driving-2016.down", false, path_kind::trace},
    {"mahimahi_lte/derived_200pps_ATT-LTE-driving-2016.up", false, path_kind::trace},
    {"mahimahi_lte/derived_200pps_TMobile-LTE-driving.down", false, path_kind::trace},
    {"starlink_uvic/starlink_seattle", true, path_kind::sparse},
    {"telerobot_ftth/ftth_wifi_repeater_first2h", true, path_kind::sparse},
};

struct loaded {
    std::string name;
    path_kind kind = path_kind::trace;
    lab::trace trace;
};

[[nodiscard]] std::vector<loaded> load_traces(FILE* say) {
    const char* set = std::getenv("DUALITY_TRACES");  // NOLINT(concurrency-mt-unsafe): there is one thread
    const std::filesystem::path folder = set != nullptr ? set : "../shared/traces";
    std::vector<loaded> out;
    for (const recorded& r : traces) {
        io::loaded_trace t = io::load_trace((folder / (std::string{r.file} + ".csv.gz")).string(), r.round_trip);
        if (!t.ok()) {
            std::fprintf(say, "missing: %s\n", t.error.c_str());
            continue;
        }
        std::string name{r.file};
        name = name.substr(name.find('/') + 1);
        if (name.starts_with("derived_200pps_")) name = name.substr(15);
        out.push_back({name, r.kind, std::move(t.trace)});
    }
    return out;
}

#if defined(DUALITY_BENCH_NETEQ)
struct voice_path {
    std::string name;
    path_kind kind = path_kind::trace;
    lab::voice_stream stream;
};

[[nodiscard]] std::vector<voice_path> paths_of(const std::vector<loaded>& recordings, std::uint64_t seeds) {
    std::vector<voice_path> out;
    for (const loaded& l : recordings) {
        const auto network = lab::path::create(l.trace);
        if (!network) continue;
        const duration length = std::min(l.trace.length(), duration::from_seconds(600));
        out.push_back({l.name, l.kind, lab::send_voice(network.value().forward, length)});
    }
    for (const lab::family_info& f : lab::families())
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            const duration length = duration::from_seconds(120);
            const lab::scenario network = lab::make_scenario(f.id, seed, length, 50);
            out.push_back({std::string{f.name} + "#" + std::to_string(seed), path_kind::family,
                           lab::send_voice(network.primary.forward, length)});
        }
    return out;
}

struct comparison {
    const voice_path* path = nullptr;
    double peer_share = 0;
    double peer_unheard = 0;
    double delay_ms = 0;  ///< the peer's mean delay above the least one
    lab::playout_figures ours;
    std::uint32_t rises = 0;
    lab::playout_figures fixed;
    lab::playout_figures reference;
    double bound = 0;

    [[nodiscard]] double ratio() const { return ours.concealed_share / peer_share; }
    [[nodiscard]] double gap_closed() const { return (peer_share - ours.concealed_share) / (peer_share - bound); }
};

[[nodiscard]] comparison compare(const voice_path& path, int max_delay_ms) {
    comparison c;
    c.path = &path;
    const duality_bench::neteq_figures peer = duality_bench::play_neteq(path.stream.arrivals_ns, max_delay_ms);
    c.peer_share = peer.concealed_share;
    c.peer_unheard = peer.unheard_share;
    c.delay_ms = peer.mean_delay_ms - static_cast<double>(path.stream.least_delay_ns()) / 1e6;
    voice_playout_config config;
    c.rises = config.rises_per_hour = lab::rises_for_delay(path.stream, config, c.delay_ms);
    c.ours = lab::play_adaptive(path.stream, config);
    c.fixed = lab::play_fixed(path.stream, duration::from_us(static_cast<std::int64_t>(c.delay_ms * 1e3)));
    c.reference = lab::play_slots(path.stream, control_law::reference);
    c.bound = lab::clairvoyant_loss(path.stream.delays_ns(), {}, c.delay_ms);
    return c;
}

void print(FILE* out, const std::vector<comparison>& all, const char* title) {
    std::fprintf(out, "\n%s\nmade up, %% of the audio; mean delay above the path's least, ms\n", title);
    std::fprintf(out, "%-30s %7s %7s %7s %7s %6s %7s %13s %7s %6s %7s %7s\n", "", "delay", "NetEQ", "ours", "(delay)",
                 "ratio", "fixed", "ref. (delay)", "bound", "closed", "unheard", "(NetEQ)");
    for (const comparison& c : all)
        std::fprintf(out, "%-30s %7.1f %7.3f %7.3f %7.1f %6.3f %7.3f %7.3f %5.0f %7.3f %6.2f %7.3f %7.3f\n",
                     c.path->name.c_str(), c.delay_ms, 100 * c.peer_share, 100 * c.ours.concealed_share,
                     c.ours.mean_delay_ms, c.ratio(), 100 * c.fixed.concealed_share, 100 * c.reference.concealed_share,
                     c.reference.mean_delay_ms, 100 * c.bound, c.gap_closed(), 100 * c.ours.unheard_share,
                     100 * c.peer_unheard);
}

struct summary {
    double ratio = 0;  ///< geometric mean
    double worst = 0;
    double closed = 0;  ///< of the sum of all gaps to the bound
};

[[nodiscard]] summary sum_up(const std::vector<comparison>& all, path_kind kind) {
    summary s;
    double logs = 0;
    double gap = 0;
    double won = 0;
    int count = 0;
    for (const comparison& c : all) {
        if (c.path->kind != kind || c.ratio() <= 0) continue;
        logs += std::log(c.ratio());
        s.worst = std::max(s.worst, c.ratio());
        // Each path counts the same, whatever its level of loss.
        gap += (c.peer_share - c.bound) / c.peer_share;
        won += (c.peer_share - c.ours.concealed_share) / c.peer_share;
        ++count;
    }
    s.ratio = count > 0 ? std::exp(logs / count) : 0;
    s.closed = gap > 0 ? 100 * won / gap : 0;
    return s;
}

void add_rows(std::vector<row>& rows, const std::vector<comparison>& all, const std::string& against, double floor,
              double target) {
    const summary traces_ = sum_up(all, path_kind::trace);
    const summary families = sum_up(all, path_kind::family);
    if (traces_.ratio > 0) {
        rows.push_back(bounded("made up / " + against + ", traces", traces_.ratio, "x", floor, target));
        rows.push_back(bounded("  worst trace", traces_.worst, "x", 0, floor == 1 ? 1.05 : 0));
        rows.push_back(bounded("  gap to the bound closed", traces_.closed, "%", 15, 30, false));
    }
    rows.push_back(bounded("made up / " + against + ", families", families.ratio, "x", floor, target));
    rows.push_back(bounded("  worst path", families.worst, "x", 0, floor == 1 ? 1.05 : 0));
    rows.push_back(bounded("  gap to the bound closed", families.closed, "%", 15, 30, false));
}

[[nodiscard]] bool write_csv(const char* file, const std::vector<comparison>& all,
                             const std::vector<comparison>& shallow) {
    FILE* out = std::fopen(file, "w");
    if (out == nullptr) return false;
    std::fprintf(out, "path,kind,peer,mean_delay_ms,player,concealed_share,delay_ms,unheard_share,rises_per_hour\n");
    constexpr const char* kinds[] = {"trace", "sparse", "family"};
    for (const std::vector<comparison>* list : {&all, &shallow})
        for (const comparison& c : *list) {
            const auto line = [&](const char* player, double share, double delay, double unheard, std::uint32_t rises) {
                std::fprintf(out, "%s,%s,%s,%.3f,%s,%.6f,%.3f,%.6f,%u\n", c.path->name.c_str(),
                             kinds[static_cast<int>(c.path->kind)], list == &all ? "default" : "max30", c.delay_ms,
                             player, share, delay, unheard, rises);
            };
            line("neteq", c.peer_share, c.delay_ms, c.peer_unheard, 0);
            line("voice_playout", c.ours.concealed_share, c.ours.mean_delay_ms, c.ours.unheard_share, c.rises);
            line("fixed", c.fixed.concealed_share, c.fixed.mean_delay_ms, c.fixed.unheard_share, 0);
            line("reference_law", c.reference.concealed_share, c.reference.mean_delay_ms, c.reference.unheard_share, 0);
            line("clairvoyant", c.bound, c.delay_ms, c.bound, 0);
        }
    return std::fclose(out) == 0;
}
#endif

/// Jitter (RFC 5481 PDV p95) after the hold over that without, as the lab judges both: geometric mean.
[[nodiscard]] double jitter_after_hold(const std::vector<loaded>& recordings, std::uint64_t seeds) {
    double logs = 0;
    int count = 0;
    const auto add = [&](const lab::scenario& network, const std::vector<instant>& sends) {
        lab::simulation_config config;
        config.protection = lab::variant::baseline;
        const auto bare = lab::simulate(network, config, sends);
        config.protection = lab::variant::hold;
        const auto held = lab::simulate(network, config, sends);
        if (!bare || !held || bare.value().outcome.jitter_p95_ms <= 0) return;
        logs += std::log(std::max(held.value().outcome.jitter_p95_ms, 0.01) / bare.value().outcome.jitter_p95_ms);
        ++count;
    };
    for (const loaded& l : recordings) {
        if (l.kind != path_kind::trace) continue;
        const auto network = lab::replay_scenario(l.trace, nullptr, 1);
        std::vector<instant> sends;
        for (const lab::trace_row& r : l.trace.rows) sends.push_back(instant::from_ns(r.send_ns));
        if (network) add(network.value(), sends);
    }
    if (recordings.empty())
        for (const lab::family_info& f : lab::families())
            for (std::uint64_t seed = 1; seed <= seeds; ++seed) add(lab::make_scenario(f.id, seed), {});
    return count > 0 ? std::exp(logs / count) : 1;
}

/// Seconds from the end of a stall until playout is back within 10 ms of where it was, the worst of several stalls.
[[nodiscard]] double way_back_s() {
    double worst = 0;
    for (const std::int64_t stall_ms : {50, 100, 200, 400, 800, 1'600})
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            xoshiro256 random{seed};
            lab::voice_stream stream;
            std::int64_t newest = 0;
            constexpr std::int64_t begin = 60'000'000'000;
            for (std::int64_t n = 0; n < 5'000; ++n) {
                const std::int64_t sent = n * stream.frame.ns();
                auto came = sent + 30'000'000 + static_cast<std::int64_t>(std::abs(random.gaussian()) * 3e6);
                if (sent >= begin && sent < begin + stall_ms * 1'000'000)
                    came = std::max(came, begin + stall_ms * 1'000'000 + 30'000'000);
                newest = std::max(newest, came);
                stream.arrivals_ns.push_back(newest);
            }
            std::vector<lab::playout_sample> samples;
            (void)lab::play_adaptive(stream, {}, &samples);
            std::int64_t steady = 0;
            std::int64_t over = 0;
            std::int64_t back = 0;
            for (const lab::playout_sample& s : samples) {
                if (s.at_ns < begin) {
                    if (s.played_ns >= 0) steady = std::max(s.at_ns > begin - 5'000'000'000 ? s.played_ns : 0, steady);
                } else if (s.played_ns >= 0 && over == 0 && s.at_ns >= begin + stall_ms * 1'000'000) {
                    over = s.at_ns;
                }
                if (over != 0 && s.played_ns > steady + 10'000'000) back = s.at_ns;
            }
            if (back != 0) worst = std::max(worst, static_cast<double>(back - over) / 1e9);
        }
    return worst;
}

struct arrival {
    instant at;
    std::uint64_t sequence = 0;
    media_time origin;
};

/// 200 packets/s over a FIFO path: jitter σ 3 ms, 5 % spikes of 20 ms on average, 0.5 % loss.
[[nodiscard]] std::vector<arrival> flow() {
    std::vector<arrival> made;
    xoshiro256 random{1};
    instant newest = instant::before_all();
    for (std::uint64_t s = 0; s < 20'000; ++s) {
        const double delay = 30 + std::abs(random.gaussian()) * 3 + (random.chance(0.05) ? random.exponential(20) : 0);
        if (random.chance(0.005)) continue;
        const std::int64_t origin = static_cast<std::int64_t>(s) * 5'000'000;
        newest = std::max(newest, instant::from_ns(origin + static_cast<std::int64_t>(delay * 1e6)));
        made.push_back({newest, s, media_time::from_ns(origin)});
    }
    return made;
}

/// The least of several rounds, in nanoseconds per packet.
template <class Round>
[[nodiscard]] double cost(const std::vector<arrival>& packets, int rounds, Round round) {
    double least = 1e9;
    for (int i = 0; i < rounds; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        round();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        least = std::min(least, took.count() / static_cast<double>(packets.size()));
    }
    return least;
}

[[nodiscard]] double hold_cost(const std::vector<arrival>& packets, int rounds) {
    std::uint64_t sum = 0;
    const double ns = cost(packets, rounds, [&] {
        auto hold = jitter_hold::create({}, allocator::system());
        released_packet out;
        for (const arrival& a : packets) {
            while (hold->next_timeout() <= a.at)
                if (hold->poll(hold->next_timeout(), out)) sum += out.packet.token;
            sum += hold->push(a.at, {a.sequence, a.origin, a.sequence, recovery::none}) == status::ok;
        }
    });
    return sum > 0 ? ns : 0;
}

/// Push and two ticks per packet, at 50 packets/s: the same flow at a quarter of the speed.
[[nodiscard]] double voice_cost(const std::vector<arrival>& packets, int rounds) {
    std::int64_t sum = 0;
    const double ns = cost(packets, rounds, [&] {
        auto playout = voice_playout::create({}, allocator::system());
        voice_tick tick;
        std::int64_t now = packets.front().at.ns();
        for (const arrival& a : packets) {
            const auto slowed = [](std::int64_t t) { return t * 4; };
            for (; now < slowed(a.at.ns()); now += 10'000'000) {
                playout->tick(instant::from_ns(now), tick);
                sum += tick.media.ns();
            }
            (void)playout->push(instant::from_ns(slowed(a.at.ns())),
                                {a.sequence, media_time::from_ns(slowed(a.origin.ns())), 0, recovery::none});
        }
    });
    return sum > 0 ? ns : 0;
}

[[nodiscard]] double controller_cost(const std::vector<arrival>& packets, int rounds, control_law which) {
    auto detector = regime_detector::create({}, allocator::system());
    for (const arrival& a : packets) (void)detector->on_arrival(a.at, a.sequence, a.origin);
    control_inputs in;
    in.features = detector->features(packets.back().at);
    in.rtt = duration::from_ms(60);
    controller_config config;
    config.law = which;
    std::int64_t sum = 0;
    const double ns = cost(packets, rounds, [&] {
        auto law = controller::create(config, allocator::system());
        instant now;
        decision_event event;
        for (std::size_t i = 0; i < packets.size(); ++i) {
            now += duration::from_ms(5);
            in.features.loss20 = i % 7 == 0;
            sum += law->update(now, in).hold.ns();
            while (law->poll_event(event)) sum += event.at.ns();
        }
    });
    return sum > 0 ? ns : 0;
}

#if defined(DUALITY_BENCH_SPEEXDSP)
/// The same arrivals, one frame taken per 5 ms tick, timestamps in units of 1/8000 s as its interface has them.
[[nodiscard]] double speexdsp_cost(const std::vector<arrival>& packets, int rounds) {
    return cost(packets, rounds, [&] {
        JitterBuffer* buffer = jitter_buffer_init(40);
        std::int64_t tick = packets.front().at.ns();
        char bytes[8]{};
        char received[8];
        for (const arrival& a : packets) {
            for (; tick <= a.at.ns(); tick += 5'000'000) {
                JitterBufferPacket taken{};
                taken.data = received;
                taken.len = sizeof received;
                (void)jitter_buffer_get(buffer, &taken, 40, nullptr);
                jitter_buffer_tick(buffer);
            }
            JitterBufferPacket put{};
            put.data = bytes;
            put.len = sizeof bytes;
            put.timestamp = static_cast<spx_uint32_t>(a.sequence * 40);
            put.span = 40;
            put.sequence = static_cast<spx_uint16_t>(a.sequence);
            jitter_buffer_put(buffer, &put);
        }
        jitter_buffer_destroy(buffer);
    });
}
#endif

}  // namespace

int main(int argc, char** argv) {
    const char* csv = nullptr;
    std::vector<char*> rest{argv[0]};
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--csv") == 0 && i + 1 < argc)
            csv = argv[++i];
        else
            rest.push_back(argv[i]);
    }
    const parity_bench::options options = parity_bench::parse(static_cast<int>(rest.size()), rest.data());
    if (!options.ok) {
        std::fprintf(stderr, "                     [--csv FILE]\n");
        return 2;
    }
    std::string beside;
    if (csv == nullptr && options.json != nullptr && std::strcmp(options.json, "-") != 0) {
        beside = std::filesystem::path{options.json}.replace_extension(".csv").string();
        csv = beside.c_str();
    }
    FILE* table = parity_bench::table_output(options);
    const std::vector<loaded> recordings = load_traces(table);
    std::vector<row> rows;

#if defined(DUALITY_BENCH_NETEQ)
    const std::vector<voice_path> paths = paths_of(recordings, options.quick ? 1 : 3);
    std::vector<comparison> all;
    std::vector<comparison> shallow;
    for (const voice_path& p : paths) {
        all.push_back(compare(p, 0));
        shallow.push_back(compare(p, 30));
    }
    print(table, all, "At the mean delay of NetEQ with its defaults");
    print(table, shallow, "At the mean delay of NetEQ with a maximum delay of 30 ms");
    add_rows(rows, all, "NetEQ", 1.0, 0.85);
    add_rows(rows, shallow, "NetEQ max 30 ms", 0.9, 0.8);
    if (csv != nullptr && !write_csv(csv, all, shallow)) {
        std::fprintf(stderr, "bench_playout: cannot write %s\n", csv);
        return 1;
    }
#else
    std::fprintf(table, "missing: NetEQ (libtgowt-dev); no comparison of players%s\n",
                 csv != nullptr ? " and no CSV" : "");
#endif
    const double jitter = jitter_after_hold(recordings, options.quick ? 1 : 3);
    rows.push_back(bounded("jitter p95 after the hold, against none", 100 * (jitter - 1), "%", -40, -60));
    rows.push_back(bounded("back within 10 ms after a stall, worst", way_back_s(), "s", 5, 3));

    const std::vector<arrival> packets = flow();
    const int rounds = options.quick ? 3 : 40;
    row hold = bounded("jitter hold: push + release, per packet", hold_cost(packets, rounds), "ns", 0, 60);
#if defined(DUALITY_BENCH_SPEEXDSP)
    hold.reference = "speexdsp";
    hold.reference_value = speexdsp_cost(packets, rounds);
    hold.ratio = hold.value / hold.reference_value;
    hold.floor = hold.reference_value;
#else
    std::fprintf(table, "missing: speexdsp (libspeexdsp-dev)\n");
#endif
    rows.push_back(hold);
    rows.push_back(bounded("voice playout: push + 2 ticks, per frame", voice_cost(packets, rounds), "ns", 0, 0));
    rows.push_back(bounded("controller: update, reference law",
                           controller_cost(packets, rounds, control_law::reference), "ns", 0, 0));
    rows.push_back(bounded("controller: update, adaptive law", controller_cost(packets, rounds, control_law::adaptive),
                           "ns", 0, 0));
    parity_bench::print(table, "Playout", rows);
    return parity_bench::finish(options, "bench_playout", rows);
}
