// SPDX-License-Identifier: MIT
//
// Voice: a recorded clip as Opus frames over a path with loss and jitter, played three ways. What a listener hears in the
// first and the last of them is written to before.wav and after.wav.
//
//   voip_opus [FOLDER FOR THE WAV FILES [CLIP.wav]…]     clips are mono at 48 kHz; else those of Debian's alsa-utils
#include <opus.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "duality/jitter_hold.hpp"
#include "duality/lab/link.hpp"
#include "duality/parity.hpp"
#include "duality/voice_quality.hpp"

using namespace duality;
using namespace duality::literals;

constexpr int rate = 48'000;
constexpr int frame_samples = 240;
constexpr duration frame = 5_ms;
constexpr std::size_t frame_bytes = 60;  // 96 kbit/s, constant
constexpr std::size_t headers = 40;      // IP, UDP and RTP
constexpr std::uint32_t repair_every = 10, repair_window = 10;

using encoded = std::array<std::uint8_t, frame_bytes>;

static std::vector<float> load(std::span<const std::string> clips) {
    std::vector<float> voice;
    for (const std::string& clip : clips) {
        SF_INFO info{};
        SNDFILE* const file = sf_open(clip.c_str(), SFM_READ, &info);
        if (file == nullptr || info.samplerate != rate || info.channels != 1) return {};
        const std::size_t start = voice.size();
        voice.resize(start + static_cast<std::size_t>(info.frames));
        (void)sf_readf_float(file, voice.data() + start, info.frames);
        (void)sf_close(file);
    }
    return voice;
}

