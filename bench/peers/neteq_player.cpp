// SPDX-License-Identifier: MIT
#include "peers/neteq_player.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <numbers>

#include "api/audio/audio_frame.h"
#include "api/audio_codecs/audio_decoder.h"
#include "api/audio_codecs/audio_decoder_factory.h"
#include "modules/audio_coding/neteq/default_neteq_factory.h"
#include "rtc_base/logging.h"
#include "rtc_base/ref_counted_object.h"
#include "system_wrappers/include/clock.h"

namespace duality_bench {

namespace {

constexpr int sample_rate = 16'000;
constexpr int payload_type = 96;
constexpr std::int64_t frame_ns = 20'000'000;
constexpr std::uint32_t frame_samples = 320;

/// When each frame was decoded; −1 for never.
struct decoding_times {
    std::int64_t now_ns = 0;
    std::vector<std::int64_t> at_ns;
};

/// A packet carries the number of its frame, big-endian, and is otherwise as long as L16 would be.
class tone_decoder final : public webrtc::AudioDecoder {
public:
    explicit tone_decoder(decoding_times& times) : times_{times} {}
    [[nodiscard]] int SampleRateHz() const override { return sample_rate; }
    [[nodiscard]] std::size_t Channels() const override { return 1; }
    void Reset() override {}
    [[nodiscard]] int PacketDuration(const std::uint8_t* /*data*/, std::size_t size) const override {
        return static_cast<int>(size / 2);
    }

protected:
    int DecodeInternal(const std::uint8_t* data, std::size_t size, int /*rate*/, std::int16_t* decoded,
                       SpeechType* type) override {
        *type = kSpeech;
        std::size_t frame = 0;
        for (int i = 0; i < 4; ++i) frame = frame << 8 | data[i];
        if (frame < times_.at_ns.size()) times_.at_ns[frame] = times_.now_ns;
        for (std::size_t i = 0; i < size / 2; ++i) {
            const double t = static_cast<double>(frame * frame_samples + i) / sample_rate;
            decoded[i] = static_cast<std::int16_t>(8'000 * std::sin(2 * std::numbers::pi * 150 * t) +
                                                   3'000 * std::sin(2 * std::numbers::pi * 300 * t));
        }
        return static_cast<int>(size / 2);
    }

private:
    decoding_times& times_;
};

class tone_factory : public webrtc::AudioDecoderFactory {
public:
    explicit tone_factory(decoding_times& times) : times_{times} {}
    std::vector<webrtc::AudioCodecSpec> GetSupportedDecoders() override { return {}; }
    bool IsSupportedDecoder(const webrtc::SdpAudioFormat& /*format*/) override { return true; }
    std::unique_ptr<webrtc::AudioDecoder> MakeAudioDecoder(const webrtc::SdpAudioFormat& /*format*/,
                                                           absl::optional<webrtc::AudioCodecPairId> /*pair*/) override {
        return std::make_unique<tone_decoder>(times_);
    }

private:
    decoding_times& times_;
};

}  // namespace

neteq_figures play_neteq(const std::vector<std::int64_t>& arrivals_ns, int max_delay_ms) {
    struct arrival {
        std::int64_t at_ns;
        std::uint32_t frame;
    };
    std::vector<arrival> arrivals;
    for (std::uint32_t n = 0; n < arrivals_ns.size(); ++n)
        if (arrivals_ns[n] >= 0) arrivals.push_back({arrivals_ns[n], n});
    if (arrivals.empty()) return {};
    std::stable_sort(arrivals.begin(), arrivals.end(), [](auto& a, auto& b) { return a.at_ns < b.at_ns; });

    rtc::LogMessage::LogToDebug(rtc::LS_NONE);
    decoding_times times;
    times.at_ns.assign(arrivals_ns.size(), -1);
    webrtc::SimulatedClock clock{std::int64_t{1'000'000}};
    webrtc::NetEq::Config config;
    config.sample_rate_hz = sample_rate;
    config.max_delay_ms = max_delay_ms;
    const webrtc::DefaultNetEqFactory factory;
    const std::unique_ptr<webrtc::NetEq> neteq =
        factory.CreateNetEq(config, rtc::make_ref_counted<tone_factory>(times), &clock);
    neteq->RegisterPayloadType(payload_type, webrtc::SdpAudioFormat{"L16", sample_rate, 1});

    const std::int64_t begin_us = arrivals.front().at_ns / 1'000;
    std::int64_t clock_us = begin_us;
    const auto set_clock = [&](std::int64_t at_ns) {
        clock.AdvanceTimeMicroseconds(at_ns / 1'000 - clock_us);
        clock_us = at_ns / 1'000;
        times.now_ns = at_ns;
    };
    std::size_t next = 0;
    const auto output = std::make_unique<webrtc::AudioFrame>();
    std::array<std::uint8_t, std::size_t{frame_samples} * 2> payload{};
    for (std::int64_t now = arrivals.front().at_ns; now <= arrivals.back().at_ns; now += 10'000'000) {
        for (; next < arrivals.size() && arrivals[next].at_ns <= now; ++next) {
            const std::uint32_t frame = arrivals[next].frame;
            set_clock(arrivals[next].at_ns);
            webrtc::RTPHeader header;
            header.payloadType = payload_type;
            header.sequenceNumber = static_cast<std::uint16_t>(frame);
            header.timestamp = frame * frame_samples;
            header.ssrc = 1;
            for (std::size_t i = 0; i < 4; ++i) payload[i] = static_cast<std::uint8_t>(frame >> (24 - 8 * i));
            neteq->InsertPacket(header, payload);
        }
        set_clock(now);
        bool muted = false;
        neteq->GetAudio(output.get(), &muted);
    }

    const webrtc::NetEqLifetimeStatistics counted = neteq->GetLifetimeStatistics();
    neteq_figures figures;
    if (counted.total_samples_received > 0)
        figures.concealed_share =
            static_cast<double>(counted.concealed_samples) / static_cast<double>(counted.total_samples_received);
    figures.concealments = counted.concealment_events;
    figures.interruptions = static_cast<std::uint64_t>(counted.interruption_count);
    double delay_ms = 0;
    std::size_t played = 0;
    for (std::size_t n = 0; n < times.at_ns.size(); ++n) {
        if (times.at_ns[n] < 0) continue;
        delay_ms += static_cast<double>(times.at_ns[n] - static_cast<std::int64_t>(n) * frame_ns) / 1e6;
        ++played;
    }
    if (played > 0) figures.mean_delay_ms = delay_ms / static_cast<double>(played);
    figures.unheard_share = 1 - static_cast<double>(played) / static_cast<double>(times.at_ns.size());
    return figures;
}

}  // namespace duality_bench
