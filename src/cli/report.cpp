// SPDX-License-Identifier: MIT
#include "cli/report.hpp"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cli/chart_library.hpp"
#include "cli/figures_json.hpp"
#include "cli/report_page.hpp"

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

using json = nlohmann::ordered_json;

/// What became of a packet, as one character; the page's script knows the same ones.
enum class ending : char {
    own = 'o',       ///< came by itself over the primary path
    second = 's',    ///< came over the second path
    rebuilt = 'r',   ///< rebuilt by the erasure code
    repeated = 'c',  ///< an early copy on the same path came first
    late = 'l',      ///< after its deadline
    lost = 'x',      ///< never
};

[[nodiscard]] ending ending_of(const lab::packet_record& p, std::uint8_t path, duration deadline) noexcept {
    if (p.released.is_never()) return ending::lost;
    if (p.released > p.sent + p.baseline + deadline) return ending::late;
    switch (p.recovered_by) {
        case recovery::parity:
        case recovery::reactive: return ending::rebuilt;
        case recovery::duplicate: return ending::repeated;
        case recovery::second_path: return ending::second;
        case recovery::none: break;
    }
    return path == 1 ? ending::second : ending::own;
}

[[nodiscard]] double rounded_ms(duration d) noexcept {
    return std::round(d.ms() * 100) / 100;
}

[[nodiscard]] std::string base64(const std::vector<std::uint8_t>& bytes) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = i; j < i + 3; ++j) group = group << 8 | (j < bytes.size() ? bytes[j] : 0u);
        for (std::size_t j = 0; j < 4; ++j) text += i + j <= bytes.size() ? digits[group >> (18 - 6 * j) & 0x3F] : '=';
    }
    return text;
}

[[nodiscard]] json flow_json(const io::live_flow& flow, duration deadline, const report_sound* sound) {
    json out = figures_json(flow.outcome);
    out["name"] = lab::to_string(flow.variant);
    out["framing_pct"] = flow.framing.framing_pct;
    out["transport_pct"] = flow.transport_pct();
    json delays = json::array();
    std::string endings;
    for (std::size_t i = 0; i < flow.packets.size(); ++i) {
        const lab::packet_record& p = flow.packets[i];
        delays.push_back(p.released.is_never() ? json{} : json(rounded_ms(p.released - p.sent)));
        endings += static_cast<char>(ending_of(p, flow.arrived_over[i], deadline));
    }
    out["delays"] = std::move(delays);
    out["endings"] = std::move(endings);
    if (sound != nullptr) {
        out["file"] = sound->file;
        out["sound"] = sound->ogg.empty() ? "" : "data:audio/ogg;base64," + base64(sound->ogg);
    }
    return out;
}

[[nodiscard]] json outages_json(const lab::link& link, duration length) {
    json out = json::array();
    for (const lab::outage& o : link.outages())
        if (o.begin < instant{} + length)
            out.push_back({rounded_ms(o.begin - instant{}), rounded_ms(o.end - instant{})});
    return out;
}

[[nodiscard]] json lateness_json(const io::live_lateness& l) {
    return {rounded_ms(l.p99), rounded_ms(l.most)};
}

[[nodiscard]] json report_json(const report_content& content) {
    const io::live_run_config& config = content.config;
    const io::live_result& result = content.result;
    json out;
    out["network"] = content.network;
    out["seed"] = content.seed;
    out["tunnel"] = static_cast<bool>(config.carrier);
    out["interval_ms"] = config.network.interval.ms();
    out["length_ms"] = config.network.interval.ms() * static_cast<double>(config.packets.size());
    out["payload"] = config.packets.front().size();
    out["baseline_ms"] = config.network.primary.forward.baseline(instant{}).ms();
    out["hold_ms"] = config.rules.hold.ms();
    out["deadline_ms"] = config.rules.deadline.ms();
    out["outages"] = outages_json(config.network.primary.forward, result.length);
    out["second_outages"] = outages_json(config.network.second.forward, result.length);
    out["timers"] = {{"sender", lateness_json(result.timers.sender)},
                     {"sessions", lateness_json(result.timers.endpoints)},
                     {"network", lateness_json(result.timers.network)},
                     {"excessive", result.timers.excessive()}};
    out["flows"] = json::array();
    for (std::size_t i = 0; i < result.flows.size(); ++i)
        out["flows"].push_back(flow_json(result.flows[i], config.rules.deadline,
                                         i < content.sounds.size() ? &content.sounds[i] : nullptr));
    return out;
}

}  // namespace

std::string render_report(const report_content& content) {
    std::string page;
    page +=
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>DUALITY: a voice call over a bad network</title>\n<style>\n";
    page += report_style;
    page += "</style>\n</head>\n";
    page += report_body;
    page += "<script>\n";
    page += chart_library();
    page += "\n</script>\n<script>\nconst run = ";
    page += report_json(content).dump();
    page += ";\n";
    page += report_script;
    page += "</script>\n</body>\n</html>\n";
    return page;
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
