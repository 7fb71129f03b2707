// SPDX-License-Identifier: MIT
#include "relay/figures_endpoint.hpp"

#include <httplib.h>

#include <mutex>
#include <thread>
#include <utility>

namespace duality {
inline namespace v0 {
namespace io {

struct figures_endpoint::state {
    httplib::Server server;
    std::mutex lock;
    std::string json;
    std::string prometheus;
    std::thread thread;
};

figures_endpoint::figures_endpoint(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}

std::unique_ptr<figures_endpoint> figures_endpoint::create(const socket_address& listen, std::string& error) {
    auto made = std::make_unique<state>();
    state& s = *made;
    s.server.new_task_queue = [] { return new httplib::ThreadPool{1}; };
    s.server.Get("/stats", [&s](const httplib::Request&, httplib::Response& answer) {
        const std::lock_guard held{s.lock};
        answer.set_content(s.json, "application/json");
    });
    s.server.Get("/metrics", [&s](const httplib::Request&, httplib::Response& answer) {
        const std::lock_guard held{s.lock};
        answer.set_content(s.prometheus, "text/plain; version=0.0.4");
    });
    std::string host = listen.to_string();
    host.resize(host.rfind(':'));
    if (listen.is_ipv6()) host = host.substr(1, host.size() - 2);
    if (!s.server.bind_to_port(host, listen.port())) {
        error = listen.to_string() + ": cannot be bound";
        return nullptr;
    }
    s.thread = std::thread{[&s] { (void)s.server.listen_after_bind(); }};
    return std::unique_ptr<figures_endpoint>{new figures_endpoint{std::move(made)}};
}

figures_endpoint::~figures_endpoint() {
    state_->server.stop();
    state_->thread.join();
}

void figures_endpoint::publish(std::string json, std::string prometheus) {
    const std::lock_guard held{state_->lock};
    state_->json = std::move(json);
    state_->prometheus = std::move(prometheus);
}

}  // namespace io
}  // namespace v0
}  // namespace duality
