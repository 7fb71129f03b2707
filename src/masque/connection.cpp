// SPDX-License-Identifier: MIT
//
// Life and packets of a connection; its requests are in connection_http.cpp, the glue in connection_callbacks.cpp.
#include "masque/connection.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "masque/connection_callbacks.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

/// The instant that is ngtcp2's zero; far enough from both ends that sums stay in range.
constexpr std::int64_t time_offset = std::int64_t{1} << 61;

/// Feedback is what the sender's view of the path is made of, so it does not wait long.
constexpr ngtcp2_duration max_ack_delay = 5 * NGTCP2_MILLISECONDS;
constexpr std::uint64_t stream_window = std::uint64_t{64} * 1024;
constexpr std::uint64_t connection_window = std::uint64_t{1024} * 1024;
/// A closing connection repeats itself after 1, 2, 4, 8 … packets of a peer that has not heard.
constexpr std::uint32_t close_repeats_max = 1024;

[[nodiscard]] instant from_timestamp(ngtcp2_tstamp at) noexcept {
    if (at == UINT64_MAX || at > static_cast<std::uint64_t>(detail::time_max)) return instant::never();
    return instant::from_ns(static_cast<std::int64_t>(at) - time_offset);
}

ngtcp2_socklen put_address(const udp_address& address, std::array<std::uint8_t, 32>& out) noexcept {
    const byte_view ip = address.ip.bytes();
    const auto port = static_cast<in_port_t>(htons(address.port));
    if (address.ip.is_v6()) {
        sockaddr_in6 native{};
        native.sin6_family = AF_INET6;
        native.sin6_port = port;
        std::memcpy(&native.sin6_addr, ip.data(), ip.size());
        std::memcpy(out.data(), &native, sizeof native);
        return sizeof native;
    }
    sockaddr_in native{};
    native.sin_family = AF_INET;
    native.sin_port = port;
    std::memcpy(&native.sin_addr, ip.data(), ip.size());
    std::memcpy(out.data(), &native, sizeof native);
    return sizeof native;
}

[[nodiscard]] udp_address get_address(const ngtcp2_addr& from) noexcept {
    if (from.addr->sa_family == AF_INET6) {
        sockaddr_in6 native{};
        std::memcpy(&native, from.addr, sizeof native);
        std::array<std::uint8_t, 16> ip{};
        std::memcpy(ip.data(), &native.sin6_addr, ip.size());
        return {ip_address::v6(ip), ntohs(native.sin6_port)};
    }
    sockaddr_in native{};
    std::memcpy(&native, from.addr, sizeof native);
    return {ip_address::v4(ntohl(native.sin_addr.s_addr)), ntohs(native.sin_port)};
}

[[nodiscard]] udp_path get_path(const ngtcp2_path& from) noexcept {
    return {get_address(from.local), get_address(from.remote)};
}

[[nodiscard]] std::uint64_t random_seed() noexcept {
    std::array<std::uint8_t, 8> bytes{};
    (void)tls::random_bytes(bytes);
    std::uint64_t seed = 0;
    std::memcpy(&seed, bytes.data(), sizeof seed);
    return seed;
}

[[nodiscard]] connection_home& home_of(void* user) noexcept {
    return *static_cast<connection_home*>(user);
}

}  // namespace

ngtcp2_tstamp to_timestamp(instant at) noexcept {
    return static_cast<ngtcp2_tstamp>(std::clamp(at.ns(), -time_offset, time_offset) + time_offset);
}

bool make_cid(ngtcp2_cid& out, std::size_t size) noexcept {
    out.datalen = size;
    return tls::random_bytes({out.data, size});
}

bool make_own_cid(ngtcp2_cid& out, const connection_environment& environment) noexcept {
    if (!make_cid(out, own_cid_size)) return false;
    environment.steering.lead_to(environment.worker, {out.data, out.datalen});
    return true;
}

native_path::native_path(const udp_path& path) noexcept {
    path_.local = {reinterpret_cast<ngtcp2_sockaddr*>(local_.data()), put_address(path.local, local_)};
    path_.remote = {reinterpret_cast<ngtcp2_sockaddr*>(remote_.data()), put_address(path.remote, remote_)};
}

