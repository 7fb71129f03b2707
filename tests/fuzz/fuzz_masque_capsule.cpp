// SPDX-License-Identifier: MIT
//
// Any bytes as a stream of capsules: however they are cut into pieces, the same capsules come out, none longer than the
// limit, and the bytes before, in and between them are all accounted for.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "duality/masque/capsule.hpp"

using namespace duality;

namespace {

constexpr std::size_t limit = 200;

void require(bool holds) {
    if (!holds) __builtin_trap();
}

struct outcome {
    std::vector<std::uint64_t> types;
    std::vector<std::uint8_t> values;
    std::uint64_t skipped = 0;
    bool at_boundary = false;
    bool operator==(const outcome&) const = default;
};

/// `cuts` says how long the pieces are, over and over.
outcome run(byte_view stream, byte_view cuts) {
    masque::capsule_reader reader{limit};
    std::vector<std::uint8_t> room(limit);
    outcome out;
    for (std::size_t i = 0; !stream.empty(); ++i) {
        const std::size_t size = cuts.empty() ? stream.size() : std::size_t{1} + cuts[i % cuts.size()] % 64;
        byte_view piece = stream.first(std::min(size, stream.size()));
        stream = stream.subspan(piece.size());
        masque::capsule c;
        status s = status::ok;
        while ((s = reader.next(piece, c, room)) == status::ok) {
            require(c.value.size() <= limit);
            out.types.push_back(c.type);
            out.values.insert(out.values.end(), c.value.begin(), c.value.end());
        }
        require(s == status::need_more && piece.empty());
    }
    out.skipped = reader.skipped();
    out.at_boundary = reader.at_boundary();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::size_t cut_count = size == 0 ? 0 : std::min<std::size_t>(data[0] % 8, size - 1);
    const byte_view cuts{data + (size == 0 ? 0 : 1), cut_count};
    const byte_view stream = byte_view{data, size}.subspan(size == 0 ? 0 : 1 + cut_count);
    const outcome whole = run(stream, {});
    require(run(stream, cuts) == whole);
    require(whole.values.size() + 2 * whole.types.size() <= stream.size());
    return 0;
}
