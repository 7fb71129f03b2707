// SPDX-License-Identifier: MIT
//
// Runs one fuzz target without libFuzzer, as a smoke test: over the files and folders given as arguments, or else over
// seeded random inputs and mutations of them. The input being run is always on disk as `<program>.input` and goes away
// only when the whole run ends well, so whatever kills the program leaves the input behind.
//
//   fuzz_<name> [--seed S] [--runs N] [file or folder]…
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "duality/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;
namespace fs = std::filesystem;

constexpr std::size_t size_max = 2048;

/// Runs inputs, keeping the current one on disk.
class runner {
public:
    explicit runner(fs::path last) : last_{std::move(last)} {}

    void run(const bytes& input) {
        std::ofstream{last_, std::ios::binary | std::ios::trunc}.write(reinterpret_cast<const char*>(input.data()),
                                                                       static_cast<std::streamsize>(input.size()));
        // A heap copy of just this size: reading one byte too far is an error that the address sanitizer sees.
        const auto exact = std::make_unique<std::uint8_t[]>(input.size());
        std::copy(input.begin(), input.end(), exact.get());
        LLVMFuzzerTestOneInput(exact.get(), input.size());
        ++count_;
    }
    void run_file(const fs::path& path) {
        std::ifstream file{path, std::ios::binary};
        run(bytes{std::istreambuf_iterator<char>{file}, {}});
    }
    [[nodiscard]] std::uint64_t finish() {
        fs::remove(last_);
        return count_;
    }

private:
    fs::path last_;
    std::uint64_t count_ = 0;
};

/// Random inputs: half of them fresh, half a mutation of an earlier one.
class generator {
public:
    explicit generator(std::uint64_t seed) : random_{seed} {}

    bytes next() {
        bytes input = pool_.empty() || random_.chance(0.5) ? fresh() : mutated();
        if (pool_.size() < pool_size)
            pool_.push_back(input);
        else
            pool_[index(pool_.size())] = input;
        return input;
    }

private:
    static constexpr std::size_t pool_size = 64;

    std::size_t index(std::size_t count) { return static_cast<std::size_t>(random_.below(count)); }
    std::uint8_t byte() { return static_cast<std::uint8_t>(random_.next()); }

    /// A value at which decoders tend to change their mind.
    std::uint8_t edge_byte() {
        constexpr std::uint8_t edges[] = {0x00, 0x01, 0x02, 0x3F, 0x40, 0x7F, 0x80, 0xBF, 0xC0, 0xFE, 0xFF};
        return edges[index(std::size(edges))];
    }

    /// Sizes 0…2048, evenly over powers of two, so that small ones are common.
    bytes fresh() {
        const std::size_t magnitude = std::size_t{1} << index(12);
        bytes input(std::min(index(magnitude + 1), size_max));
        const double edge_share = random_.uniform();
        for (std::uint8_t& b : input) b = random_.chance(edge_share) ? edge_byte() : byte();
        return input;
    }

    bytes mutated() {
        bytes input = pool_[index(pool_.size())];
        for (std::size_t steps = 1 + index(4); steps > 0; --steps) mutate(input);
        input.resize(std::min(input.size(), size_max));
        return input;
    }

    void mutate(bytes& input) {
        const auto at = [&](std::size_t i) { return input.begin() + static_cast<std::ptrdiff_t>(i); };
        if (input.empty()) {
            input.push_back(byte());
            return;
        }
        const std::size_t i = index(input.size());
        switch (index(7)) {
            case 0: input[i] = static_cast<std::uint8_t>(input[i] ^ (1u << index(8))); break;
            case 1: input[i] = edge_byte(); break;
            case 2: input[i] = byte(); break;
            case 3: input.insert(at(i), byte()); break;
            case 4: input.erase(at(i), at(i + 1 + index(std::min<std::size_t>(16, input.size() - i)))); break;
            case 5: input.resize(i); break;
            default: {  // the tail of another input
                const bytes& other = pool_[index(pool_.size())];
                const std::size_t from = index(other.size() + 1);
                input.resize(i);
                input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
            }
        }
    }

    duality::xoshiro256 random_;
    std::vector<bytes> pool_;
};

bool parse(std::string_view text, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t seed = 1;
    std::uint64_t runs = 10'000;
    std::vector<fs::path> paths;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--seed" || argument == "--runs") {
            if (++i == argc || !parse(argv[i], argument == "--seed" ? seed : runs)) {
                std::fprintf(stderr, "%s wants a number\n", argument.data());
                return 2;
            }
        } else if (fs::exists(argument)) {
            paths.emplace_back(argument);
        } else {
            std::fprintf(stderr, "%s: no such option or file\n", argv[i]);
            return 2;
        }
    }

    runner target{fs::path{argv[0]}.filename().concat(".input")};
    for (const fs::path& path : paths) {
        if (!fs::is_directory(path)) {
            target.run_file(path);
            continue;
        }
        std::vector<fs::path> files{fs::directory_iterator{path}, fs::directory_iterator{}};
        std::sort(files.begin(), files.end());
        for (const fs::path& file : files) target.run_file(file);
    }
    if (paths.empty()) {
        generator inputs{seed};
        target.run({});
        for (std::uint64_t i = 1; i < runs; ++i) target.run(inputs.next());
    }
    std::printf("%llu inputs\n", static_cast<unsigned long long>(target.finish()));
    return 0;
}
