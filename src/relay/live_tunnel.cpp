// SPDX-License-Identifier: MIT
#include "relay/live_tunnel.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string_view>
#include <utility>

#include "duality/masque/certificate.hpp"
#include "duality/secure_datagram.hpp"
#include "relay/bond_client.hpp"
#include "relay/relay_server.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr std::string_view relay_name = "relay.test";
constexpr duration day = duration::from_seconds(86'400);
constexpr duration poll_interval = duration::from_ms(10);
constexpr std::uint64_t ip_udp_bytes = 28;

/// What a relay keeps in its folder.
struct identity {
    masque::certificate shown;
    std::array<std::uint8_t, 32> secret{};
    std::string token;
};

[[nodiscard]] bool make_identity(identity& out, std::string& error) {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    const wall_time now = wall_time::from_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count());
    const std::array names{relay_name};
    const result<masque::certificate> made =
        masque::make_certificate({.names = names, .valid_from = now - day, .valid_until = now + day});
    std::array<std::uint8_t, 48> random{};
    const entropy_source entropy = entropy_source::system();
    if (!made || !entropy.fill(entropy.user, random)) {
        error = "no certificate for the relay: " + std::string{to_string(made ? status::unsupported : made.code())};
        return false;
    }
    out.shown = made.value();
    std::copy_n(random.begin(), out.secret.size(), out.secret.begin());
    for (std::size_t i = out.secret.size(); i < random.size(); ++i) {
        constexpr std::string_view digits = "0123456789abcdef";
        out.token += digits[random[i] >> 4];
        out.token += digits[random[i] & 15];
    }
    return true;
}

class live_tunnel final : public live_carrier {
public:
    explicit live_tunnel(live_carrier_order order) : order_{std::move(order)} {}

    [[nodiscard]] bool open(std::string& error) {
        if (!make_identity(identity_, error)) return false;
        session_config ends = masque::bond_session_config(order_.hold);
        ends.stream.late = late_policy::deliver;  // who measures wants to see them
        return open_relay(ends, error) && open_client(ends, error);
    }

    [[nodiscard]] socket_address application_side() const override { return client_->local(); }
    [[nodiscard]] bool is_ready() const override { return ready_.load(); }
    [[nodiscard]] std::string state() const override {
        const std::lock_guard hold{words_mutex_};
        return words_;
    }

    void begin(instant origin) override {
        server_->timer().count_lateness_from(origin);
        if (wake_timer* const timer = client_->timer()) timer->count_lateness_from(origin);
    }

    [[nodiscard]] live_carried finish() const override {
        live_carried out;
        const bond_client_stats near = client_->stats();
        const relay_server_stats far = server_->stats();
        out.near = near.protocol.session;
        out.far.sender = far.protocol.bonds.sender;
        out.far.receiver = far.protocol.bonds.receiver;
        for (const masque::leg_statistics& leg : near.legs)
            out.near_sent += leg.bytes_sent + leg.packets_sent * ip_udp_bytes;
        out.far_sent = far.protocol.connections.bytes_sent + far.protocol.connections.packets_sent * ip_udp_bytes;
        out.refused = near.refused;
        out.unsent = far.clients.unsent + far.target_unsent;
        if (const wake_timer* const timer = client_->timer()) out.near_timer = timer->lateness();
        out.far_timer = server_->timer().lateness();
        return out;
    }

private:
    /// Both ends look on by one of these; each is called in the loop of its own.
    class watcher final : public masque::bond_observer {
    public:
        watcher(live_tunnel& owner, bool far) noexcept : owner_{owner}, far_{far} {}
        void on_frame(instant now, const masque::udp_path& over, byte_view frame) noexcept override {
            if (!far_) return;
            const auto& exits = owner_.exits_;
            const auto exit = std::find(exits.begin(), exits.end(), over.remote);
            if (exit != exits.end()) owner_.order_.on_arrived(now, static_cast<path_id>(exit - exits.begin()), frame);
        }
        void on_delivery(instant now, const delivery& what) noexcept override {
            if (far_) owner_.order_.on_delivered(now, what);
        }
        void on_event(instant now, const session_event& what) noexcept override {
            if (!far_) owner_.order_.on_near_event(now, what);
        }

