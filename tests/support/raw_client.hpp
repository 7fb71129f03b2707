// SPDX-License-Identifier: MIT
//
// A QUIC client without manners: any bytes on any stream, any datagram, and frames that ngtcp2 would never write, put in
// the place of a packet's content just before it is encrypted. Lives in a masque_world.
#pragma once

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "duality/masque/capsule.hpp"
#include "duality/wire.hpp"
#include "masque/connection.hpp"
#include "masque/tls.hpp"
#include "support/masque_world.hpp"

namespace duality::test {

/// Bytes put one after the other.
class byte_writer {
public:
    byte_writer& varint(std::uint64_t value) {
        std::uint8_t room[8];
        wire::writer out{room};
        out.varint(value);
        all_.insert(all_.end(), room, room + out.size());
        return *this;
    }
    byte_writer& put(const bytes& more) {
        all_.insert(all_.end(), more.begin(), more.end());
        return *this;
    }
    /// An HTTP/3 frame or a capsule: type, length, value.
    byte_writer& frame(std::uint64_t type, const bytes& value) { return varint(type).varint(value.size()).put(value); }
    operator bytes() const { return all_; }

private:
    bytes all_;
};

/// How the relay ended a connection.
struct ending {
    std::uint64_t code = 0;
    bool by_application = false;
};

class raw_client {
public:
    /// Takes `plaintext` before it becomes a packet with 1-RTT keys, and may change it.
    using hook = std::function<void(byte_span plaintext)>;

    raw_client(masque_world& world, const udp_address& local, bool takes_datagrams = true)
        : world_{world}, path_{local, world.relay_address} {
        if (!world.relay) world.start_relay();
        auto credentials = masque::tls::context::create_client(
            world.tunnel_config.roots, false, {world.tunnel_config.certificate_chain, world.tunnel_config.private_key});
        if (!credentials) std::abort();
        credentials_ = std::move(credentials).value();
        reference_ = {[](ngtcp2_crypto_conn_ref* r) { return static_cast<raw_client*>(r->user_data)->quic_; }, this};
        begin(takes_datagrams);
        attach();
        pump();
    }
    ~raw_client() {
        *alive_ = false;
        ngtcp2_conn_del(quic_);
    }
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;

