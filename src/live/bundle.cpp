// SPDX-License-Identifier: MIT
#include "live/bundle.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>

#include "duality/lab/event_log.hpp"
#include "duality/lab/session_recording.hpp"
#include "io/recording_file.hpp"
#include "io/trace_file.hpp"
#include "live/capture.hpp"

namespace duality {
inline namespace v0 {
namespace live {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

[[nodiscard]] std::string hex(std::uint64_t value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out += digits[value >> shift & 0xF];
    return out;
}

[[nodiscard]] std::optional<std::string> content_of(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    if (!in) return std::nullopt;
    return std::string{std::istreambuf_iterator<char>{in}, {}};
}

[[nodiscard]] std::string hash_of(const std::string& content) {
    lab::hash_chain chain;
    chain.mix(content.size());
    for (std::size_t i = 0; i < content.size(); i += 8) {
        std::uint64_t word = 0;
        for (std::size_t j = i; j < std::min(i + 8, content.size()); ++j)
            word |= std::uint64_t{static_cast<unsigned char>(content[j])} << (8 * (j - i));
        chain.mix(word);
    }
    return hex(chain.value());
}

[[nodiscard]] json to_json(const run_view& run) {
    json packets = json::array();
    for (const packet_view& p : run.packets)
        packets.push_back({static_cast<int>(p.end), static_cast<int>(p.origin), p.elapsed.ns()});
    json triggers = json::array();
    for (const trigger_view& t : run.triggers) triggers.push_back({t.is_far ? "far" : "near", t.what, t.at.ns()});
    return {{"packets", packets}, {"triggers", triggers}};
}

[[nodiscard]] run_view run_from(const json& in) {
    run_view out;
    for (const json& p : in.at("packets"))
        out.packets.push_back({static_cast<packet_end>(p.at(0).get<int>() % 3),
                               static_cast<packet_origin>(p.at(1).get<int>() % 3),
                               duration::from_ns(p.at(2).get<std::int64_t>())});
    for (const json& t : in.at("triggers"))
        out.triggers.push_back({t.at(0).get<std::string>() == "far", t.at(1).get<std::string>(),
                                duration::from_ns(t.at(2).get<std::int64_t>())});
    return out;
}

[[nodiscard]] declaration declaration_from(const json& in) {
    declaration d;
    d.id = in.at("id");
    d.surface = in.at("surface");
    d.boundary = in.at("boundary");
    d.clock_id = in.at("clock_id");
    d.clock_source = in.at("clock_source");
    d.deadline_id = in.at("deadline_id");
    d.window = duration::from_ns(in.at("normalization_window_ns"));
    d.guard = duration::from_ns(in.at("guard_band_ns"));
    for (const json& f : in.at("fields")) {
        const std::string how = f.at("visibility");
        d.fields.push_back({f.at("name"),
                            how == "observed"   ? visibility::observed
                            : how == "inferred" ? visibility::inferred
                                                : visibility::unsupported,
                            f.at("note")});
    }
    d.manifest = in.at("capture_manifest").get<std::vector<std::string>>();
    d.bundle = in.at("artifact_bundle");
    d.repro = in.at("repro");
    return d;
}

[[nodiscard]] run_view live_view(const io::live_flow& flow, duration deadline) {
    run_view out;
    for (const lab::packet_record& p : flow.packets) out.packets.push_back(view_of(p, deadline));
    for (const io::live_trigger& t : flow.triggers) {
        const session_event& e = t.event;
        std::string what = e.kind == session_event_kind::path
                               ? path_trigger(e.path.path, static_cast<std::uint64_t>(e.path.from),
                                              static_cast<std::uint64_t>(e.path.to))
                               : control_trigger(static_cast<std::uint64_t>(e.decision.output), e.decision.old_value,
                                                 e.decision.new_value);
        const duration at = t.told - instant{};
        if (!what.empty() && at < flow_length) out.triggers.push_back({t.is_far, std::move(what), at});
    }
    return out;
}

/// Columns: end (0 near), sent (or read), path, ns.
[[nodiscard]] json datagrams_json(const io::live_flow& flow) {
    json out = json::array();
    for (const io::live_datagram& d : flow.datagrams)
        out.push_back({d.is_far ? 1 : 0, d.sent ? 1 : 0, d.path, (d.at - instant{}).ns()});
    return out;
}

/// Reads one part after the other; whatever is not there stays as it is in `evidence`: missing.
class examination {
public:
    explicit examination(fs::path folder) : folder_{std::move(folder)} {}

    [[nodiscard]] examined_bundle run() {
        const std::optional<std::string> text = content_of(folder_ / report_file);
        if (!text) {
            out_.error = (folder_ / report_file).string() + " is not there";
            return std::move(out_);
        }
        try {
            report_ = json::parse(*text);
            read_report();
            read_manifest();
            read_recordings();
            read_captures();
            ask_lab(late_runs);
            out_.judged = judge(out_.declared, out_.found);
            if (out_.judged.has_differences) {
                ask_lab(late_runs_most);
                out_.judged = judge(out_.declared, out_.found);
            }
        } catch (const json::exception& e) {
            out_.error = folder_.string() + ": " + e.what();
            return std::move(out_);
        }
        return std::move(out_);
    }

private:
    void read_report() {
        evidence& found = out_.found;
        out_.declared = declaration_from(report_.at("declaration"));
        found.blocked = report_.at("blocked");
        found.leaks = report_.at("leaks").get<std::vector<std::string>>();
        found.clock_id = report_.at("clock_id");
        found.excuses = report_.at("excuses").get<std::vector<std::string>>();
        found.lateness = duration::from_ns(report_.at("timer_lateness_ns"));
        if (!found.blocked.empty()) return;
        found.live = run_from(report_.at("live"));
        for (const packet_view& p : found.live.packets)
            if (p.end != packet_end::lost && p.origin == packet_origin::rebuilt) ++found.rebuilt_claimed;
    }

    void read_manifest() {
        const std::optional<std::string> text = content_of(folder_ / manifest_file);
        if (!text) return;
        out_.found.has_manifest = true;
        const json manifest = json::parse(*text);
        for (const json& entry : manifest.at("captures")) {
            capture_view view{entry.at("name"), false, false};
            if (const std::optional<std::string> content = content_of(folder_ / view.name)) {
                view.present = true;
                view.intact = entry.at("bytes") == content->size() && entry.at("hash") == hash_of(*content);
            }
            out_.found.captures.push_back(std::move(view));
        }
    }

    void read_recordings() {
        for (const char* end : {"near", "far"}) {
            std::string error;
            const std::vector<std::uint8_t> bytes =
                io::read_recording((folder_ / (std::string{end} + ".rec")).string(), error);
            replay_view view{end, error.empty(), false, false};
            if (view.played) {
                const lab::recording_replay played = lab::replay_recording(bytes, allocator::system());
                view.same = played.code == status::ok;
                view.whole = played.code != status::need_more;
                out_.found.rebuilt_recorded += played.statistics.receiver.rebuilt;
            }
            out_.found.replays.push_back(std::move(view));
        }
    }

    void read_captures() {
        if (!report_.contains("datagrams")) return;
        out_.found.captures_agree = true;
        const std::int64_t paths = report_.at("paths");
        const instant end = instant::from_ns(report_.at("captured_until_ns"));
        for (std::int64_t path = 0; path < paths; ++path) {
            std::array<hop_end, 2> ends;
            for (const json& d : report_.at("datagrams")) {
                if (d.at(2) != path) continue;
                hop_end& side = ends.at(d.at(0).get<std::size_t>() % 2);
                (d.at(1) == 1 ? side.sent : side.read).push_back(instant::from_ns(d.at(3)));
            }
            std::vector<capture_row> rows;
            std::string error;
            const std::string name = "network-" + std::to_string(path) + ".csv";
            const bool is_read = read_capture((folder_ / name).string(), rows, error);
            const hop_check hops = check_hops(rows, ends[0], ends[1], end);
            out_.found.captures_agree = out_.found.captures_agree && is_read && hops.agree;
            out_.found.lateness = std::max(out_.found.lateness, hops.lateness);
        }
    }

    void ask_lab(std::uint64_t late) {
        const io::loaded_trace primary = io::load_trace((folder_ / "primary.csv").string(), false);
        const io::loaded_trace second = io::load_trace((folder_ / "second.csv").string(), false);
        const json& sessions = report_.at("sessions");
        const std::optional<lab::variant> protection = lab::find_variant(sessions.at("variant").get<std::string>());
        if (!primary.ok() || !second.ok() || !protection) return;
        scenario s;
        s.protection = *protection;
        s.metered_bytes = sessions.at("metered_bytes");
        result<lab_outcome> lab =
            run_lab(rules_of(s), primary.trace, second.trace, sessions.at("packets"), out_.declared.guard, late);
        if (!lab) return;
        out_.found.has_lab = true;
        out_.found.lab = std::move(lab->run);
        out_.found.lab_late = std::move(lab->late);
    }

    fs::path folder_;
    json report_;
    examined_bundle out_;
};

[[nodiscard]] std::size_t count(const run_view& run, bool (*is_member)(const packet_view&)) {
    return static_cast<std::size_t>(std::ranges::count_if(run.packets, is_member));
}

[[nodiscard]] json summary(const run_view& run) {
    return {
        {"packets", run.packets.size()},
        {"lost", count(run, [](const packet_view& p) { return p.end == packet_end::lost; })},
        {"late", count(run, [](const packet_view& p) { return p.end == packet_end::late; })},
        {"rebuilt",
         count(run,
               [](const packet_view& p) { return p.end != packet_end::lost && p.origin == packet_origin::rebuilt; })},
        {"copied",
         count(run,
               [](const packet_view& p) { return p.end != packet_end::lost && p.origin == packet_origin::copied; })},
        {"triggers", run.triggers.size()}};
}

}  // namespace

json to_json(const declaration& d) {
    json fields = json::array();
    for (const field_declaration& f : d.fields)
        fields.push_back({{"name", f.name}, {"visibility", to_string(f.how)}, {"note", f.note}});
    return {{"id", d.id},
            {"surface", d.surface},
            {"boundary", d.boundary},
            {"clock_id", d.clock_id},
            {"clock_source", d.clock_source},
            {"deadline_id", d.deadline_id},
            {"normalization_window_ns", d.window.ns()},
            {"guard_band_ns", d.guard.ns()},
            {"fields", fields},
            {"capture_manifest", d.manifest},
            {"artifact_bundle", d.bundle},
            {"repro", d.repro}};
}

json report_of(const declaration& declared, const scenario& s, const io::live_result& result,
               const std::vector<std::string>& leaks) {
    const io::live_timers& t = result.timers;
    json out{{"declaration", to_json(declared)},
             {"blocked", ""},
             {"leaks", leaks},
             {"clock_id", declared.clock_id},
             {"excuses", json::array()},
             {"timer_lateness_ns", std::max({t.sender.most, t.endpoints.most, t.network.most}).ns()}};
    const io::live_flow& flow = result.flows.front();
    const bool two = s.protection == lab::variant::dual || s.protection == lab::variant::hot;
    out["sessions"] = {{"variant", lab::to_string(s.protection)},
                       {"packets", flow.packets.size()},
                       {"packet_bytes", packet_bytes},
                       {"metered_bytes", s.metered_bytes}};
    out["paths"] = two ? 2 : 1;
    // What is still under way when the ends stop is nobody's loss.
    out["captured_until_ns"] = (result.length + tail / 2).ns();
    out["live"] = to_json(live_view(flow, rules_of(s).deadline));
    out["datagrams"] = datagrams_json(flow);
    return out;
}

std::string write_manifest(const fs::path& folder, const std::vector<std::string>& names) {
    json captures = json::array();
    for (const std::string& name : names) {
        const std::optional<std::string> content = content_of(folder / name);
        if (!content) return (folder / name).string() + " is not there";
        captures.push_back({{"name", name}, {"bytes", content->size()}, {"hash", hash_of(*content)}});
    }
    std::ofstream out{folder / manifest_file};
    out << json{{"captures", captures}}.dump(1) << '\n';
    return out.flush() ? std::string{} : "cannot write " + (folder / manifest_file).string();
}

examined_bundle examine(const fs::path& folder) {
    return examination{folder}.run();
}

json to_json(const examined_bundle& bundle) {
    return {{"declaration", to_json(bundle.declared)},
            {"verdict", to_string(bundle.judged.outcome)},
            {"reasons", bundle.judged.reasons},
            {"lateness_ms", bundle.found.lateness.ms()},
            {"undecided_packets", bundle.judged.undecided},
            {"worst_elapsed_difference_ms", bundle.judged.worst_elapsed.ms()},
            {"worst_trigger_difference_ms", bundle.judged.worst_trigger.ms()},
            {"lab", summary(bundle.found.lab)},
            {"live", summary(bundle.found.live)}};
}

}  // namespace live
}  // namespace v0
}  // namespace duality
