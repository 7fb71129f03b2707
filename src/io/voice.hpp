// SPDX-License-Identifier: MIT
//
// A recorded voice as the packets of a call, and back: WAV clips, Opus frames of 5 ms, RTP packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "duality/memory.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {
namespace io {

inline constexpr int voice_rate_hz = 48'000;
inline constexpr duration voice_frame = duration::from_ms(5);
inline constexpr std::size_t voice_frame_samples = 240;
/// Where Debian's alsa-utils puts its spoken clips.
inline constexpr const char* voice_folder = "/usr/share/sounds/alsa";

/// Mono, 48 kHz; empty, with the reason in `error`, when it could not be made.
struct voice_samples {
    std::vector<float> samples;
    std::string error;
};

using voice_packet = std::vector<std::uint8_t>;

/// One RTP packet per frame, numbered from 0; empty, with the reason in `error`, when it could not be made.
struct voice_packets {
    std::vector<voice_packet> packets;
    std::string error;
};

/// `length` of speech: the clips of `folder` one after the other, over and over.
[[nodiscard]] voice_samples load_voice(duration length, const std::string& folder = voice_folder);

/// Opus at a constant bit rate, so that every packet has the same size.
[[nodiscard]] voice_packets encode_voice(std::span<const float> samples, int bits_per_second);

/// What a listener hears when only the packets marked in `present` (one per packet) are there in time: the decoder
/// conceals the others.
[[nodiscard]] voice_samples decode_voice(std::span<const voice_packet> packets, const std::vector<bool>& present);

/// 16-bit WAV. Empty, or why it could not be written.
[[nodiscard]] std::string write_wav(const std::string& file, std::span<const float> samples);

/// The same sound small enough for a web page: Opus in Ogg. Empty when libsndfile cannot.
[[nodiscard]] std::vector<std::uint8_t> ogg_opus(std::span<const float> samples);

}  // namespace io
}  // namespace v0
}  // namespace duality