connection::connection(connection_environment& environment, connection_owner& owner, instant now) noexcept
    : environment_{environment},
      owner_{owner},
      random_{random_seed()},
      requests_{environment.memory, mix{}},
      now_{now},
      born_{now},
      active_at_{now} {
    home_.open(environment_.memory, environment_.rest_after > duration::zero() ? &environment_.homes : nullptr);
    quic_memory_ = {
        &home_, [](std::size_t size, void* user) { return home_of(user).allocate(size); },
        [](void* block, void* user) { home_of(user).release(block); },
        [](std::size_t count, std::size_t size, void* user) { return home_of(user).allocate_zeroed(count, size); },
        [](void* block, std::size_t size, void* user) { return home_of(user).reallocate(block, size); }};
    http_memory_ = {quic_memory_.user_data, quic_memory_.malloc, quic_memory_.free, quic_memory_.calloc,
                    quic_memory_.realloc};
    reference_ = {[](ngtcp2_crypto_conn_ref* self) { return static_cast<connection*>(self->user_data)->quic_; }, this};
    ngtcp2_ccerr_default(&error_);
}

connection::~connection() {
    // The libraries may look at what they were given until they are gone.
    if (http_ != nullptr) nghttp3_conn_del(http());
    if (quic_ != nullptr) ngtcp2_conn_del(quic());
    requests_.for_each([&](std::int64_t, request* r) {
        r->unsent_capsules.clear(environment_.pool);
        r->unacked_capsules.clear(environment_.pool);
        if (r->partial != datagram_pool::none) environment_.pool.give(r->partial);
        heap_deleter{environment_.memory}(r);
    });
    queue_.clear(environment_.pool);
    early_.clear(environment_.pool);
}

status connection::start_client(instant now, const udp_path& path, const tls::expectation& expected) noexcept {
    ngtcp2_settings settings;
    ngtcp2_transport_params parameters;
    if (const status s = start(settings, parameters, now); failed(s)) return s;
    ngtcp2_cid destination{};
    ngtcp2_cid source{};
    if (!make_cid(destination, NGTCP2_MIN_INITIAL_DCIDLEN + 8) || !make_own_cid(source, environment_))
        return status::unsupported;
    if (const std::uint32_t prefix = environment_.first_id_prefix; prefix != 0)
        std::memcpy(destination.data, &prefix, sizeof prefix);
    const native_path native{path};
    const ngtcp2_callbacks callbacks = connection_callbacks::client();
    if (ngtcp2_conn_client_new(&quic_, &destination, &source, &native.get(), NGTCP2_PROTO_VER_V1, &callbacks, &settings,
                               &parameters, &quic_memory_, this) != 0) {
        quic_ = nullptr;  // ngtcp2 leaves a trace of what it gave up
        return status::out_of_memory;
    }
    tls_ = make_on_heap<tls::session>(environment_.memory);
    if (!tls_) return status::out_of_memory;
    if (const status s = tls_->create_client(environment_.credentials, reference_, expected, environment_.memory);
        failed(s))
        return s;
    ngtcp2_conn_set_tls_native_handle(quic(), tls_->native());
    ngtcp2_conn_set_keep_alive_timeout(quic(), static_cast<ngtcp2_duration>(environment_.config.keep_alive.ns()));
    return status::ok;
}

status connection::start_server(instant now, const udp_path& path, const first_packet& first) noexcept {
    server_ = true;
    ngtcp2_settings settings;
    ngtcp2_transport_params parameters;
    if (const status s = start(settings, parameters, now); failed(s)) return s;
    ngtcp2_cid source{};
    if (!make_own_cid(source, environment_)) return status::unsupported;
    parameters.initial_max_streams_bidi = environment_.max_requests;
    parameters.original_dcid = first.original_id;
    parameters.original_dcid_present = 1;
    if (!first.token.empty()) {
        settings.token = first.token.data();
        settings.tokenlen = first.token.size();
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
        parameters.retry_scid = first.destination_id;
        parameters.retry_scid_present = 1;
    }
    if (ngtcp2_crypto_generate_stateless_reset_token(parameters.stateless_reset_token, environment_.secret.data(),
                                                     environment_.secret.size(), &source) != 0)
        return status::unsupported;
    parameters.stateless_reset_token_present = 1;
    const native_path native{path};
    const ngtcp2_callbacks callbacks = connection_callbacks::server();
    if (ngtcp2_conn_server_new(&quic_, &first.client_id, &source, &native.get(), first.version, &callbacks, &settings,
                               &parameters, &quic_memory_, this) != 0) {
        quic_ = nullptr;  // ngtcp2 leaves a trace of what it gave up
        return status::out_of_memory;
    }
    tls_ = make_on_heap<tls::session>(environment_.memory);
    if (!tls_) return status::out_of_memory;
    if (const status s =
            tls_->create_server(environment_.credentials, reference_, environment_.wall + (now - environment_.wall_at));
        failed(s))
        return s;
    ngtcp2_conn_set_tls_native_handle(quic(), tls_->native());
    ngtcp2_conn_set_keep_alive_timeout(quic(), static_cast<ngtcp2_duration>(environment_.config.keep_alive.ns()));
    // The client uses its own choice until it has seen ours.
    first_id_ = first.destination_id;
    if (!owner_.on_new_id(*this, source) || !owner_.on_new_id(*this, first.destination_id))
        return status::out_of_memory;
    return status::ok;
}

