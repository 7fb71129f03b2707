// SPDX-License-Identifier: MIT
#include <unistd.h>
#include <uv.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "cli/address_option.hpp"
#include "cli/commands.hpp"
#include "cli/failure.hpp"
#include "duality/lab/families.hpp"
#include "io/impaired_path.hpp"
#include "io/trace_file.hpp"

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

/// Without a given duration the seeded network repeats after this time: 10 minutes with the scenario's tail.
constexpr std::int64_t family_period_s = 600 - lab::scenario_tail.ns() / 1'000'000'000;
constexpr std::int64_t duration_max_s = 3600;

struct impair_options {
    std::string listen;
    std::string forward;
    std::string family;
    std::uint64_t seed = 1;
    std::string path = "primary";
    std::string trace;
    bool trace_rtt = false;
    std::string log;
    std::uint64_t start_at_ns = 0;
    std::int64_t duration_s = 0;  ///< 0: until interrupted, or the end of the trace
};

/// The network to apply; a trace also decides how long, unless the user did.
lab::path network_from(impair_options& options) {
    if (!options.trace.empty()) {
        const io::loaded_trace loaded = io::load_trace(options.trace, options.trace_rtt);
        if (!loaded.ok()) fail("impair", loaded.error);
        if (options.duration_s == 0) options.duration_s = loaded.trace.length().ns() / 1'000'000'000 + 1;
        result<lab::path> path = lab::path::create(loaded.trace);
        if (!path) fail("impair", options.trace + ": holds no packets");
        return std::move(path).value();
    }
    const auto id = lab::find_family(options.family);
    if (!id) fail("impair", "no family '" + options.family + "'");
    const std::int64_t length = options.duration_s > 0 ? options.duration_s : family_period_s;
    lab::scenario made = lab::make_scenario(*id, options.seed, duration::from_seconds(length));
    return options.path == "second" ? std::move(made.second) : std::move(made.primary);
}

/// One run from start to summary.
class impair_run {
public:
    explicit impair_run(impair_options options) : options_{std::move(options)} {}

    void run() {
        io::impaired_path_config config;
        config.listen = address_from("impair", "--listen", options_.listen);
        config.forward = address_from("impair", "--forward", options_.forward);
        config.network = network_from(options_);
        config.origin_ns = options_.start_at_ns;
        if (!options_.log.empty()) {
            log_.reset(std::fopen(options_.log.c_str(), "w"));
            if (!log_) fail("impair", "cannot write " + options_.log);
            std::fputs("time_ms,direction,ip_bytes,fate,delay_ms\n", log_.get());
            config.on_packet = [this](const io::impaired_packet& packet) { write(packet); };
        }

        uv_loop_t loop;
        if (const int e = uv_loop_init(&loop); e != 0) fail("impair", uv_strerror(e));
        std::string error;
        path_ = io::impaired_path::create(loop, std::move(config), error);
        if (path_) {
            watch(loop);
            std::fprintf(stderr, "%s -> %s, %s; interrupt to stop\n", path_->local().to_string().c_str(),
                         options_.forward.c_str(), describe().c_str());
            uv_run(&loop, UV_RUN_DEFAULT);
            if (live_) std::fputc('\n', stderr);
            print_summary();
            path_.reset();
        }
        uv_run(&loop, UV_RUN_DEFAULT);  // lets the handles close
        uv_loop_close(&loop);
        if (!error.empty()) fail("impair", error);
        if (log_ && (std::ferror(log_.get()) != 0 || std::fclose(log_.release()) != 0))
            fail("impair", "cannot write " + options_.log);
    }

private:
    struct closer {
        void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
    };

    [[nodiscard]] std::string describe() const {
        std::string text = options_.trace.empty() ? options_.family + " seed " + std::to_string(options_.seed) + ", " +
                                                        options_.path + " path"
                                                  : "trace " + options_.trace;
        if (options_.duration_s > 0) text += ", " + std::to_string(options_.duration_s) + " s";
        return text;
    }

    /// Stops on a signal or when the time is over, and keeps a line of progress on a terminal.
    void watch(uv_loop_t& loop) {
        for (auto& [handle, number] : {std::pair{&interrupt_, SIGINT}, std::pair{&terminate_, SIGTERM}}) {
            handle->data = this;
            uv_signal_init(&loop, handle);
            uv_signal_start(
                handle, [](uv_signal_t* h, int) { static_cast<impair_run*>(h->data)->stop(); }, number);
        }
        uv_timer_init(&loop, &tick_);
        tick_.data = this;
        live_ = isatty(STDERR_FILENO) != 0;
        uv_timer_start(
            &tick_, [](uv_timer_t* h) { static_cast<impair_run*>(h->data)->tick(); }, 100, 100);
    }

    void tick() {
        const std::uint64_t origin = path_->origin_ns();
        const std::uint64_t now = uv_hrtime();
        const double seconds = origin == 0 || now < origin ? 0 : static_cast<double>(now - origin) / 1e9;
        if (live_ && ++ticks_ % 5 == 0) {
            const io::impaired_path_stats& stats = path_->stats();
            std::fprintf(stderr, "\r%6.1f s   forward %llu (%llu lost)   reverse %llu (%llu lost) ", seconds,
                         number(stats.forward.received()), number(stats.forward.lost()),
                         number(stats.reverse.received()), number(stats.reverse.lost()));
            std::fflush(stderr);
        }
        if (options_.duration_s > 0 && seconds >= static_cast<double>(options_.duration_s)) stop();
    }

