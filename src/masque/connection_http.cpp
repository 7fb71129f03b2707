// SPDX-License-Identifier: MIT
//
// Requests, tunnels, datagrams and capsules of a connection.
#include <algorithm>
#include <charconv>

#include "duality/masque/bond.hpp"
#include "duality/masque/structured_field.hpp"
#include "masque/connection.hpp"
#include "masque/connection_callbacks.hpp"
#include "masque/http/text.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

/// Datagram or Capsule Protocol parse error (RFC 9297, section 5.2).
constexpr std::uint64_t h3_datagram_error = 0x33;
constexpr std::size_t field_section_max = 8192;
/// A QUIC packet around a DATAGRAM frame: flags, packet number, AEAD tag, frame type, frame length.
constexpr std::size_t packet_overhead = 1 + 4 + 16 + 1 + 2;

[[nodiscard]] nghttp3_nv field(std::string_view name, std::string_view value) noexcept {
    // nghttp3 copies both and writes to neither.
    return {const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(name.data())),
            const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(value.data())), name.size(), value.size(),
            NGHTTP3_NV_FLAG_NONE};
}

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

[[nodiscard]] bool is_success(int status) noexcept {
    return status >= 200 && status < 300;
}

}  // namespace

bool connection::start_http() noexcept {
    nghttp3_settings settings;
    nghttp3_settings_default(&settings);
    settings.max_field_section_size = field_section_max;
    settings.qpack_max_dtable_capacity = 0;  // requests are few and short; a table would cost more than it saves
    settings.qpack_blocked_streams = 0;
    settings.enable_connect_protocol = server_ ? 1 : 0;
    settings.h3_datagram = environment_.config.quic_datagrams ? 1 : 0;
    const nghttp3_callbacks callbacks = connection_callbacks::http();
    const int made = server_ ? nghttp3_conn_server_new(&http_, &callbacks, &settings, &http_memory_, this)
                             : nghttp3_conn_client_new(&http_, &callbacks, &settings, &http_memory_, this);
    if (made != 0) return false;
    if (server_) nghttp3_conn_set_max_client_streams_bidi(http(), environment_.max_requests);
    std::int64_t control = -1;
    std::int64_t encoder = -1;
    std::int64_t decoder = -1;
    return ngtcp2_conn_open_uni_stream(quic(), &control, nullptr) == 0 &&
           ngtcp2_conn_open_uni_stream(quic(), &encoder, nullptr) == 0 &&
           ngtcp2_conn_open_uni_stream(quic(), &decoder, nullptr) == 0 &&
           nghttp3_conn_bind_control_stream(http(), control) == 0 &&
           nghttp3_conn_bind_qpack_streams(http(), encoder, decoder) == 0;
}

