// SPDX-License-Identifier: MIT
//
// Traces from files: every recorded one that is there, and broken ones made here.
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "duality/lab/link.hpp"
#include "io/trace_file.hpp"

using namespace duality;
namespace fs = std::filesystem;

namespace {

/// A folder of its own that goes away with the test.
class scratch {
public:
    scratch() : folder_{fs::temp_directory_path() / ("duality-trace-" + std::to_string(::getpid()))} {
        fs::create_directories(folder_);
    }
    ~scratch() {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    std::string write(const char* name, std::string_view bytes) const {
        std::ofstream{folder_ / name, std::ios::binary} << bytes;
        return (folder_ / name).string();
    }
    std::string pack(const char* name, std::string_view bytes) const {
        std::string path = (folder_ / name).string();
        gzFile_s* const file = gzopen(path.c_str(), "wb");
        REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
        REQUIRE(gzclose(file) == Z_OK);
        return path;
    }

private:
    fs::path folder_;
};

std::string contents(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

std::string error_of(const std::string& source) {
    const io::loaded_trace loaded = io::load_trace(source, false);
    CHECK(loaded.trace.rows.empty());
    return loaded.error;
}

/// Enough rows that gzip has something to do.
std::string long_text() {
    std::string text = "send_ms,delay_ms\n";
    for (int i = 0; i < 2000; ++i) text += std::to_string(i * 5) + "," + std::to_string(20 + i * i % 17) + "\n";
    return text;
}

}  // namespace

TEST_CASE("a trace reads the same plain and packed") {
    const scratch files;
    const io::loaded_trace plain = io::load_trace(files.write("t.csv", long_text()), false);
    const io::loaded_trace packed = io::load_trace(files.pack("t.csv.gz", long_text()), true);
    CHECK(plain.error.empty());
    CHECK(plain.trace.rows.size() == 2000);
    CHECK(plain.trace.rows == packed.trace.rows);
    CHECK_FALSE(plain.trace.round_trip);
    CHECK(packed.trace.round_trip);
}

TEST_CASE("unreadable, truncated and damaged files are refused by name and reason") {
    const scratch files;
    const std::string packed = files.pack("t.csv.gz", long_text());
    const std::string bytes = contents(packed);
    for (const std::size_t size : {bytes.size() - 1, bytes.size() / 2, std::size_t{20}}) {
        const std::string cut = files.write("cut.csv.gz", std::string_view{bytes}.substr(0, size));
        CHECK(error_of(cut) == cut + ": gzip data ends too early, the file is truncated");
    }
    std::string damaged = bytes;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
    const std::string bad = files.write("bad.csv.gz", damaged);
    CHECK(error_of(bad).starts_with(bad + ": damaged gzip data"));
    const std::string text = files.write("text.csv.gz", long_text());
    CHECK(error_of(text) == text + ": is not a gzip file");
    const std::string empty = files.write("empty.csv", "");
    CHECK(error_of(empty) == empty + ": is empty");
    const std::string row = files.write("row.csv", "send_ms,delay_ms\n0,1\n5,-1\n");
    CHECK(error_of(row) == row + ": line 3: delay_ms is negative: '-1'");
    CHECK(error_of(empty + ".not-there").find("No such file") != std::string::npos);
    CHECK(error_of(fs::temp_directory_path().string()).ends_with(": is a directory"));
}

TEST_CASE("a carrier and a session are chosen after a colon") {
    const scratch files;
    const std::string file = files.write("p.csv",
                                         "carrier,session_start_unix_ms,seq,rtt_ms\n"
                                         "red,1,1,30\nred,1,2,31\nblue,1,1,50\nred,9,1,40\n");
    CHECK(io::load_trace(file + ":red", false).trace.rows.size() == 3);
    CHECK(io::load_trace(file + ":red@2", false).trace.rows.size() == 1);
    CHECK(io::load_trace(file + ":red", false).trace.round_trip);
    CHECK(error_of(file) == file + ": holds several carriers, name one (found: 'red', 'blue')");
    CHECK(error_of(file + ":red@3") == file + ": carrier 'red' has only 2 sessions");
    CHECK(error_of(file + ":red@0").find("counted from 1") != std::string::npos);
    CHECK(error_of(file + ":red@x").find("counted from 1") != std::string::npos);
    const std::string colon = files.write("a:b.csv", "send_ms,delay_ms\n0,1\n");
    CHECK(io::load_trace(colon, false).ok());
}

TEST_CASE("every recorded trace reads, and a link repeats it exactly") {
    const char* folder = std::getenv("DUALITY_TRACES");  // NOLINT(concurrency-mt-unsafe): there is one thread
    if (folder == nullptr || !fs::is_directory(folder)) SKIP("no folder of recorded traces (DUALITY_TRACES)");
    std::vector<std::string> sources;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator{folder}) {
        const std::string path = entry.path().string();
        if (!path.ends_with(".csv.gz")) continue;
        const bool pings = path.find("multicarrier") != std::string::npos;
        if (!pings) sources.push_back(path);
        for (const char* carrier : {"verizon", "tmobile", "atnt"})
            if (pings) sources.push_back(path + ":" + carrier);
    }
    REQUIRE(!sources.empty());
    for (const std::string& source : sources) {
        INFO(source);
        io::loaded_trace loaded = io::load_trace(source, false);
        REQUIRE(loaded.error.empty());
        lab::trace& trace = loaded.trace;
        CHECK(trace.rows.size() > 1000);
        trace.round_trip = false;
        result<lab::path> path = lab::path::create(trace);
        REQUIRE(path);
        instant last = instant::before_all();
        for (const lab::trace_row& row : trace.rows) {
            const instant sent = instant::from_ns(row.send_ns);
            const lab::link_outcome outcome = path->forward.transmit(sent, 228);
            REQUIRE((outcome.fate == lab::packet_fate::lost_trace) == row.is_lost());
            if (row.is_lost()) continue;
            // Exactly, unless the recording itself reordered.
            REQUIRE(outcome.arrival == std::max(sent + duration::from_ns(row.delay_ns), last));
            last = outcome.arrival;
        }
    }
}
