// SPDX-License-Identifier: MIT
//
// What the parity benchmarks share: rows with a measured value, a reference measured in the same run, their ratio, and
// the floor and target the value is held to. Printed as a table, or written as JSON with --json FILE (`-` is stdout).
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace parity_bench {

struct row {
    std::string name;
    double value = 0;
    std::string unit;
    std::string reference;  ///< empty when there is none
    double reference_value = 0;
    double ratio = 0;       ///< 0: none
    double floor = 0;       ///< 0: none
    double target = 0;      ///< 0: none
    bool on_ratio = false;  ///< floor and target speak of the ratio
    bool lower_is_better = false;
    double spread = 0;          ///< of the ratio over the rounds, 0: not known
    bool must_be_zero = false;  ///< the value: that is floor and target
};

inline const char* verdict(const row& r) {
    if (r.must_be_zero) return r.value == 0 ? "target met" : "BELOW FLOOR";
    if (r.floor == 0 && r.target == 0) return "";
    const double x = r.on_ratio ? r.ratio : r.value;
    const auto meets = [&](double bound) { return r.lower_is_better ? x <= bound : x >= bound; };
    if (r.target != 0 && meets(r.target)) return "target met";
    if (r.floor != 0 && meets(r.floor)) return "floor met";
    return r.floor != 0 ? "BELOW FLOOR" : "target missed";
}

inline void print(FILE* out, const std::string& title, const std::vector<row>& rows) {
    std::fprintf(out, "\n%s\n", title.c_str());
    std::fprintf(out, "%-58s %14s  %-32s %13s %8s %8s\n", "", "measured", "reference (same run)", "ratio", "floor",
                 "target");
    for (const row& r : rows) {
        char reference[64] = "";
        char ratio[32] = "";
        char floor[16] = "";
        char target[16] = "";
        if (!r.reference.empty())
            std::snprintf(reference, sizeof reference, "%s %.4g", r.reference.c_str(), r.reference_value);
        if (r.ratio != 0 && r.spread != 0)
            std::snprintf(ratio, sizeof ratio, "%.3g ± %.2g", r.ratio, r.spread);
        else if (r.ratio != 0)
            std::snprintf(ratio, sizeof ratio, "%.3g", r.ratio);
        const int width = r.spread != 0 ? 14 : 13;  // "±" is two bytes
        if (r.floor != 0) std::snprintf(floor, sizeof floor, "%.4g%s", r.floor, r.on_ratio ? "x" : "");
        if (r.target != 0) std::snprintf(target, sizeof target, "%.4g%s", r.target, r.on_ratio ? "x" : "");
        if (r.must_be_zero) std::snprintf(floor, sizeof floor, "0");
        std::fprintf(out, "%-58s %8.4g %-5s  %-32s %*s %8s %8s  %s\n", r.name.c_str(), r.value, r.unit.c_str(),
                     reference, width, ratio, floor, target, verdict(r));
    }
}

/// One line: how many figures have a floor or a target, and how many meet it.
inline void print_summary(FILE* out, const std::vector<row>& rows) {
    int met[3] = {};  // target, floor, neither
    for (const row& r : rows) {
        const std::string v = verdict(r);
        if (!v.empty()) ++met[v == "target met" ? 0 : v == "BELOW FLOOR" ? 2 : 1];
    }
    std::fprintf(out, "\n%d at or above target, %d at or above floor or without one, %d below floor\n", met[0], met[1],
                 met[2]);
}

inline void write_json(FILE* out, const std::string& program, const std::vector<row>& rows) {
    std::fprintf(out, "{\n  \"program\": \"%s\",\n  \"rows\": [\n", program.c_str());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const row& r = rows[i];
        std::fprintf(out,
                     "    {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"reference\": \"%s\", "
                     "\"reference_value\": %.6g, \"ratio\": %.6g, \"spread\": %.3g, \"floor\": %.6g, \"target\": %.6g, "
                     "\"bound_on\": \"%s\", \"better\": \"%s\", \"verdict\": \"%s\"}%s\n",
                     r.name.c_str(), r.value, r.unit.c_str(), r.reference.c_str(), r.reference_value, r.ratio, r.spread,
                     r.floor, r.target, r.on_ratio ? "ratio" : "value", r.lower_is_better ? "lower" : "higher",
                     verdict(r), i + 1 == rows.size() ? "" : ",");
    }
    std::fprintf(out, "  ]\n}\n");
}

struct options {
    const char* json = nullptr;
    bool quick = false;  ///< fewer rounds, for a smoke test
    bool ok = true;
};

inline options parse(int argc, char** argv) {
    options o;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            o.json = argv[++i];
        else if (std::strcmp(argv[i], "--quick") == 0)
            o.quick = true;
        else
            o.ok = false;
    }
    if (!o.ok) std::fprintf(stderr, "usage: %s [--quick] [--json FILE|-]\n", argv[0]);
    return o;
}

/// The table to stdout, or to stderr when the JSON goes to stdout.
inline FILE* table_output(const options& o) {
    return o.json != nullptr && std::strcmp(o.json, "-") == 0 ? stderr : stdout;
}

inline int finish(const options& o, const std::string& program, const std::vector<row>& rows) {
    if (o.json == nullptr) return 0;
    const bool to_stdout = std::strcmp(o.json, "-") == 0;
    FILE* out = to_stdout ? stdout : std::fopen(o.json, "w");
    if (out == nullptr) {
        std::fprintf(stderr, "%s: cannot write %s\n", program.c_str(), o.json);
        return 1;
    }
    write_json(out, program, rows);
    if (!to_stdout) std::fclose(out);
    return 0;
}

}  // namespace parity_bench
