// SPDX-License-Identifier: MIT
//
// The repair payload id: what parses is written back to the same bytes, and what does not parse says so without
// touching the result.

#include <cstdlib>
#include <cstring>

#include "duality/parity_rlc.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace duality;
    repair_payload_id id;
    id.repair_key = 0xABCD;
    const repair_payload_id before = id;
    const status parsed = parse({data, size}, id);
    if (parsed != status::ok) {
        if (parsed != status::malformed || !(id == before)) std::abort();
        const bool zero_window = size >= repair_payload_id::wire_size && (data[2] & 0xF) == 0 && data[3] == 0;
        if (size >= repair_payload_id::wire_size && !zero_window) std::abort();
        return 0;
    }
    if (id.window_size == 0 || id.window_size > 4095 || id.density_threshold > 15) std::abort();
    std::uint8_t out[repair_payload_id::wire_size];
    if (write(id, out) != status::ok || std::memcmp(out, data, sizeof out) != 0) std::abort();
    if (write(id, byte_span{out, sizeof out - 1}) != status::buffer_too_small) std::abort();
    return 0;
}
