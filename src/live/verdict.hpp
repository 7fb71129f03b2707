// SPDX-License-Identifier: MIT
//
// The judge of live experiments. It sees what a scenario declared and what was found, and nothing else: no clock, no
// file, no second chance. An experiment that was not under control gets the name of what was missing, never a pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duality/jitter_hold.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace live {

enum class verdict : std::uint8_t {
    pass,                            ///< lab and live agree in everything declared
    semantic_mismatch,               ///< they do not, or a claim contradicts the recordings
    insufficient_observability,      ///< timers late by more than the guard band, or a capture that is not whole
    unsupported_time_surface,        ///< times of a clock that cannot be compared
    blocked_missing_virtualization,  ///< no network namespaces here
    blocked_missing_observability,   ///< nothing says what was captured
    blocked_missing_verification,    ///< nothing to compare with
    blocked_scope_red_line,          ///< packets left the namespaces of the experiment
};
inline constexpr std::size_t verdict_count = 8;

[[nodiscard]] std::string_view to_string(verdict v) noexcept;
[[nodiscard]] std::optional<verdict> find_verdict(std::string_view name) noexcept;

enum class visibility : std::uint8_t { observed, inferred, unsupported };

[[nodiscard]] std::string_view to_string(visibility v) noexcept;

struct field_declaration {
    std::string name;
    visibility how = visibility::observed;
    std::string note;  ///< from where, or why not
};

/// What a scenario says before it runs.
struct declaration {
    std::string id;
    std::string surface;       ///< what is looked at
    std::string boundary;      ///< where the experiment ends
    std::string clock_id;      ///< of all live times
    std::string clock_source;  ///< where they are read
    std::string deadline_id;   ///< the rule that makes a packet late
    duration window;           ///< elapsed times may differ by so much
    duration guard;            ///< timers and hops may be late by so much
    std::vector<field_declaration> fields;
    std::vector<std::string> manifest;  ///< captures the bundle must have
    std::string bundle;                 ///< folder with everything
    std::string repro;                  ///< command that does it again
};

/// Names of the fields that are compared.
inline constexpr std::string_view lost_field = "lost";
inline constexpr std::string_view late_field = "late";
inline constexpr std::string_view recovered_field = "recovered";
inline constexpr std::string_view trigger_field = "triggers";
inline constexpr std::string_view elapsed_field = "elapsed";

enum class packet_end : std::uint8_t { on_time, late, lost };
/// How a packet came to be there; which kind of repair rebuilt it, and which kind of copy came first, is not told
/// apart.
enum class packet_origin : std::uint8_t { own, rebuilt, copied };

[[nodiscard]] packet_origin origin_of(recovery by) noexcept;

struct packet_view {
    packet_end end = packet_end::lost;
    packet_origin origin = packet_origin::own;
    duration elapsed{};  ///< from sending to release; meaningless when lost
    bool operator==(const packet_view&) const noexcept = default;
};

/// A path changed its state, or an output of the controller was switched.
struct trigger_view {
    bool is_far = false;
    std::string what;
    duration at{};  ///< since the first packet
    bool operator==(const trigger_view&) const noexcept = default;
};

struct run_view {
    std::vector<packet_view> packets;
    std::vector<trigger_view> triggers;
};

/// One capture as the manifest has it and as it was found.
struct capture_view {
    std::string name;
    bool present = false;
    bool intact = false;  ///< of the size and hash that the manifest tells
};

struct replay_view {
    std::string end;
    bool played = false;  ///< there was a recording to play
    bool same = false;    ///< and the answers were the recorded ones
    bool whole = false;   ///< and it had its end
};

/// What was found after a run.
struct evidence {
    std::string blocked;  ///< why there were no namespaces; empty when there were
    std::vector<std::string> leaks;
    bool has_manifest = false;
    std::vector<capture_view> captures;
    std::string clock_id;  ///< that the report's times are of
    bool has_lab = false;  ///< the lab could be run from the bundle's own traces
    /// The lab again, with everything late by parts of the guard band: what a live run in time may look like.
    std::vector<run_view> lab_late;
    std::vector<replay_view> replays;
    bool captures_agree = false;  ///< every datagram that an end sent or read is in the network's log, and no other
    duration lateness{};          ///< of the latest timer or hop
    std::uint64_t rebuilt_claimed = 0;   ///< packets that the report calls rebuilt
    std::uint64_t rebuilt_recorded = 0;  ///< that the played recording rebuilt
    std::vector<std::string> excuses;    ///< what the report says about mismatches; never a reason
    run_view lab;
    run_view live;
};

struct judgement {
    verdict outcome = verdict::blocked_missing_verification;
    std::vector<std::string> reasons;  ///< empty when it passed
    bool has_differences = false;      ///< between lab and live; a contradiction is none
    std::size_t undecided = 0;         ///< packets whose outcome in the lab depends on less than the guard band
    duration worst_elapsed{};          ///< largest difference of a packet's time from sending to release
    duration worst_trigger{};          ///< of a trigger's time
};

[[nodiscard]] judgement judge(const declaration& declared, const evidence& found);

/// Packets that do not come to the same end in the lab and in all its late runs.
[[nodiscard]] std::size_t count_undecided(const run_view& lab, const std::vector<run_view>& late);

/// More undecided packets than this make an experiment worthless, in permille.
inline constexpr std::size_t undecided_max_permille = 50;

}  // namespace live
}  // namespace v0
}  // namespace duality