static std::vector<encoded> encode(const std::vector<float>& voice) {
    const std::unique_ptr<OpusEncoder, decltype(&opus_encoder_destroy)> opus{
        opus_encoder_create(rate, 1, OPUS_APPLICATION_AUDIO, nullptr), opus_encoder_destroy};
    (void)opus_encoder_ctl(opus.get(), OPUS_SET_BITRATE(96'000));
    (void)opus_encoder_ctl(opus.get(), OPUS_SET_VBR(0));
    std::vector<encoded> frames(voice.size() / frame_samples);
    for (std::size_t i = 0; i < frames.size(); ++i)
        if (opus_encode_float(opus.get(), voice.data() + i * frame_samples, frame_samples, frames[i].data(),
                              frame_bytes) != frame_bytes)
            return {};
    return frames;
}

/// Sends every frame (and repairs) over `path`; which frames are there when the player needs them.
static std::vector<bool> call(const std::vector<encoded>& frames, lab::link path, duration hold_for, bool parity) {
    jitter_hold_config config;
    config.hold_min = config.hold_max = config.hold_initial = hold_for;
    auto hold = jitter_hold::create(config, allocator::system());
    auto encoder = rlc_encoder::create({}, allocator::system());
    auto decoder = rlc_decoder::create({}, allocator::system());
    if (!hold || !encoder || !decoder || decoder->begin(0) != status::ok) return {};

    std::vector<bool> in_time(frames.size());
    const auto play_until = [&](instant now) {
        released_packet out;  // here a real player would decode `out.packet.token`
        while (hold->poll(now, out)) in_time[out.packet.token] = out.lateness == duration::zero();
    };
    const auto keep = [&](instant now, std::uint64_t number, recovery how) {
        const media_time origin = media_time{} + frame * static_cast<std::int64_t>(number);
        (void)hold->push(now, {number, origin, number, how});
    };
    for (std::uint32_t number = 0; number < frames.size(); ++number) {
        const instant sent = instant{} + frame * static_cast<std::int64_t>(number);
        if (const auto outcome = path.transmit(sent, frame_bytes + headers); !outcome.arrival.is_never()) {
            play_until(outcome.arrival);
            keep(outcome.arrival, number, recovery::none);
            (void)decoder->push_source(number, 0, frames[number]);
        }
        (void)encoder->push(number, 0, frames[number]);
        if (!parity || number % repair_every != repair_every - 1) continue;
        repair_payload_id id;
        std::array<std::uint8_t, frame_bytes + source_unit_header> symbol{};
        std::size_t size = 0;
        if (encoder->make_repair(repair_window, id, symbol, size) != status::ok) continue;
        const auto outcome = path.transmit(sent, size + repair_payload_id::wire_size + headers);
        if (outcome.arrival.is_never()) continue;
        play_until(outcome.arrival);
        (void)decoder->push_repair(id, symbol);
        recovered_unit back;
        while (decoder->poll(back)) keep(outcome.arrival, back.esi, recovery::parity);
    }
    play_until(instant::never());
    return in_time;
}

/// Prints what the call was like; Opus makes up what is missing, and the sound goes to `file`.
static double report(const char* name, const std::vector<encoded>& frames, const std::vector<bool>& in_time,
                     duration delay, const std::string& file) {
    const std::unique_ptr<OpusDecoder, decltype(&opus_decoder_destroy)> opus{opus_decoder_create(rate, 1, nullptr),
                                                                             opus_decoder_destroy};
    std::vector<float> sound(frames.size() * frame_samples);
    std::size_t missing = 0, runs = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        missing += !in_time[i];
        runs += !in_time[i] && (i == 0 || in_time[i - 1]);
        const std::uint8_t* const data = in_time[i] ? frames[i].data() : nullptr;
        if (opus_decode_float(opus.get(), data, in_time[i] ? frame_bytes : 0, sound.data() + i * frame_samples,
                              frame_samples, 0) != frame_samples)
            return -1;
    }
    const double share = static_cast<double>(missing) / static_cast<double>(frames.size());
    const double mean_run = runs == 0 ? 1 : static_cast<double>(missing) / static_cast<double>(runs);
    // The E-model has no numbers for Opus; these are for G.711 with concealment, the defaults of `codec_impairment`.
    const double r = e_model_rating({delay, share * 100, mean_run * (1 - share), {}});
    std::printf("%-26s %5.0f ms %8.2f %% %9.1f %7.2f\n", name, delay.ms(), share * 100, r, e_model_mos(r));
    if (file.empty()) return r;
    SF_INFO info{.frames = 0,
                 .samplerate = rate,
                 .channels = 1,
                 .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                 .sections = 0,
                 .seekable = 0};
    SNDFILE* const out = sf_open(file.c_str(), SFM_WRITE, &info);
    if (out == nullptr) return -1;
    (void)sf_writef_float(out, sound.data(), static_cast<sf_count_t>(sound.size()));
    return sf_close(out) == 0 ? r : -1;
}

int main(int argc, char** argv) {
    const std::string folder = argc > 1 ? argv[1] : ".";
    std::vector<std::string> clips(argv + std::min(argc, 2), argv + argc);
    for (const char* place : {"Front_Center", "Front_Left", "Front_Right", "Rear_Left", "Rear_Right", "Side_Left"})
        if (argc <= 2) clips.push_back(std::string{"/usr/share/sounds/alsa/"} + place + ".wav");
    const std::vector<encoded> frames = encode(load(clips));
    if (frames.empty()) {
        std::fputs("a clip is missing, or not mono at 48 kHz\n", stderr);
        return 1;
    }

    lab::path_model model;
    model.rtt_ms = 60;
    model.calm.jitter_sigma_ms = 6;
    model.calm.spikes = {.share = 0.02, .sigma_ms = 25};
    model.calm.loss = {.rate = 0.02, .mean_burst = 1.2};
    auto made = lab::path::create(model, 2026, 60_s, frame);
    if (!made) return 1;
    const lab::link& path = made->forward;  // each call gets a copy, which meets the same network

    std::printf("%-26s %8s %10s %9s %7s\n", "played with", "delay", "made up", "R factor", "MOS");
    const duration way = duration::from_ms(30) + frame;
    const double before =
        report("hold 10 ms", frames, call(frames, path, 10_ms, false), way + 10_ms, folder + "/before.wav");
    report("hold 60 ms", frames, call(frames, path, 60_ms, false), way + 60_ms, {});
    const double after =
        report("hold 60 ms, parity 10 %", frames, call(frames, path, 60_ms, true), way + 60_ms, folder + "/after.wav");
    return before >= 0 && after > before ? 0 : 1;
}
