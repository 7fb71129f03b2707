// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "campaign/svg.hpp"
#include "cli/comparison.hpp"

namespace duality {
inline namespace v0 {
namespace cli {

namespace {

using campaign::svg_drawing;

/// One column of bars. The length of a bar is the square root of its value, so that small ones show beside large ones. The
/// longest of ours and of the bare flow fills the room; a rival's bar that would be longer is cut.
struct panel {
    std::string_view title;
    double (*get)(const compared_run&);
    int digits;
};

constexpr panel panels[] = {
    {"apparent loss, %", [](const compared_run& r) { return r.outcome.apparent_loss_pct; }, 3},
    {"longest gap, ms", [](const compared_run& r) { return r.outcome.longest_gap_ms; }, 0},
    {"playout misses, %", [](const compared_run& r) { return r.outcome.playout_miss_pct; }, 2},
    {"all extra bytes, %", [](const compared_run& r) { return r.all_extra_pct(); }, 1},
    {"metered bytes, kB", [](const compared_run& r) { return static_cast<double>(r.outcome.metered_bytes) / 1000; }, 0},
};

constexpr double left = 96;  // for the names
constexpr double panel_width = 190;
constexpr double bar_room = 128;  // the rest is for the value
constexpr double row_height = 15;
constexpr double head = 64;
constexpr double block_gap = 30;

constexpr std::string_view ours = "#0969da";
constexpr std::string_view theirs = "#bf8700";
constexpr std::string_view nobody = "#8c959f";

[[nodiscard]] std::string_view color_of(const contender& who) noexcept {
    if (!who.ours) return theirs;
    return *who.ours == lab::variant::baseline ? nobody : ours;
}

[[nodiscard]] std::string fixed(double value, int digits) {
    char text[40];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

}  // namespace

std::string comparison_svg(std::span<const compared_network> networks) {
    const double block = row_height * static_cast<double>(contenders().size()) + block_gap;
    svg_drawing out{left + panel_width * static_cast<double>(std::size(panels)) + 8,
                    head + block * static_cast<double>(networks.size())};
    out.text(8, 20, "Means over the runs; bars in proportion to their square root, cut at the right", "start",
             "#24292f", true);
    for (std::size_t p = 0; p < std::size(panels); ++p) {
        const double x = left + panel_width * static_cast<double>(p);
        out.text(x, 42, panels[p].title, "start", "#24292f", true);
        double most = 0;
        for (const compared_network& n : networks)
            for (std::size_t i = 0; i < contenders().size(); ++i)
                if (contenders()[i].ours) most = std::max(most, mean_of(n.runs[i], panels[p].get));
        for (std::size_t b = 0; b < networks.size(); ++b) {
            const double top = head + block * static_cast<double>(b);
            if (p == 0) out.text(8, top + 2, networks[b].name, "start", "#24292f", true);
            for (std::size_t i = 0; i < contenders().size(); ++i) {
                const contender& who = contenders()[i];
                const double y = top + 6 + row_height * static_cast<double>(i);
                if (p == 0) out.text(left - 8, y + 11, who.name, "end", color_of(who));
                const double value = mean_of(networks[b].runs[i], panels[p].get);
                const double length = most > 0 ? bar_room * std::sqrt(std::clamp(value / most, 0.0, 1.0)) : 0;
                out.rectangle(x, y + 2, length, row_height - 4, color_of(who));
                out.text(x + length + 4, y + 11, fixed(value, panels[p].digits), "start", "#57606a");
            }
        }
    }
    return out.finish();
}

std::string comparison_html(std::span<const compared_network> networks) {
    std::string out =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>duality lab compare"
        "</title></head><body style=\"margin:24px;background:#fff\">\n";
    out += comparison_svg(networks);
    out += "</body></html>\n";
    return out;
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
