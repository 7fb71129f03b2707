// SPDX-License-Identifier: MIT
//
// The `duality` program: one binary, one subcommand per job.
#include <CLI/CLI.hpp>

#include "cli/commands.hpp"

int main(int argc, char** argv) {
    CLI::App app{"DUALITY: real-time traffic that survives a bad network"};
    app.name("duality");
    app.require_subcommand(1);
    app.set_version_flag("--version", "duality " DUALITY_VERSION_STRING);
    app.set_help_all_flag("--help-all", "Help of every command");
    duality::cli::add_demo_command(app);
    duality::cli::add_lab_command(app);
    duality::cli::add_impair_command(app);
    duality::cli::add_replay_command(app);
    duality::cli::add_live_command(app);
    duality::cli::add_soak_command(app);
#ifdef DUALITY_MASQUE
    duality::cli::add_relay_command(app);
    duality::cli::add_tunnel_command(app);
#endif
    CLI11_PARSE(app, argc, argv);
    return 0;
}
