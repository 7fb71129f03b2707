// SPDX-License-Identifier: MIT
#include "io/network_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

[[nodiscard]] owned_file own_namespace() noexcept {
    return owned_file{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
}

}  // namespace

owned_file::~owned_file() {
    if (fd_ >= 0) (void)::close(fd_);
}

std::optional<owned_file> make_network_namespace(std::string& error) {
    const owned_file before = own_namespace();
    if (before.get() < 0 || ::unshare(CLONE_NEWNET) != 0) {
        error = "no network namespace: " + std::system_category().message(errno);
        return std::nullopt;
    }
    owned_file made = own_namespace();
    if (::setns(before.get(), CLONE_NEWNET) != 0 || made.get() < 0) {
        error = "no way back from a new network namespace: " + std::system_category().message(errno);
        return std::nullopt;
    }
    return made;
}

namespace_scope::namespace_scope(int network_namespace) noexcept {
    if (network_namespace < 0) return;
    before_ = own_namespace();
    entered_ = before_.get() >= 0 && ::setns(network_namespace, CLONE_NEWNET) == 0;
    if (!entered_) before_ = owned_file{};
}

namespace_scope::~namespace_scope() {
    if (before_.get() >= 0) (void)::setns(before_.get(), CLONE_NEWNET);
}

std::vector<interface_count> count_interfaces(int network_namespace) {
    const namespace_scope inside{network_namespace};
    std::vector<interface_count> out;
    if (!inside.entered()) return out;
    std::ifstream table{"/proc/thread-self/net/dev"};
    for (std::string line; std::getline(table, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos) continue;  // the two lines of the heading
        interface_count one;
        std::istringstream{line.substr(0, colon)} >> one.name;
        std::istringstream numbers{line.substr(colon + 1)};
        std::uint64_t skipped = 0;
        numbers >> skipped >> one.received;                             // bytes, packets
        for (int column = 0; column < 7; ++column) numbers >> skipped;  // six more of receiving, bytes sent
        numbers >> one.sent;
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
