// SPDX-License-Identifier: MIT
//
// The judge alone: what was missing names the verdict, and noise never does.
#include "live/verdict.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace duality;
using namespace duality::literals;
using live::packet_end;
using live::packet_origin;
using live::verdict;

namespace {

[[nodiscard]] live::declaration declared() {
    live::declaration d;
    d.id = "test";
    d.clock_id = "CLOCK_MONOTONIC";
    d.window = 10_ms;
    d.guard = 2_ms;
    for (const std::string_view name :
         {live::lost_field, live::late_field, live::recovered_field, live::trigger_field, live::elapsed_field})
        d.fields.push_back({std::string{name}, live::visibility::observed, ""});
    d.manifest = {"near.rec", "far.rec"};
    return d;
}

[[nodiscard]] live::evidence good() {
    live::evidence e;
    e.has_manifest = true;
    e.captures = {{"near.rec", true, true}, {"far.rec", true, true}};
    e.clock_id = "CLOCK_MONOTONIC";
    e.has_lab = e.captures_agree = true;
    e.replays = {{"near", true, true, true}, {"far", true, true, true}};
    e.lateness = 1_ms;
    e.rebuilt_claimed = e.rebuilt_recorded = 1;
    e.lab.packets = {{packet_end::on_time, packet_origin::own, 30_ms},
                     {packet_end::on_time, packet_origin::rebuilt, 70_ms},
                     {packet_end::late, packet_origin::own, 150_ms},
                     {packet_end::lost, packet_origin::own, {}}};
    e.lab.triggers = {{false, "path 0 active to suspect", 100_ms}, {true, "reactive 0 to 1", 50_ms}};
    e.live = e.lab;
    return e;
}

[[nodiscard]] verdict of(const live::evidence& e) {
    return live::judge(declared(), e).outcome;
}

}  // namespace

TEST_CASE("verdicts have the names that reports use") {
    for (std::size_t i = 0; i < live::verdict_count; ++i) {
        const auto v = static_cast<verdict>(i);
        CHECK(live::find_verdict(live::to_string(v)) == v);
    }
    CHECK(live::to_string(verdict::blocked_scope_red_line) == "blocked_scope_red_line");
    CHECK_FALSE(live::find_verdict("passed"));
}

TEST_CASE("agreement within the window passes") {
    live::evidence e = good();
    e.live.packets[0].elapsed = 40_ms;
    e.live.triggers[0].at = 91_ms;
    e.live.packets[3].elapsed = 999_ms;  // of a lost packet: means nothing
    const live::judgement j = live::judge(declared(), e);
    CHECK(j.outcome == verdict::pass);
    CHECK(j.reasons.empty());
    CHECK(j.worst_elapsed == 10_ms);
    CHECK(j.worst_trigger == 9_ms);
    std::swap(e.live.triggers[0], e.live.triggers[1]);  // two ends side by side have no common order
    CHECK(of(e) == verdict::pass);
}

TEST_CASE("any difference in what is declared is a mismatch") {
    live::evidence e = good();
    SECTION("lost") {
        e.live.packets[0].end = packet_end::lost;
    }
    SECTION("late") {
        e.live.packets[0].end = packet_end::late;
    }
    SECTION("rebuilt") {
        e.lab.packets[0].origin = packet_origin::rebuilt;
    }
    SECTION("copied") {
        e.live.packets[0].origin = packet_origin::copied;
    }
    SECTION("time of a packet") {
        e.live.packets[0].elapsed = 40_ms + 1_ns;
    }
    SECTION("name of a trigger") {
        e.live.triggers[0].what = "path 0 active to dead";
    }
    SECTION("time of a trigger") {
        e.live.triggers[1].at = 61_ms;
    }
    SECTION("a trigger more") {
        e.live.triggers.push_back({true, "reactive 1 to 0", 60_ms});
    }
    SECTION("a trigger at the other end") {
        e.live.triggers[0].is_far = true;
    }
    SECTION("a packet less") {
        e.live.packets.pop_back();
    }
    const live::judgement j = live::judge(declared(), e);
    CHECK(j.outcome == verdict::semantic_mismatch);
    CHECK_FALSE(j.reasons.empty());
}

TEST_CASE("times are told against the run of the lab that comes closest") {
    live::evidence e = good();
    e.lab_late = {e.lab, e.lab};
    e.live.triggers[0].at = e.lab.triggers[0].at + 9_ms;
    e.live.packets[0].elapsed = e.lab.packets[0].elapsed + 8_ms;
    e.lab_late[1].triggers[0].at = e.live.triggers[0].at - 2_ms;
    e.lab_late[1].packets[0].elapsed = e.live.packets[0].elapsed - 3_ms;
    const live::judgement j = live::judge(declared(), e);
    CHECK(j.outcome == verdict::pass);
    CHECK(j.worst_trigger == 2_ms);
    CHECK(j.worst_elapsed == 3_ms);
    CHECK_FALSE(j.has_differences);
}

