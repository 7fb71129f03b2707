// SPDX-License-Identifier: MIT
#include <uv.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/address_option.hpp"
#include "cli/commands.hpp"
#include "cli/failure.hpp"
#include "cli/option_file.hpp"
#include "relay/bond_client.hpp"
#include "relay/relay_identity.hpp"
#include "relay/route.hpp"
#include "relay/tunnel_client.hpp"

namespace duality {
inline namespace v0 {
namespace cli {
namespace {

struct tunnel_options {
    std::string relay;
    std::string relay_address;
    std::string listen;
    std::string target;
    std::string token;
    std::string token_file;
    std::string certificate;
    std::string key;
    std::vector<std::string> pins;
    std::string roots;
    bool no_direct = false;
    std::int64_t lifetime_ms = 100;
    std::int64_t hold_ms = 0;
    std::uint32_t payload = 0;
    std::vector<std::string> paths;
};

masque::udp_target target_from(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    int port = 0;
    if (colon != std::string::npos && CLI::detail::lexical_cast(text.substr(colon + 1), port) && port > 0 &&
        port < 65'536)
        if (const auto target = masque::udp_target::create(host, static_cast<std::uint16_t>(port)))
            return target.value();
    fail("tunnel", "--target: '" + text + "' is not HOST:PORT");
}

class tunnel_run {
public:
    explicit tunnel_run(tunnel_options options) : options_{std::move(options)} {}

    void run() {
        const result<masque::uri_template> relay = masque::uri_template::create(options_.relay);
        if (!relay)
            fail("tunnel", "--relay: '" + options_.relay + "' is neither HOST[:PORT] nor a URI template of RFC 9298");
        std::string error;
        if (!options_.token_file.empty()) {
            if (!io::read_text_file(options_.token_file, options_.token, error)) fail("tunnel", error);
            options_.token.resize(std::min(options_.token.find_first_of("\r\n"), options_.token.size()));
        }
        if (!options_.roots.empty() && !io::read_text_file(options_.roots, roots_, error)) fail("tunnel", error);
        if (!options_.certificate.empty() && (!io::read_text_file(options_.certificate, certificate_, error) ||
                                              !io::read_text_file(options_.key, key_, error)))
            fail("tunnel", error);
        for (const std::string& text : options_.pins) {
            const result<masque::key_pin> pin = masque::key_pin::parse(text);
            if (!pin) fail("tunnel", "--pin: '" + text + "' is not sha256//BASE64");
            pins_.push_back(pin.value());
        }

        io::tunnel_client_config config;
        config.listen = address_from("tunnel", "--listen", options_.listen);
        config.target = target_from(options_.target);
        config.relay = address_from(
            "tunnel", "--relay", options_.relay_address.empty() ? authority_of(relay.value()) : options_.relay_address);
        if (!options_.no_direct) {
            // A target that only the relay knows by name has no direct way.
            if (const auto direct = io::socket_address::parse(options_.target)) config.direct = direct.value();
        }
        config.protocol.relay = options_.relay;
        config.protocol.token = options_.token;
        config.protocol.certificate_chain = certificate_;
        config.protocol.private_key = key_;
        config.protocol.pins = pins_;
        config.protocol.roots = roots_;
        config.protocol.payload_lifetime = duration::from_ms(options_.lifetime_ms);
        config.on_state = [](io::tunnel_client_state, const std::string& why) {
            std::fprintf(stderr, "%s\n", why.c_str());
        };

        if (const int e = uv_loop_init(&loop_); e != 0) fail("tunnel", uv_strerror(e));
        const bool bonded = !options_.paths.empty();
        if (bonded)
            bond_ = io::bond_client::create(loop_, bonded_config(config), error);
        else
            client_ = io::tunnel_client::create(loop_, std::move(config), error);
        if (client_ || bond_) {
            const io::socket_address& local = bonded ? bond_->local() : client_->local();
            std::printf("%s -> %s through %s; interrupt to stop\n", local.to_string().c_str(), options_.target.c_str(),
                        options_.relay.c_str());
            std::fflush(stdout);
            watch();
            uv_run(&loop_, UV_RUN_DEFAULT);
            if (bonded)
                bond_summary();
            else
                summary();
            client_.reset();
            bond_.reset();
        }
        uv_run(&loop_, UV_RUN_DEFAULT);  // lets the handles close
        uv_loop_close(&loop_);
        if (!error.empty()) fail("tunnel", error);
    }

private:
    [[nodiscard]] static std::string authority_of(const masque::uri_template& relay) {
        const std::string host{relay.host()};
        const bool v6 = host.find(':') != std::string::npos;
        return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(relay.port());
    }

    /// IF|ADDR[,metered][,budget=MB][,via=ADDR:PORT]
    [[nodiscard]] static io::client_path path_from(const std::string& text, const io::socket_address& relay) {
        io::client_path path;
        path.relay = relay;
        const std::vector<std::string> words = CLI::detail::split(text, ',');
        for (std::size_t i = 1; i < words.size(); ++i) {
            const std::string& word = words[i];
            std::uint64_t megabytes = 0;
            if (word == "metered")
                path.cost = cost_class::metered;
            else if (word.starts_with("via="))
                path.relay = address_from("tunnel", "--path", word.substr(4));
            else if (word.starts_with("budget=") && CLI::detail::lexical_cast(word.substr(7), megabytes))
                path.budget.day_bytes = megabytes * 1'000'000;
            else
                fail("tunnel", "--path: '" + word + "' is not metered, budget=MB a day or via=ADDR:PORT");
        }
        const std::string& where = words.front();
        const bool v6 = where.find(':') != std::string::npos;
        if (const auto address = io::socket_address::parse(v6 ? "[" + where + "]:0" : where + ":0");
            address && masque::ip_address::parse(where)) {
            path.local = address.value();
            return path;
        }
        const std::optional<io::socket_address> address = io::interface_address(where, path.relay.is_ipv6());
        if (!address) fail("tunnel", "--path: '" + where + "' is neither an address nor an interface that is up");
        path.name = where;
        path.local = *address;
        return path;
    }

    [[nodiscard]] io::bond_client_config bonded_config(const io::tunnel_client_config& plain) const {
        io::bond_client_config config;
        config.protocol.relay = plain.protocol.relay;
        config.protocol.token = plain.protocol.token;
        config.protocol.certificate_chain = plain.protocol.certificate_chain;
        config.protocol.private_key = plain.protocol.private_key;
        config.protocol.pins = plain.protocol.pins;
        config.protocol.roots = plain.protocol.roots;
        config.protocol.payload_lifetime = plain.protocol.payload_lifetime;
        config.protocol.protected_payload = options_.payload;
        config.protocol.session = masque::bond_session_config(duration::from_ms(options_.hold_ms));
        config.listen = plain.listen;
        config.target = plain.target;
        config.direct = plain.direct;
        config.on_state = plain.on_state;
        config.on_note = [](const std::string& what) { std::fprintf(stderr, "%s\n", what.c_str()); };
        for (const std::string& path : options_.paths) config.paths.push_back(path_from(path, plain.relay));
        return config;
    }

    void watch() {
        for (auto& [handle, number] : {std::pair{&interrupt_, SIGINT}, std::pair{&terminate_, SIGTERM}}) {
            handle->data = this;
            uv_signal_init(&loop_, handle);
            uv_signal_start(
                handle, [](uv_signal_t* h, int) { static_cast<tunnel_run*>(h->data)->stop(); }, number);
        }
    }

    void stop() {
        if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&interrupt_))) return;
        if (client_) client_->close();
        if (bond_) bond_->close();
        uv_close(reinterpret_cast<uv_handle_t*>(&interrupt_), nullptr);
        uv_close(reinterpret_cast<uv_handle_t*>(&terminate_), nullptr);
        uv_stop(&loop_);
    }

    void summary() const {
        const io::tunnel_client_stats stats = client_->stats();
        const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
        std::printf("up %llu, down %llu, without the relay %llu, refused %llu, too late %llu\n", number(stats.up),
                    number(stats.down), number(stats.direct), number(stats.refused),
                    number(stats.protocol.connection.expired));
    }

    void bond_summary() const {
        const io::bond_client_stats stats = bond_->stats();
        const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
        std::printf("up %llu, down %llu, without the relay %llu, refused %llu\n", number(stats.up), number(stats.down),
                    number(stats.direct), number(stats.refused));
        for (std::size_t i = 0; i < stats.legs.size(); ++i)
            std::printf("path %s: sent %llu, received %llu bytes in QUIC packets\n", options_.paths[i].c_str(),
                        number(stats.legs[i].bytes_sent), number(stats.legs[i].bytes_received));
    }

    tunnel_options options_;
    std::string roots_;
    std::string certificate_;
    std::string key_;
    std::vector<masque::key_pin> pins_;
    uv_loop_t loop_{};
    std::unique_ptr<io::tunnel_client> client_;
    std::unique_ptr<io::bond_client> bond_;
    uv_signal_t interrupt_{};
    uv_signal_t terminate_{};
};

}  // namespace

void add_tunnel_command(CLI::App& app) {
    const auto options = std::make_shared<tunnel_options>();
    CLI::App* command = app.add_subcommand("tunnel", "Forward local UDP to a target through a relay (RFC 9298)");
    add_option_file(*command);
    command->add_option("--relay", options->relay, "HOST[:PORT] or a URI template of RFC 9298; needed")
        ->type_name("RELAY");
    command->add_option("--relay-address", options->relay_address, "Connect here instead of looking the relay up")
        ->type_name("ADDR:PORT");
    command->add_option("--listen", options->listen, "Where local programs send to; needed")->type_name("ADDR:PORT");
    command
        ->add_option("--target", options->target, "Where the relay sends it; a name is looked up by the relay; needed")
        ->type_name("HOST:PORT");
    CLI::Option* token = command->add_option("--token", options->token,
                                             "Shown to the relay; others of this machine "
                                             "can see it, --token-file hides it");
    command->add_option("--token-file", options->token_file, "The first line is the token")
        ->type_name("FILE")
        ->excludes(token);
    command
        ->add_option("--certificate", options->certificate,
                     "Shown to a relay that wants its clients to have one; with those that lead to its authority")
        ->type_name("FILE.pem");
    command->add_option("--key", options->key, "Private key of --certificate")->type_name("FILE.key");
    command->add_option("--pin", options->pins, "Trust the relay by this key and nothing else; may be repeated")
        ->type_name("sha256//BASE64");
    command->add_option("--roots", options->roots, "Trust these certificates too, besides the system's")
        ->type_name("FILE.pem");
    command
        ->add_option("--path", options->paths,
                     "Use this interface or local address; given twice or more, the relay bonds them. budget: "
                     "megabytes a day; via: where the relay is to be reached over this path")
        ->type_name("IF|ADDR[,metered][,budget=MB][,via=ADDR:PORT]");
    command
        ->add_option("--hold", options->hold_ms,
                     "Keep what comes over several paths so long, so that the program gets it at an even pace; 0: not "
                     "at all")
        ->type_name("MS")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000}))
        ->capture_default_str();
    command
        ->add_option(
            "--payload", options->payload,
            "Largest datagram that several paths protect, longer ones go as they are; less takes less memory at "
            "both ends; 0: what the relay wants")
        ->type_name("BYTES")
        ->check(CLI::Range(0u, 16'384u))
        ->capture_default_str();
    command->add_flag("--no-direct", options->no_direct, "Without the relay send nothing at all");
    command->add_option("--lifetime", options->lifetime_ms, "A datagram that waited so long is not sent any more")
        ->type_name("MS")
        ->capture_default_str()
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{60'000}));
    command->callback([options, command] {
        apply_option_file(*command);
        for (const auto& [name, value] :
             {std::pair{"--relay", &options->relay}, {"--listen", &options->listen}, {"--target", &options->target}})
            if (value->empty()) throw CLI::RequiredError(name);
        if (!options->token.empty() && !options->token_file.empty())
            fail("tunnel", "token and token-file exclude each other");
        if (options->certificate.empty() != options->key.empty()) fail("tunnel", "certificate and key need each other");
        tunnel_run{*options}.run();
    });
}

}  // namespace cli
}  // namespace v0
}  // namespace duality
