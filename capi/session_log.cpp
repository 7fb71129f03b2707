// SPDX-License-Identifier: MIT
#include "session_log.hpp"

namespace duality::capi {

namespace {

// Names in the order of the enumerations.
constexpr std::string_view path_states[] = {"standby", "warm", "active", "suspect", "dead"};
constexpr std::string_view outputs[] = {"hold", "parity", "reactive", "second_path"};
constexpr std::string_view reasons[] = {
    "jitter_high", "jitter_low", "loss_high",   "quiet",        "rtt_fits",    "rtt_too_long", "congestion", "headroom",
    "gap_open",    "gap_closed", "long_bursts", "misses_saved", "misses_gone", "delay_budget", "cpu",        "budget"};
constexpr std::string_view regimes[] = {"calm", "jittery", "lossy", "congested", "outage"};
constexpr std::string_view regime_events[] = {"regime", "level step", "alarm on delay", "alarm on loss",
                                              "sender restarted"};
constexpr std::string_view close_reasons[] = {"normal", "going_away", "protocol_error", "budget", "idle"};

template <class Enum, std::size_t count>
[[nodiscard]] std::string_view name(const std::string_view (&names)[count], Enum value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < count ? names[index] : "unknown";
}

[[nodiscard]] log_level level_of(const session_event& event) noexcept {
    switch (event.kind) {
        case session_event_kind::error: return log_level::error;
        case session_event_kind::decision:
        case session_event_kind::regime: return log_level::debug;
        case session_event_kind::path: {
            const bool bad = event.path.kind == path_event_kind::budget_exhausted ||
                             event.path.kind == path_event_kind::unsteady || event.path.to == path_state::suspect ||
                             event.path.to == path_state::dead;
            return bad ? log_level::warning : log_level::info;
        }
        default: return log_level::info;
    }
}

void write_path(message& line, const path_event& event) noexcept {
    constexpr std::int64_t us = 1'000;
    line << "path " << event.path << ": ";
    if (event.kind == path_event_kind::budget_exhausted) {
        line << "byte budget used up";
        return;
    }
    if (event.kind == path_event_kind::budget_renewed) {
        line << "byte budget has room again";
        return;
    }
    if (event.kind == path_event_kind::unsteady) {
        line << "unsteady, round trips spread by " << event.silence.ns() / us << " us, limit "
             << event.threshold.ns() / us << " us";
        return;
    }
    line << name(path_states, event.from) << " -> " << name(path_states, event.to);
    if (event.threshold > duration::zero())
        line << ", " << event.silence.ns() / us << " us of silence, limit " << event.threshold.ns() / us << " us";
}

}  // namespace

void log_event(const host& owner, const session_event& event) noexcept {
    const log_level level = level_of(event);
    if (!owner.wants(level)) return;
    message line;
    line << "session: ";
    switch (event.kind) {
        case session_event_kind::path: write_path(line, event.path); break;
        case session_event_kind::decision:
            line << name(outputs, event.decision.output) << " " << event.decision.old_value << " -> "
                 << event.decision.new_value << ", " << name(reasons, event.decision.reason) << ", threshold "
                 << event.decision.threshold;
            break;
        case session_event_kind::error:
            if (const error_info* info = find_error(event.error); info != nullptr)
                line << info->id << " " << info->name << ": " << info->advice;
            break;
        case session_event_kind::peer_closed:
            line << "closed by the peer, " << name(close_reasons, event.reason);
            break;
        case session_event_kind::closed: line << "closed, " << name(close_reasons, event.reason); break;
        case session_event_kind::peer_restarted: line << "the peer has restarted"; break;
        case session_event_kind::regime:
            line << name(regime_events, event.regime.what) << ", " << name(regimes, event.regime.from) << " -> "
                 << name(regimes, event.regime.to);
            break;
    }
    owner.log(level, line);
}

}  // namespace duality::capi
