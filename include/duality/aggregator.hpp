// SPDX-License-Identifier: MIT
//
// Makes one exactly-once flow of what arrives over any number of paths, and keeps the record of what is missing.
//
// Sans-I/O, no allocation after `create`; one object belongs to one thread.
#pragma once

#include <cstdint>

#include "duality/memory.hpp"
#include "duality/ring.hpp"
#include "duality/sequence.hpp"
#include "duality/status.hpp"
#include "duality/time.hpp"

namespace duality {
inline namespace v0 {

struct aggregator_config {
    std::uint32_t window = 1024;  ///< source packets remembered; memory 24 bytes each. 64..65536
};

inline constexpr field_bounds aggregator_bounds[] = {{"window", 64, 65'536, "packets"}};

struct aggregator_statistics {
    std::uint64_t accepted = 0;
    std::uint64_t duplicates = 0;   ///< further copies of a packet already known
    std::uint64_t outdated = 0;     ///< below the window
    std::uint64_t implausible = 0;  ///< further ahead than the window is long, and not confirmed by a second packet
    std::uint64_t restarts = 0;     ///< the peer's numbering began anew
};

/// Exactly-once acceptance of numbered source packets from any path, and the record of what is missing.
class aggregator {
public:
    struct packet_record {
        bool known = false;
        instant noticed{};    ///< missing: from when on it counts as lost; known: when it was accepted
        media_time origin{};  ///< missing: interpolated between its neighbours
    };

    struct acceptance {
        status code = status::ok;  ///< ok, duplicate, late (below the window), out_of_window (implausibly far ahead)
        std::uint64_t esi = 0;     ///< unwrapped
        std::uint32_t newly_missing = 0;
    };

    [[nodiscard]] static constexpr const field_bounds* bounds(std::string_view field) noexcept {
        return find_bounds(aggregator_bounds, field);
    }

    [[nodiscard]] static result<aggregator> create(const aggregator_config& config, const allocator& memory) noexcept {
        config_check check{aggregator_bounds};
        check.in_range("window", config.window);
        if (!check.ok()) return check.error();
        aggregator a;
        if (!a.records_.create(config.window, memory)) return status::out_of_memory;
        return a;
    }

    /// The 64-bit number that a 32-bit one on the wire stands for.
    [[nodiscard]] std::uint64_t unwrap(std::uint32_t esi) const noexcept {
        // The first number maps to itself plus one circle, so that older ones stay positive.
        if (!started_) return first_ + esi;
        return static_cast<std::uint64_t>(unwrap_nearest(static_cast<std::int64_t>(newest_), esi, 32));
    }

    /// Offers a source packet, received or rebuilt. Packets that it shows to be missing count as lost after `patience`.
    /// Changes nothing unless the answer is `ok`.
    [[nodiscard]] acceptance accept(instant now, std::uint64_t esi, media_time origin,
                                    duration patience = duration::zero()) noexcept {
        acceptance out{status::ok, esi, 0};
        if (!started_) {
            started_ = true;
            newest_ = oldest_ = esi;
            newest_origin_ = origin;
            fill(now, esi, origin);
            return out;
        }
        if (esi > newest_) {
            if (esi - newest_ >= records_.capacity()) return refuse_far_ahead(now, esi, origin);
            out.newly_missing = open_gap(now + patience, esi, origin);
            newest_ = esi;
            newest_origin_ = origin;
        } else {
            if (newest_ - esi >= records_.capacity() || esi < oldest_) {
                ++stats_.outdated;
                out.code = status::late;
                return out;
            }
            if (const packet_record* r = records_.find(esi); r != nullptr && r->known) {
                ++stats_.duplicates;
                out.code = status::duplicate;
                return out;
            }
        }
        fill(now, esi, origin);
        return out;
    }

    /// The peer has restarted: whatever comes next is the first packet, its number one circle above those before.
    void reset() noexcept {
        if (!started_) return;
        first_ = (newest_ >> 32 << 32) + circle;
        started_ = false;
        suspicious_ = 0;
        records_.clear();
        ++stats_.restarts;
    }

    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] std::uint64_t newest() const noexcept { return newest_; }
    /// Lowest number still inside the window.
    [[nodiscard]] std::uint64_t oldest() const noexcept {
        const std::uint64_t span = records_.capacity() - 1;
        const std::uint64_t edge = newest_ > span ? newest_ - span : 0;
        return edge > oldest_ ? edge : oldest_;
    }
    [[nodiscard]] bool known(std::uint64_t esi) const noexcept {
        const packet_record* r = records_.find(esi);
        return r != nullptr && r->known;
    }
    [[nodiscard]] const packet_record* find(std::uint64_t esi) const noexcept { return records_.find(esi); }
    [[nodiscard]] const aggregator_statistics& statistics() const noexcept { return stats_; }

private:
    static constexpr std::uint64_t circle = std::uint64_t{1} << 32;

    void fill(instant now, std::uint64_t esi, media_time origin) noexcept {
        packet_record& r = records_.insert(esi);
        r = {true, now, origin};
        ++stats_.accepted;
        suspicious_ = 0;
    }

    /// Marks what lies between the newest packet and `esi` as missing.
    std::uint32_t open_gap(instant lost, std::uint64_t esi, media_time origin) noexcept {
        const auto steps = static_cast<std::int64_t>(esi - newest_);
        const duration step = (origin - newest_origin_) / steps;
        for (std::int64_t i = 1; i < steps; ++i)
            records_.insert(newest_ + static_cast<std::uint64_t>(i)) = {false, lost, newest_origin_ + step * i};
        return static_cast<std::uint32_t>(steps - 1);
    }

    /// One packet far ahead is a stray; a second one right behind it means that the peer went on without us.
    acceptance refuse_far_ahead(instant now, std::uint64_t esi, media_time origin) noexcept {
        acceptance out{status::out_of_window, esi, 0};
        if (suspicious_ == 0 || esi <= suspicious_ || esi - suspicious_ >= records_.capacity()) {
            suspicious_ = esi;
            ++stats_.implausible;
            return out;
        }
        ++stats_.restarts;
        records_.clear();
        newest_ = oldest_ = esi;
        newest_origin_ = origin;
        fill(now, esi, origin);
        out.code = status::ok;
        return out;
    }

    sequence_window<packet_record> records_;
    bool started_ = false;
    std::uint64_t first_ = circle;  ///< the circle that the first number is on
    std::uint64_t newest_ = 0;
    std::uint64_t oldest_ = 0;  ///< nothing before this was ever expected
    media_time newest_origin_{};
    std::uint64_t suspicious_ = 0;  ///< a number implausibly far ahead, seen once
    aggregator_statistics stats_;
};

}  // namespace v0
}  // namespace duality
