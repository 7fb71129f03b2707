// SPDX-License-Identifier: MIT
#include "duality/lab/bundle.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

/// Writes JSON: members of objects in the order they are given, nested ones by a function that adds theirs.
class json_text {
public:
    template <class Members>
    json_text& object(std::string_view name, Members&& members) {
        key(name);
        return braces('{', '}', std::forward<Members>(members));
    }
    template <class Elements>
    json_text& array(std::string_view name, Elements&& elements) {
        key(name);
        return braces('[', ']', std::forward<Elements>(elements));
    }
    json_text& text(std::string_view name, std::string_view value) {
        key(name);
        quoted(value);
        return *this;
    }
    template <class T>
    json_text& number(std::string_view name, T value) {
        key(name);
        if constexpr (std::is_same_v<T, bool>) {
            out_ += value ? "true" : "false";
        } else {
            std::array<char, 32> digits;
            const std::to_chars_result end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
            out_.append(digits.data(), end.ptr);
        }
        return *this;
    }
    json_text& null() {
        key({});
        out_ += "null";
        return *this;
    }

    /// The whole document.
    template <class Members>
    [[nodiscard]] static std::string document(Members&& members) {
        json_text text;
        text.braces('{', '}', std::forward<Members>(members));
        return std::move(text.out_) + '\n';
    }

private:
    template <class Inside>
    json_text& braces(char open, char close, Inside&& inside) {
        out_ += open;
        first_ = true;
        inside(*this);
        out_ += close;
        first_ = false;
        return *this;
    }
    /// What comes before a value: a comma but for the first one, and in an object its name.
    void key(std::string_view name) {
        if (!first_) out_ += ',';
        first_ = false;
        if (name.empty()) return;
        quoted(name);
        out_ += ':';
    }
    void quoted(std::string_view value) {
        constexpr std::string_view digits = "0123456789abcdef";
        out_ += '"';
        for (const char c : value) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out_ += '\\';
                out_ += c;
            } else if (byte < 0x20) {
                out_ += "\\u00";
                out_ += digits[byte >> 4];
                out_ += digits[byte & 0xF];
            } else {
                out_ += c;
            }
        }
        out_ += '"';
    }

    std::string out_;
    bool first_ = true;
};

constexpr std::uint32_t bundle_format = 1;

void add_trace(json_text& out, std::string_view name, const trace& t) {
    if (t.rows.empty()) return;
    out.object(name, [&](json_text& o) {
        o.number("round_trip", t.round_trip).array("rows", [&](json_text& rows) {
            for (const trace_row& row : t.rows)
                rows.array({}, [&](json_text& pair) {
                    pair.number({}, row.send_ns);
                    if (row.is_lost())
                        pair.null();
                    else
                        pair.number({}, row.delay_ns);
                });
        });
    });
}

void add_recipe(json_text& out, const recipe& what) {
    const simulation_config& c = what.config;
    out.object("run", [&](json_text& o) {
        o.text("family", describe(what.network).name)
            .number("seed", what.seed)
            .number("length_ns", what.length.ns())
            .number("packets_per_second", what.packets_per_second)
            .number("rtt_ns", what.rtt.ns());
        o.array("left_out", [&](json_text& paths) {
            for (const feature_set& set : what.left_out)
                paths.array({}, [&](json_text& names) {
                    for (std::size_t f = 0; f < feature_count; ++f)
                        if (set.has(static_cast<feature>(f))) names.text({}, to_string(static_cast<feature>(f)));
                });
        });
        add_trace(o, "primary", what.primary);
        add_trace(o, "second", what.second);
        o.text("variant", to_string(c.protection))
            .text("law", c.law == control_law::reference ? "reference" : "adaptive")
            .number("hold_ns", c.hold.ns())
            .number("deadline_ns", c.deadline.ns())
            .number("payload", c.payload)
            .number("overhead_cap_bp", c.overhead_cap_bp)
            .number("metered_day_bytes", c.metered_budget.day_bytes)
            .number("metered_month_bytes", c.metered_budget.month_bytes)
            .number("metered_ahead_bp", c.metered_budget.ahead_bp)
            .number("metered_carry_bp", c.metered_budget.carry_bp)
            .number("suspicion_margin_ns", c.suspicion_margin.ns());
    });
}

}  // namespace

std::string_view broken_expectation(const run_result& run, const simulation_config& config,
                                    const expectation& expected) noexcept {
    if (const std::string_view promise = broken_promise(run, config); !promise.empty()) return promise;
    for (const figure_info& figure : figure_table())
        if (figure.name == expected.figure) return figure.get(run.outcome) <= expected.at_most ? "" : "figure";
    return {};
}

std::string to_json(const run_bundle& bundle) {
    return json_text::document([&](json_text& out) {
        out.text("kind", "run").number("format", bundle_format);
        out.text("command", "duality lab replay-bundle " + file_name(bundle));
        add_recipe(out, bundle.what);
        if (!bundle.expected.figure.empty())
            out.object("expected", [&](json_text& e) {
                e.text("figure", bundle.expected.figure).number("at_most", bundle.expected.at_most);
            });
        out.text("broken", bundle.broken).text("event_hash", hash_text(bundle.event_hash));
    });
}

std::string to_json(const chaos_bundle& bundle) {
    return json_text::document([&](json_text& out) {
        out.text("kind", "chaos").number("format", bundle_format);
        out.text("command", "duality lab replay-bundle " + file_name(bundle));
        out.object("chaos", [&](json_text& o) {
            o.number("seed", bundle.what.seed).number("steps", bundle.what.steps);
            o.array("left_out", [&](json_text& names) {
                for (std::size_t t = 0; t < trouble_count; ++t)
                    if (!bundle.what.has(static_cast<trouble>(t))) names.text({}, to_string(static_cast<trouble>(t)));
            });
        });
        out.text("broken", bundle.broken).text("event_hash", hash_text(bundle.event_hash));
    });
}

std::string file_name(const run_bundle& bundle) {
    const recipe& what = bundle.what;
    const std::string network{what.is_replay() ? "trace" : describe(what.network).name};
    return network + '-' + std::string{to_string(what.config.protection)} + '-' + hash_text(bundle.event_hash) +
           ".json";
}

std::string file_name(const chaos_bundle& bundle) {
    return "chaos-" + hash_text(bundle.event_hash) + ".json";
}

std::string hash_text(std::uint64_t hash) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out(16, '0');
    for (std::size_t i = out.size(); i-- > 0; hash >>= 4) out[i] = digits[hash & 0xF];
    return out;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
