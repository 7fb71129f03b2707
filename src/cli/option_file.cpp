// SPDX-License-Identifier: MIT
#include "cli/option_file.hpp"

#include <CLI/CLI.hpp>
#include <fstream>
#include <vector>

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

constexpr const char* option_name = "--config";

}  // namespace

void add_option_file(CLI::App& command) {
    // CLI11 reads such files for a whole program, but not for one of its subcommands.
    command.add_option(option_name, "Read these options from a file of NAME = VALUE lines")
        ->type_name("FILE")
        ->check(CLI::ExistingFile);
}

void apply_option_file(CLI::App& command) {
    const CLI::Option& named = *command.get_option(option_name);
    if (named.count() == 0) return;
    const auto path = named.as<std::string>();
    std::ifstream file{path};
    if (!file) throw CLI::FileError::Missing(path);
    std::vector<CLI::Option*> set;
    for (const CLI::ConfigItem& item : CLI::ConfigBase{}.from_config(file)) {
        CLI::Option* const option = item.parents.empty() ? command.get_option_no_throw("--" + item.name) : nullptr;
        if (option == nullptr || option->check_name(option_name))
            throw CLI::ConfigError(path + ": there is no option " + item.fullname());
        if (option->count() > 0) continue;
        for (const std::string& value : item.inputs) option->add_result(value);
        set.push_back(option);
    }
    for (CLI::Option* const option : set) option->run_callback();
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
