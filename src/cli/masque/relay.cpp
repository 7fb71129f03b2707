// SPDX-License-Identifier: MIT
#include <sys/resource.h>
#include <uv.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cli/address_option.hpp"
#include "cli/commands.hpp"
#include "cli/failure.hpp"
#include "cli/option_file.hpp"
#include "io/calendar.hpp"
#include "relay/figures_endpoint.hpp"
#include "relay/relay_figures.hpp"
#include "relay/relay_identity.hpp"
#include "relay/relay_workers.hpp"

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

struct relay_options {
    std::string listen = "0.0.0.0:4433";
    std::string state = "relay-state";
    std::vector<std::string> names{"localhost", "127.0.0.1"};
    std::string token_file;
    std::string client_roots;
    bool open = false;
    std::vector<std::string> allow;
    std::vector<std::string> deny;
    bool listed_only = false;
    std::uint32_t workers = std::max(1u, std::thread::hardware_concurrency());
    masque::retry_mode retry = masque::retry_mode::under_load;
    std::uint32_t max_connections = masque::relay_config{}.max_connections;
    std::uint32_t max_connections_per_address = masque::relay_config{}.max_connections_per_address;
    std::uint32_t max_tunnels = masque::relay_config{}.max_tunnels;
    std::uint32_t max_tunnels_per_client = masque::relay_config{}.max_tunnels_per_client;
    std::uint64_t rate_kbps = 0;
    std::uint64_t quota_mb = 0;
    std::string stats;
    int drain_s = 30;
    std::int64_t hold_ms = 0;
    std::int64_t rest_after_ms = 500;
    bool quiet = false;
};

masque::address_prefix prefix_from(const char* option, const std::string& text) {
    const result<masque::address_prefix> prefix = masque::address_prefix::parse(text);
    if (!prefix) fail("relay", std::string{option} + ": '" + text + "' is not ADDRESS or ADDRESS/BITS");
    return prefix.value();
}

std::vector<std::string> lines_of(const std::string& path) {
    std::string text;
    std::string error;
    if (!io::read_text_file(path, text, error)) fail("relay", error);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty() && line.front() != '#') lines.push_back(std::move(line));
        at = end + 1;
    }
    return lines;
}

/// The machine's own addresses are no targets, unless they were allowed by name.
void deny_own_addresses(masque::target_policy& policy, const std::vector<masque::address_prefix>& allowed) {
    uv_interface_address_t* all = nullptr;
    int count = 0;
    if (uv_interface_addresses(&all, &count) != 0) fail("relay", "the addresses of this machine cannot be read");
    status added = status::ok;
    for (int i = 0; i < count && !failed(added); ++i) {
        const auto& native = reinterpret_cast<const sockaddr&>(all[i].address);
        const masque::ip_address own = io::to_udp_address(io::socket_address{native}).ip;
        const bool wanted = std::any_of(allowed.begin(), allowed.end(),
                                        [&](const masque::address_prefix& p) { return p.contains(own); });
        if (!wanted) added = policy.deny({own, own.is_v6() ? 128u : 32u});
    }
    uv_free_interface_addresses(all, count);
    if (failed(added)) fail("relay", "this machine has more addresses than the target policy can hold");
}

masque::target_policy policy_from(const relay_options& options) {
    masque::target_policy policy;
    std::vector<masque::address_prefix> allowed;
    for (const std::string& text : options.allow) allowed.push_back(prefix_from("--allow", text));
    for (const masque::address_prefix& prefix : allowed)
        if (failed(policy.allow(prefix))) fail("relay", "--allow: too many");
    for (const std::string& text : options.deny)
        if (failed(policy.deny(prefix_from("--deny", text)))) fail("relay", "--deny: too many");
    if (options.listed_only) policy.allow_listed_only();
    deny_own_addresses(policy, allowed);
    return policy;
}

/// Each tunnel has a socket. More than the system gives everybody it gives on request.
void take_all_descriptors() noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/// One run from start to the end of the last connection.
class relay_run {
public:
    explicit relay_run(relay_options options) : options_{std::move(options)} {}

    void run() {
        take_all_descriptors();
        // libuv resolves names with four threads, which are soon waiting for name servers that do not answer.
        (void)setenv("UV_THREADPOOL_SIZE", "32", 0);
        io::relay_identity identity;
        std::string error;
        if (!io::load_relay_identity(options_.state, options_.names, identity, error)) fail("relay", error);
        if (wants_token()) tokens_ = lines_of(token_file());
        if (tokens_.empty() && wants_token()) fail("relay", token_file() + ": holds no token");
        if (!options_.client_roots.empty() && !io::read_text_file(options_.client_roots, client_roots_, error))
            fail("relay", error);

        if (const int e = uv_loop_init(&loop_); e != 0) fail("relay", uv_strerror(e));
        start(identity, error);
        if (server_) {
            announce(identity);
            watch();
            uv_run(&loop_, UV_RUN_DEFAULT);
            if (!options_.quiet) std::fputs(io::to_json(server_->stats()).c_str(), stdout);
        }
        server_.reset();
        endpoint_.reset();
        uv_run(&loop_, UV_RUN_DEFAULT);  // lets the handles close
        uv_loop_close(&loop_);
        if (!error.empty()) fail("relay", error);
    }

private:
    static constexpr std::uint64_t tick_ms = 250;