    private:
        live_tunnel& owner_;
        bool far_;
    };

    [[nodiscard]] bool open_relay(const session_config& ends, std::string& error) {
        const std::array<std::string_view, 1> tokens{identity_.token};
        relay_server_config config;
        config.listen = order_.bind;
        config.protocol.certificate_chain = identity_.shown.chain();
        config.protocol.private_key = identity_.shown.key();
        config.protocol.secret = identity_.secret;
        config.protocol.tokens = tokens;
        const masque::ip_address target = to_udp_address(order_.receiver).ip;  // of this machine: else refused
        if (config.protocol.policy.allow({target, target.is_v6() ? 128u : 32u}) != status::ok) return false;
        config.protocol.bond_session = ends;
        config.protocol.observer = &far_watcher_;
        server_ = relay_server::create(order_.far, config, error);
        return server_ != nullptr;
    }

    [[nodiscard]] bool open_client(const session_config& ends, std::string& error) {
        bond_client_config config;
        pins_[0] = identity_.shown.pin;
        config.protocol.relay = relay_name;
        config.protocol.token = identity_.token;
        config.protocol.pins = pins_;
        config.protocol.system_roots = false;
        config.protocol.session = ends;
        config.protocol.observer = &near_watcher_;
        config.listen = order_.bind;
        const masque::udp_address receiver = to_udp_address(order_.receiver);
        std::array<char, masque::ip_address::text_max> text{};
        const auto target = masque::udp_target::create(receiver.ip.format(text), receiver.port);
        if (!target) return false;
        config.target = target.value();
        config.on_state = [this](tunnel_client_state, const std::string& why) { say(why); };
        config.on_note = [this](const std::string& what) { say(what); };
        for (std::size_t i = 0; i < order_.paths.size(); ++i) {
            const std::optional<live_way> way = order_.open_way(static_cast<path_id>(i), server_->local(), error);
            if (!way) return false;
            exits_.push_back(to_udp_address(way->out));
            config.paths.push_back({.name = {},
                                    .local = order_.bind,
                                    .relay = way->in,
                                    .cost = order_.paths[i].cost,
                                    .budget = order_.paths[i].budget});
        }
        client_ = bond_client::create(order_.near, std::move(config), error);
        poll_ = wake_timer::create(
            order_.near, [this] { poll(); }, error);
        if (!client_ || !poll_) return false;
        poll_->wake_at(monotonic_now());
        return true;
    }

    /// In the near loop, until all paths are in use.
    void poll() {
        const std::vector<masque::leg_statistics> legs = client_->stats().legs;
        const auto joined = std::ranges::count_if(legs, [](const masque::leg_statistics& leg) { return leg.joined; });
        ready_.store(static_cast<std::size_t>(joined) == order_.paths.size());
        if (!ready_.load()) poll_->wake_at(monotonic_now() + poll_interval);
    }

    void say(const std::string& what) {
        const std::lock_guard hold{words_mutex_};
        words_ = what;
    }

    live_carrier_order order_;
    identity identity_;
    std::array<masque::key_pin, 1> pins_{};
    std::vector<masque::udp_address> exits_;
    watcher near_watcher_{*this, false};
    watcher far_watcher_{*this, true};
    std::unique_ptr<relay_server> server_;
    std::unique_ptr<bond_client> client_;
    std::unique_ptr<wake_timer> poll_;
    std::atomic<bool> ready_ = false;
    mutable std::mutex words_mutex_;
    std::string words_ = "the relay has not answered";
};

}  // namespace

live_carrier_factory live_tunnels() {
    return [](live_carrier_order order, std::string& error) -> std::unique_ptr<live_carrier> {
        auto made = std::make_unique<live_tunnel>(std::move(order));
        return made->open(error) ? std::move(made) : nullptr;
    };
}

}  // namespace io
}  // namespace v0
}  // namespace duality
