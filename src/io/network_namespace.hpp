// SPDX-License-Identifier: MIT
//
// Network namespaces without names: each lives as long as somebody has it open, so that whatever ends this program, a
// signal too, leaves nothing behind. Linux only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace duality {
inline namespace v0 {
namespace io {

/// An open file; closed at the end.
class owned_file {
public:
    owned_file() noexcept = default;
    explicit owned_file(int fd) noexcept : fd_{fd} {}
    owned_file(owned_file&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    owned_file& operator=(owned_file&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    owned_file(const owned_file&) = delete;
    owned_file& operator=(const owned_file&) = delete;
    ~owned_file();

    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

/// A new, empty namespace. Without one, with the reason in `error`, where this user may not have any.
[[nodiscard]] std::optional<owned_file> make_network_namespace(std::string& error);

/// While it lives, what the calling thread opens belongs to a namespace. -1: nothing changes.
class namespace_scope {
public:
    explicit namespace_scope(int network_namespace) noexcept;
    ~namespace_scope();
    namespace_scope(const namespace_scope&) = delete;
    namespace_scope& operator=(const namespace_scope&) = delete;

    /// False when the namespace could not be entered: the thread is where it was.
    [[nodiscard]] bool entered() const noexcept { return entered_; }

private:
    owned_file before_;
    bool entered_ = true;
};

/// One network interface of a namespace, and what it has carried.
struct interface_count {
    std::string name;
    std::uint64_t received = 0;  ///< packets
    std::uint64_t sent = 0;
};

/// All interfaces of a namespace; empty when it cannot be read.
[[nodiscard]] std::vector<interface_count> count_interfaces(int network_namespace);

}  // namespace io
}  // namespace v0
}  // namespace duality