    void stop() {
        if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&tick_))) return;
        uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
        uv_close(reinterpret_cast<uv_handle_t*>(&interrupt_), nullptr);
        uv_close(reinterpret_cast<uv_handle_t*>(&terminate_), nullptr);
        uv_stop(tick_.loop);
    }

    void write(const io::impaired_packet& packet) {
        const bool delivered = packet.fate == lab::packet_fate::delivered;
        std::fprintf(log_.get(), "%.6f,%s,%zu,%s,", (packet.at - instant::from_ns(0)).ms(),
                     std::string{io::to_string(packet.way)}.c_str(), packet.ip_bytes,
                     std::string{lab::to_string(packet.fate)}.c_str());
        if (delivered) std::fprintf(log_.get(), "%.6f", packet.delay.ms());
        std::fputc('\n', log_.get());
    }

    void print_summary() const {
        const io::impaired_path_stats& stats = path_->stats();
        std::printf("%-8s %10s %10s", "", "received", "bytes");
        for (std::size_t f = 0; f < lab::packet_fate_count; ++f)
            std::printf(" %11s", std::string{lab::to_string(static_cast<lab::packet_fate>(f))}.c_str());
        std::printf(" %11s\n", "send_failed");
        for (const auto& [name, way] : {std::pair{"forward", &stats.forward}, std::pair{"reverse", &stats.reverse}}) {
            std::printf("%-8s %10llu %10llu", name, number(way->received()), number(way->bytes));
            for (const std::uint64_t packets : way->packets) std::printf(" %11llu", number(packets));
            std::printf(" %11llu\n", number(way->send_failed));
        }
        std::printf("left later than decided: p50 %.3f ms, p99 %.3f ms, at most %.3f ms\n",
                    stats.lateness.quantile(5000).ms(), stats.lateness.quantile(9900).ms(), stats.lateness_max.ms());
        if (stats.refusals > 0)
            std::printf("reported undeliverable: %llu (does anybody listen at %s?)\n", number(stats.refusals),
                        options_.forward.c_str());
        if (stats.strangers > 0) std::printf("not forwarded, from strangers: %llu\n", number(stats.strangers));
    }

    static unsigned long long number(std::uint64_t value) noexcept { return value; }

    impair_options options_;
    std::unique_ptr<std::FILE, closer> log_;
    std::unique_ptr<io::impaired_path> path_;
    uv_signal_t interrupt_{};
    uv_signal_t terminate_{};
    uv_timer_t tick_{};
    std::uint64_t ticks_ = 0;
    bool live_ = false;
};

std::string families_text() {
    std::string text = "Families:";
    for (const lab::family_info& info : lab::families()) {
        std::string name{info.name};
        name.resize(17, ' ');
        text += "\n  " + name + std::string{info.summary};
    }
    return text;
}

}  // namespace

void add_impair_command(CLI::App& app) {
    const auto options = std::make_shared<impair_options>();
    CLI::App* command = app.add_subcommand("impair", "Forward UDP between two addresses through a bad network");
    command->add_option("--listen", options->listen, "Where the client sends to; port 0 lets the system choose")
        ->required()
        ->type_name("ADDR:PORT");
    command->add_option("--forward", options->forward, "Where its datagrams go")->required()->type_name("ADDR:PORT");

    CLI::Option_group* network = command->add_option_group("network", "What the network does");
    CLI::Option* family =
        network->add_option("--family", options->family, "A scenario family, see below")->type_name("NAME");
    CLI::Option* trace =
        network->add_option("--trace", options->trace, "A recorded trace: FILE[.gz], or FILE:CARRIER[@SESSION]")
            ->type_name("FILE");
    network->require_option(1);

    command->add_option("--seed", options->seed, "Seed of the family's network")
        ->capture_default_str()
        ->excludes(trace);
    command->add_option("--path", options->path, "Which of the family's two paths")
        ->capture_default_str()
        ->check(CLI::IsMember({"primary", "second"}))
        ->excludes(trace);
    command->add_flag("--trace-rtt", options->trace_rtt, "The trace's delays are round trips: half each way")
        ->excludes(family);
    command->add_option("--log", options->log, "Write every packet's fate to this file, as CSV")->type_name("FILE");
    command
        ->add_option("--start-at", options->start_at_ns,
                     "Time zero of the network, in ns of CLOCK_MONOTONIC; default: the first datagram")
        ->type_name("NS");
    command
        ->add_option("--duration", options->duration_s,
                     "Stop so long after the first packet; default: the trace's end, or never (a family's network "
                     "then repeats every 10 minutes)")
        ->type_name("SECONDS")
        ->check(CLI::Range(std::int64_t{1}, duration_max_s));
    command->footer(families_text());
    command->callback([options] { impair_run{*options}.run(); });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
