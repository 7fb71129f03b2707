// SPDX-License-Identifier: MIT
#include "masque/connection_callbacks.hpp"

#include <algorithm>

#include "masque/connection.hpp"

namespace duality {
inline namespace v0 {
namespace masque {
namespace {

[[nodiscard]] connection& self(void* user) noexcept {
    return *static_cast<connection*>(user);
}

[[nodiscard]] byte_view view(nghttp3_rcbuf* buffer) noexcept {
    const nghttp3_vec v = nghttp3_rcbuf_get_buf(buffer);
    return {v.base, v.len};
}
[[nodiscard]] std::string_view text(nghttp3_rcbuf* buffer) noexcept {
    const byte_view bytes = view(buffer);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void fill_random(std::uint8_t* out, std::size_t size, const ngtcp2_rand_ctx* context) noexcept {
    // For choices that need not be secret; what must be comes from the TLS library.
    auto& random = *static_cast<xoshiro256*>(context->native_handle);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(random.next() >> 56);
}

}  // namespace

ngtcp2_callbacks connection_callbacks::common() noexcept {
    ngtcp2_callbacks table{};
    table.recv_crypto_data = [](ngtcp2_conn*, ngtcp2_encryption_level level, std::uint64_t offset,
                                const std::uint8_t* data, std::size_t size, void* user) {
        return self(user).take_crypto_data(level, offset, {data, size});
    };
    table.encrypt = ngtcp2_crypto_encrypt_cb;
    table.decrypt = ngtcp2_crypto_decrypt_cb;
    table.hp_mask = ngtcp2_crypto_hp_mask_cb;
    table.update_key = ngtcp2_crypto_update_key_cb;
    table.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    table.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    table.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
    table.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
    table.rand = fill_random;

    table.handshake_completed = [](ngtcp2_conn*, void* user) { return self(user).take_handshake(); };
    table.recv_stream_data = [](ngtcp2_conn*, std::uint32_t flags, std::int64_t id, std::uint64_t offset,
                                const std::uint8_t* data, std::size_t size, void* user, void*) {
        return self(user).take_stream_data(flags, id, offset, {data, size});
    };
    table.acked_stream_data_offset = [](ngtcp2_conn*, std::int64_t id, std::uint64_t, std::uint64_t size, void* user,
                                        void*) {
        connection& c = self(user);
        return c.http_failure(nghttp3_conn_add_ack_offset(c.http_, id, size));
    };
    table.stream_close = [](ngtcp2_conn* quic, std::uint32_t flags, std::int64_t id, std::uint64_t code, void* user,
                            void*) {
        connection& c = self(user);
        if ((flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) == 0) code = NGHTTP3_H3_NO_ERROR;
        const int error = c.http_ != nullptr ? nghttp3_conn_close_stream(c.http_, id, code) : 0;
        if (c.server_ && ngtcp2_is_bidi_stream(id) != 0) ngtcp2_conn_extend_max_streams_bidi(quic, 1);
        if (ngtcp2_is_bidi_stream(id) == 0 && ngtcp2_conn_is_local_stream(quic, id) == 0)
            ngtcp2_conn_extend_max_streams_uni(quic, 1);
        if (request** const r = c.requests_.find(id)) c.remove_request(**r);
        return error == NGHTTP3_ERR_STREAM_NOT_FOUND ? 0 : c.http_failure(error);
    };
    table.stream_reset = [](ngtcp2_conn* quic, std::int64_t id, std::uint64_t, std::uint64_t, void* user, void*) {
        connection& c = self(user);
        if (request** const r = c.requests_.find(id)) {
            c.tell_over(**r);
            // A tunnel has two ends; one without the other is of no use.
            (void)ngtcp2_conn_shutdown_stream_write(quic, 0, id, NGHTTP3_H3_REQUEST_CANCELLED);
        }
        return c.http_failure(nghttp3_conn_shutdown_stream_read(c.http_, id));
    };
    table.stream_stop_sending = [](ngtcp2_conn*, std::int64_t id, std::uint64_t, void* user, void*) {
        connection& c = self(user);
        if (request** const r = c.requests_.find(id)) c.tell_over(**r);
        return c.http_failure(nghttp3_conn_shutdown_stream_read(c.http_, id));
    };
    table.stream_open = [](ngtcp2_conn*, std::int64_t id, void* user) {
        connection& c = self(user);
        if (!c.server_ || ngtcp2_is_bidi_stream(id) == 0) return 0;
        return c.add_request(id) != nullptr ? 0 : int{NGTCP2_ERR_CALLBACK_FAILURE};
    };
    table.extend_max_stream_data = [](ngtcp2_conn*, std::int64_t id, std::uint64_t, void* user, void*) {
        connection& c = self(user);
        return c.http_failure(nghttp3_conn_unblock_stream(c.http_, id));
    };
    table.extend_max_local_streams_bidi = [](ngtcp2_conn*, std::uint64_t, void* user) {
        connection& c = self(user);
        if (c.peer_connect_) c.owner_.on_ready(c);
        return 0;
    };
    table.extend_max_remote_streams_bidi = [](ngtcp2_conn*, std::uint64_t most, void* user) {
        if (self(user).http_ != nullptr) nghttp3_conn_set_max_client_streams_bidi(self(user).http_, most);
        return 0;
    };
    table.get_new_connection_id = [](ngtcp2_conn*, ngtcp2_cid* id, std::uint8_t* token, std::size_t, void* user) {
        connection& c = self(user);
        const auto& secret = c.environment_.secret;
        const bool ok = make_own_cid(*id, c.environment_) &&
                        ngtcp2_crypto_generate_stateless_reset_token(token, secret.data(), secret.size(), id) == 0 &&
                        c.owner_.on_new_id(c, *id);
        return ok ? 0 : int{NGTCP2_ERR_CALLBACK_FAILURE};
    };
    table.remove_connection_id = [](ngtcp2_conn*, const ngtcp2_cid* id, void* user) {
        self(user).owner_.on_retired_id(self(user), *id);
        return 0;
    };
    table.recv_datagram = [](ngtcp2_conn*, std::uint32_t, const std::uint8_t* data, std::size_t size, void* user) {
        return self(user).take_datagram({data, size});
    };
    table.ack_datagram = [](ngtcp2_conn*, std::uint64_t id, void* user) {
        const auto mark = static_cast<std::uint32_t>(id & 0x1FFFF);
        if (mark != connection::no_mark)
            self(user).owner_.on_acknowledged(self(user), static_cast<std::int64_t>(id >> 17),
                                              static_cast<std::uint16_t>(mark));
        return 0;
    };
    table.recv_stateless_reset = [](ngtcp2_conn*, const ngtcp2_pkt_stateless_reset*, void* user) {
        self(user).cause_ = close_cause::reset;
        return 0;
    };
    return table;
}

int connection_callbacks::begin_http(ngtcp2_conn*, ngtcp2_encryption_level level, void* user) noexcept {
    if (level != NGTCP2_ENCRYPTION_LEVEL_1RTT || self(user).waits_for_certificate()) return 0;
    if (self(user).start_http()) return 0;
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

ngtcp2_callbacks connection_callbacks::client() noexcept {
    ngtcp2_callbacks table = common();
    table.recv_rx_key = begin_http;  // from then on ngtcp2 knows what the server allows, whatever its TLS library
    table.client_initial = ngtcp2_crypto_client_initial_cb;
    table.recv_retry = ngtcp2_crypto_recv_retry_cb;
    return table;
}

ngtcp2_callbacks connection_callbacks::server() noexcept {
    ngtcp2_callbacks table = common();
    table.recv_tx_key = begin_http;  // before the client has finished
    table.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    return table;
}

nghttp3_callbacks connection_callbacks::http() noexcept {
    nghttp3_callbacks table{};
    table.acked_stream_data = [](nghttp3_conn*, std::int64_t, std::uint64_t size, void* user, void* stream_user) {
        if (stream_user != nullptr) self(user).take_acknowledgement(*static_cast<request*>(stream_user), size);
        return 0;
    };
    table.recv_data = [](nghttp3_conn*, std::int64_t id, const std::uint8_t* data, std::size_t size, void* user,
                         void* stream_user) {
        connection& c = self(user);
        // Capsules never wait for anything, so the window opens again at once.
        (void)ngtcp2_conn_extend_max_stream_offset(c.quic_, id, size);
        ngtcp2_conn_extend_max_offset(c.quic_, size);
        if (stream_user != nullptr) c.take_data(*static_cast<request*>(stream_user), {data, size});
        return 0;
    };
    table.deferred_consume = [](nghttp3_conn*, std::int64_t id, std::size_t size, void* user, void*) {
        (void)ngtcp2_conn_extend_max_stream_offset(self(user).quic_, id, size);
        ngtcp2_conn_extend_max_offset(self(user).quic_, size);
        return 0;
    };
    table.begin_headers = [](nghttp3_conn* http, std::int64_t id, void* user, void* stream_user) {
        connection& c = self(user);
        auto* r = static_cast<request*>(stream_user);
        if (r == nullptr) {
            request** const found = c.requests_.find(id);
            if (found == nullptr) return int{NGHTTP3_ERR_CALLBACK_FAILURE};
            r = *found;
            (void)nghttp3_conn_set_stream_user_data(http, id, r);
        }
        r->head = make_on_heap<message>(c.environment_.memory);
        return r->head ? 0 : int{NGHTTP3_ERR_CALLBACK_FAILURE};
    };
    table.recv_header = [](nghttp3_conn*, std::int64_t, std::int32_t token, nghttp3_rcbuf* name, nghttp3_rcbuf* value,
                           std::uint8_t, void* user, void* stream_user) {
        self(user).take_field(*static_cast<request*>(stream_user), token, text(name), text(value));
        return 0;
    };
    table.end_headers = [](nghttp3_conn*, std::int64_t, int, void* user, void* stream_user) {
        self(user).take_head(*static_cast<request*>(stream_user));
        return 0;
    };
    table.end_stream = [](nghttp3_conn*, std::int64_t, void* user, void* stream_user) {
        if (stream_user != nullptr) self(user).take_end(*static_cast<request*>(stream_user));
        return 0;
    };
    table.stop_sending = [](nghttp3_conn*, std::int64_t id, std::uint64_t code, void* user, void*) {
        return ngtcp2_conn_shutdown_stream_read(self(user).quic_, 0, id, code) == 0 ? 0
                                                                                    : int{NGHTTP3_ERR_CALLBACK_FAILURE};
    };
    table.reset_stream = [](nghttp3_conn*, std::int64_t id, std::uint64_t code, void* user, void*) {
        return ngtcp2_conn_shutdown_stream_write(self(user).quic_, 0, id, code) == 0
                   ? 0
                   : int{NGHTTP3_ERR_CALLBACK_FAILURE};
    };
    table.recv_settings = [](nghttp3_conn*, const nghttp3_settings* settings, void* user) {
        self(user).take_settings(*settings);
        return 0;
    };
    return table;
}

nghttp3_data_reader connection_callbacks::data_reader() noexcept {
    return {[](nghttp3_conn*, std::int64_t, nghttp3_vec* pieces, std::size_t, std::uint32_t* flags, void* user,
               void* stream_user) -> nghttp3_ssize {
        return self(user).give_data(*static_cast<request*>(stream_user), pieces[0], *flags);
    }};
}

}  // namespace masque
}  // namespace v0
}  // namespace duality