    /// Where certificates admit clients, tokens do so only if they are named.
    [[nodiscard]] bool wants_token() const {
        return !options_.open && (options_.client_roots.empty() || !options_.token_file.empty());
    }
    [[nodiscard]] std::string token_file() const {
        return options_.token_file.empty() ? options_.state + "/relay.tokens" : options_.token_file;
    }

    void start(const io::relay_identity& identity, std::string& error) {
        const std::vector<std::string_view> tokens{tokens_.begin(), tokens_.end()};
        io::relay_server_config config;
        config.listen = address_from("relay", "--listen", options_.listen);
        masque::relay_config& protocol = config.protocol;
        protocol.certificate_chain = identity.chain;
        protocol.private_key = identity.key;
        protocol.secret = identity.secret;
        protocol.tokens = tokens;
        protocol.client_roots = client_roots_;
        protocol.wall = io::calendar_now();
        protocol.policy = policy_from(options_);
        protocol.retry = options_.retry;
        protocol.max_connections = options_.max_connections;
        protocol.max_connections_per_address = options_.max_connections_per_address;
        protocol.max_tunnels = options_.max_tunnels;
        protocol.max_tunnels_per_client = options_.max_tunnels_per_client;
        protocol.rate_per_client_bps = options_.rate_kbps * 1'000;
        protocol.bytes_per_client = options_.quota_mb * 1'000'000;
        protocol.bond_session = masque::bond_session_config(duration::from_ms(options_.hold_ms));
        protocol.rest_after = duration::from_ms(options_.rest_after_ms);
        server_ = io::relay_workers::create(config, options_.workers, error);
        if (!server_ || options_.stats.empty()) return;
        endpoint_ = io::figures_endpoint::create(address_from("relay", "--stats", options_.stats), error);
        if (endpoint_)
            publish();
        else
            server_.reset();
    }

    void announce(const io::relay_identity& identity) const {
        if (options_.quiet) return;
        char pin[masque::key_pin::text_size];
        const std::string_view text = identity.pin.format(pin);
        std::printf("%s certificate, pin %.*s\n", identity.made_now ? "made a" : "the", static_cast<int>(text.size()),
                    text.data());
        std::printf("listening on %s, %zu %s; targets: public addresses%s\n", server_->local().to_string().c_str(),
                    server_->count(), server_->count() == 1 ? "worker" : "workers",
                    options_.listed_only     ? " that are listed"
                    : options_.allow.empty() ? ""
                                             : " and those allowed");
        if (options_.open) std::puts("open to everybody");
        if (!options_.client_roots.empty()) std::printf("for clients of %s\n", options_.client_roots.c_str());
        if (wants_token()) std::printf("tokens in %s\n", token_file().c_str());
        if (!options_.stats.empty()) std::printf("figures at http://%s/stats and /metrics\n", options_.stats.c_str());
        std::printf("use it: duality tunnel --relay HOST:%u --pin %.*s %s--listen 127.0.0.1:PORT --target HOST:PORT\n",
                    unsigned{server_->local().port()}, static_cast<int>(text.size()), text.data(),
                    wants_token()                   ? ("--token-file " + token_file() + " ").c_str()
                    : options_.client_roots.empty() ? ""
                                                    : "--certificate FILE.pem --key FILE.key ");
        std::fflush(stdout);
    }

    void watch() {
        for (auto& [handle, number] : {std::pair{&interrupt_, SIGINT}, std::pair{&terminate_, SIGTERM}}) {
            handle->data = this;
            uv_signal_init(&loop_, handle);
            uv_signal_start(
                handle, [](uv_signal_t* h, int) { static_cast<relay_run*>(h->data)->stop(); }, number);
        }
        uv_timer_init(&loop_, &tick_);
        tick_.data = this;
        uv_timer_start(
            &tick_, [](uv_timer_t* h) { static_cast<relay_run*>(h->data)->tick(); }, tick_ms, tick_ms);
    }

    /// The first signal drains, the second one ends it.
    void stop() {
        if (draining_) {
            close();
            return;
        }
        draining_ = true;
        left_ms_ = std::uint64_t(options_.drain_s) * 1'000;
        if (!options_.quiet)
            std::fprintf(stderr, "draining for at most %d s; once more to stop at once\n", options_.drain_s);
        server_->drain();
    }

    void close() {
        server_->close();
        uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
        uv_close(reinterpret_cast<uv_handle_t*>(&interrupt_), nullptr);
        uv_close(reinterpret_cast<uv_handle_t*>(&terminate_), nullptr);
        uv_stop(&loop_);
    }