TEST_CASE("each trigger is told against the run that comes closest to it, among those with the same sequence") {
    live::evidence e = good();
    e.lab.triggers.push_back({false, "path 1 warm to active", 120_ms});
    e.live = e.lab;
    e.lab_late = {e.lab, e.lab};
    e.lab_late[0].triggers[0].at = 120_ms;
    e.lab_late[1].triggers[2].at = 140_ms;
    e.live.triggers[0].at = 121_ms;
    e.live.triggers[2].at = 137_ms;
    CHECK(live::judge(declared(), e).outcome == verdict::pass);
    CHECK(live::judge(declared(), e).worst_trigger == 3_ms);
    SECTION("another sequence tells nothing of times") {
        e.lab_late[1].triggers[0].what = "path 0 active to dead";
    }
    SECTION("further from all of them than the window") {
        e.live.triggers[2].at = 151_ms;
    }
    const live::judgement j = live::judge(declared(), e);
    CHECK(j.outcome == verdict::semantic_mismatch);
    CHECK(j.has_differences);
}

TEST_CASE("a run may be what the lab is when it is late, and nothing else") {
    live::evidence e = good();
    e.lab.packets.resize(100, {packet_end::on_time, packet_origin::own, 30_ms});
    e.live = e.lab;
    e.lab_late = {e.lab};
    e.lab_late[0].packets[50].origin = packet_origin::copied;
    e.lab_late[0].triggers[0].what = "path 0 active to dead";
    CHECK(live::count_undecided(e.lab, e.lab_late) == 1);
    CHECK(of(e) == verdict::pass);
    e.live.packets[50].origin = packet_origin::copied;
    e.live.triggers[0].what = "path 0 active to dead";
    CHECK(of(e) == verdict::pass);
    SECTION("another packet") {
        e.live.packets[51].origin = packet_origin::copied;
    }
    SECTION("another end of the same packet") {
        e.live.packets[50].end = packet_end::lost;
    }
    SECTION("another trigger") {
        e.live.triggers[0].what = "path 0 active to standby";
    }
    CHECK((of(e) == verdict::pass) ==
          (e.live.packets[50].end == packet_end::on_time && e.live.packets[51].origin == packet_origin::own &&
           e.live.triggers[0].what == "path 0 active to dead"));
}

TEST_CASE("what is declared unsupported is not compared") {
    live::declaration d = declared();
    for (live::field_declaration& f : d.fields)
        if (f.name == live::trigger_field) f.how = live::visibility::unsupported;
    live::evidence e = good();
    e.live.triggers.clear();
    CHECK(live::judge(d, e).outcome == verdict::pass);
}

TEST_CASE("negative controls have their exact verdicts") {
    live::evidence e = good();
    SECTION("missing manifest") {
        e.has_manifest = false;
        CHECK(of(e) == verdict::blocked_missing_observability);
    }
    SECTION("a manifest without a declared capture") {
        e.captures.pop_back();
        CHECK(of(e) == verdict::blocked_missing_observability);
    }
    SECTION("flipped hash") {
        e.replays[1].same = false;
        CHECK(of(e) == verdict::semantic_mismatch);
        CHECK_FALSE(live::judge(declared(), e).has_differences);  // no further run of the lab can explain it
    }
    SECTION("wall-clock-only report") {
        e.clock_id = "CLOCK_REALTIME";
        CHECK(of(e) == verdict::unsupported_time_surface);
    }
    SECTION("recovered without parity") {
        e.rebuilt_recorded = 0;
        CHECK(of(e) == verdict::semantic_mismatch);
    }
    SECTION("traffic leaving the namespace") {
        e.leaks = {"out of the client"};
        CHECK(of(e) == verdict::blocked_scope_red_line);
    }
    SECTION("mismatch blamed on noise") {
        e.live.packets[0].end = packet_end::lost;
        e.excuses = {"the scheduler was noisy"};
        CHECK(of(e) == verdict::semantic_mismatch);
        CHECK(live::judge(declared(), e).reasons.back() == "not a reason: the scheduler was noisy");
    }
    SECTION("truncated capture") {
        e.captures[0].intact = false;
        CHECK(of(e) == verdict::insufficient_observability);
    }
    SECTION("truncated recording") {
        e.replays[0].whole = e.replays[0].same = false;
        CHECK(of(e) == verdict::insufficient_observability);
    }
    SECTION("no namespaces") {
        e.blocked = "not permitted";
        CHECK(of(e) == verdict::blocked_missing_virtualization);
    }
    SECTION("nothing to compare with") {
        e.has_lab = false;
        CHECK(of(e) == verdict::blocked_missing_verification);
    }
    SECTION("no recording") {
        e.replays[0].played = false;
        CHECK(of(e) == verdict::blocked_missing_verification);
    }
    SECTION("late timers, although everything agrees") {
        e.lateness = 2_ms + 1_ns;
        CHECK(of(e) == verdict::insufficient_observability);
    }
    SECTION("an outcome that hinges on less than the guard band") {
        e.lab_late = {e.lab};
        e.lab_late[0].packets[0].end = packet_end::lost;
        CHECK(of(e) == verdict::insufficient_observability);
    }
    SECTION("datagrams that the network's log does not have") {
        e.captures_agree = false;
        CHECK(of(e) == verdict::insufficient_observability);
    }
}

TEST_CASE("late timers do not hide a contradiction, and a leak comes before everything") {
    live::evidence e = good();
    e.lateness = 50_ms;
    e.replays[0].same = false;
    CHECK(of(e) == verdict::semantic_mismatch);
    e.has_manifest = false;
    CHECK(of(e) == verdict::blocked_missing_observability);
    e.leaks = {"out of the client"};
    CHECK(of(e) == verdict::blocked_scope_red_line);
}
