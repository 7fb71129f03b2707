// SPDX-License-Identifier: MIT
#include "live/level_b.hpp"

#include <algorithm>
#include <fstream>
#include <memory>
#include <utility>

#include "io/recording_file.hpp"
#include "io/rtp.hpp"
#include "io/trace_file.hpp"
#include "io/uv_handle.hpp"
#include "live/topology.hpp"

namespace duality {
inline namespace v0 {
namespace live {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

/// What the programs of one scenario may take to start before the first packet of their batch.
constexpr duration start_time = duration::from_ms(800);
constexpr unsigned first_port = 20'000;
constexpr unsigned paths_max = 2;

[[nodiscard]] io::live_place place(int network_namespace, const char* address) {
    return {network_namespace, io::socket_address::parse(std::string{address} + ":0").value()};
}

[[nodiscard]] std::string write_file(const fs::path& file, const std::string& text) {
    std::ofstream out{file, std::ios::binary | std::ios::trunc};
    out << text;
    return out.flush() ? std::string{} : "cannot write " + file.string();
}

/// One scenario from its folder to its verdict.
class experiment {
public:
    experiment(const scenario& s, const level_b_options& options)
        : scenario_{s}, options_{options}, folder_{options.output / s.id}, declared_{declare(s)} {
        declared_.bundle = folder_.string();
        declared_.repro = "duality live --scenario " + std::string{s.id} + " --output " + options.output.string();
    }

    /// An empty folder but for the traces.
    [[nodiscard]] std::string prepare() const {
        std::error_code why;
        fs::remove_all(folder_, why);
        fs::create_directories(folder_, why);
        if (why) return folder_.string() + ": " + why.message();
        const trace_texts traces = traces_of(scenario_);
        const std::string error = write_file(folder_ / "primary.csv", traces.primary);
        return error.empty() ? write_file(folder_ / "second.csv", traces.second) : error;
    }

    [[nodiscard]] std::string start(const topology& where, instant origin, unsigned number) {
        const io::loaded_trace primary = io::load_trace((folder_ / "primary.csv").string(), false);
        const io::loaded_trace second = io::load_trace((folder_ / "second.csv").string(), false);
        if (!primary.ok() || !second.ok()) return primary.error + second.error;
        io::live_run_config config{.network = lab::replay_scenario(primary.trace, &second.trace, 0).value(),
                                   .variants = {scenario_.protection},
                                   .rules = rules_of(scenario_),
                                   .packets = io::numbered_packets(packet_count, packet_bytes),
                                   .calendar = wall_time{}};
        config.network.interval = packet_interval;
        config.origin = origin;
        config.settle = tail;
        config.record = true;
        config.notes = {{"scenario", std::string{scenario_.id}}};
        config.client = place(where.client(), topology::client_address);
        config.peer = place(where.peer(), topology::peer_address);
        config.receiver = place(where.origin(), topology::origin_address);
        config.outside_path = [&](path_id path, const io::socket_address& to, instant at, std::string& error) {
            return start_network(where.network(), number * paths_max + path, path, to, at, error);
        };
        std::string error;
        run_ = io::live_run::start(std::move(config), error);
        return error;
    }

    [[nodiscard]] std::string finish(const topology& where) {
        const io::live_result result = run_->finish();
        run_.reset();
        bool ended_well = true;
        for (const std::unique_ptr<child_process>& network : network_) ended_well = network->stop() && ended_well;
        network_.clear();
        if (!ended_well) return "a network of " + std::string{scenario_.id} + " did not end well";
        const io::live_flow& flow = result.flows.front();
        for (const auto& [name, bytes] :
             {std::pair{"near.rec", &flow.near_recording}, std::pair{"far.rec", &flow.far_recording}})
            if (std::string error = io::write_recording((folder_ / name).string(), *bytes); !error.empty())
                return error;
        const std::string report = report_of(declared_, scenario_, result, where.leaks()).dump() + "\n";
        const std::string error = write_file(folder_ / report_file, report);
        return error.empty() ? write_manifest(folder_, declared_.manifest) : error;
    }

    /// There was nowhere to run it.
    [[nodiscard]] std::string block(const std::string& why) const {
        const json report{{"declaration", to_json(declared_)},
                          {"blocked", why},
                          {"leaks", json::array()},
                          {"clock_id", declared_.clock_id},
                          {"excuses", json::array()},
                          {"timer_lateness_ns", 0},
                          {"sessions",
                           {{"variant", lab::to_string(scenario_.protection)},
                            {"packets", packet_count},
                            {"metered_bytes", scenario_.metered_bytes}}}};
        return write_file(folder_ / report_file, report.dump() + "\n");
    }

    [[nodiscard]] const fs::path& folder() const noexcept { return folder_; }

private:
    [[nodiscard]] std::optional<io::socket_address> start_network(int network_namespace, unsigned number, path_id path,
                                                                  const io::socket_address& to, instant origin,
                                                                  std::string& error) {
        const std::string listen = std::string{topology::network_address} + ":" + std::to_string(first_port + number);
        const std::string name = "network-" + std::to_string(path);
        const std::string trace = (folder_ / (path == 0 ? "primary.csv" : "second.csv")).string();
        network_.push_back(
            child_process::start(network_namespace,
                                 {options_.program.string(), "impair", "--listen", listen, "--forward", to.to_string(),
                                  "--trace", trace, "--start-at", std::to_string(origin.ns()), "--duration", "60",
                                  "--log", (folder_ / (name + ".csv")).string()},
                                 (folder_ / (name + ".txt")).string(), error));
        if (!network_.back()) return std::nullopt;
        return io::socket_address::parse(listen).value();
    }

    const scenario& scenario_;
    const level_b_options& options_;
    fs::path folder_;
    declaration declared_;
    std::vector<std::unique_ptr<child_process>> network_;
    std::unique_ptr<io::live_run> run_;
};

/// All of them at once, in namespaces of their own; the verdict is in their folders.
[[nodiscard]] std::string run_batch(std::span<const std::unique_ptr<experiment>> batch,
                                    const level_b_options& options) {
    for (const std::unique_ptr<experiment>& e : batch)
        if (std::string error = e->prepare(); !error.empty()) return error;
    std::string blocked;
    const std::unique_ptr<topology> where = topology::make(blocked);
    if (!where) {
        for (const std::unique_ptr<experiment>& e : batch)
            if (std::string error = e->block(blocked); !error.empty()) return error;
        return {};
    }
    const instant origin = io::monotonic_now() + start_time * static_cast<std::int64_t>(batch.size() + 1);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        // Between the packets of the others, so that they do not wait for each other.
        const duration apart = packet_interval * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(batch.size());
        if (std::string error = batch[i]->start(*where, origin + apart, static_cast<unsigned>(i)); !error.empty())
            return error;
    }
    if (options.meanwhile) options.meanwhile(where->client());
    for (const std::unique_ptr<experiment>& e : batch)
        if (std::string error = e->finish(*where); !error.empty()) return error;
    return {};
}

}  // namespace

std::vector<level_b_result> run_level_b(std::span<const scenario* const> wanted, const level_b_options& options,
                                        std::string& error) {
    std::vector<level_b_result> out(wanted.size());
    std::vector<std::size_t> open(wanted.size());
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
    for (unsigned attempt = 1; attempt <= options.attempts && !open.empty(); ++attempt) {
        std::vector<std::size_t> again;
        for (std::size_t first = 0; first < open.size(); first += options.at_once) {
            const std::size_t size = std::min(options.at_once, open.size() - first);
            std::vector<std::unique_ptr<experiment>> batch;
            for (std::size_t i = 0; i < size; ++i)
                batch.push_back(std::make_unique<experiment>(*wanted[open[first + i]], options));
            error = run_batch(batch, options);
            if (!error.empty()) return {};
            for (std::size_t i = 0; i < size; ++i) {
                level_b_result& result = out[open[first + i]];
                result = {examine(batch[i]->folder()), attempt};
                if (options.on_verdict) options.on_verdict(result.bundle, attempt);
                if (result.bundle.judged.outcome == verdict::insufficient_observability)
                    again.push_back(open[first + i]);
            }
        }
        open = std::move(again);
    }
    return out;
}

}  // namespace live
}  // namespace v0
}  // namespace duality