status connection::start(ngtcp2_settings& settings, ngtcp2_transport_params& parameters, instant now) noexcept {
    const connection_config& config = environment_.config;
    ngtcp2_settings_default(&settings);
    settings.initial_ts = to_timestamp(now);
    settings.cc_algo = config.congestion == congestion_control::bbr ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC;
    settings.max_tx_udp_payload_size = config.max_udp_payload;
    settings.handshake_timeout = static_cast<ngtcp2_duration>(config.handshake_timeout.ns());
    settings.rand_ctx.native_handle = &random_;

    ngtcp2_transport_params_default(&parameters);
    parameters.initial_max_data = connection_window;
    parameters.initial_max_stream_data_bidi_local = stream_window;
    parameters.initial_max_stream_data_bidi_remote = stream_window;
    parameters.initial_max_stream_data_uni = stream_window;
    parameters.initial_max_streams_uni = 8;  // control, two for QPACK, and some that are to be ignored
    parameters.max_idle_timeout = static_cast<ngtcp2_duration>(config.idle_timeout.ns());
    parameters.max_udp_payload_size = packet_max;
    parameters.max_ack_delay = max_ack_delay;
    parameters.active_connection_id_limit = 4;
    parameters.max_datagram_frame_size = config.quic_datagrams ? packet_max : 0;
    parameters.grease_quic_bit = 1;
    return status::ok;
}

void connection::read(instant now, const udp_path& path, ecn mark, byte_view packet) noexcept {
    now_ = now;
    if (state_ == life::closing) {
        ++packets_while_closing_;
        const bool power_of_two = (packets_while_closing_ & (packets_while_closing_ - 1)) == 0;
        if (power_of_two && packets_while_closing_ <= close_repeats_max && close_packet_size_ > 0)
            close_pending_ = wants_write_ = true;
        return;
    }
    if (state_ != life::open) return;
    active_at_ = now;
    ++environment_.stats.packets_received;
    environment_.stats.bytes_received += packet.size();
    const native_path native{path};
    const ngtcp2_pkt_info info{static_cast<std::uint8_t>(mark)};
    const int error =
        ngtcp2_conn_read_pkt(quic(), &native.get(), &info, packet.data(), packet.size(), to_timestamp(now));
    wants_write_ = true;
    if (error != 0) return fail(now, error);
    if (!server_ || !tls_ || !handshake_done()) return;
    // The keys are ngtcp2's by now, and a client has nothing more to say to the TLS library (see `take_crypto_data`),
    // which would keep twice as much for a connection as the keys take.
    ngtcp2_conn_set_tls_native_handle(quic(), nullptr);
    tls_ = nullptr;
}

bool connection::write(instant now, byte_span room, quic_packet& out) noexcept {
    now_ = now;
    if (state_ == life::closing) return write_close(now, room, out);
    if (state_ != life::open) {
        wants_write_ = false;
        return false;
    }
    drop_expired(now);
    ngtcp2_path_storage path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_pkt_info info{};
    const ngtcp2_tstamp at = to_timestamp(now);
    ngtcp2_ssize size = write_streams(room, path, info, at);
    if (size == NGTCP2_ERR_WRITE_MORE) size = write_datagrams(room, path, info, at);
    if (size < 0) {
        fail(now, static_cast<int>(size));
        return state_ == life::closing && write_close(now, room, out);
    }
    if (size == 0) {
        wants_write_ = false;
        ngtcp2_conn_update_pkt_tx_time(quic(), at);
        return false;
    }
    put_out(path.path, info, room.first(static_cast<std::size_t>(size)), out);
    return true;
}

