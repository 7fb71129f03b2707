// SPDX-License-Identifier: MIT
//
// The subcommands of the `duality` program. Each function adds one to the application: its options, its help and a
// callback that does the work. A command that fails says why on standard error and throws `CLI::RuntimeError` with
// the exit status.
#pragma once

namespace CLI {
class App;
}

namespace duality {
inline namespace v0 {
namespace cli {

/// `duality demo`: a voice call over two bad networks, on real sockets.
void add_demo_command(CLI::App& app);

/// `duality lab run` and `duality lab replay`: the deterministic lab.
void add_lab_command(CLI::App& app);

/// `duality lab replay-bundle`, `shrink` and `chaos`, added to `lab`.
void add_lab_bundle_commands(CLI::App& lab);

/// `duality lab campaign`, added to `lab`.
void add_lab_campaign_command(CLI::App& lab);

/// `duality lab compare`, added to `lab`: the variants beside what a user would pick instead.
void add_lab_compare_command(CLI::App& lab);

/// `duality lab detect`, added to `lab`.
void add_lab_detect_command(CLI::App& lab);

/// `duality lab laws`, added to `lab`.
void add_lab_laws_command(CLI::App& lab);

/// `duality lab outage`, added to `lab`: one outage on a timeline.
void add_lab_outage_command(CLI::App& lab);

/// `duality lab playout`, added to `lab`.
void add_lab_playout_command(CLI::App& lab);

/// `duality impair`: a bad network between two UDP addresses.
void add_impair_command(CLI::App& app);

/// `duality replay`: plays recordings of live sessions again.
void add_replay_command(CLI::App& app);

/// `duality live`: lab and live network compared in network namespaces.
void add_live_command(CLI::App& app);

/// `duality soak`: a flow on real sockets for hours.
void add_soak_command(CLI::App& app);

// Only where the MASQUE endpoints are (DUALITY_MASQUE is defined):

/// `duality relay`: UDP for clients that come over HTTP/3.
void add_relay_command(CLI::App& app);

/// `duality tunnel`: a local UDP port whose datagrams go through a relay.
void add_tunnel_command(CLI::App& app);

}  // namespace cli
}  // namespace v0
}  // namespace duality
