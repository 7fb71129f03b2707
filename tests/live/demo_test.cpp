// SPDX-License-Identifier: MIT
//
// The demonstration on real sockets: what it counts agrees with what the sockets carried, protection never makes a call
// worse, and mistakes are told clearly. Where the machine cannot keep time, only what does not depend on time is
// checked.
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "io/demo_network.hpp"
#include "io/live_run.hpp"
#include "io/voice.hpp"
#if defined DUALITY_MASQUE
#include "relay/live_tunnel.hpp"
#endif

using namespace duality;
using namespace duality::literals;

namespace {

/// The program, as built beside this test.
[[nodiscard]] std::filesystem::path program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "duality";
}

/// A folder of this test's own, gone when the test is over.
struct scratch_folder {
    std::filesystem::path path;

    scratch_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "duality-demo-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~scratch_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
};

[[nodiscard]] std::string content_of(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// Exit status of `duality demo` with these arguments; what it says on standard error goes to a file.
[[nodiscard]] int demo(const std::string& arguments, const std::filesystem::path& messages) {
    std::string command = program().string();
    command += " demo " + arguments + " >/dev/null 2>" + messages.string();
    const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

[[nodiscard]] io::live_run_config call(duration length, std::uint64_t seed) {
    const io::voice_samples voice = io::load_voice(length);
    INFO(voice.error);
    REQUIRE(voice.error.empty());
    io::voice_packets packets = io::encode_voice(voice.samples, 128'000);
    REQUIRE(packets.error.empty());
    return {.network = io::demo_network(seed, length, io::voice_frame),
            .variants = {lab::variant::baseline, lab::variant::single, lab::variant::dual},
            .packets = std::move(packets.packets),
            .psk = {}};
}

}  // namespace

TEST_CASE("a live run counts every packet and every byte") {
    const bool is_sealed = GENERATE(false, true);
    CAPTURE(is_sealed);
    io::live_run_config config = call(3_s, 1);
    if (is_sealed) config.psk.assign(32, 0x5A);
    REQUIRE(config.packets.size() == 600);
    const lab::link primary = config.network.primary.forward;
    std::string error;
    const std::unique_ptr<io::live_run> run = io::live_run::start(std::move(config), error);
    INFO(error);
    REQUIRE(run);
    const io::live_result result = run->finish();
    REQUIRE(result.flows.size() == 3);

    for (const io::live_flow& flow : result.flows) {
        INFO(lab::to_string(flow.variant));
        CHECK(flow.outcome.packets == 600);
        CHECK(flow.outcome.fates.sum() == 600);
        CHECK(flow.outcome.fates.rejected == 0);
        CHECK(flow.damaged == 0);
        CHECK(flow.repeated == 0);
        CHECK(flow.outcome.overhead_pct <= 10.0);
        // What the sessions say they sent is what the network was given.
        CHECK(flow.on_the_wire + flow.never_sent == flow.bytes.useful + flow.bytes.extra +
                                                        flow.near.sender.framing_bytes +
                                                        flow.near.sender.hot_copies.bytes + flow.hello_bytes);
        CHECK((flow.hello_bytes > 0) == (is_sealed && flow.variant != lab::variant::baseline));
        for (const lab::packet_record& p : flow.packets) {
            if (p.released.is_never()) continue;
            CHECK(p.released >= p.sent + p.baseline);
            CHECK(p.released >= p.available);
        }
    }

    if (result.timers.excessive()) SKIP("this machine was too busy to keep time");
    // Well inside an outage nothing gets through, whatever the threads did.
    for (const lab::packet_record& p : result.flows.front().packets)
        if (primary.in_outage(p.sent - 5_ms) && primary.in_outage(p.sent + 5_ms)) CHECK(p.released.is_never());
}

#if defined DUALITY_MASQUE
TEST_CASE("a live run through tunnels and relays counts every packet and every byte") {
    io::live_run_config config = call(5_s, 1);
    config.carrier = io::live_tunnels();
    config.lead = 100_ms;
    std::string error;
    const std::unique_ptr<io::live_run> run = io::live_run::start(std::move(config), error);
    INFO(error);
    REQUIRE(run);
    const io::live_result result = run->finish();
    REQUIRE(result.flows.size() == 3);
    for (const io::live_flow& flow : result.flows) {
        INFO(lab::to_string(flow.variant));
        CHECK(flow.outcome.packets == 1'000);
        CHECK(flow.outcome.fates.sum() == 1'000);
        CHECK(flow.damaged == 0);
        CHECK(flow.repeated == 0);
        CHECK(flow.outcome.overhead_pct <= 10.0);
        if (flow.variant == lab::variant::baseline) continue;
        // What both ends say they sent is what the network was given. The last packets may still be under way.
        CHECK(flow.on_the_wire <= flow.carrier_sent);
        CHECK(flow.on_the_wire + 10 * 1'500 >= flow.carrier_sent);
        CHECK(flow.near.sender.source.packets >= 1'000);  // and the greetings
        CHECK(flow.near.sender.source.packets <= 1'250);
        CHECK(flow.far.receiver.delivered + 100 >= flow.outcome.fates.delivered);
        // Framing is counted at its highest, so that only a little of the rest could be hidden in it.
        CHECK(flow.transport_pct() > 0);
        CHECK(flow.transport_pct() < 60);
        CHECK(flow.paths.size() == (flow.variant == lab::variant::dual ? 2 : 1));
        CHECK((flow.bytes.metered > 0) == (flow.variant == lab::variant::dual));
    }
    if (result.timers.excessive()) SKIP("this machine was too busy to keep time");
    const auto lost = [&](std::size_t flow) { return result.flows[flow].outcome.apparent_loss_pct; };
    CHECK(lost(2) <= lost(0));
    const auto& endings = result.flows[2].packets;
    CHECK(std::any_of(endings.begin(), endings.end(),
                      [](const lab::packet_record& p) { return p.recovered_by != recovery::none; }));
}

TEST_CASE("a live run whose tunnels find no way says so") {
    io::live_run_config config = call(1_s, 1);
    lab::path_model narrow{.rtt_ms = 30};
    narrow.mtu = 1'000;  // less than a packet of QUIC needs
    config.network.primary = lab::path::create(narrow, 1, 20_s, io::voice_frame).value();
    config.carrier = io::live_tunnels();
    config.patience = 4_s;
    std::string error;
    CHECK_FALSE(io::live_run::start(std::move(config), error));
    CHECK(error.find("'single' found no way within 4 s") != std::string::npos);
    CHECK(error.find("E002") != std::string::npos);
}
#endif

TEST_CASE("the demo's results and report") {
    if (!std::filesystem::exists(program())) SKIP("the program is not built");
    const bool is_bare = GENERATE(false, true);
    CAPTURE(is_bare);
    const scratch_folder folder;
    const std::string json_file = (folder.path / "result.json").string();
    const std::string output = (folder.path / "new" / "folder").string();
    const std::string how = is_bare ? "--bare " : "";
    const int status = demo(how + "--seconds 5 --json " + json_file + " --output " + output, folder.path / "messages");
    INFO(content_of(folder.path / "messages"));
    REQUIRE(status == 0);

    const nlohmann::json result = nlohmann::json::parse(content_of(json_file));
    REQUIRE(result["runs"].size() == 3);
    CHECK(result["settings"]["seconds"] == 5);
#if defined DUALITY_MASQUE
    CHECK(result["settings"]["carrier"] == (is_bare ? "udp" : "tunnel"));
    CHECK((result["runs"][2]["transport_bytes"].get<std::int64_t>() > 0) == !is_bare);
#else
    CHECK(result["settings"]["carrier"] == "udp");
#endif
    CHECK_FALSE(result["outages"]["primary"].empty());
    for (const nlohmann::json& run : result["runs"]) {
        const nlohmann::json& fates = run["fates"];
        std::uint64_t sum = 0;
        for (const nlohmann::json& count : fates) sum += count.get<std::uint64_t>();
        CHECK(run["packets"] == 1000);
        CHECK(sum == 1000);
        CHECK(run["overhead_pct"].get<double>() <= 10.0);
    }

    const std::string report = content_of(output + "/report.html");
    CHECK(report.find("Chart.js v") != std::string::npos);
    for (const char* outside : {"src=\"http", "href=\"http", "@import", "url(http", "fetch(\"http"})
        CHECK(report.find(outside) == std::string::npos);
    for (const char* sound : {"baseline.wav", "single.wav", "dual.wav"})
        CHECK(std::filesystem::file_size(output + "/" + sound) == 44 + 5 * 48'000 * 2);

    if (result["timers"]["excessive"]) SKIP("this machine was too busy to keep time");
    const auto loss = [&](std::size_t run) { return result["runs"][run]["apparent_loss_pct"].get<double>(); };
    CHECK(loss(0) > 0);
    CHECK(loss(1) <= loss(0));
    CHECK(loss(2) <= loss(0));
}

TEST_CASE("the demo says what is wrong with its arguments") {
    if (!std::filesystem::exists(program())) SKIP("the program is not built");
    const scratch_folder folder;
    const std::filesystem::path messages = folder.path / "messages";

    CHECK(demo("--family nowhere", messages) != 0);
    CHECK(content_of(messages).find("nowhere") != std::string::npos);
    CHECK(demo("--seconds 0", messages) != 0);
    CHECK(content_of(messages).find("--seconds") != std::string::npos);
    CHECK(demo("--sealed", messages) != 0);
    CHECK(content_of(messages).find("--bare") != std::string::npos);

    std::ofstream{folder.path / "file"} << "in the way";
    CHECK(demo("--output " + (folder.path / "file").string() + "/demo", messages) != 0);
    CHECK(content_of(messages).find("cannot create") != std::string::npos);
    CHECK(demo("--json /no/such/folder/result.json", messages) != 0);
    CHECK(content_of(messages).find("cannot write /no/such/folder/result.json") != std::string::npos);
}

TEST_CASE("a voice becomes packets and a voice again") {
    const io::voice_samples voice = io::load_voice(1_s);
    REQUIRE(voice.error.empty());
    REQUIRE(voice.samples.size() == 48'000);
    const io::voice_packets call = io::encode_voice(voice.samples, 64'000);
    REQUIRE(call.packets.size() == 200);
    for (const io::voice_packet& packet : call.packets) CHECK(packet.size() == 12 + 64'000 / 8 / 200);

    const auto power = [](const std::vector<float>& samples) {
        double sum = 0;
        for (const float s : samples) sum += static_cast<double>(s) * static_cast<double>(s);
        return sum;
    };
    const io::voice_samples all = io::decode_voice(call.packets, std::vector<bool>(200, true));
    const io::voice_samples none = io::decode_voice(call.packets, std::vector<bool>(200, false));
    REQUIRE(all.samples.size() == voice.samples.size());
    CHECK(power(all.samples) > 0.5 * power(voice.samples));
    CHECK(power(none.samples) < 0.01 * power(voice.samples));

    const io::voice_samples missing = io::load_voice(1_s, "/no/such/folder");
    CHECK(missing.samples.empty());
    CHECK(missing.error.find("alsa-utils") != std::string::npos);
}
