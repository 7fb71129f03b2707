// SPDX-License-Identifier: MIT
//
// Everything that one run of the lab is made from, as a value: build it and it runs the same anywhere. A recipe can
// leave features of the network out without changing the others, so that a run that fails can be made simpler while it
// still fails.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duality/lab/families.hpp"
#include "duality/lab/simulation.hpp"
#include "duality/lab/trace.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

/// What a path can do to packets, each with a random stream of its own. A bit of `recipe::without`.
enum class feature : std::uint8_t {
    outages,
    loss,
    spikes,
    jitter,
    busy_regimes,
    baseline_steps,
    cross_traffic,
    bottleneck,
    aggregates,
};
inline constexpr std::size_t feature_count = 9;

[[nodiscard]] std::string_view to_string(feature f) noexcept;
[[nodiscard]] std::optional<feature> find_feature(std::string_view name) noexcept;

/// A set of features.
class feature_set {
public:
    /// Is it in the set?
    [[nodiscard]] constexpr bool has(feature f) const noexcept { return (bits_ >> static_cast<unsigned>(f) & 1u) != 0; }
    constexpr void add(feature f) noexcept { bits_ |= 1u << static_cast<unsigned>(f); }
    constexpr bool operator==(const feature_set&) const noexcept = default;

private:
    std::uint32_t bits_ = 0;
};

/// The model without some of its features.
[[nodiscard]] path_model without(path_model model, feature_set left_out) noexcept;

/// The network, the flow and its protection. With `primary` set, the path is that trace and `family`, `rtt` and the
/// features left out of it mean nothing; with `second` set likewise for the second path.
struct recipe {
    family network = family::reference;  ///< which family
    std::uint64_t seed = 1;
    duration length = duration::from_seconds(60);  ///< 1 s … 1 h; a trace is cut there
    std::uint32_t packets_per_second = 200;        ///< 1 … 1000; 0 with a trace: its own send times
    duration rtt{};                                ///< of the idle primary path; zero: the family's own
    std::array<feature_set, 2> left_out{};         ///< of the primary and of the second path
    trace primary{};
    trace second{};
    simulation_config config{};

    /// Is the primary path a recorded one?
    [[nodiscard]] bool is_replay() const noexcept { return !primary.rows.empty(); }
};

/// A network ready to carry flows, and when their packets are sent.
struct prepared_network {
    scenario network;                 ///< drawn for the seed, or the recorded paths
    std::vector<instant> send_times;  ///< empty: evenly
};

/// `invalid_config` naming the field out of range: `length`, `packets_per_second`, or of the path's model.
[[nodiscard]] result<prepared_network> prepare(const recipe& what) noexcept;

/// Prepares and simulates.
[[nodiscard]] result<run_result> run(const recipe& what) noexcept;

/// What every run must keep whatever the network does: each packet has one fate, nothing is released twice or damaged,
/// the overhead stays under its cap and the metered path under its budget. The name of the first one that is broken, or
/// nothing.
[[nodiscard]] std::string_view broken_promise(const run_result& run, const simulation_config& config) noexcept;

/// Recipes one step simpler than `what`, the boldest first: shorter, fewer features, less protection, usual settings.
[[nodiscard]] std::vector<recipe> simpler(const recipe& what);

/// What shrinking came to.
template <class T>
struct shrunk {
    T smallest;             ///< still fails
    std::size_t tried = 0;  ///< candidates
    std::size_t taken = 0;  ///< candidates that still failed
};

/// Makes `what`, which fails, simpler step by step while `still_fails(candidate)` is true, with at most `tries` calls
/// of it. Works for every value that has `simpler`.
template <class T, class Predicate>
[[nodiscard]] shrunk<T> shrink(T what, Predicate&& still_fails, std::size_t tries) {
    shrunk<T> out{std::move(what)};
    for (bool better = true; better && out.tried < tries;) {
        better = false;
        for (T& candidate : simpler(out.smallest)) {
            if (out.tried == tries) break;
            ++out.tried;
            if (!still_fails(candidate)) continue;
            out.smallest = std::move(candidate);
            ++out.taken;
            better = true;
            break;
        }
    }
    return out;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
