// SPDX-License-Identifier: MIT
//
// Any bytes are either refused with a reason or are a recording that plays; a real one that was damaged too.
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include "duality/lab/recorded_session.hpp"
#include "duality/lab/session_recording.hpp"
#include "support/fuzz_input.hpp"

using namespace duality;
using duality::test::require;

namespace {

std::size_t bytes_left = 0;

/// The heap up to a limit: a configuration may ask for a great deal.
[[nodiscard]] allocator limited() {
    bytes_left = std::size_t{32} << 20;
    return {nullptr,
            [](void*, std::size_t bytes, std::size_t alignment) noexcept -> void* {
                if (bytes > bytes_left) return nullptr;
                bytes_left -= bytes;
                return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
            },
            [](void*, void* memory, std::size_t, std::size_t alignment) noexcept {
                ::operator delete (memory, std::align_val_t{alignment});
            }};
}

/// A short real recording to damage: a flow with its own datagrams coming back to it.
[[nodiscard]] std::vector<std::uint8_t> recording_of(std::uint8_t choice) {
    session_config config;
    config.max_payload = 64;
    config.max_streams = 1;
    config.receive_packets = 32;
    config.protected_packets = 16;
    result<session> made = session::create(config, allocator::system());
    require(made.has_value());
    const lab::recording_note note{"choice", "some"};
    lab::recorded_session s{std::move(made).value(),
                            std::make_unique<lab::session_recorder>(config, std::span{&note, 1})};
    require(s.add_path({}, 0, {}) == status::ok);
    const std::uint8_t payload[24]{choice};
    for (std::int64_t ms = 0; ms < 8 + choice % 8; ++ms) {
        const instant now = instant{} + duration::from_ms(ms * 5);
        require(s.send(now, 0, payload) == status::ok);
        session_output out;
        std::vector<std::uint8_t> back;
        while (s.poll_output(now, out))
            if (out.kind == output_kind::transmit) back.assign(out.transmit.bytes.begin(), out.transmit.bytes.end());
        if (!back.empty()) (void)s.handle_datagram(now, 0, back);
        s.handle_timeout(now);
    }
    s.recorder()->finish();
    return s.recorder()->take();
}

void play(byte_view recording) {
    const lab::recording_replay played = lab::replay_recording(recording, limited());
    require((played.code == status::ok) == played.reason.empty());
    require(played.offset <= recording.size());
    if (played.code == status::ok) require(played.recorded_hash == played.replayed_hash);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    play({data, size});
    if (size < 2) return 0;
    std::vector<std::uint8_t> real = recording_of(data[0]);
    const lab::recording_replay intact = lab::replay_recording(real, limited());
    require(intact.code == status::ok && intact.calls > 0);
    test::reader in{data + 1, size - 1};
    while (!in.empty()) {
        const std::size_t at = in.take<std::uint16_t>() % real.size();
        real[at] = in.take<std::uint8_t>();
    }
    play(real);
    real.resize(real.size() - 1 - data[0] % real.size());
    require(lab::replay_recording(real, limited()).code != status::ok);
    return 0;
}
