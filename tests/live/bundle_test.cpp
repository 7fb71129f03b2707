// SPDX-License-Identifier: MIT
//
// Negative controls: a real run of a scenario, its folder tampered with in every way that should be told, and a run in
// which packets really leave the namespace. Without namespaces there is nothing to tamper with.
#include "live/bundle.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/udp_socket.hpp"
#include "live/level_b.hpp"
#include "live/topology.hpp"

using namespace duality;
using live::verdict;
namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

namespace {

struct scratch_folder {
    fs::path path;

    scratch_folder() {
        std::string name = (fs::temp_directory_path() / "duality-live-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~scratch_folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
};

[[nodiscard]] std::string content_of(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

void write(const fs::path& file, const std::string& content) {
    std::ofstream{file, std::ios::binary | std::ios::trunc} << content;
}

void change_report(const fs::path& folder, const std::function<void(json&)>& change) {
    json report = json::parse(content_of(folder / live::report_file));
    change(report);
    write(folder / live::report_file, report.dump());
    // The manifest of somebody who hides nothing but what he changed.
    const std::vector<std::string> names = report.at("declaration").at("capture_manifest");
    REQUIRE(live::write_manifest(folder, names).empty());
}

/// One scenario without repair, run for real into `folder`.
[[nodiscard]] live::examined_bundle run_once(const fs::path& folder, const std::function<void(int)>& meanwhile = {}) {
    const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "duality";
    if (!fs::exists(program)) SKIP("the program is not built");
    const live::scenario* const wanted = live::find_scenario("loss_unprotected");
    REQUIRE(wanted != nullptr);
    std::string error;
    const std::vector<live::level_b_result> results = live::run_level_b(
        {&wanted, 1}, {.output = folder, .program = program, .attempts = meanwhile ? 1u : 3u, .meanwhile = meanwhile},
        error);
    INFO(error);
    REQUIRE(results.size() == 1);
    REQUIRE(results[0].bundle.error.empty());
    if (results[0].bundle.judged.outcome == verdict::blocked_missing_virtualization)
        SKIP("no network namespaces: " + results[0].bundle.found.blocked);
    return results[0].bundle;
}

/// A datagram over a link of the client's to a namespace that is not of the experiment, and that namespace: the link is
/// gone when nobody has it open.
[[nodiscard]] std::optional<io::owned_file> leak(int client) {
    std::string error;
    std::optional<io::owned_file> outside = io::make_network_namespace(error);
    REQUIRE(outside);
    const std::string file = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(outside->get());
    REQUIRE(live::topology::configure(client,
                                      "link add leak type veth peer name outside netns " + file +
                                          "\naddr add 10.78.1.1/24 dev leak\nlink set dev leak up\n",
                                      error));
    REQUIRE(live::topology::configure(outside->get(), "link set dev outside up\n", error));
    REQUIRE(live::topology::configure(client, "neigh add 10.78.1.2 lladdr 02:00:00:00:00:01 dev leak\n", error));
    const io::namespace_scope inside{client};
    uv_loop_t loop;
    REQUIRE(uv_loop_init(&loop) == 0);
    {
        const auto ignore = [](instant, const io::socket_address&, byte_view) {};
        const auto socket =
            io::udp_socket::create(loop, io::socket_address::parse("10.78.1.1:0").value(), ignore, error);
        INFO(error);
        REQUIRE(socket);
        const std::uint8_t word[] = {1, 2, 3};
        CHECK(socket->send(io::socket_address::parse("10.78.1.2:9").value(), word));
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return outside;
}

}  // namespace

TEST_CASE("a folder that was tampered with gets the verdict of what was done") {
    const scratch_folder scratch;
    const live::examined_bundle real = run_once(scratch.path);
    if (real.judged.outcome == verdict::insufficient_observability)
        SKIP("the machine is too busy: " + real.judged.reasons.front());
    REQUIRE(real.judged.outcome == verdict::pass);
    CHECK(std::ranges::count(real.found.live.packets, live::packet_end::lost, &live::packet_view::end) == 8);

    struct control {
        const char* name;
        verdict expected;
        std::function<void(const fs::path&)> tamper;
    };
    const control controls[] = {
        {"missing manifest", verdict::blocked_missing_observability,
         [](const fs::path& f) { fs::remove(f / live::manifest_file); }},
        {"flipped hash", verdict::semantic_mismatch,
         [](const fs::path& f) {
             std::string recording = content_of(f / "far.rec");
             recording.back() = static_cast<char>(recording.back() ^ 1);
             write(f / "far.rec", recording);
         }},
        {"wall-clock-only report", verdict::unsupported_time_surface,
         [](const fs::path& f) { change_report(f, [](json& r) { r["clock_id"] = "CLOCK_REALTIME"; }); }},
        {"recovered without parity", verdict::semantic_mismatch,
         [](const fs::path& f) { change_report(f, [](json& r) { r["live"]["packets"][5][1] = 1; }); }},
        {"mismatch blamed on noise", verdict::semantic_mismatch,
         [](const fs::path& f) {
             change_report(f, [](json& r) {
                 r["live"]["packets"][5][0] = 2;
                 r["excuses"].push_back("the scheduler was noisy");
             });
         }},
        {"truncated capture", verdict::insufficient_observability,
         [](const fs::path& f) { fs::resize_file(f / "network-0.csv", fs::file_size(f / "network-0.csv") / 2); }},
        {"truncated recording", verdict::insufficient_observability,
         [](const fs::path& f) { fs::resize_file(f / "near.rec", fs::file_size(f / "near.rec") / 2); }},
        {"no recording", verdict::blocked_missing_verification, [](const fs::path& f) { fs::remove(f / "near.rec"); }},
        {"no trace for the lab", verdict::blocked_missing_verification,
         [](const fs::path& f) { fs::remove(f / "primary.csv"); }},
    };
    for (const control& c : controls) {
        INFO(c.name);
        const fs::path copy = scratch.path / "copy";
        fs::remove_all(copy);
        fs::copy(scratch.path / "loss_unprotected", copy);
        c.tamper(copy);
        const live::examined_bundle judged = live::examine(copy);
        CHECK(judged.error.empty());
        CHECK(live::to_string(judged.judged.outcome) == live::to_string(c.expected));
    }
    CHECK_FALSE(live::examine(scratch.path / "nowhere").error.empty());
}

TEST_CASE("a packet that leaves the namespaces is seen") {
    const scratch_folder scratch;
    std::optional<io::owned_file> outside;
    const live::examined_bundle bundle = run_once(scratch.path, [&](int client) { outside = leak(client); });
    CHECK(live::to_string(bundle.judged.outcome) == "blocked_scope_red_line");
    CHECK_FALSE(bundle.found.leaks.empty());
}