ngtcp2_ssize connection::write_streams(byte_span room, ngtcp2_path_storage& path, ngtcp2_pkt_info& info,
                                       ngtcp2_tstamp at) noexcept {
    // Ends with NGTCP2_ERR_WRITE_MORE when no stream has anything (more) to say and the packet is still open.
    while (http_ != nullptr) {
        std::int64_t id = -1;
        int last = 0;
        nghttp3_vec pieces[8];
        const nghttp3_ssize count = nghttp3_conn_writev_stream(http(), &id, &last, pieces, std::size(pieces));
        if (count < 0) return http_failure(static_cast<int>(count));
        if (id == -1) break;
        ngtcp2_ssize taken = 0;
        const std::uint32_t flags =
            NGTCP2_WRITE_STREAM_FLAG_MORE | (last != 0 ? std::uint32_t{NGTCP2_WRITE_STREAM_FLAG_FIN} : 0u);
        const ngtcp2_ssize size =
            ngtcp2_conn_writev_stream(quic(), &path.path, &info, room.data(), room.size(), &taken, flags, id,
                                      reinterpret_cast<const ngtcp2_vec*>(pieces), static_cast<std::size_t>(count), at);
        if (size == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
            (void)nghttp3_conn_block_stream(http(), id);
            continue;
        }
        if (size == NGTCP2_ERR_STREAM_SHUT_WR) {
            nghttp3_conn_shutdown_stream_write(http(), id);
            continue;
        }
        if (taken >= 0 && (size >= 0 || size == NGTCP2_ERR_WRITE_MORE)) {
            const int error = nghttp3_conn_add_write_offset(http(), id, static_cast<std::size_t>(taken));
            if (error != 0) return http_failure(error);
        }
        if (size != NGTCP2_ERR_WRITE_MORE) return size;
    }
    return NGTCP2_ERR_WRITE_MORE;
}

ngtcp2_ssize connection::write_datagrams(byte_span room, ngtcp2_path_storage& path, ngtcp2_pkt_info& info,
                                         ngtcp2_tstamp at) noexcept {
    while (!queue_.empty() && handshake_done()) {
        const std::uint32_t slot = queue_.front();
        const byte_span frame = environment_.pool.framed(slot);
        const ngtcp2_vec piece{frame.data(), frame.size()};
        int accepted = 0;
        // What comes back when it is acknowledged: the request and the mark.
        const datagram_pool::slot& content = environment_.pool[slot];
        const std::uint64_t id = content.owner << 17 | content.mark;
        const ngtcp2_ssize size =
            ngtcp2_conn_writev_datagram(quic(), &path.path, &info, room.data(), room.size(), &accepted,
                                        NGTCP2_WRITE_DATAGRAM_FLAG_MORE, id, &piece, 1, at);
        if (accepted != 0) {
            ++environment_.stats.datagrams_sent;
            environment_.pool.give(queue_.pop(environment_.pool));
        } else if (size == NGTCP2_ERR_INVALID_ARGUMENT) {  // longer than the peer ever takes
            ++environment_.stats.too_large;
            environment_.pool.give(queue_.pop(environment_.pool));
            continue;
        }
        if (size != NGTCP2_ERR_WRITE_MORE) return size;
    }
    return ngtcp2_conn_writev_stream(quic(), &path.path, &info, room.data(), room.size(), nullptr,
                                     NGTCP2_WRITE_STREAM_FLAG_NONE, -1, nullptr, 0, at);
}

void connection::put_out(const ngtcp2_path& path, const ngtcp2_pkt_info& info, byte_view bytes,
                         quic_packet& out) noexcept {
    active_at_ = now_;
    ++environment_.stats.packets_sent;
    environment_.stats.bytes_sent += bytes.size();
    out = {get_path(path), static_cast<ecn>(info.ecn & 3), bytes};
}

