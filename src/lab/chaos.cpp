// SPDX-License-Identifier: MIT
#include "duality/lab/chaos.hpp"

#include <array>
#include <utility>

#include "lab/chaos_world.hpp"

namespace duality {
inline namespace v0 {
namespace lab {

namespace {

constexpr std::string_view trouble_names[] = {"loss",       "jitter",      "duplication", "reordering",
                                              "corruption", "clock_jumps", "path_flaps",  "stalls",
                                              "overruns",   "misuse",      "closing"};
static_assert(std::size(trouble_names) == trouble_count);

constexpr field_bounds chaos_bounds[] = {{"steps", 1, 100'000, "steps"}};

}  // namespace

std::string_view to_string(trouble t) noexcept {
    return trouble_names[static_cast<std::size_t>(t)];
}

std::optional<trouble> find_trouble(std::string_view name) noexcept {
    for (std::size_t i = 0; i < trouble_count; ++i)
        if (trouble_names[i] == name) return static_cast<trouble>(i);
    return std::nullopt;
}

namespace detail {

void chaos_world::run() {
    for (chaos_end& e : ends_) open(e);
    for (step_ = 1; step_ <= what_.steps && ok(); ++step_) {
        step();
        pass_until(now_ + duration::from_us(static_cast<std::int64_t>(random_.below(4'000))));
        check();
    }
    if (ok()) come_to_rest();
}

void chaos_world::report(chaos_result& out) const {
    out.broken = broken_;
    out.broken_at = broken_.empty() ? 0 : std::min(step_, what_.steps);
    out.event_hash = log_.hash();
    out.events = log_.count();
    out.checks = checks_;
    out.memory_bytes = memory_.live();
    for (std::size_t e = 0; e < 2; ++e) {
        out.packets[e] = fates_of(e);
        out.datagrams[e] = ends_[e].datagrams;
    }
}

}  // namespace detail

result<chaos_result> run_chaos(const chaos_recipe& what) noexcept {
    config_check check{chaos_bounds};
    if (!check.in_range("steps", what.steps).ok()) return check.error();
    xoshiro256 random{derive_seed(what.seed, 1)};
    const session_config config = detail::draw_chaos_config(random);
    std::array<path, 2> links;
    for (std::size_t i = 0; i < links.size(); ++i) {
        const path_model model = detail::draw_chaos_path(random, what);
        result<path> made = path::create(model, derive_seed(what.seed, 3 + i), duration::from_seconds(4));
        if (!made) return made.error();
        links[i] = std::move(made).value();
    }
    const detail::chaos_network network{random, what};

    chaos_result out;
    detail::counted_memory memory;
    {
        result<session> near = session::create(config, memory.get());
        if (!near) return near.error();
        result<session> far = session::create(config, memory.get());
        if (!far) return far.error();
        detail::chaos_world world{
            what, random, config, std::move(links), network, std::move(near).value(), std::move(far).value(), memory};
        world.run();
        world.report(out);
    }
    if (out.broken.empty() && memory.live() != 0) out.broken = "memory";
    return out;
}

std::vector<chaos_recipe> simpler(const chaos_recipe& what) {
    std::vector<chaos_recipe> out;
    for (const std::uint32_t fewer : {what.steps / 2, what.steps * 3 / 4, what.steps - 1}) {
        if (fewer < 1 || fewer >= what.steps) continue;
        out.push_back(what);
        out.back().steps = fewer;
    }
    for (std::size_t t = 0; t < trouble_count; ++t) {
        if (!what.has(static_cast<trouble>(t))) continue;
        out.push_back(what);
        out.back().leave_out(static_cast<trouble>(t));
    }
    return out;
}

}  // namespace lab
}  // namespace v0
}  // namespace duality
