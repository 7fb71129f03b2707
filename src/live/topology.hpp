// SPDX-License-Identifier: MIT
//
// Four network namespaces in a row: client - network - peer - origin, joined by veth pairs. They have no names and no
// way out; when this program ends, however it ends, the kernel takes them away, and the programs started in them with
// them.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/network_namespace.hpp"

namespace duality {
inline namespace v0 {
namespace live {

/// A program started in a namespace.
class child_process {
public:
    /// Starts `arguments[0]` with a real-time priority where the user may have one; what it prints goes to `output`,
    /// what it says on standard error up to the first line is waited for. nullptr, with the reason in `error`, when it
    /// does not start or says nothing within 10 s.
    [[nodiscard]] static std::unique_ptr<child_process> start(int network_namespace,
                                                              const std::vector<std::string>& arguments,
                                                              const std::string& output, std::string& error);
    ~child_process();
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    /// Asks it to end and waits; after 5 s it is ended. True when it ended by itself and with 0.
    bool stop() noexcept;

private:
    child_process() = default;

    pid_t pid_ = -1;
    io::owned_file messages_;
};

class topology {
public:
    /// nullptr, with the reason in `error`, where this user may make no namespaces or no links between them.
    [[nodiscard]] static std::unique_ptr<topology> make(std::string& error);

    [[nodiscard]] int client() const noexcept { return spaces_[0].get(); }
    [[nodiscard]] int network() const noexcept { return spaces_[1].get(); }
    [[nodiscard]] int peer() const noexcept { return spaces_[2].get(); }
    [[nodiscard]] int origin() const noexcept { return spaces_[3].get(); }

    static constexpr const char* client_address = "10.77.1.2";
    static constexpr const char* network_address = "10.77.1.1";  ///< on the client's side
    static constexpr const char* peer_address = "10.77.2.2";
    static constexpr const char* origin_address = "10.77.3.2";

    /// Runs commands of `ip` in a namespace, one a line. False, with the reason in `error`.
    [[nodiscard]] static bool configure(int network_namespace, const std::string& commands, std::string& error);
    /// Runs a program in a namespace to its end; true when it ended with 0.
    [[nodiscard]] static bool run(int network_namespace, const std::vector<std::string>& arguments);

    /// Interfaces that do not belong here and have carried packets.
    [[nodiscard]] std::vector<std::string> leaks() const;

private:
    topology() = default;

    std::vector<io::owned_file> spaces_;
};

}  // namespace live
}  // namespace v0
}  // namespace duality