    [[nodiscard]] bool is_ready() const noexcept { return ngtcp2_conn_get_handshake_completed(quic_) != 0; }
    /// Connects; aborts the test when it cannot.
    raw_client& get_ready() {
        for (int i = 0; i < 1'000 && !is_ready(); ++i) run_for(duration::from_ms(1));
        if (!is_ready()) std::abort();
        return *this;
    }

    std::int64_t open(bool both_ways) {
        std::int64_t id = -1;
        const int error = both_ways ? ngtcp2_conn_open_bidi_stream(quic_, &id, nullptr)
                                    : ngtcp2_conn_open_uni_stream(quic_, &id, nullptr);
        return error == 0 ? id : -1;
    }
    void write(std::int64_t stream, const bytes& data, bool last = false) {
        chunks_.push_back(data);
        unsent_.push_back({stream, &chunks_.back(), 0, last});
        pump();
    }
    std::int64_t request(const bytes& data, bool last = false) {
        const std::int64_t id = open(true);
        if (id >= 0) write(id, data, last);
        return id;
    }
    void stream(const bytes& data, bool last = false) { write(open(false), data, last); }
    void reset(std::int64_t stream) {
        (void)ngtcp2_conn_shutdown_stream_write(quic_, 0, stream, 0x10c);
        pump();
    }
    void datagram(const bytes& frame) {
        datagrams_.push_back(frame);
        pump();
    }
    /// Control stream with settings, as a client must begin.
    void begin_http(const bytes& settings = {}) { stream(byte_writer{}.varint(0).frame(4, settings)); }
    /// Sends a packet of which the frames are these.
    void frames(const bytes& content) {
        before_encryption = [&content](byte_span plaintext) {
            if (plaintext.size() < content.size()) return;
            std::memset(plaintext.data(), 0, plaintext.size());  // PADDING
            std::memcpy(plaintext.data(), content.data(), content.size());
        };
        datagram(bytes(1'000));
        before_encryption = nullptr;
    }

    void run_for(duration time) {
        const instant until = world_.now + time;
        while (world_.now < until) {
            world_.run_for(std::min(duration::from_ms(1), until - world_.now));
            pump();
        }
    }

    [[nodiscard]] const std::optional<ending>& ended() const noexcept { return ended_; }
    /// What a stream has brought, and the code it was reset with.
    [[nodiscard]] const bytes& received(std::int64_t stream) { return received_[stream]; }
    [[nodiscard]] std::optional<std::uint64_t> reset_with(std::int64_t stream) const {
        const auto found = resets_.find(stream);
        return found == resets_.end() ? std::nullopt : std::optional{found->second};
    }
    [[nodiscard]] std::size_t datagrams_received() const noexcept { return datagrams_received_; }

    hook before_encryption;

private:
    struct unsent {
        std::int64_t stream;
        const bytes* data;
        std::size_t sent;
        bool last;
    };

    static raw_client& self(void* user) { return *static_cast<raw_client*>(user); }

    void begin(bool takes_datagrams) {
        ngtcp2_callbacks table{};
        table.client_initial = ngtcp2_crypto_client_initial_cb;
        table.recv_retry = ngtcp2_crypto_recv_retry_cb;
        table.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
        table.decrypt = ngtcp2_crypto_decrypt_cb;
        table.hp_mask = ngtcp2_crypto_hp_mask_cb;
        table.update_key = ngtcp2_crypto_update_key_cb;
        table.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
        table.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
        table.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
        table.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
        table.encrypt = encrypt;
        table.rand = [](std::uint8_t* out, std::size_t size, const ngtcp2_rand_ctx*) { std::memset(out, 0x55, size); };
        table.get_new_connection_id = [](ngtcp2_conn*, ngtcp2_cid* id, std::uint8_t* token, std::size_t size, void*) {
            std::memset(token, 7, NGTCP2_STATELESS_RESET_TOKENLEN);
            return masque::make_cid(*id, size) ? 0 : int{NGTCP2_ERR_CALLBACK_FAILURE};
        };
        table.recv_stream_data = [](ngtcp2_conn* quic, std::uint32_t, std::int64_t id, std::uint64_t,
                                    const std::uint8_t* data, std::size_t size, void* user, void*) {
            bytes& all = self(user).received_[id];
            all.insert(all.end(), data, data + size);
            (void)ngtcp2_conn_extend_max_stream_offset(quic, id, size);
            ngtcp2_conn_extend_max_offset(quic, size);
            return 0;
        };
        table.stream_reset = [](ngtcp2_conn*, std::int64_t id, std::uint64_t, std::uint64_t code, void* user, void*) {
            self(user).resets_[id] = code;
            return 0;
        };
        table.recv_datagram = [](ngtcp2_conn*, std::uint32_t, const std::uint8_t*, std::size_t, void* user) {
            ++self(user).datagrams_received_;
            return 0;
        };
        ngtcp2_settings settings;
        ngtcp2_settings_default(&settings);
        settings.initial_ts = masque::to_timestamp(world_.now);
        ngtcp2_transport_params parameters;
        ngtcp2_transport_params_default(&parameters);
        parameters.initial_max_data = 1 << 20;
        parameters.initial_max_stream_data_bidi_local = 1 << 18;
        parameters.initial_max_stream_data_bidi_remote = 1 << 18;
        parameters.initial_max_stream_data_uni = 1 << 18;
        parameters.initial_max_streams_uni = 8;
        parameters.max_datagram_frame_size = takes_datagrams ? 2'048 : 0;
        ngtcp2_cid to{};
        ngtcp2_cid from{};
        if (!masque::make_cid(to, 16) || !masque::make_cid(from, 8)) std::abort();
        const masque::native_path native{path_};
        if (ngtcp2_conn_client_new(&quic_, &to, &from, &native.get(), NGTCP2_PROTO_VER_V1, &table, &settings,
                                   &parameters, nullptr, this) != 0)
            std::abort();
        const masque::tls::expectation expected{"relay.test", {}, world_.tunnel_config.wall, {}};
        if (failed(tls_.create_client(credentials_, reference_, expected, world_.memory))) std::abort();
        ngtcp2_conn_set_tls_native_handle(quic_, tls_.native());
    }

    static int encrypt(std::uint8_t* out, const ngtcp2_crypto_aead* aead, const ngtcp2_crypto_aead_ctx* context,
                       const std::uint8_t* plaintext, std::size_t size, const std::uint8_t* nonce,
                       std::size_t nonce_size, const std::uint8_t* extra, std::size_t extra_size) {
        bytes changed{plaintext, plaintext + size};
        // Only 1-RTT packets: their header, the additional data, is short.
        if (encrypting != nullptr && *encrypting && (extra[0] & 0x80) == 0) (*encrypting)(changed);
        return ngtcp2_crypto_encrypt_cb(out, aead, context, changed.data(), size, nonce, nonce_size, extra, extra_size);
    }

    /// Packets to this client are taken off the wire, with the delay they had.
    void attach() {
        world_.network = [this, alive = alive_, before = world_.network](wire_packet& p, instant now) {
            const bool ours = *alive && !p.to_relay && p.path.remote == path_.local;
            std::vector<duration> delays = before(p, now);
            if (!ours) return delays;
            for (const duration delay : delays) inbox_.emplace_back(now + delay, p);
            return std::vector<duration>{};
        };
    }

    void pump() {
        while (!inbox_.empty() && inbox_.front().first <= world_.now) {
            const wire_packet p = std::move(inbox_.front().second);
            inbox_.pop_front();
            if (ended_) continue;
            const masque::native_path native{path_};
            const int error = ngtcp2_conn_read_pkt(quic_, &native.get(), nullptr, p.content.data(), p.content.size(),
                                                   masque::to_timestamp(world_.now));
            if (error != 0) end();
        }
        if (ended_) return;
        const ngtcp2_tstamp at = masque::to_timestamp(world_.now);
        if (ngtcp2_conn_get_expiry(quic_) <= at && ngtcp2_conn_handle_expiry(quic_, at) != 0) return end();
        encrypting = &before_encryption;
        write_all(at);
        encrypting = nullptr;
        world_.drain();
    }
    void end() {
        const ngtcp2_ccerr* const why = ngtcp2_conn_get_ccerr(quic_);
        ended_ = ending{why->error_code, why->type == NGTCP2_CCERR_TYPE_APPLICATION};
    }

    void write_all(ngtcp2_tstamp at) {
        if (is_ready()) {
            for (auto it = unsent_.begin(); it != unsent_.end();) it = write_chunk(*it, at) ? unsent_.erase(it) : ++it;
            while (!datagrams_.empty() && write_datagram(at)) datagrams_.pop_front();
        }
        for (;;) {
            ngtcp2_path_storage path;
            ngtcp2_path_storage_zero(&path);
            if (!send(ngtcp2_conn_write_pkt(quic_, &path.path, nullptr, room_, sizeof room_, at))) break;
        }
        ngtcp2_conn_update_pkt_tx_time(quic_, at);
    }
    /// Is it done with, sent or impossible?
    bool write_chunk(unsent& u, ngtcp2_tstamp at) {
        for (;;) {
            ngtcp2_path_storage path;
            ngtcp2_path_storage_zero(&path);
            const ngtcp2_vec piece{const_cast<std::uint8_t*>(u.data->data()) + u.sent, u.data->size() - u.sent};
            ngtcp2_ssize taken = -1;
            const ngtcp2_ssize size = ngtcp2_conn_writev_stream(
                quic_, &path.path, nullptr, room_, sizeof room_, &taken,
                u.last ? NGTCP2_WRITE_STREAM_FLAG_FIN : NGTCP2_WRITE_STREAM_FLAG_NONE, u.stream, &piece, 1, at);
            if (taken > 0) u.sent += static_cast<std::size_t>(taken);
            const bool impossible = size < 0 && size != NGTCP2_ERR_STREAM_DATA_BLOCKED;
            if (impossible) return true;
            if (!send(size)) return false;
            if (taken >= 0 && u.sent == u.data->size()) return true;
        }
    }
    bool write_datagram(ngtcp2_tstamp at) {
        ngtcp2_path_storage path;
        ngtcp2_path_storage_zero(&path);
        bytes& frame = datagrams_.front();
        const ngtcp2_vec piece{frame.data(), frame.size()};
        int accepted = 0;
        const ngtcp2_ssize size =
            ngtcp2_conn_writev_datagram(quic_, &path.path, nullptr, room_, sizeof room_, &accepted,
                                        NGTCP2_WRITE_DATAGRAM_FLAG_NONE, 0, &piece, 1, at);
        (void)send(size);
        return accepted != 0 || size < 0;
    }
    bool send(ngtcp2_ssize size) {
        if (size <= 0) return false;
        wire_packet p{path_, ecn::not_ect, {room_, room_ + size}, true};
        for (const duration delay : world_.network(p, world_.now)) world_.inject(p, delay);
        return true;
    }

    /// ngtcp2's encryption callback has no pointer to anything of ours.
    static inline hook* encrypting = nullptr;

    masque_world& world_;
    udp_path path_;
    masque::tls::context credentials_;
    ngtcp2_crypto_conn_ref reference_{};
    masque::tls::session tls_;
    ngtcp2_conn* quic_ = nullptr;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::deque<std::pair<instant, wire_packet>> inbox_;
    std::list<bytes> chunks_;  ///< ngtcp2 looks at them until they are acknowledged
    std::deque<unsent> unsent_;
    std::deque<bytes> datagrams_;
    std::map<std::int64_t, bytes> received_;
    std::map<std::int64_t, std::uint64_t> resets_;
    std::size_t datagrams_received_ = 0;
    std::optional<ending> ended_;
    std::uint8_t room_[2'048];
};

}  // namespace duality::test
