// SPDX-License-Identifier: MIT
#include "live/verdict.hpp"

#include <algorithm>
#include <array>

namespace duality {
inline namespace v0 {
namespace live {
namespace {

constexpr std::array<std::string_view, verdict_count> verdict_names = {
    "pass",
    "semantic_mismatch",
    "insufficient_observability",
    "unsupported_time_surface",
    "blocked_missing_virtualization",
    "blocked_missing_observability",
    "blocked_missing_verification",
    "blocked_scope_red_line",
};
constexpr std::string_view comparable_clock = "CLOCK_MONOTONIC";
constexpr std::size_t reasons_per_field = 5;

[[nodiscard]] duration distance(duration a, duration b) noexcept {
    return a < b ? b - a : a - b;
}

[[nodiscard]] std::string ms_text(duration d) {
    const std::int64_t us = d.ns() / 1'000;
    std::string fraction = std::to_string(us % 1'000);
    fraction.insert(0, 3 - fraction.size(), '0');
    return std::to_string(us / 1'000) + "." + fraction + " ms";
}

/// The triggers whose order means something: of one end, because the two run side by side, and of either its paths or
/// its controller, because that looks at the paths in steps of its own.
struct trigger_group {
    bool is_far = false;
    bool is_path = false;

    [[nodiscard]] std::string name() const {
        return std::string{is_far ? "far" : "near"} + " end's " + (is_path ? "paths: " : "controller: ");
    }
    [[nodiscard]] std::vector<const trigger_view*> of(const run_view& run) const {
        std::vector<const trigger_view*> out;
        for (const trigger_view& t : run.triggers)
            if (t.is_far == is_far && t.what.starts_with("path ") == is_path) out.push_back(&t);
        return out;
    }
};

class comparison {
public:
    comparison(const declaration& declared, const evidence& found, judgement& out)
        : declared_{declared}, found_{found}, out_{out} {}

    void run() {
        if (!any_lab_run([&](const run_view& lab) { return lab.packets.size() != found_.live.packets.size(); })) {
            compare_all();
            return;
        }
        out_.reasons.emplace_back("lab and live sent different numbers of packets");
    }

private:
    void compare_all() {
        compare_sets(lost_field, [](const packet_view& p) { return p.end == packet_end::lost; });
        compare_sets(late_field, [](const packet_view& p) { return p.end == packet_end::late; });
        // A packet that is lost was recovered by nothing.
        compare_sets(recovered_field, [](const packet_view& p) {
            return p.end != packet_end::lost && p.origin == packet_origin::rebuilt;
        });
        compare_sets(recovered_field, [](const packet_view& p) {
            return p.end != packet_end::lost && p.origin == packet_origin::copied;
        });
        for (const bool is_far : {false, true})
            for (const bool is_path : {false, true}) compare_triggers({is_far, is_path});
        compare_elapsed();
    }

    [[nodiscard]] bool compares(std::string_view field) const {
        return std::ranges::any_of(declared_.fields, [&](const field_declaration& f) {
            return f.name == field && f.how != visibility::unsupported;
        });
    }

    /// Calls `use` with the lab's run and with its late ones until that returns true; did it?
    template <class Use>
    [[nodiscard]] bool any_lab_run(Use use) const {
        return use(found_.lab) || std::ranges::any_of(found_.lab_late, use);
    }

    /// The least `apart` of the lab's run and its late ones.
    template <class Apart>
    [[nodiscard]] duration closest_lab_run(Apart apart) const {
        duration closest = apart(found_.lab);
        for (const run_view& run : found_.lab_late) closest = std::min(closest, apart(run));
        return closest;
    }

    template <class Member>
    void compare_sets(std::string_view field, Member is_member) {
        if (!compares(field)) return;
        std::size_t told = 0;
        for (std::size_t i = 0; i < found_.live.packets.size(); ++i) {
            const bool in_live = is_member(found_.live.packets[i]);
            if (any_lab_run([&](const run_view& lab) { return is_member(lab.packets[i]) == in_live; })) continue;
            if (++told > reasons_per_field) return;
            out_.reasons.push_back("packet " + std::to_string(i) + " is " + std::string{field} + " in the " +
                                   (in_live ? "live run only" : "lab only"));
        }
    }

    void compare_triggers(const trigger_group& group) {
        if (!compares(trigger_field)) return;
        const std::vector<const trigger_view*> live = group.of(found_.live);
        // Each for itself, as packets are: of several that hinge on lateness one may come early and the next one late.
        std::vector<duration> apart(live.size(), duration::infinite());
        const auto note = [&](const run_view& run) {
            const std::vector<const trigger_view*> lab = group.of(run);
            const auto same_name = [](const trigger_view* a, const trigger_view* b) { return a->what == b->what; };
            if (!std::ranges::equal(lab, live, same_name)) return false;
            for (std::size_t i = 0; i < live.size(); ++i)
                apart[i] = std::min(apart[i], distance(lab[i]->at, live[i]->at));
            return true;
        };
        bool is_known = note(found_.lab);
        for (const run_view& run : found_.lab_late) is_known = note(run) || is_known;
        if (!is_known) return name_difference(group.name(), group.of(found_.lab), live);
        const duration closest = apart.empty() ? duration::zero() : std::ranges::max(apart);
        out_.worst_trigger = std::max(out_.worst_trigger, closest);
        if (closest > declared_.window)
            out_.reasons.push_back(group.name() + "the same triggers, but " + ms_text(closest) + " apart");
    }

    void name_difference(const std::string& whose, const std::vector<const trigger_view*>& lab,
                         const std::vector<const trigger_view*>& live) {
        for (std::size_t i = 0; i < std::max(lab.size(), live.size()); ++i) {
            const std::string lab_has = i < lab.size() ? lab[i]->what : "nothing";
            const std::string live_has = i < live.size() ? live[i]->what : "nothing";
            if (lab_has == live_has) continue;
            std::string& reason = out_.reasons.emplace_back(whose);
            reason.append("trigger ").append(std::to_string(i + 1)).append(" is '").append(lab_has);
            reason.append("' in the lab and '").append(live_has).append("' live");
            return;
        }
        out_.reasons.push_back(whose + "a sequence of triggers that the lab does not have");
    }

    void compare_elapsed() {
        if (!compares(elapsed_field)) return;
        std::size_t told = 0;
        for (std::size_t i = 0; i < found_.live.packets.size(); ++i) {
            const packet_view& live = found_.live.packets[i];
            if (live.end == packet_end::lost) continue;
            const duration closest = closest_lab_run([&](const run_view& run) {
                if (run.packets[i].end == packet_end::lost) return duration::infinite();
                return distance(run.packets[i].elapsed, live.elapsed);
            });
            if (closest == duration::infinite()) continue;
            out_.worst_elapsed = std::max(out_.worst_elapsed, closest);
            if (closest > declared_.window && ++told <= reasons_per_field)
                out_.reasons.push_back("packet " + std::to_string(i) + " took times that are " + ms_text(closest) +
                                       " apart");
        }
    }

    const declaration& declared_;
    const evidence& found_;
    judgement& out_;
};

/// Was the experiment under control? The first thing that was not names the verdict.
[[nodiscard]] bool under_control(const declaration& declared, const evidence& found, judgement& out) {
    const auto stop = [&out](verdict v, std::string why) {
        out.outcome = v;
        out.reasons.push_back(std::move(why));
        return false;
    };
    for (const std::string& leak : found.leaks)
        (void)stop(verdict::blocked_scope_red_line, "packets left the namespaces over " + leak);
    if (!found.leaks.empty()) return false;
    if (!found.blocked.empty()) return stop(verdict::blocked_missing_virtualization, found.blocked);
    if (!found.has_manifest) return stop(verdict::blocked_missing_observability, "there is no manifest");
    for (const std::string& name : declared.manifest)
        if (std::ranges::none_of(found.captures, [&](const capture_view& c) { return c.name == name; }))
            return stop(verdict::blocked_missing_observability, "the manifest does not have " + name);
    if (found.clock_id != comparable_clock || declared.clock_id != comparable_clock)
        return stop(verdict::unsupported_time_surface,
                    "times of " + (found.clock_id.empty() ? "no clock" : found.clock_id) + " cannot be compared");
    if (!found.has_lab) return stop(verdict::blocked_missing_verification, "the lab could not be run from the bundle");
    if (found.replays.empty()) return stop(verdict::blocked_missing_verification, "nothing was recorded");
    for (const replay_view& r : found.replays)
        if (!r.played) return stop(verdict::blocked_missing_verification, "no recording of the " + r.end + " end");
    return true;
}

/// What is wrong whatever the timers did: a recording that plays to other answers, a claim that it contradicts.
[[nodiscard]] bool contradicts_itself(const evidence& found, judgement& out) {
    for (const replay_view& r : found.replays)
        if (r.whole && !r.same) out.reasons.push_back("the recording of the " + r.end + " end plays to other answers");
    if (found.rebuilt_claimed > found.rebuilt_recorded)
        out.reasons.push_back(std::to_string(found.rebuilt_claimed) +
                              " packets are called rebuilt, the recording has " +
                              std::to_string(found.rebuilt_recorded));
    return !out.reasons.empty();
}

[[nodiscard]] bool is_observable(const declaration& declared, const evidence& found, judgement& out) {
    for (const replay_view& r : found.replays)
        if (!r.whole) out.reasons.push_back("the recording of the " + r.end + " end is truncated");
    for (const capture_view& c : found.captures)
        if (!c.present || !c.intact) out.reasons.push_back(c.name + (c.present ? " is not whole" : " is not there"));
    if (!found.captures_agree) out.reasons.emplace_back("the network's log does not have every datagram of the ends");
    out.undecided = count_undecided(found.lab, found.lab_late);
    if (out.undecided * 1'000 > found.lab.packets.size() * undecided_max_permille)
        out.reasons.push_back("the outcome of " + std::to_string(out.undecided) +
                              " packets hinges on less than the guard band");
    if (found.lateness > declared.guard)
        out.reasons.push_back("late by " + ms_text(found.lateness) + ", guard band " + ms_text(declared.guard));
    return out.reasons.empty();
}

}  // namespace

std::string_view to_string(verdict v) noexcept {
    return verdict_names[static_cast<std::size_t>(v)];
}

std::optional<verdict> find_verdict(std::string_view name) noexcept {
    for (std::size_t i = 0; i < verdict_count; ++i)
        if (verdict_names[i] == name) return static_cast<verdict>(i);
    return std::nullopt;
}

std::string_view to_string(visibility v) noexcept {
    switch (v) {
        case visibility::observed: return "observed";
        case visibility::inferred: return "inferred";
        case visibility::unsupported: return "unsupported";
    }
    return "unknown";
}

packet_origin origin_of(recovery by) noexcept {
    switch (by) {
        case recovery::none: return packet_origin::own;
        case recovery::parity:
        case recovery::reactive: return packet_origin::rebuilt;
        case recovery::duplicate:
        case recovery::second_path: return packet_origin::copied;
    }
    return packet_origin::own;
}

judgement judge(const declaration& declared, const evidence& found) {
    judgement out;
    if (!under_control(declared, found, out)) return out;
    out.outcome = verdict::semantic_mismatch;
    if (contradicts_itself(found, out)) return out;
    out.outcome = verdict::insufficient_observability;
    if (!is_observable(declared, found, out)) return out;
    // Timers were in time: from here on a difference is a difference, whatever anybody says about noise.
    comparison{declared, found, out}.run();
    out.has_differences = !out.reasons.empty();
    out.outcome = out.has_differences ? verdict::semantic_mismatch : verdict::pass;
    if (out.has_differences)
        for (const std::string& excuse : found.excuses) out.reasons.push_back("not a reason: " + excuse);
    return out;
}

std::size_t count_undecided(const run_view& lab, const std::vector<run_view>& late) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < lab.packets.size(); ++i) {
        const packet_view& p = lab.packets[i];
        const bool is_decided = std::ranges::all_of(late, [&](const run_view& run) {
            return i < run.packets.size() && run.packets[i].end == p.end &&
                   (p.end == packet_end::lost || run.packets[i].origin == p.origin);
        });
        if (!is_decided) ++out;
    }
    return out;
}

}  // namespace live
}  // namespace v0
}  // namespace duality