    void publish() {
        const io::relay_server_stats stats = server_->stats();
        endpoint_->publish(io::to_json(stats), io::to_prometheus(stats));
    }

    void tick() {
        if (endpoint_) publish();
        if (!draining_) return;
        if (left_ms_ < tick_ms || server_->stats().protocol.open_tunnels == 0) return close();
        left_ms_ -= tick_ms;
    }

    relay_options options_;
    std::vector<std::string> tokens_;
    std::string client_roots_;
    uv_loop_t loop_{};
    std::unique_ptr<io::relay_workers> server_;
    std::unique_ptr<io::figures_endpoint> endpoint_;
    uv_signal_t interrupt_{};
    uv_signal_t terminate_{};
    uv_timer_t tick_{};
    std::uint64_t left_ms_ = 0;
    bool draining_ = false;
};

}  // namespace

void add_relay_command(CLI::App& app) {
    const auto options = std::make_shared<relay_options>();
    CLI::App* command = app.add_subcommand("relay", "Relay UDP for clients that come over HTTP/3 (RFC 9298)");
    add_option_file(*command);
    command->add_option("--listen", options->listen, "Where clients come to")
        ->capture_default_str()
        ->type_name("ADDR:PORT");
    command
        ->add_option("--workers", options->workers,
                     "Threads that share the port; default: one for each processor core of the machine")
        ->check(CLI::Range(1u, masque::worker_steering::workers_max))
        ->type_name("COUNT");
    command->add_option("--state", options->state, "Folder of certificate, key, secret and tokens; made on first use")
        ->capture_default_str()
        ->type_name("FOLDER");
    command->add_option("--name", options->names, "What the certificate made on first use is for")
        ->capture_default_str();
    CLI::Option* tokens = command->add_option("--tokens", options->token_file,
                                              "One token per line; who shows one may use the relay; default: "
                                              "relay.tokens in the state folder, made on first use");
    tokens->type_name("FILE");
    CLI::Option* roots =
        command->add_option("--client-roots", options->client_roots,
                            "Who shows a certificate that one of these has issued may use the relay; who shows none "
                            "may not, unless --tokens is given too");
    roots->type_name("FILE.pem");
    command->add_flag("--open", options->open, "Everybody may use the relay")->excludes(tokens)->excludes(roots);
    command->add_option("--allow", options->allow, "Targets allowed although they are not public")->type_name("PREFIX");
    command->add_option("--deny", options->deny, "Targets refused although they are public")->type_name("PREFIX");
    command->add_flag("--listed-only", options->listed_only, "Nothing is allowed but what --allow lists");
    command->add_option("--retry", options->retry, "When clients must prove their address before anything else")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, masque::retry_mode>{{"never", masque::retry_mode::never},
                                                      {"under-load", masque::retry_mode::under_load},
                                                      {"always", masque::retry_mode::always}}))
        ->default_str("under-load");
    const auto add_limit = [&](const char* name, std::uint32_t& value, const char* meaning) {
        command->add_option(name, value, meaning)->type_name("COUNT")->capture_default_str();
    };
    add_limit("--max-connections", options->max_connections, "Connections of all clients; the workers divide them");
    add_limit("--max-connections-per-address", options->max_connections_per_address,
              "Connections from one address; an IPv6 /64 is one");
    add_limit("--max-tunnels", options->max_tunnels, "Tunnels of all clients; the workers divide them");
    add_limit("--max-tunnels-per-client", options->max_tunnels_per_client,
              "Tunnels of one token or certificate, or of one address where neither is wanted");
    command->add_option("--rate", options->rate_kbps, "Payload of one client, both directions together; 0: no limit")
        ->type_name("KBIT/S")
        ->capture_default_str();
    command
        ->add_option("--quota", options->quota_mb,
                     "Payload of one token or certificate until the next start; 0: no limit")
        ->type_name("MB")
        ->capture_default_str();
    command
        ->add_option("--stats", options->stats, "Serve figures by HTTP here: /stats is JSON, /metrics for Prometheus")
        ->type_name("ADDR:PORT");
    command
        ->add_option("--hold", options->hold_ms,
                     "Keep what comes over a bond so long, so that targets get it at an even pace; 0: not at all")
        ->type_name("MS")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000}))
        ->capture_default_str();
    command
        ->add_option("--rest-after", options->rest_after_ms,
                     "Pack what is kept for a connection or bond with nothing to do for so long; 0: never")
        ->type_name("MS")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{3'600'000}))
        ->capture_default_str();
    command->add_option("--drain", options->drain_s, "How long open tunnels may go on after SIGTERM")
        ->type_name("SECONDS")
        ->capture_default_str();
    command->add_flag("--quiet", options->quiet, "Say nothing but errors");
    command->callback([options, command] {
        apply_option_file(*command);
        if (options->open && !options->token_file.empty()) fail("relay", "open and tokens exclude each other");
        if (options->open && !options->client_roots.empty()) fail("relay", "open and client-roots exclude each other");
        relay_run{*options}.run();
    });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
