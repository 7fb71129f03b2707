// SPDX-License-Identifier: MIT
//
// Every entry point, called with every mixture of NULL, nonsense and the real thing, answers and lives on. The only
// promise the calls keep is the one that C cannot check: a pointer that is not NULL points to as much as it says.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "duality/random.hpp"
#include "support.hpp"

namespace {

constexpr std::size_t scratch_bytes = 4'096;
constexpr std::size_t scratch_pointers = 256;

/// Values for arguments of any type, some of them right.
class mess {
public:
    explicit mess(std::uint64_t seed) : random_{seed} {
        for (auto& p : pointers_) p = bytes_.get();
        for (auto& p : constant_pointers_) p = bytes_.get();
        for (std::size_t i = 0; i < scratch_bytes; ++i) bytes_[i] = static_cast<std::uint8_t>(random_.next());
    }

    template <class T>
    T value() {
        if constexpr (std::is_same_v<T, std::int64_t>) {
            return pick<std::int64_t>({0, 1, -1, 5'000'000, 1'000'000'000, random_signed() >> random_.next() % 64,
                                       std::numeric_limits<std::int64_t>::max(),
                                       std::numeric_limits<std::int64_t>::min()});
        } else if constexpr (std::is_same_v<T, std::size_t>) {
            return pick<std::size_t>({0, 1, 8, 64, 1'200, scratch_bytes});
        } else if constexpr (std::is_integral_v<T>) {
            return pick<T>({T{0}, T{1}, T{2}, T{255}, static_cast<T>(random_.next()), std::numeric_limits<T>::max(),
                            std::numeric_limits<T>::min()});
        } else {
            return pointer(static_cast<T>(nullptr));
        }
    }

private:
    template <class T>
    T pick(std::initializer_list<T> choices) {
        return choices.begin()[random_.next() % choices.size()];
    }
    [[nodiscard]] std::int64_t random_signed() { return static_cast<std::int64_t>(random_.next()); }
    [[nodiscard]] bool sometimes() { return random_.next() % 4 == 0; }

    // Buffers and places for single values.
    std::uint8_t* pointer(std::uint8_t*) { return sometimes() ? nullptr : bytes_.get(); }
    const std::uint8_t* pointer(const std::uint8_t*) { return sometimes() ? nullptr : bytes_.get(); }
    const std::uint8_t** pointer(const std::uint8_t**) { return sometimes() ? nullptr : &out_bytes_; }
    std::uint8_t* const* pointer(std::uint8_t* const*) { return sometimes() ? nullptr : pointers_.data(); }
    const std::uint8_t* const* pointer(const std::uint8_t* const*) {
        return sometimes() ? nullptr : constant_pointers_.data();
    }
    std::uint32_t* pointer(std::uint32_t*) { return sometimes() ? nullptr : numbers_.data(); }
    const std::uint32_t* pointer(const std::uint32_t*) { return sometimes() ? nullptr : numbers_.data(); }
    template <class Integer>
    requires std::is_integral_v<Integer> Integer* pointer(Integer*) {
        return sometimes() ? nullptr : reinterpret_cast<Integer*>(&wide_);
    }
    const char* pointer(const char*) { return pick<const char*>({nullptr, field_.data(), text_.data()}); }
    const duality_host* pointer(const duality_host*) {
        return pick<const duality_host*>({nullptr, &bad_host_, host_.get()});
    }

    /// Handles: none, nonsense, and one that is alive or was once.
    template <class Handle>
    requires(!requires { sizeof(Handle); }) Handle* pointer(Handle*) {
        static std::vector<std::remove_const_t<Handle>*>& made = handles<std::remove_const_t<Handle>>();
        switch (random_.next() % 8) {
            case 0: return nullptr;
            case 1: return reinterpret_cast<Handle*>(static_cast<std::uintptr_t>(random_.next()));
            default: return made.empty() ? nullptr : made[random_.next() % made.size()];
        }
    }
    template <class Handle>
    requires(!requires { sizeof(Handle); }) Handle** pointer(Handle**) {
        if (sometimes()) return nullptr;
        handles<Handle>().push_back(nullptr);
        if (handles<Handle>().capacity() == handles<Handle>().size()) handles<Handle>().reserve(100'000);
        return &handles<Handle>().back();
    }

    /// Structs: none, without a size, filled with noise, or of zeros.
    template <class Struct>
    requires requires(Struct s) { s.struct_size; }
    Struct* pointer(Struct*) {
        using plain = std::remove_const_t<Struct>;
        static plain s;
        switch (random_.next() % 6) {
            case 0: return nullptr;
            case 1: s = {}; break;
            case 2:
                for (std::size_t i = 0; i < sizeof s; ++i)
                    reinterpret_cast<std::uint8_t*>(&s)[i] = static_cast<std::uint8_t>(random_.next());
                break;
            default: s = {}; break;
        }
        without_pointers(s);
        s.struct_size = pick<std::uint32_t>({0, 4, 7, 8, 16, sizeof s, sizeof s, sizeof s, sizeof s, 1u << 30});
        return &s;
    }
    // What a struct points to must exist, even here.
    static void without_pointers(auto& s) {
        if constexpr (requires { s.features; }) s.features = nullptr;
        if constexpr (requires {
                          s.hold;
                          s.regime;
                          s.control;
                          s.paths;
                      }) {
            s.hold = nullptr;
            s.regime = nullptr;
            s.control = nullptr;
            s.paths = nullptr;
            s.clock = nullptr;
        }
        // Lab runs of an hour would take the tests' time.
        if constexpr (requires {
                          s.packets_per_second;
                          s.length_ns;
                      }) {
            s.length_ns = s.length_ns % 2'000'000'000;
        }
    }
    template <class Handle>
    static std::vector<Handle*>& handles() {
        static std::vector<Handle*> made = [] {
            std::vector<Handle*> reserved;
            reserved.reserve(100'000);
            return reserved;
        }();
        return made;
    }

    duality::xoshiro256 random_;
    std::unique_ptr<std::uint8_t[]> bytes_{new std::uint8_t[scratch_bytes]};
    std::array<std::uint8_t*, scratch_pointers> pointers_{};
    std::array<const std::uint8_t*, scratch_pointers> constant_pointers_{};
    std::array<std::uint32_t, scratch_pointers> numbers_{};
    std::array<char, scratch_bytes> field_{"deadline"};
    std::array<char, scratch_bytes> text_{"send_ms,delay_ms\n0,1\n5,1\n"};
    const std::uint8_t* out_bytes_ = nullptr;
    alignas(8) std::array<std::uint8_t, 8> wide_{};
    duality_host bad_host_{};
    capi_test::counting_host host_;
};

template <class Result, class... Arguments>
void survive(std::string_view name, Result (*function)(Arguments...)) {
    mess some{std::hash<std::string_view>{}(name)};
    // Making an object and running the lab take longer than all the rest.
    const bool slow = name.starts_with("duality_lab") || name.ends_with("_create");
    const int rounds = sizeof...(Arguments) == 0 ? 1 : slow ? 100 : 1'000;
    for (int i = 0; i < rounds; ++i) {
        // Braces: in order, so that a run can be repeated.
        const std::tuple<Arguments...> arguments{some.value<Arguments>()...};
        (void)std::apply(function, arguments);
    }
}

}  // namespace

#define SURVIVE(function) survive(#function, function)

TEST_CASE("C nonsense: every function of the export list answers and lives on") {
#include "entry_points.inc"
    // Afterwards everything still works.
    duality_jitter_hold* hold = nullptr;
    REQUIRE(duality_jitter_hold_create(nullptr, nullptr, nullptr, &hold) == DUALITY_OK);
    CHECK(duality_jitter_hold_push(hold, 0, 1, 0, 0, DUALITY_RECOVERY_NONE) == DUALITY_OK);
    CHECK(duality_jitter_hold_destroy(hold) == DUALITY_OK);
}