bool connection::write_close(instant now, byte_span room, quic_packet& out) noexcept {
    wants_write_ = false;
    if (!close_pending_) return false;
    close_pending_ = false;
    ngtcp2_path_storage path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_pkt_info info{};
    if (close_packet_size_ > 0) {
        std::memcpy(room.data(), close_packet_.data(), close_packet_size_);
        put_out(*ngtcp2_conn_get_path(quic()), info, room.first(close_packet_size_), out);
        return true;
    }
    const ngtcp2_ssize size = ngtcp2_conn_write_connection_close(quic(), &path.path, &info, room.data(), room.size(),
                                                                 &error_, to_timestamp(now));
    if (size <= 0) {  // no keys to say anything with
        state_ = life::over;
        return false;
    }
    const byte_view packet = room.first(static_cast<std::size_t>(size));
    if (packet.size() <= close_packet_.size()) {  // kept, for a peer that does not hear at once
        std::memcpy(close_packet_.data(), packet.data(), packet.size());
        close_packet_size_ = packet.size();
    }
    put_out(path.path, info, packet, out);
    return true;
}

void connection::handle_timeout(instant now) noexcept {
    now_ = now;
    if (state_ == life::over) return;
    if (state_ != life::open) {
        if (now >= over_at_) state_ = life::over;
        return;
    }
    const duration age = environment_.config.early_age;
    while (!early_.empty() && environment_.pool[early_.front()].at + age <= now) {
        ++environment_.stats.early_dropped;
        environment_.pool.give(early_.pop(environment_.pool));
    }
    if (now >= heads_due_) drop_slow_heads(now);
    if (now >= born_ + environment_.config.max_lifetime) {
        cause_ = close_cause::lifetime;
        close(now);
        return;
    }
    if (now < (home_.rests() ? expiry_ : from_timestamp(ngtcp2_conn_get_expiry(quic())))) return rest(now);
    wants_write_ = true;
    if (const int error = ngtcp2_conn_handle_expiry(quic(), to_timestamp(now)); error != 0) fail(now, error);
}

instant connection::next_timeout() const noexcept {
    if (state_ == life::over) return instant::never();
    if (state_ != life::open) return over_at_;
    const bool may_rest = environment_.rest_after > duration::zero() && !home_.rests();
    instant at = std::min({home_.rests() ? expiry_ : from_timestamp(ngtcp2_conn_get_expiry(quic())),
                           may_rest ? active_at_ + environment_.rest_after : instant::never(), heads_due_,
                           born_ + environment_.config.max_lifetime});
    if (!early_.empty()) {
        datagram_pool& pool = environment_.pool;
        at = std::min(at, pool[early_.front()].at + environment_.config.early_age);
    }
    return at;
}

void connection::rest(instant now) noexcept {
    if (environment_.rest_after <= duration::zero() || home_.rests() || now < active_at_ + environment_.rest_after)
        return;
    active_at_ = now;  // or else it is tried again after as long
    if (wants_write_ || !handshake_done() || !queue_.empty()) return;
    expiry_ = from_timestamp(ngtcp2_conn_get_expiry(quic()));
    (void)home_.rest();
}

