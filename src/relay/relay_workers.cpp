// SPDX-License-Identifier: MIT
#include "relay/relay_workers.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "io/loop_thread.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

/// Packets that wait for a worker; it takes them as soon as its loop turns.
constexpr std::size_t packets_max = 1'024;
constexpr std::size_t packet_bytes_max = std::size_t{1'024} * 1'024;

[[nodiscard]] std::uint32_t share(std::uint32_t all, std::uint32_t workers) noexcept {
    return (all + workers - 1) / workers;
}

/// What other threads have for a worker.
struct inbox {
    struct packet {
        masque::udp_path path;
        masque::ecn mark = masque::ecn::not_ect;
        std::size_t begin = 0;
        std::size_t size = 0;
    };
    std::vector<packet> packets;
    std::vector<std::uint8_t> bytes;
    std::function<void(relay_server&)> work;
};

}  // namespace

class relay_workers::worker {
public:
    [[nodiscard]] static std::unique_ptr<worker> create(const relay_server_config& config, std::string& error) {
        auto made = std::make_unique<worker>();
        made->thread_ = loop_thread::create(error);
        if (!made->thread_) return nullptr;
        uv_loop_t& loop = made->thread_->loop();
        made->wake_ = make_handle<uv_async_t>(
            [&](uv_async_t* handle) {
                return uv_async_init(&loop, handle, [](uv_async_t* h) { static_cast<worker*>(h->data)->on_wake(); });
            },
            error);
        if (!made->wake_) return nullptr;
        made->wake_->data = made.get();
        made->server_ = relay_server::create(loop, config, error);
        return made->server_ ? std::move(made) : nullptr;
    }
    worker() = default;
    ~worker() {
        if (thread_) thread_->stop();
    }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    void start() { thread_->start(loop_thread::priority::normal); }
    void stop() noexcept { thread_->stop(); }
    [[nodiscard]] const socket_address& local() const noexcept { return server_->local(); }

    /// False when there is no room.
    [[nodiscard]] bool take(const masque::udp_path& path, masque::ecn mark, byte_view packet) {
        {
            const std::lock_guard held{lock_};
            if (waiting_.packets.size() >= packets_max || waiting_.bytes.size() + packet.size() > packet_bytes_max)
                return false;
            waiting_.packets.push_back({path, mark, waiting_.bytes.size(), packet.size()});
            waiting_.bytes.insert(waiting_.bytes.end(), packet.begin(), packet.end());
        }
        (void)uv_async_send(wake_.get());
        return true;
    }
    /// Has the worker's thread do something, and waits until it is done. One caller at a time.
    void run(const std::function<void(relay_server&)>& work) {
        std::unique_lock held{lock_};
        waiting_.work = work;
        (void)uv_async_send(wake_.get());
        done_.wait(held, [&] { return !waiting_.work; });
    }

private:
    void on_wake() {
        std::function<void(relay_server&)> work;
        {
            const std::lock_guard held{lock_};
            taken_.packets.swap(waiting_.packets);
            taken_.bytes.swap(waiting_.bytes);
            work = waiting_.work;
        }
        for (const inbox::packet& p : taken_.packets)
            server_->take(p.path, p.mark, byte_view{taken_.bytes}.subspan(p.begin, p.size));
        if (!taken_.packets.empty()) server_->flush();
        taken_.packets.clear();
        taken_.bytes.clear();
        if (!work) return;
        work(*server_);
        const std::lock_guard held{lock_};
        waiting_.work = nullptr;
        done_.notify_one();
    }

    std::unique_ptr<loop_thread> thread_;
    handle_ptr<uv_async_t> wake_;
    std::mutex lock_;
    std::condition_variable done_;
    inbox waiting_;
    inbox taken_;  ///< by the worker's thread
    std::unique_ptr<relay_server> server_;
};

relay_workers::relay_workers(masque::client_ledger ledger) noexcept : ledger_{std::move(ledger)} {}

std::unique_ptr<relay_workers> relay_workers::create(const relay_server_config& config, std::uint32_t workers,
                                                     std::string& error) {
    result<masque::client_ledger> ledger = masque::client_ledger::create(config.protocol.tokens, allocator::system());
    if (!ledger) {
        error = "relay: tokens: " + std::string{to_string(ledger.code())};
        return nullptr;
    }
    std::unique_ptr<relay_workers> made{new relay_workers{std::move(ledger).value()}};
    return made->start(config, std::max<std::uint32_t>(workers, 1), error) ? std::move(made) : nullptr;
}

bool relay_workers::start(const relay_server_config& config, std::uint32_t workers, std::string& error) {
    relay_server_config one = config;
    one.protocol.workers = workers;
    one.protocol.ledger = &ledger_;
    one.protocol.max_connections = share(config.protocol.max_connections, workers);
    one.protocol.max_tunnels = share(config.protocol.max_tunnels, workers);
    one.protocol.handshakes_before_retry = share(config.protocol.handshakes_before_retry, workers);
    one.hand_over = [this](std::uint32_t to, const masque::udp_path& path, masque::ecn mark, byte_view packet) {
        return to < workers_.size() && workers_[to]->take(path, mark, packet);
    };
    workers_.reserve(workers);
    for (one.protocol.worker = 0; one.protocol.worker < workers; ++one.protocol.worker) {
        auto made = worker::create(one, error);
        if (!made) return false;
        local_ = one.listen = made->local();
        workers_.push_back(std::move(made));
    }
    for (const auto& w : workers_) w->start();
    return true;
}

relay_workers::~relay_workers() {
    // All threads first: until the last has ended, one may have a packet for another.
    for (const auto& w : workers_) w->stop();
}

void relay_workers::on_each(const std::function<void(relay_server&)>& work) {
    for (const auto& w : workers_) w->run(work);
}

relay_server_stats relay_workers::stats() {
    relay_server_stats all;
    on_each([&](const relay_server& s) { all += s.stats(); });
    return all;
}

relay_server_stats relay_workers::stats(std::size_t index) {
    relay_server_stats one;
    workers_[index]->run([&](const relay_server& s) { one = s.stats(); });
    return one;
}

void relay_workers::drain() {
    on_each([](relay_server& s) { s.drain(); });
}

void relay_workers::close() {
    on_each([](relay_server& s) { s.close(); });
}

bool relay_workers::is_idle() {
    bool idle = true;
    on_each([&](const relay_server& s) { idle = idle && s.is_idle(); });
    return idle;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
