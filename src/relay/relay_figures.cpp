// SPDX-License-Identifier: MIT
#include "relay/relay_figures.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace duality {
inline namespace v0 {
namespace io {
namespace {

struct figure {
    const char* name;
    const char* meaning;
    std::uint64_t value;
    bool now = false;  ///< how many there are, not how many there were
};

[[nodiscard]] std::vector<figure> figures_of(const relay_server_stats& s) {
    const masque::relay_statistics& r = s.protocol;
    const masque::connection_statistics& c = r.connections;
    const sender_statistics& down = r.bonds.sender;
    const receiver_statistics& up = r.bonds.receiver;
    return {
        {"open_connections", "QUIC connections", r.open_connections, true},
        {"resting_connections", "Of those, the ones with nothing to do, whose memory is given back",
         r.resting_connections, true},
        {"open_tunnels", "CONNECT-UDP tunnels", r.open_tunnels, true},
        {"open_bonds", "Tunnels of several connections", r.open_bonds, true},
        {"resting_bonds", "Of those, the ones with nothing to do, whose memory is given back", r.resting_bonds, true},
        {"unfinished_handshakes", "QUIC handshakes under way", r.handshakes, true},
        {"lookups", "Names being looked up", s.lookups, true},
        {"connections", "QUIC connections accepted", r.accepted_connections},
        {"resumed_connections", "Of those, the ones with a ticket of an earlier one", r.resumed_connections},
        {"tunnels", "CONNECT-UDP tunnels accepted", r.accepted_tunnels},
        {"bonds", "Tunnels of several connections accepted", r.accepted_bonds},
        {"lost_bonds", "Of those, the ones whose client did not come back", r.lost_bonds},
        {"joined_legs", "Connections that joined a bond", r.joined_legs},
        {"refused_legs", "Connections refused by a bond", r.refused_legs},
        {"bond_delivered", "Payloads out of bonds", up.delivered},
        {"bond_rebuilt", "Of those, the ones rebuilt from repairs", up.rebuilt},
        {"bond_duplicates", "Payloads that came out of bonds before", up.duplicates},
        {"bond_outdated", "Payloads that came too late to be of use", up.outdated},
        {"bond_payload_bytes", "Payload bytes into bonds, with IP and UDP headers", down.source.bytes},
        {"bond_framing_bytes", "Bytes of framing around them", down.framing_bytes},
        {"bond_repair_bytes", "Bytes of parity and repairs into bonds", down.parity.bytes + down.reactive.bytes},
        {"bond_copy_bytes", "Bytes of copies into bonds", down.copies.bytes},
        {"bond_control_bytes", "Bytes of reports and probes into bonds", down.control.bytes},
        {"bond_over_cap", "Repairs and copies not sent because of the overhead cap", down.refused_by_cap},
        {"retries", "Clients asked to prove their address", r.retries},
        {"resets", "Packets of unknown connections answered with a reset", r.resets},
        {"refused_connections", "Connections refused by a limit", r.refused_connections},
        {"evicted", "Connections without a tunnel that gave way to others", r.evicted},
        {"refused_packets", "Packets that begin or continue no connection", r.refused_packets},
        {"refused_tokens", "Requests without a good token", r.refused_tokens},
        {"refused_certificates", "Handshakes without a good certificate of the client", r.refused_certificates},
        {"refused_targets", "Targets refused by the policy", r.refused_targets},
        {"refused_tunnels", "Tunnels refused by a limit", r.refused_tunnels},
        {"failed_targets", "Targets not found or not reachable", r.failed_targets},
        {"bytes_up", "Payload bytes toward targets", r.bytes_up},
        {"bytes_down", "Payload bytes toward clients", r.bytes_down},
        {"datagrams_up", "Payloads out of tunnels", c.datagrams_received},
        {"datagrams_down", "Payloads into tunnels", c.datagrams_sent},
        {"over_rate", "Payloads dropped by a client's rate or byte limit", r.over_rate},
        {"unanswered", "Payloads dropped because the target did not answer", r.unanswered},
        {"no_buffer", "Payloads dropped for lack of buffers", r.no_buffer},
        {"expired", "Payloads dropped because they came too late to send", c.expired},
        {"too_large", "Payloads larger than the path carries", c.too_large},
        {"queue_full", "Payloads dropped because a client takes no more", c.refused},
        {"early", "Payloads that waited for their request", c.early},
        {"early_dropped", "Of those, the ones dropped", c.early_dropped},
        {"stray", "Payloads for no tunnel", c.stray},
        {"protocol_errors", "Connections and requests ended because the peer broke a rule", c.protocol_errors},
        {"packets_received", "QUIC packets received", c.packets_received},
        {"packets_sent", "QUIC packets sent", c.packets_sent},
        {"bytes_received", "QUIC bytes received", c.bytes_received},
        {"bytes_sent", "QUIC bytes sent", c.bytes_sent},
        {"client_unsent", "QUIC packets the kernel did not take", s.clients.unsent},
        {"target_unsent", "Payloads the kernel did not take", s.target_unsent},
        {"handed_over", "Packets that came to the socket of another worker", s.handed_over},
        {"hand_over_drops", "Of those, the ones dropped for lack of room", s.hand_over_drops},
        {"truncated", "Datagrams longer than any buffer", s.clients.truncated + s.target_truncated},
    };
}

}  // namespace

std::string to_json(const relay_server_stats& stats) {
    nlohmann::ordered_json out;
    for (const figure& f : figures_of(stats)) out[f.name] = f.value;
    return out.dump(2) + "\n";
}

std::string to_prometheus(const relay_server_stats& stats) {
    std::string out;
    for (const figure& f : figures_of(stats)) {
        const std::string name = std::string{"duality_relay_"}.append(f.name).append(f.now ? "" : "_total");
        out.append("# HELP ").append(name).append(" ").append(f.meaning);
        out.append("\n# TYPE ").append(name).append(f.now ? " gauge\n" : " counter\n");
        out.append(name).append(" ").append(std::to_string(f.value)).append("\n");
    }
    return out;
}

}  // namespace io
}  // namespace v0
}  // namespace duality
