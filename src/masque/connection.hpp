// SPDX-License-Identifier: MIT
//
// One QUIC connection with HTTP/3 on it, client or server: ngtcp2, nghttp3 and TLS put together, and the datagrams and
// capsules of its CONNECT-UDP requests.
//
// The owner (a tunnel or a relay) drives it with packets and time, is called back for what happens, and asks for
// packets after every call. Whatever the owner does from inside a callback is allowed but destroying the connection.
#pragma once

#include <nghttp3/nghttp3.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "duality/masque/bond.hpp"
#include "duality/masque/capsule.hpp"
#include "duality/masque/endpoint.hpp"
#include "duality/masque/uri_template.hpp"
#include "duality/masque/worker_steering.hpp"
#include "duality/random.hpp"
#include "masque/datagram_pool.hpp"
#include "masque/hash_map.hpp"
#include "masque/heap.hpp"
#include "masque/home.hpp"
#include "masque/tls.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// A short text in place; what does not fit makes it too long for good.
template <std::size_t Capacity>
class kept_text {
public:
    void assign(std::string_view text) noexcept {
        too_long_ = text.size() > Capacity;
        size_ = too_long_ ? 0 : text.size();
        if (size_ > 0) std::memcpy(text_.data(), text.data(), size_);
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
    [[nodiscard]] bool too_long() const noexcept { return too_long_; }

private:
    std::array<char, Capacity> text_;
    std::size_t size_ = 0;
    bool too_long_ = false;
};

/// What is kept of the head of a request or response.
struct message {
    kept_text<16> method;
    kept_text<16> protocol;
    kept_text<uri_template::path_max> path;
    kept_text<256> proxy_status;
    kept_text<256> bond;
    std::array<std::uint8_t, 32> token_digest{};  ///< SHA-256 of the bearer token
    bool has_token = false;
    bool has_content_fields = false;  ///< Content-Length and others that the Capsule Protocol forbids
    int status = 0;
};

/// One HTTP request on a connection.
struct request {
    static constexpr std::uint64_t nobody = ~std::uint64_t{0};

    enum class phase : std::uint8_t {
        head,    ///< its head (client: the answer's) has not come
        asked,   ///< the relay has not answered yet
        tunnel,  ///< payloads flow
        plain,   ///< answered, or to be answered, by something else than a tunnel
    };

    request(std::int64_t stream, std::size_t capsule_limit, instant now) noexcept
        : id{stream}, since{now}, capsules{capsule_limit} {}

    std::int64_t id;
    instant since;
    std::uint64_t user = nobody;  ///< the owner's number for it
    phase state = phase::head;
    bool end_wanted = false;   ///< this end sends no more once everything queued is out
    bool over = false;         ///< the owner was told that it is
    bool connect_udp = false;  ///< payloads may come for it, even if it was refused
    std::uint8_t leg = 0;      ///< of a bond, when `bond_context` is known
    /// Where frames of a bond travel; 0: nowhere. Datagrams of contexts not registered yet wait while it may be.
    std::uint64_t bond_context = udp_context;
    bool awaits_context = false;
    heap_ptr<message> head;
    capsule_reader capsules;
    std::uint32_t partial = datagram_pool::none;  ///< room for a capsule that comes in pieces
    datagram_list unsent_capsules;
    datagram_list unacked_capsules;
    std::uint64_t acked_bytes = 0;  ///< of the first unacknowledged capsule
    buffer<char> body;
    bool body_sent = false;
};

class connection;
class client_account;

/// Who has a connection.
class connection_owner {
public:
    connection_owner() noexcept = default;
    connection_owner(const connection_owner&) = delete;
    connection_owner& operator=(const connection_owner&) = delete;