int connection::take_handshake() noexcept {
    if (!tls_->speaks_http3()) {  // RFC 9001, section 8.1: the handshake must fail
        ngtcp2_ccerr_set_tls_alert(&error_, tls::no_application_protocol, nullptr, 0);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (const auto& key = tls_->client_key()) owner_.on_client_key(*this, *key);
    if (waits_for_certificate() && !start_http()) return NGTCP2_ERR_CALLBACK_FAILURE;
    resumed_ = tls_->is_resumed();
    exported_ = tls_->export_keying_material(bond_exporter_label, exporter_);
    if (server_) tls_->send_ticket();
    return 0;
}

int connection::take_crypto_data(ngtcp2_encryption_level level, std::uint64_t offset, byte_view data) noexcept {
    if (tls_) return ngtcp2_crypto_recv_crypto_data_cb(quic(), level, offset, data.data(), data.size(), this);
    // Tickets are a server's to give, and QUIC has no other message after the handshake (RFC 9001, sections 4.4 and 6).
    ngtcp2_conn_set_tls_alert(quic(), tls::unexpected_message);
    return NGTCP2_ERR_CRYPTO;
}

bool connection::handshake_done() const noexcept {
    return ngtcp2_conn_get_handshake_completed(quic()) != 0;
}

void connection::close(instant now) noexcept {
    if (state_ != life::open) return;
    ngtcp2_ccerr_set_application_error(&error_, NGHTTP3_H3_NO_ERROR, nullptr, 0);
    over_at_ = now + duration::from_ns(static_cast<std::int64_t>(3 * ngtcp2_conn_get_pto(quic())));
    state_ = life::closing;
    close_pending_ = wants_write_ = true;
    end_life(close_cause::local);
}

void connection::drop() noexcept {
    if (state_ == life::open) end_life(close_cause::local);
    state_ = life::over;
    wants_write_ = false;
}

void connection::fail(instant now, int error) noexcept {
    over_at_ = now + duration::from_ns(static_cast<std::int64_t>(3 * ngtcp2_conn_get_pto(quic())));
    switch (error) {
        case NGTCP2_ERR_DRAINING:
            state_ = life::draining;
            end_life(!server_ && wants_other_certificate() ? close_cause::not_admitted : close_cause::peer);
            return;
        case NGTCP2_ERR_IDLE_CLOSE:
            state_ = life::over;
            end_life(close_cause::idle);
            return;
        case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
            state_ = life::over;
            end_life(close_cause::handshake_timeout);
            return;
        case NGTCP2_ERR_DROP_CONN:
        case NGTCP2_ERR_RETRY:
        case NGTCP2_ERR_CLOSING:
            state_ = life::over;
            end_life(close_cause::protocol_error);
            return;
        default: break;
    }
    // Unless a callback has said already what was wrong.
    const tls::refusal refused = tls_ ? tls_->refused() : tls::refusal::none;
    const std::uint8_t alert =
        refused != tls::refusal::none ? tls::alert_of(refused) : ngtcp2_conn_get_tls_alert(quic());
    if (error == NGTCP2_ERR_CRYPTO)
        ngtcp2_ccerr_set_tls_alert(&error_, alert, nullptr, 0);
    else if (error_.error_code == NGTCP2_NO_ERROR)
        ngtcp2_ccerr_set_liberr(&error_, error, nullptr, 0);
    state_ = life::closing;
    close_pending_ = wants_write_ = true;
    if (refused != tls::refusal::none || (server_ && alert == tls::certificate_required))
        end_life(close_cause::untrusted);
    else
        end_life(error == NGTCP2_ERR_NOMEM ? close_cause::out_of_memory : close_cause::protocol_error);
}

/// What a relay answers to a client without a certificate that it takes.
bool connection::wants_other_certificate() const noexcept {
    constexpr std::uint64_t first_alert = 0x100;  // RFC 9001, section 4.8
    const ngtcp2_ccerr* const told = ngtcp2_conn_get_ccerr(quic());
    if (told->type != NGTCP2_CCERR_TYPE_TRANSPORT) return false;
    const std::uint64_t alert = told->error_code - first_alert;
    return alert == tls::certificate_required || alert == tls::access_denied || alert == tls::unknown_ca ||
           (alert >= tls::bad_certificate && alert <= tls::certificate_unknown);
}

void connection::end_life(close_cause cause) noexcept {
    if (cause_ == close_cause::none) cause_ = cause;
    if (cause_ == close_cause::protocol_error) ++environment_.stats.protocol_errors;
    requests_.for_each([&](std::int64_t, request* r) { tell_over(*r); });
    queue_.clear(environment_.pool);
    early_.clear(environment_.pool);
}

status connection::migrate(instant now, const udp_path& to) noexcept {
    if (state_ != life::open || !handshake_done()) return status::wrong_state;
    const native_path native{to};
    wants_write_ = true;
    const int error = ngtcp2_conn_initiate_immediate_migration(quic(), &native.get(), to_timestamp(now));
    return error == 0 ? status::ok : status::wrong_state;
}

void connection::forget_ids() noexcept {
    owner_.on_retired_id(*this, first_id_);
    if (quic_ == nullptr) return;
    std::array<ngtcp2_cid, 32> ids{};
    if (const std::size_t count = ngtcp2_conn_get_scid(quic(), nullptr); count <= ids.size())
        (void)ngtcp2_conn_get_scid(quic(), ids.data());
    for (const ngtcp2_cid& id : ids)
        if (id.datalen > 0) owner_.on_retired_id(*this, id);
}

udp_path connection::current_path() const noexcept {
    return get_path(*ngtcp2_conn_get_path(quic()));
}

duration connection::smoothed_rtt() const noexcept {
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(quic(), &info);
    return duration::from_ns(static_cast<std::int64_t>(info.smoothed_rtt));
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
