// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "duality/lab/session_recording.hpp"
#include "io/recording_file.hpp"

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

[[nodiscard]] unsigned long long number(std::uint64_t value) noexcept {
    return value;
}

/// Plays one file and says what came of it; false unless the answers were the recorded ones.
[[nodiscard]] bool replay(const std::string& file) {
    std::string error;
    const std::vector<std::uint8_t> bytes = io::read_recording(file, error);
    if (!error.empty()) {
        std::fprintf(stderr, "duality replay: %s\n", error.c_str());
        return false;
    }
    const lab::recording_replay played = lab::replay_recording(bytes, allocator::system());
    std::printf("%s\n", file.c_str());
    for (const lab::recording_note& note : played.notes)
        std::printf("  %-16s %s\n", note.key.c_str(), note.value.c_str());
    std::printf("  %-16s %llu calls, %llu outputs, %.3f s\n", "played", number(played.calls), number(played.outputs),
                played.length.ms() / 1000);
    std::printf("  %-16s %016llx\n", "recorded hash", number(played.recorded_hash));
    std::printf("  %-16s %016llx\n", "replayed hash", number(played.replayed_hash));
    std::printf("  %-16s %s%s%s\n", "verdict", played.code == status::ok ? "identical" : to_string(played.code).data(),
                played.reason.empty() ? "" : ": ", played.reason.c_str());
    return played.code == status::ok;
}

}  // namespace

void add_replay_command(CLI::App& app) {
    const auto files = std::make_shared<std::vector<std::string>>();
    CLI::App* command = app.add_subcommand("replay", "Play recordings of live sessions again and compare every answer");
    command->add_option("files", *files, "Recordings")->required()->type_name("FILE");
    command->callback([files] {
        bool all_same = true;
        for (const std::string& file : *files) all_same = replay(file) && all_same;
        if (!all_same) throw CLI::RuntimeError{1};
    });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