    /// Requests can be made, or more of them than before (client only).
    virtual void on_ready(connection& from) noexcept = 0;
    /// The client has shown a certificate for this key that the relay accepts (server only, before any request).
    virtual void on_client_key(connection&, const key_pin&) noexcept {}
    /// A whole head has come; for a relay `asked` is waiting for an answer.
    virtual void on_head(connection& from, request& asked, const message& head) noexcept = 0;
    /// A UDP payload out of a tunnel.
    virtual void on_payload(connection& from, request& on, byte_view payload) noexcept = 0;
    /// A frame of the bond that this request is a leg of.
    virtual void on_bond_frame(connection& from, request& on, byte_view frame) noexcept = 0;
    /// The peer has a datagram that was sent with this mark on a leg.
    virtual void on_acknowledged(connection& from, std::int64_t request, std::uint16_t mark) noexcept = 0;
    /// Any capsule but DATAGRAM. False when nobody knows it.
    virtual bool on_capsule(connection& from, request& on, const capsule& c) noexcept = 0;
    /// Nothing more comes on a request; it is gone after this call unless its connection lives on.
    virtual void on_over(connection& from, request& over) noexcept = 0;
    /// A connection id that the peer may use from now on, or not any more (server only).
    virtual bool on_new_id(connection& from, const ngtcp2_cid& id) noexcept = 0;
    virtual void on_retired_id(connection& from, const ngtcp2_cid& id) noexcept = 0;

protected:
    ~connection_owner() = default;
};

/// What all connections of an endpoint share.
struct connection_environment {
    allocator memory;
    connection_config config;
    datagram_pool pool;
    tls::context credentials;
    bool certificate_needed = false;               ///< of every client
    wall_time wall{};                              ///< the calendar's time …
    instant wall_at{};                             ///< … then
    std::array<std::uint8_t, 32> secret{};         ///< for stateless reset tokens
    std::uint32_t max_requests = 0;                ///< at a time on one connection, for a server
    worker_steering steering;                      ///< of the servers behind one port
    std::uint32_t worker = 0;                      ///< which of them this is
    std::uint32_t first_id_prefix = 0;             ///< how a client's first connection id begins; 0: as it happens
    duration rest_after{};                         ///< idle connections of a server rest; zero: they do not
    home_pool homes{connection_home::usual_size};  ///< of those that may
    connection_statistics stats;
};

/// Length of the connection ids this end chooses.
inline constexpr std::size_t own_cid_size = 8;

[[nodiscard]] ngtcp2_tstamp to_timestamp(instant at) noexcept;
[[nodiscard]] bool make_cid(ngtcp2_cid& out, std::size_t size) noexcept;
/// One that leads to this endpoint. False without random numbers.
[[nodiscard]] bool make_own_cid(ngtcp2_cid& out, const connection_environment& environment) noexcept;

/// Addresses as ngtcp2 wants them.
class native_path {
public:
    explicit native_path(const udp_path& path) noexcept;
    native_path(const native_path&) = delete;
    native_path& operator=(const native_path&) = delete;
    [[nodiscard]] const ngtcp2_path& get() const noexcept { return path_; }

private:
    std::array<std::uint8_t, 32> local_{};
    std::array<std::uint8_t, 32> remote_{};
    ngtcp2_path path_{};
};

/// What a server learnt from a client's first packet.
struct first_packet {
    ngtcp2_cid client_id{};
    ngtcp2_cid destination_id{};
    ngtcp2_cid original_id{};  ///< the destination before a Retry
    std::uint32_t version = 0;
    byte_view token;  ///< of a Retry; empty without
};

/// What the owner remembers of a connection.
struct connection_marks {
    client_account* account = nullptr;    ///< of its address
    client_account* certified = nullptr;  ///< of the certificate that the client has shown; nullptr without
    datagram_pool::share* buffers =
        nullptr;  ///< counts the datagrams of all connections of a client; see datagram_pool::take
    bool counted_as_handshake = false;
    connection* next_to_write = nullptr;
    bool listed_to_write = false;
    std::size_t timer_place = 0;
    instant timer_at = instant::never();
    connection* older_unproven = nullptr;  ///< see `connection_table`
    connection* newer_unproven = nullptr;
    bool unproven = false;
};

class connection : public connection_marks {
public:
    connection(connection_environment& environment, connection_owner& owner, instant now) noexcept;
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection();

    /// `out_of_memory`, or `unsupported` when a library refuses.
    [[nodiscard]] status start_client(instant now, const udp_path& path, const tls::expectation& expected) noexcept;
    [[nodiscard]] status start_server(instant now, const udp_path& path, const first_packet& first) noexcept;

    // Driving it.

