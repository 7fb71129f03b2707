// SPDX-License-Identifier: MIT
//
// One run of the lab: an application's flow from one end to the other over a scenario's paths, in virtual time.
//
// `baseline` puts the bare packets on the primary path; every other variant puts a session at each end. All variants of
// one scenario meet the same network and are judged alike. Same scenario and configuration: same events, same hash, on
// every compiler and machine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "duality/controller.hpp"
#include "duality/lab/event_log.hpp"
#include "duality/lab/families.hpp"
#include "duality/lab/judge.hpp"
#include "duality/lab/trace.hpp"
#include "duality/session_config.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

enum class variant : std::uint8_t {
    baseline,  ///< nothing
    hold,      ///< jitter hold only
    parity,    ///< proactive parity only
    single,    ///< hold, parity and reactive repair on one path
    dual,      ///< and a second, metered path on demand
    hot,       ///< every packet on both paths, within the metered budget
};
inline constexpr variant all_variants[] = {variant::baseline, variant::hold, variant::parity,
                                           variant::single,   variant::dual, variant::hot};

[[nodiscard]] std::string_view to_string(variant v) noexcept;
[[nodiscard]] std::optional<variant> find_variant(std::string_view name) noexcept;

struct simulation_config {
    variant protection = variant::dual;
    control_law law = control_law::adaptive;
    duration hold = duration::from_ms(15);  ///< slot after the idle path's arrival, and the least hold of the buffer
    duration deadline = duration::from_ms(100);  ///< after the idle path's arrival
    std::uint32_t payload = 400;                 ///< bytes of each application packet, 16..1200
    std::uint32_t overhead_cap_bp = 1'000;       ///< basis points
    byte_budget_config metered_budget{.day_bytes = 200'000'000};
    duration suspicion_margin = scheduler_config{}.suspicion_margin;  ///< as of a session; not for the reference law
    event_log::retention keep_events = event_log::retention::hash_only;
    /// The far end cannot send on a path before something has come over it, as where only that tells it where the path
    /// leads. Otherwise it knows from the beginning.
    bool far_hears_first = false;
    bool keep_packets = false;    ///< return the record of every packet
    bool keep_datagrams = false;  ///< and of every datagram (not for `baseline`)
};

/// One datagram on one path, in either direction.
struct datagram_record {
    instant sent;
    instant arrival = instant::never();  ///< never: lost
    std::uint64_t packet = no_packet;    ///< of a source packet or a copy: which one
    std::uint32_t ip_bytes = 0;          ///< IP header included
    path_id path = 0;                    ///< 0: primary, 1: second
    bool from_far = false;               ///< sent by the receiving end
    transmit_kind kind = transmit_kind::source;
    bool tells_stall = false;  ///< feedback that says that a path has fallen silent

    static constexpr std::uint64_t no_packet = ~std::uint64_t{0};
};

/// Bytes that are not extra by the definition of the overhead, told beside it, in percent of the useful bytes.
struct framing_figures {
    double framing_pct = 0;  ///< our header on source packets, the price of any tunnel
    double hot_pct = 0;      ///< copies of hot streams, paid from the metered budget
};

/// How often the sending end thought the primary path was failing.
struct alarm_figures {
    std::uint64_t suspicions = 0;
    std::uint64_t failovers = 0;
    std::uint64_t false_alarms = 0;  ///< failovers while the primary path had no outage; a trace does not tell, there 0
};

struct run_result {
    figures outcome;
    framing_figures framing;
    alarm_figures alarms;
    std::uint64_t event_hash = 0;
    std::uint64_t events = 0;
    std::uint64_t wrong_releases = 0;             ///< with other bytes than were sent, or a second time
    std::array<std::uint64_t, 2> metered_sent{};  ///< bytes put on the metered path by the near and the far end
    session_statistics near;                      ///< the sending end; all zero for `baseline`
    session_statistics far;                       ///< the receiving end
    std::vector<packet_record> packets;
    std::vector<datagram_record> datagrams;  ///< in the order they were sent
    std::vector<event> log;
};

/// The session configuration that a variant stands for, also outside of the lab.
[[nodiscard]] session_config session_for(const simulation_config& config) noexcept;

/// The packets of a run before it starts: sent at `send_times` (nondecreasing, from instant zero) or, when empty, evenly
/// over the scenario, each with its idle delay.
[[nodiscard]] std::vector<packet_record> make_packets(const scenario& network, std::span<const instant> send_times);

/// Tells which field of `config` is out of range.
[[nodiscard]] config_check check_simulation(const simulation_config& config) noexcept;

/// Runs a scenario. `send_times` (nondecreasing, from instant zero) replace the scenario's even spacing when given.
/// `invalid_config` when a field of `config` is out of range.
[[nodiscard]] result<run_result> simulate(const scenario& network, const simulation_config& config,
                                          std::span<const instant> send_times = {});

/// A scenario of recorded paths: the primary from `primary`, the second path from `second` or, without one, the
/// families' metered path drawn from `seed`. `invalid_argument` for an empty trace.
[[nodiscard]] result<scenario> replay_scenario(const trace& primary, const trace* second, std::uint64_t seed) noexcept;

}  // namespace lab
}  // namespace v0
}  // namespace duality
