// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "campaign/spread.hpp"
#include "campaign/svg.hpp"

namespace duality {
inline namespace v0 {
namespace campaign {

namespace {

struct shown_figure {
    std::string_view column;
    std::string_view title;
    double scale;
    int digits;
};

constexpr shown_figure shown[] = {
    {"apparent_loss_pct", "apparent loss at the deadline, %", 1, 3},
    {"longest_gap_ms", "longest gap, ms", 1, 1},
    {"playout_miss_pct", "playout misses at the slot, %", 1, 2},
    {"jitter_p95_ms", "jitter p95, ms", 1, 2},
    {"added_delay_p95_ms", "added delay p95, ms", 1, 2},
    {"overhead_pct", "overhead, %", 1, 2},
    {"metered_bytes", "metered, kB", 0.001, 1},
    {"level_alarm", "runs with a service-level alarm, %", 100, 0},
    {"level_alarm_s", "service-level alarm after, s", 1, 1},
};

constexpr double left = 210;  // for the labels
constexpr double room = 560;  // for the values
constexpr double right = 190;
constexpr double row_height = 17;

constexpr std::string_view dot_color = "#8c959f";
constexpr std::string_view interval_color = "#0969da";
constexpr std::string_view median_color = "#bf3989";

[[nodiscard]] std::string fixed(double value, int digits) {
    char text[40];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

[[nodiscard]] std::string level_text(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

/// The cells of one family: neighbours in the result.
struct block {
    std::size_t first = 0;
    std::size_t count = 0;
};

[[nodiscard]] std::vector<block> blocks_of(const campaign_result& result) {
    std::vector<block> out;
    for (std::size_t i = 0; i < result.cells.size(); ++i) {
        if (out.empty() || result.cells[i].network != result.cells[out.back().first].network) out.push_back({i, 0});
        ++out.back().count;
    }
    return out;
}

[[nodiscard]] std::vector<double> values_of(const std::vector<campaign_run>& runs, const shown_figure& figure) {
    std::vector<double> out;
    out.reserve(runs.size());
    const std::size_t column = column_index(figure.column);
    for (const campaign_run& run : runs) out.push_back(run.values[column] * figure.scale);
    return out;
}

/// One row per cell on an axis in proportion to the square root, so that small values show beside large ones: a dot
/// per seed, the median, and the mean with its confidence interval.
[[nodiscard]] std::string draw_block(const campaign_plan& plan, const campaign_result& result, block cells,
                                     const shown_figure& figure) {
    double most = 0;
    for (std::size_t i = 0; i < cells.count; ++i)
        for (const double v : values_of(result.runs[cells.first + i], figure)) most = std::max(most, v);
    const auto x_of = [&](double v) { return left + (most > 0 ? room * std::sqrt(std::max(v, 0.0) / most) : 0); };
    const double height = row_height * static_cast<double>(cells.count) + 24;
    svg_drawing out{left + room + right, height};
    for (const double share : {0.0, 0.01, 0.1, 0.25, 0.5, 1.0}) {
        const double x = x_of(most * share);
        out.line(x, 0, x, height - 18, "#eaeef2");
        out.text(x, height - 6, fixed(most * share, figure.digits), "middle", "#57606a");
    }
    for (std::size_t i = 0; i < cells.count; ++i) {
        const std::size_t cell = cells.first + i;
        const double y = row_height * (static_cast<double>(i) + 0.5);
        const std::vector<double> values = values_of(result.runs[cell], figure);
        const spread s = spread_of(values);
        out.text(left - 8, y + 4, cell_label(plan, result.cells[cell]), "end");
        for (const double v : values) out.rectangle(x_of(v) - 1.5, y - 1.5, 3, 3, dot_color);
        out.line(x_of(s.low), y, x_of(s.high), y, interval_color, 3);
        out.line(x_of(s.mean), y - 6, x_of(s.mean), y + 6, interval_color, 2);
        out.line(x_of(s.median), y - 5, x_of(s.median), y + 5, median_color, 1.5);
        out.text(left + room + 12, y + 4,
                 fixed(s.mean, figure.digits) + "  (" + fixed(s.low, figure.digits) + " … " +
                     fixed(s.high, figure.digits) + ")",
                 "start", "#57606a");
    }
    return out.finish();
}

[[nodiscard]] std::string table(const campaign_plan& plan, const campaign_result& result) {
    std::string out = "<table><tr><th>family</th><th>run</th>";
    for (const shown_figure& f : shown) out += "<th>" + escape_markup(f.title) + "</th>";
    out += "<th>broken</th></tr>\n";
    for (std::size_t i = 0; i < result.cells.size(); ++i) {
        out += "<tr><td>" + escape_markup(lab::describe(result.cells[i].network).name) + "</td><td>" +
               escape_markup(cell_label(plan, result.cells[i])) + "</td>";
        for (const shown_figure& f : shown) {
            const spread s = spread_of(values_of(result.runs[i], f));
            out += "<td>" + fixed(s.mean, f.digits) + "<br><small>" + fixed(s.min, f.digits) + " / " +
                   fixed(s.median, f.digits) + " / " + fixed(s.max, f.digits) + "</small></td>";
        }
        const auto broken =
            std::ranges::count_if(result.runs[i], [](const campaign_run& r) { return !r.broken.empty(); });
        out += "<td>" + std::to_string(broken) + "</td></tr>\n";
    }
    return out + "</table>\n";
}

constexpr std::string_view page_head =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Campaign</title><style>"
    "body{margin:24px;background:#fff;color:#24292f;font-family:Helvetica,Arial,sans-serif;font-size:14px}"
    "table{border-collapse:collapse}td,th{border:1px solid #d0d7de;padding:3px 8px;text-align:right}"
    "td:nth-child(-n+2){text-align:left}small{color:#57606a}</style></head><body>\n<h1>Campaign</h1>\n";

}  // namespace

std::string campaign_html(const campaign_plan& plan, const campaign_result& result) {
    std::string out{page_head};
    out +=
        "<p>" + std::to_string(plan.seeds) + " seeds from " + std::to_string(plan.first_seed) + ", " +
        std::to_string(plan.seconds) +
        " s each, in virtual time. A grey dot is one seed, the red tick their median, the blue tick their mean with "
        "its "
        "95 % confidence interval over the seeds (bootstrap). Axes are in proportion to the square root; at the right "
        "stand the mean and its interval.</p>\n<p>A service-level monitor watches each run for an apparent loss "
        "above " +
        level_text(plan.level_pct) +
        " %; it raises an alarm in at most 1 % of the runs that stay below, although it looks after every packet. A "
        "run "
        "without an alarm counts with its whole length.</p>\n";
    for (const shown_figure& figure : shown) {
        out += "<h2>" + escape_markup(figure.title) + "</h2>\n";
        for (const block& cells : blocks_of(result)) {
            out += "<h3>" + escape_markup(lab::describe(result.cells[cells.first].network).name) + "</h3>\n";
            out += draw_block(plan, result, cells, figure);
        }
    }
    out += "<h2>Means</h2>\n<p>Below each mean: least, median, most.</p>\n" + table(plan, result);
    return out + "</body></html>\n";
}

}  // namespace campaign
}  // namespace v0
}  // namespace duality