    void read(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept;
    /// Next packet into `room` of `packet_max` bytes; false when there is none.
    [[nodiscard]] bool write(instant now, byte_span room, quic_packet& out) noexcept;
    void handle_timeout(instant now) noexcept;
    [[nodiscard]] instant next_timeout() const noexcept;
    /// Is there something to write? Cleared by a `write` that found nothing.
    [[nodiscard]] bool wants_write() const noexcept { return wants_write_; }
    /// Tells the peer and ends.
    void close(instant now) noexcept;
    /// Ends without a word, at once.
    void drop() noexcept;
    /// Nothing more can come or go.
    [[nodiscard]] bool is_over() const noexcept { return state_ == life::over; }
    [[nodiscard]] bool is_open() const noexcept { return state_ == life::open; }
    [[nodiscard]] close_cause cause() const noexcept { return cause_; }
    [[nodiscard]] instant born() const noexcept { return born_; }
    [[nodiscard]] bool handshake_done() const noexcept;
    /// Was the handshake done with a ticket?
    [[nodiscard]] bool is_resumed() const noexcept { return resumed_; }
    /// The newest ticket the relay gave; empty without (client only).
    [[nodiscard]] byte_view ticket() const noexcept { return tls_ ? tls_->ticket() : byte_view{}; }

    // Requests.

    /// Opens CONNECT-UDP. nullptr when the peer allows no more requests now, `status` says why otherwise.
    /// `bond` is the value of its `duality-bond` field; empty: none.
    [[nodiscard]] request* connect_udp(std::string_view authority, std::string_view path, std::string_view token,
                                       std::string_view bond, status& why) noexcept;
    /// Answers 200, with a `duality-bond` field unless it is empty, and starts the tunnel.
    void accept(request& asked, std::string_view bond) noexcept;
    /// Answers anything else, with an optional `Proxy-Status` and body, and ends the request.
    void answer(request& asked, int status, std::string_view proxy_status, std::string_view content_type,
                std::string_view body) noexcept;
    /// Payloads that came early are handed over, if `wanted`.
    void release_early(request& of, bool wanted) noexcept;
    /// `too_large`, `queue_full`, `closed`.
    [[nodiscard]] status send(instant now, request& on, byte_view payload, instant expires) noexcept {
        return send_in(now, on, {udp_context, payload}, expires, no_mark);
    }
    /// The same in the context of the bond. The mark comes back in `on_acknowledged`.
    [[nodiscard]] status send_bond_frame(instant now, request& on, byte_view frame, instant expires,
                                         std::uint16_t mark) noexcept {
        return send_in(now, on, {on.bond_context, frame}, expires, mark);
    }
    /// Sends a capsule of the extension, reliably. `too_large`, `queue_full`, `closed`.
    [[nodiscard]] status send_capsule(request& on, const capsule& c) noexcept;
    /// Datagrams in this context are frames of a bond from now on; those that waited for it are handed over.
    void register_context(request& on, std::uint64_t context) noexcept;
    /// What proofs of a bond are made with, the same at both ends. False before the handshake is done.
    [[nodiscard]] bool get_exporter(bond_exporter& out) const noexcept {
        out = exporter_;
        return exported_;
    }
    /// Largest payload `send` accepts now.
    [[nodiscard]] std::size_t max_payload(const request& on) const noexcept { return max_payload(on, udp_context); }
    [[nodiscard]] std::size_t max_payload(const request& on, std::uint64_t context) const noexcept;
    /// Sends what is queued and then no more.
    void end(request& r) noexcept;
    /// Resets both directions.
    void abort(request& r, std::uint64_t code) noexcept;
    /// New requests are refused from now on (server).
    void go_away() noexcept;

    // Looking and moving.

    [[nodiscard]] status migrate(instant now, const udp_path& to) noexcept;
    [[nodiscard]] udp_path current_path() const noexcept;
    [[nodiscard]] duration smoothed_rtt() const noexcept;
    [[nodiscard]] bool uses_quic_datagrams() const noexcept {
        return peer_datagrams_ && environment_.config.quic_datagrams;
    }
    [[nodiscard]] std::size_t request_count() const noexcept { return requests_.size(); }
    [[nodiscard]] request* find_request(std::int64_t id) noexcept {
        request** const found = requests_.find(id);
        return found != nullptr ? *found : nullptr;
    }

    /// Tells the owner to forget every id that leads here (server only).
    void forget_ids() noexcept;

private:
    friend struct connection_callbacks;

    // The libraries' objects, awake. In what they call themselves they are.
    [[nodiscard]] ngtcp2_conn* quic() const noexcept {
        home_.wake();
        return quic_;
    }
    [[nodiscard]] nghttp3_conn* http() const noexcept {
        home_.wake();
        return http_;
    }
    /// Lays what the libraries keep to rest if there is nothing to do.
    void rest(instant now) noexcept;

    /// Nothing is said to a client that may still turn out not to be admitted.
    [[nodiscard]] bool waits_for_certificate() const noexcept { return server_ && environment_.certificate_needed; }

    static constexpr std::size_t settings_max = 512;
    static constexpr std::uint32_t no_mark = 0x10000;

    enum class life : std::uint8_t { open, closing, draining, over };
    struct mix {
        [[nodiscard]] std::uint64_t operator()(std::int64_t id) const noexcept {
            return static_cast<std::uint64_t>(id) / 4 * 0x9E3779B97F4A7C15u >> 32;
        }
    };

    [[nodiscard]] status start(ngtcp2_settings& settings, ngtcp2_transport_params& parameters, instant now) noexcept;
    [[nodiscard]] bool start_http() noexcept;
    [[nodiscard]] request* add_request(std::int64_t id) noexcept;
    void remove_request(request& r) noexcept;
    void tell_over(request& r) noexcept;
    /// Gives up requests whose head takes too long.
    void drop_slow_heads(instant now) noexcept;
    void end_life(close_cause cause) noexcept;
    void fail(instant now, int error) noexcept;
    [[nodiscard]] bool wants_other_certificate() const noexcept;

    // What ngtcp2 and nghttp3 report.
    [[nodiscard]] int take_handshake() noexcept;
    [[nodiscard]] int take_crypto_data(ngtcp2_encryption_level level, std::uint64_t offset, byte_view data) noexcept;
    [[nodiscard]] int take_stream_data(std::uint32_t flags, std::int64_t id, std::uint64_t offset,
                                       byte_view data) noexcept;
    void peek_at_settings(std::int64_t id, std::uint64_t offset, byte_view data) noexcept;
    [[nodiscard]] int take_datagram(byte_view frame) noexcept;
    void take_udp_datagram(request& r, byte_view content, bool from_capsule) noexcept;
    void take_early(std::int64_t stream, byte_view content) noexcept;
    void take_data(request& r, byte_view data) noexcept;
    void take_field(request& r, std::int32_t token, std::string_view name, std::string_view value) noexcept;
    void take_head(request& r) noexcept;
    void take_end(request& r) noexcept;
    [[nodiscard]] nghttp3_ssize give_data(request& r, nghttp3_vec& piece, std::uint32_t& flags) noexcept;
    void take_acknowledgement(request& r, std::uint64_t bytes) noexcept;
    void take_settings(const nghttp3_settings& settings) noexcept;

    [[nodiscard]] int http_failure(int error) noexcept;
    [[nodiscard]] status send_in(instant now, request& on, const udp_datagram& datagram, instant expires,
                                 std::uint32_t mark) noexcept;
    [[nodiscard]] status queue_capsule(request& on, std::uint32_t slot, const udp_datagram& datagram) noexcept;
    void drop_expired(instant now) noexcept;
    [[nodiscard]] ngtcp2_ssize write_streams(byte_span room, ngtcp2_path_storage& path, ngtcp2_pkt_info& info,
                                             ngtcp2_tstamp at) noexcept;
    [[nodiscard]] ngtcp2_ssize write_datagrams(byte_span room, ngtcp2_path_storage& path, ngtcp2_pkt_info& info,
                                               ngtcp2_tstamp at) noexcept;
    [[nodiscard]] bool write_close(instant now, byte_span room, quic_packet& out) noexcept;
    void put_out(const ngtcp2_path& path, const ngtcp2_pkt_info& info, byte_view bytes, quic_packet& out) noexcept;

    connection_environment& environment_;
    connection_owner& owner_;
    mutable connection_home home_;  ///< of all that the QUIC and HTTP/3 libraries keep
    ngtcp2_mem quic_memory_{};
    nghttp3_mem http_memory_{};
    ngtcp2_crypto_conn_ref reference_{};
    heap_ptr<tls::session> tls_;    ///< a server has none any more when the handshake is done
    ngtcp2_conn* quic_ = nullptr;   ///< see `quic()`
    nghttp3_conn* http_ = nullptr;  ///< see `http()`
    ngtcp2_ccerr error_{};
    bond_exporter exporter_{};
    ngtcp2_cid first_id_{};  ///< where the client's first packet went
    xoshiro256 random_;
    hash_map<std::int64_t, request*, mix> requests_;
    datagram_list queue_;
    datagram_list early_;
    /// The relay's SETTINGS, which nghttp3 keeps to itself as far as extended CONNECT goes (see `peek_at_settings`).
    capsule_reader settings_reader_{settings_max};
    buffer<std::uint8_t> settings_room_;
    std::int64_t control_stream_ = -1;  ///< of the peer
    std::int64_t newest_request_ = -4;  ///< highest stream that the client has opened
    instant now_{};                     ///< of the call being served
    instant born_{};
    instant active_at_{};                   ///< when something came or went
    instant expiry_ = instant::never();     ///< of ngtcp2's timers, while it rests
    instant over_at_ = instant::never();    ///< end of closing or draining
    instant heads_due_ = instant::never();  ///< when the first of the heads that are still coming is late
    std::array<std::uint8_t, 128> close_packet_{};
    std::size_t close_packet_size_ = 0;
    std::uint32_t packets_while_closing_ = 0;
    life state_ = life::open;
    close_cause cause_ = close_cause::none;
    bool server_ = false;
    bool resumed_ = false;
    bool exported_ = false;
    bool wants_write_ = true;
    bool close_pending_ = false;  ///< the peer is still to be told
    bool settings_known_ = false;
    bool peer_datagrams_ = false;
    bool peer_connect_ = false;
    bool going_away_ = false;
};

}  // namespace masque
}  // namespace v0
}  // namespace duality