int connection::http_failure(int error) noexcept {
    if (error >= 0) return 0;
    ngtcp2_ccerr_set_application_error(&error_, nghttp3_err_infer_quic_app_error_code(error), nullptr, 0);
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

request* connection::add_request(std::int64_t id) noexcept {
    heap_ptr<request> made = make_on_heap<request>(environment_.memory, id,
                                                   environment_.pool.payload_max() + datagram_pool::context_max, now_);
    if (!made || !requests_.insert(id, made.get())) return nullptr;
    if (server_) heads_due_ = std::min(heads_due_, now_ + environment_.config.request_timeout);
    newest_request_ = std::max(newest_request_, id);
    return made.release();
}

void connection::remove_request(request& r) noexcept {
    tell_over(r);
    release_early(r, false);
    r.unsent_capsules.clear(environment_.pool);
    r.unacked_capsules.clear(environment_.pool);
    if (r.partial != datagram_pool::none) environment_.pool.give(r.partial);
    queue_.extract(
        environment_.pool,
        [&](std::uint32_t i) { return environment_.pool[i].owner == static_cast<std::uint64_t>(r.id); },
        [&](std::uint32_t i) { environment_.pool.give(i); });
    requests_.erase(r.id);
    heap_deleter{environment_.memory}(&r);
}

void connection::tell_over(request& r) noexcept {
    if (r.over) return;
    r.over = true;
    owner_.on_over(*this, r);
}

void connection::drop_slow_heads(instant now) noexcept {
    const duration patience = environment_.config.request_timeout;
    heads_due_ = instant::never();
    requests_.for_each([&](std::int64_t, request* r) {
        if (r->state != request::phase::head) return;
        if (now < r->since + patience) {
            heads_due_ = std::min(heads_due_, r->since + patience);
            return;
        }
        ++environment_.stats.protocol_errors;
        r->state = request::phase::plain;
        abort(*r, NGHTTP3_H3_REQUEST_INCOMPLETE);
    });
}

/// nghttp3 1.8 drops SETTINGS_ENABLE_CONNECT_PROTOCOL when a client receives it, but RFC 9220 wants a client to wait for
/// it. A control stream is its type, zero, and frames that look like capsules; the first one is SETTINGS.
void connection::peek_at_settings(std::int64_t id, std::uint64_t offset, byte_view data) noexcept {
    constexpr std::uint64_t settings_frame = 0x04;
    constexpr std::uint64_t enable_connect_protocol = 0x08;
    if (offset == 0 && !data.empty() && data.front() == 0 && control_stream_ < 0) {
        control_stream_ = id;
        data = data.subspan(1);
        if (!settings_room_.create(settings_max, environment_.memory)) return;
    }
    if (id != control_stream_ || settings_room_.empty()) return;
    capsule frame;
    const status s = settings_reader_.next(data, frame, {settings_room_.data(), settings_room_.size()});
    if (s == status::need_more && settings_reader_.skipped() == 0) return;
    if (s == status::ok && frame.type == settings_frame) {
        wire::reader in{frame.value};
        while (in.ok() && in.remaining() > 0) {
            const std::uint64_t name = in.varint();
            const std::uint64_t value = in.varint();
            if (in.ok() && name == enable_connect_protocol) peer_connect_ = value == 1;
        }
    }
    settings_room_ = {};
}

int connection::take_stream_data(std::uint32_t flags, std::int64_t id, std::uint64_t offset, byte_view data) noexcept {
    if (http_ == nullptr) return NGTCP2_ERR_CALLBACK_FAILURE;
    if (!server_ && !settings_known_ && ngtcp2_is_bidi_stream(id) == 0) peek_at_settings(id, offset, data);
    const nghttp3_ssize consumed = nghttp3_conn_read_stream(http(), id, data.data(), data.size(),
                                                            (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0 ? 1 : 0);
    if (consumed < 0) return http_failure(static_cast<int>(consumed));
    (void)ngtcp2_conn_extend_max_stream_offset(quic(), id, static_cast<std::uint64_t>(consumed));
    ngtcp2_conn_extend_max_offset(quic(), static_cast<std::uint64_t>(consumed));
    return 0;
}

void connection::take_settings(const nghttp3_settings& settings) noexcept {
    settings_known_ = true;
    const ngtcp2_transport_params* const peer = ngtcp2_conn_get_remote_transport_params(quic());
    peer_datagrams_ = settings.h3_datagram != 0 && peer != nullptr && peer->max_datagram_frame_size > 0;
    peer_connect_ = peer_connect_ || settings.enable_connect_protocol != 0;
    if (server_) return;
    if (peer_connect_) {
        owner_.on_ready(*this);
    } else {
        cause_ = close_cause::no_masque;
        close(now_);
    }
}

void connection::take_field(request& r, std::int32_t token, std::string_view name, std::string_view value) noexcept {
    message& m = *r.head;
    switch (token) {
        case NGHTTP3_QPACK_TOKEN__METHOD: m.method.assign(value); return;
        case NGHTTP3_QPACK_TOKEN__PROTOCOL: m.protocol.assign(value); return;
        case NGHTTP3_QPACK_TOKEN__PATH: m.path.assign(value); return;
        case NGHTTP3_QPACK_TOKEN__STATUS:
            (void)std::from_chars(value.data(), value.data() + value.size(), m.status);
            return;
        case NGHTTP3_QPACK_TOKEN_CONTENT_LENGTH:
        case NGHTTP3_QPACK_TOKEN_CONTENT_TYPE:
        case NGHTTP3_QPACK_TOKEN_TRANSFER_ENCODING: m.has_content_fields = true; return;
        default: break;
    }
    if (name == "authorization" || name == "proxy-authorization") {
        constexpr std::string_view scheme = "bearer ";
        if (!equal_ignoring_case(masque::head(value, scheme.size()), scheme)) return;
        const std::string_view credential = tail(value, scheme.size());
        m.token_digest = tls::sha256({reinterpret_cast<const std::uint8_t*>(credential.data()), credential.size()});
        m.has_token = true;
    } else if (name == "proxy-status") {
        m.proxy_status.assign(value);
    } else if (name == bond_field) {
        m.bond.assign(value);
    }
}

void connection::take_head(request& r) noexcept {
    if (r.state != request::phase::head || r.over) return;
    const heap_ptr<message> head = std::move(r.head);
    if (server_) {
        r.state = request::phase::asked;
        r.connect_udp = head->protocol.view() == "connect-udp";
    } else {
        if (head->status < 200) return;  // an interim answer
        // RFC 9297, section 3.2: what a tunnel's answer must not be.
        const bool malformed = is_success(head->status) && (head->has_content_fields || head->status == 204 ||
                                                            head->status == 205 || head->status == 206);
        if (malformed) {
            ++environment_.stats.protocol_errors;
            abort(r, NGHTTP3_H3_MESSAGE_ERROR);
            tell_over(r);
            return;
        }
        r.state = is_success(head->status) ? request::phase::tunnel : request::phase::plain;
    }
    owner_.on_head(*this, r, *head);
    if (!server_) release_early(r, r.state == request::phase::tunnel);
}

void connection::take_end(request& r) noexcept {
    const bool cut_off = r.state == request::phase::tunnel && !r.capsules.at_boundary();
    if (r.state == request::phase::plain) return;
    tell_over(r);
    if (cut_off) {
        ++environment_.stats.protocol_errors;
        abort(r, NGHTTP3_H3_MESSAGE_ERROR);
    } else if (r.state == request::phase::asked) {
        abort(r, NGHTTP3_H3_REQUEST_CANCELLED);  // it will not wait for the answer
    } else {
        end(r);
    }
}

int connection::take_datagram(byte_view frame) noexcept {
    http_datagram datagram;
    const std::int64_t limit = 4 * static_cast<std::int64_t>(environment_.max_requests);
    if (read_http_datagram(frame, datagram) != status::ok || !environment_.config.quic_datagrams) {
        ngtcp2_ccerr_set_application_error(&error_, h3_datagram_error, nullptr, 0);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    const auto id = static_cast<std::int64_t>(datagram.stream);
    if (request** const r = requests_.find(id)) {
        switch ((*r)->state) {
            case request::phase::tunnel: take_udp_datagram(**r, datagram.content, false); return 0;
            case request::phase::plain:
                if ((*r)->connect_udp) break;  // sent before the refusal was known
                ++environment_.stats.protocol_errors;
                abort(**r, h3_datagram_error);
                return 0;
            case request::phase::head:
            case request::phase::asked: take_early(id, datagram.content); return 0;
        }
    } else if (server_ && id > newest_request_ && id <= newest_request_ + limit) {
        take_early(id, datagram.content);
        return 0;
    }
    ++environment_.stats.stray;
    return 0;
}

void connection::take_early(std::int64_t stream, byte_view content) noexcept {
    ++environment_.stats.early;
    const connection_config& config = environment_.config;
    const bool room = early_.count() < config.early_datagrams && early_.bytes() + content.size() <= config.early_bytes;
    const std::uint32_t slot = room ? environment_.pool.take(content, buffers) : datagram_pool::none;
    if (slot == datagram_pool::none) {
        ++environment_.stats.early_dropped;
        return;
    }
    environment_.pool[slot].owner = static_cast<std::uint64_t>(stream);
    environment_.pool[slot].at = now_;
    early_.push(environment_.pool, slot);
}

void connection::release_early(request& of, bool wanted) noexcept {
    datagram_pool& pool = environment_.pool;
    if (early_.empty()) return;
    early_.extract(
        pool, [&](std::uint32_t i) { return pool[i].owner == static_cast<std::uint64_t>(of.id); },
        [&](std::uint32_t i) {
            if (wanted && !of.over)
                take_udp_datagram(of, pool.payload(i), false);
            else
                ++environment_.stats.early_dropped;
            pool.give(i);
        });
}

void connection::take_udp_datagram(request& r, byte_view content, bool from_capsule) noexcept {
    udp_datagram datagram;
    const status read = read_udp_datagram(content, datagram);
    if (read != status::ok) {
        ++environment_.stats.protocol_errors;
        abort(r, read == status::malformed ? h3_datagram_error : std::uint64_t{NGHTTP3_H3_MESSAGE_ERROR});
        tell_over(r);
        return;
    }
    const bool known = datagram.context == udp_context || datagram.context == r.bond_context;
    if (r.awaits_context && !r.over && !known) return take_early(r.id, content);
    if (r.over || !known) {
        ++environment_.stats.stray;
        return;
    }
    ++environment_.stats.datagrams_received;
    if (from_capsule) ++environment_.stats.capsules_received;
    if (datagram.context == udp_context)
        owner_.on_payload(*this, r, datagram.payload);
    else
        owner_.on_bond_frame(*this, r, datagram.payload);
}

void connection::register_context(request& on, std::uint64_t context) noexcept {
    on.bond_context = context;
    on.awaits_context = false;
    release_early(on, true);
}

void connection::take_data(request& r, byte_view data) noexcept {
    datagram_pool& pool = environment_.pool;
    if (r.state == request::phase::asked || r.state == request::phase::head) {
        // A client need not wait for the answer. What comes before it is kept with the early datagrams, whole.
        const std::uint64_t skipped = r.capsules.skipped();
        while (!data.empty()) {
            capsule c;
            const status s = r.capsules.next(data, c, {});
            if (s == status::need_more) break;
            if (s == status::buffer_too_small) r.capsules.skip();
            if (s != status::ok || c.type != datagram_capsule) continue;
            ++environment_.stats.capsules_received;
            take_early(r.id, c.value);
        }
        environment_.stats.early_dropped += r.capsules.skipped() - skipped;
        return;
    }
    if (r.state != request::phase::tunnel || r.over) return;
    const std::uint64_t skipped = r.capsules.skipped();
    for (;;) {
        const byte_span room = r.partial == datagram_pool::none ? byte_span{} : pool.payload(r.partial);
        capsule c;
        const status s = r.capsules.next(data, c, room);
        if (s == status::need_more) break;
        if (s == status::buffer_too_small) {
            r.partial = pool.take_empty(r.capsules.wanted_room(), buffers);
            if (r.partial == datagram_pool::none) r.capsules.skip();
            continue;
        }
        if (c.type == datagram_capsule)
            take_udp_datagram(r, c.value, true);
        else if (!owner_.on_capsule(*this, r, c))
            ++environment_.stats.unknown_capsules;
        if (r.partial != datagram_pool::none && !r.capsules.keeps()) {
            pool.give(r.partial);
            r.partial = datagram_pool::none;
        }
    }
    environment_.stats.too_large += r.capsules.skipped() - skipped;
}

request* connection::connect_udp(std::string_view authority, std::string_view path, std::string_view token,
                                 std::string_view bond, status& why) noexcept {
    why = status::closed;
    if (state_ != life::open) return nullptr;
    why = status::need_more;
    std::int64_t id = -1;
    if (!peer_connect_ || going_away_ || ngtcp2_conn_open_bidi_stream(quic(), &id, nullptr) != 0) return nullptr;
    why = status::out_of_memory;
    request* const made = add_request(id);
    if (made == nullptr) {
        (void)ngtcp2_conn_shutdown_stream(quic(), 0, id, NGHTTP3_H3_REQUEST_CANCELLED);
        return nullptr;
    }
    made->connect_udp = true;
    std::array<char, 520> authorization{};
    constexpr std::string_view bearer = "Bearer ";
    nghttp3_nv fields[] = {
        field(":method", "CONNECT"),    field(":protocol", "connect-udp"),
        field(":scheme", "https"),      field(":authority", authority),
        field(":path", path),           field("capsule-protocol", "?1"),
        field("authorization", bearer), field(bond_field, bond),
    };
    std::size_t count = std::size(fields) - 2;
    if (!token.empty()) {
        const std::string_view kept = masque::head(token, authorization.size() - bearer.size());
        char* const end =
            std::copy(kept.begin(), kept.end(), std::copy(bearer.begin(), bearer.end(), authorization.data()));
        fields[count] = field("authorization", {authorization.data(), end});
        fields[count++].flags = NGHTTP3_NV_FLAG_NEVER_INDEX;
    }
    if (!bond.empty()) fields[count++] = field(bond_field, bond);
    const nghttp3_data_reader reader = connection_callbacks::data_reader();
    if (nghttp3_conn_submit_request(http(), id, fields, count, &reader, made) != 0) {
        remove_request(*made);
        return nullptr;
    }
    wants_write_ = true;
    why = status::ok;
    return made;
}

void connection::accept(request& asked, std::string_view bond) noexcept {
    if (state_ != life::open || asked.over || asked.state != request::phase::asked) return;
    nghttp3_nv fields[] = {field(":status", "200"), field("capsule-protocol", "?1"), field(bond_field, bond)};
    fields[2].flags = NGHTTP3_NV_FLAG_NEVER_INDEX;  // it may hold a secret
    const std::size_t count = std::size(fields) - (bond.empty() ? 1 : 0);
    const nghttp3_data_reader reader = connection_callbacks::data_reader();
    asked.state = request::phase::tunnel;
    wants_write_ = true;
    if (nghttp3_conn_submit_response(http(), asked.id, fields, count, &reader) != 0)
        return abort(asked, NGHTTP3_H3_INTERNAL_ERROR);
    release_early(asked, true);
}

void connection::answer(request& asked, int status, std::string_view proxy_status, std::string_view content_type,
                        std::string_view body) noexcept {
    if (state_ != life::open || asked.over || asked.state != request::phase::asked) return;
    char digits[8];
    const std::string_view code{digits, std::to_chars(digits, digits + sizeof digits, status).ptr};
    nghttp3_nv fields[4] = {field(":status", code)};
    std::size_t count = 1;
    if (!proxy_status.empty()) fields[count++] = field("proxy-status", proxy_status);
    if (!content_type.empty()) fields[count++] = field("content-type", content_type);
    if (status == 401) fields[count++] = field("www-authenticate", "Bearer");
    asked.state = request::phase::plain;
    wants_write_ = true;
    const bool has_body = !body.empty() && asked.body.create(body.size(), environment_.memory);
    if (has_body) std::copy(body.begin(), body.end(), asked.body.begin());
    const nghttp3_data_reader reader = connection_callbacks::data_reader();
    if (nghttp3_conn_submit_response(http(), asked.id, fields, count, has_body ? &reader : nullptr) != 0)
        return abort(asked, NGHTTP3_H3_INTERNAL_ERROR);
    release_early(asked, false);
    // Whatever else the client has to say is of no interest.
    (void)ngtcp2_conn_shutdown_stream_read(quic(), 0, asked.id, NGHTTP3_H3_NO_ERROR);
}

nghttp3_ssize connection::give_data(request& r, nghttp3_vec& piece, std::uint32_t& flags) noexcept {
    datagram_pool& pool = environment_.pool;
    if (!r.body.empty() && !r.body_sent) {
        r.body_sent = true;
        flags |= NGHTTP3_DATA_FLAG_EOF;
        piece = {reinterpret_cast<std::uint8_t*>(r.body.data()), r.body.size()};
        return 1;
    }
    while (!r.unsent_capsules.empty()) {
        const std::uint32_t slot = r.unsent_capsules.pop(pool);
        if (pool[slot].at <= now_) {
            ++environment_.stats.expired;
            pool.give(slot);
            continue;
        }
        if (!pool[slot].at.is_never()) {  // others are no payloads
            ++environment_.stats.datagrams_sent;
            ++environment_.stats.capsules_sent;
        }
        r.unacked_capsules.push(pool, slot);
        const byte_span bytes = pool.framed(slot);
        piece = {bytes.data(), bytes.size()};
        return 1;
    }
    if (!r.end_wanted) return NGHTTP3_ERR_WOULDBLOCK;
    flags |= NGHTTP3_DATA_FLAG_EOF;
    return 0;
}

void connection::take_acknowledgement(request& r, std::uint64_t bytes) noexcept {
    datagram_pool& pool = environment_.pool;
    r.acked_bytes += bytes;
    while (!r.unacked_capsules.empty() && r.acked_bytes >= pool.framed(r.unacked_capsules.front()).size()) {
        r.acked_bytes -= pool.framed(r.unacked_capsules.front()).size();
        pool.give(r.unacked_capsules.pop(pool));
    }
}

std::size_t connection::max_payload(const request& on, std::uint64_t context) const noexcept {
    const std::size_t most = environment_.pool.payload_max();
    if (settings_known_ && !uses_quic_datagrams()) return most;
    const std::size_t framing = varint_size(static_cast<std::uint64_t>(on.id) / 4) + varint_size(context);
    const std::size_t packet = ngtcp2_conn_get_path_max_tx_udp_payload_size(quic());
    const std::size_t around = packet_overhead + ngtcp2_conn_get_dcid(quic())->datalen + framing;
    std::size_t carried = packet > around ? packet - around : 0;
    if (const ngtcp2_transport_params* const peer = ngtcp2_conn_get_remote_transport_params(quic())) {
        const auto frame = static_cast<std::size_t>(std::min<std::uint64_t>(peer->max_datagram_frame_size, packet_max));
        carried = std::min(carried, frame > framing + 3 ? frame - framing - 3 : 0);
    }
    return std::min(most, carried);
}

status connection::send_in(instant now, request& on, const udp_datagram& datagram, instant expires,
                           std::uint32_t mark) noexcept {
    if (state_ != life::open || on.over || on.end_wanted) return status::closed;
    const byte_view payload = datagram.payload;
    if (payload.size() > max_payload(on, datagram.context)) {
        ++environment_.stats.too_large;
        return status::too_large;
    }
    const connection_config& config = environment_.config;
    const auto full = [&] {
        return queue_.count() >= config.queued_datagrams || queue_.bytes() + payload.size() > config.queued_bytes ||
               on.unsent_capsules.count() >= config.queued_datagrams || environment_.pool.free_count() == 0;
    };
    if (full()) {
        queue_.extract(
            environment_.pool, [&](std::uint32_t i) { return environment_.pool[i].at <= now; },
            [&](std::uint32_t i) {
                ++environment_.stats.expired;
                environment_.pool.give(i);
            });
    }
    const std::uint32_t slot = full() ? datagram_pool::none : environment_.pool.take(payload, buffers);
    if (slot == datagram_pool::none) {
        ++environment_.stats.refused;
        return status::queue_full;
    }
    environment_.pool[slot].owner = static_cast<std::uint64_t>(on.id);
    environment_.pool[slot].at = expires;
    environment_.pool[slot].mark = mark;
    wants_write_ = true;
    if (!uses_quic_datagrams()) return queue_capsule(on, slot, datagram);

    std::uint8_t framing[16];
    wire::writer front{framing};
    front.varint(static_cast<std::uint64_t>(on.id) / 4);
    front.varint(datagram.context);
    environment_.pool.frame(slot, byte_view{framing}.first(front.size()));
    queue_.push(environment_.pool, slot);
    return status::ok;
}

status connection::send_capsule(request& on, const capsule& c) noexcept {
    if (state_ != life::open || on.over || on.end_wanted) return status::closed;
    if (c.value.size() > environment_.pool.payload_max()) return status::too_large;
    const std::uint32_t slot = environment_.pool.take(c.value);
    if (slot == datagram_pool::none) return status::queue_full;
    environment_.pool[slot].at = instant::never();
    std::uint8_t framing[16];
    wire::writer front{framing};
    front.varint(c.type);
    front.varint(c.value.size());
    environment_.pool.frame(slot, byte_view{framing}.first(front.size()));
    on.unsent_capsules.push(environment_.pool, slot);
    wants_write_ = true;
    (void)nghttp3_conn_resume_stream(http(), on.id);
    return status::ok;
}

status connection::queue_capsule(request& on, std::uint32_t slot, const udp_datagram& datagram) noexcept {
    std::uint8_t framing[24];
    wire::writer front{framing};
    front.varint(datagram_capsule);
    front.varint(varint_size(datagram.context) + datagram.payload.size());
    front.varint(datagram.context);
    environment_.pool.frame(slot, byte_view{framing}.first(front.size()));
    on.unsent_capsules.push(environment_.pool, slot);
    (void)nghttp3_conn_resume_stream(http(), on.id);
    return status::ok;
}

void connection::drop_expired(instant now) noexcept {
    while (!queue_.empty() && environment_.pool[queue_.front()].at <= now) {
        ++environment_.stats.expired;
        environment_.pool.give(queue_.pop(environment_.pool));
    }
}

void connection::end(request& r) noexcept {
    if (state_ != life::open || r.end_wanted) return;
    r.end_wanted = true;
    wants_write_ = true;
    (void)nghttp3_conn_resume_stream(http(), r.id);
}

void connection::abort(request& r, std::uint64_t code) noexcept {
    if (state_ != life::open) return;
    wants_write_ = true;
    nghttp3_conn_shutdown_stream_write(http(), r.id);
    (void)ngtcp2_conn_shutdown_stream(quic(), 0, r.id, code);
}

void connection::go_away() noexcept {
    if (going_away_ || state_ != life::open || http_ == nullptr) return;
    going_away_ = true;
    wants_write_ = true;
    (void)nghttp3_conn_shutdown(http());
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
