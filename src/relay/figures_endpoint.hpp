// SPDX-License-Identifier: MIT
//
// Counters over HTTP, from a thread of its own: `/stats` as JSON, `/metrics` for Prometheus.
#pragma once

#include <memory>
#include <string>

#include "io/address.hpp"

namespace duality {
inline namespace v0 {
namespace io {

class figures_endpoint {
public:
    /// nullptr, with the reason in `error`, when `listen` cannot be had.
    [[nodiscard]] static std::unique_ptr<figures_endpoint> create(const socket_address& listen, std::string& error);
    ~figures_endpoint();
    figures_endpoint(const figures_endpoint&) = delete;
    figures_endpoint& operator=(const figures_endpoint&) = delete;

    /// What is answered from now on.
    void publish(std::string json, std::string prometheus);

private:
    struct state;
    explicit figures_endpoint(std::unique_ptr<state> made) noexcept;

    std::unique_ptr<state> state_;
};

}  // namespace io
}  // namespace v0
}  // namespace duality
