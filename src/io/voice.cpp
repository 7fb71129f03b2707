// SPDX-License-Identifier: MIT
#include "io/voice.hpp"

#include <opus.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "io/rtp.hpp"

namespace duality {
inline namespace v0 {
namespace io {
namespace {

constexpr std::string_view clips[] = {"Front_Center", "Front_Left", "Front_Right", "Side_Left",
                                      "Side_Right",   "Rear_Left",  "Rear_Right",  "Rear_Center"};
constexpr std::size_t pause_samples = voice_rate_hz / 8;  // between two clips
constexpr std::size_t opus_frame_max = 1275;              // RFC 6716 section 3.4
constexpr std::uint8_t dynamic_payload_type = 111;
constexpr std::uint32_t source_id = 0x64756F31;

struct sound_closer {
    void operator()(SNDFILE* file) const noexcept { (void)sf_close(file); }
};
using sound_file = std::unique_ptr<SNDFILE, sound_closer>;

struct encoder_closer {
    void operator()(OpusEncoder* encoder) const noexcept { opus_encoder_destroy(encoder); }
};
struct decoder_closer {
    void operator()(OpusDecoder* decoder) const noexcept { opus_decoder_destroy(decoder); }
};

/// Appends a clip; empty, or what is wrong with it.
std::string append_clip(const std::string& file, std::vector<float>& to) {
    SF_INFO info{};
    const sound_file in{sf_open(file.c_str(), SFM_READ, &info)};
    if (!in) return file + ": " + sf_strerror(nullptr);
    if (info.samplerate != voice_rate_hz || info.channels != 1 || info.frames <= 0)
        return file + ": not a mono recording at 48 kHz";
    const std::size_t start = to.size();
    to.resize(start + static_cast<std::size_t>(info.frames));
    const sf_count_t got = sf_readf_float(in.get(), to.data() + start, info.frames);
    to.resize(start + static_cast<std::size_t>(std::max<sf_count_t>(got, 0)));
    return got == info.frames ? std::string{} : file + ": ends early";
}

}  // namespace

voice_samples load_voice(duration length, const std::string& folder) {
    voice_samples voice;
    std::vector<float> round;
    for (const std::string_view clip : clips) {
        voice.error = append_clip(folder + "/" + std::string{clip} + ".wav", round);
        if (!voice.error.empty()) {
            voice.error += " (the clips come with Debian's package alsa-utils; scripts/install-deps installs it)";
            return voice;
        }
        round.insert(round.end(), pause_samples, 0.0F);
    }
    const auto wanted = static_cast<std::size_t>(length.us() * voice_rate_hz / 1'000'000);
    voice.samples.resize(wanted);
    for (std::size_t i = 0; i < wanted; ++i) voice.samples[i] = round[i % round.size()];
    return voice;
}

voice_packets encode_voice(std::span<const float> samples, int bits_per_second) {
    voice_packets voice;
    int error = OPUS_OK;
    const std::unique_ptr<OpusEncoder, encoder_closer> encoder{
        opus_encoder_create(voice_rate_hz, 1, OPUS_APPLICATION_AUDIO, &error)};
    if (error == OPUS_OK) error = opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(bits_per_second));
    if (error == OPUS_OK) error = opus_encoder_ctl(encoder.get(), OPUS_SET_VBR(0));
    std::array<std::uint8_t, opus_frame_max> frame{};
    for (std::size_t at = 0; error == OPUS_OK && at + voice_frame_samples <= samples.size();
         at += voice_frame_samples) {
        const int size =
            opus_encode_float(encoder.get(), samples.data() + at, voice_frame_samples, frame.data(), frame.size());
        if (size < 0) {
            error = size;
            break;
        }
        voice_packet packet(rtp_header::size + static_cast<std::size_t>(size));
        write_rtp({.payload_type = dynamic_payload_type,
                   .sequence = static_cast<std::uint16_t>(voice.packets.size()),
                   .timestamp = static_cast<std::uint32_t>(at),
                   .source = source_id},
                  packet);
        std::copy_n(frame.begin(), size, packet.begin() + rtp_header::size);
        voice.packets.push_back(std::move(packet));
    }
    if (error != OPUS_OK) return {{}, std::string{"opus: "} + opus_strerror(error)};
    return voice;
}

voice_samples decode_voice(std::span<const voice_packet> packets, const std::vector<bool>& present) {
    voice_samples voice;
    int error = OPUS_OK;
    const std::unique_ptr<OpusDecoder, decoder_closer> decoder{opus_decoder_create(voice_rate_hz, 1, &error)};
    if (error != OPUS_OK) return {{}, std::string{"opus: "} + opus_strerror(error)};
    voice.samples.resize(packets.size() * voice_frame_samples);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        const byte_view packet{packets[i]};
        const byte_view frame = present[i] ? packet.subspan(rtp_header::size) : byte_view{};
        const int got = opus_decode_float(decoder.get(), frame.data(), static_cast<opus_int32>(frame.size()),
                                          voice.samples.data() + i * voice_frame_samples, voice_frame_samples, 0);
        if (got < 0) return {{}, std::string{"opus: "} + opus_strerror(got)};
    }
    return voice;
}

std::string write_wav(const std::string& file, std::span<const float> samples) {
    SF_INFO info{};
    info.samplerate = voice_rate_hz;
    info.channels = 1;
    info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
    const sound_file out{sf_open(file.c_str(), SFM_WRITE, &info)};
    if (!out) return "cannot write " + file + ": " + sf_strerror(nullptr);
    (void)sf_command(out.get(), SFC_SET_CLIPPING, nullptr, SF_TRUE);
    const auto count = static_cast<sf_count_t>(samples.size());
    return sf_writef_float(out.get(), samples.data(), count) == count ? std::string{} : "cannot write " + file;
}

std::vector<std::uint8_t> ogg_opus(std::span<const float> samples) {
    struct memory_file {
        std::vector<std::uint8_t> bytes;
        std::size_t at = 0;
    };
    SF_VIRTUAL_IO io{};
    io.get_filelen = [](void* user) {
        return static_cast<sf_count_t>(static_cast<const memory_file*>(user)->bytes.size());
    };
    io.seek = [](sf_count_t offset, int whence, void* user) {
        auto& file = *static_cast<memory_file*>(user);
        const std::size_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.at : file.bytes.size();
        file.at = static_cast<std::size_t>(static_cast<sf_count_t>(base) + offset);
        return static_cast<sf_count_t>(file.at);
    };
    io.read = [](void* into, sf_count_t count, void* user) {
        auto& file = *static_cast<memory_file*>(user);
        const std::size_t rest = file.at < file.bytes.size() ? file.bytes.size() - file.at : 0;
        const std::size_t take = std::min(rest, static_cast<std::size_t>(count));
        if (take > 0) std::memcpy(into, file.bytes.data() + file.at, take);
        file.at += take;
        return static_cast<sf_count_t>(take);
    };
    io.write = [](const void* from, sf_count_t count, void* user) {
        auto& file = *static_cast<memory_file*>(user);
        const auto size = static_cast<std::size_t>(count);
        if (file.bytes.size() < file.at + size) file.bytes.resize(file.at + size);
        if (size > 0) std::memcpy(file.bytes.data() + file.at, from, size);
        file.at += size;
        return count;
    };
    io.tell = [](void* user) { return static_cast<sf_count_t>(static_cast<const memory_file*>(user)->at); };

    memory_file file;
    SF_INFO info{};
    info.samplerate = voice_rate_hz;
    info.channels = 1;
    info.format = SF_FORMAT_OGG | SF_FORMAT_OPUS;
    sound_file out{sf_open_virtual(&io, SFM_WRITE, &info, &file)};
    if (!out) return {};
    const auto count = static_cast<sf_count_t>(samples.size());
    const bool complete = sf_writef_float(out.get(), samples.data(), count) == count;
    out.reset();  // writes the last page
    return complete ? std::move(file.bytes) : std::vector<std::uint8_t>{};
}

}  // namespace io
}  // namespace v0
}  // namespace duality
