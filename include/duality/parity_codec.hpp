// SPDX-License-Identifier: MIT
//
// One encoder and one decoder for all codes over GF(2^8), so that a session can switch between them at any packet.
//
// They share the sources: a packet is pushed once, and each repair is made by the code in use at that moment. The
// decoder takes repairs of all codes, mixed as they come, into one system of equations; so nothing is lost by a switch.
// The code of a repair travels outside of its payload id, whose fields read
//
//              repair_key                      window_size, first_esi
//   rlc        seed of the coefficients        any run of packets (RFC 8681)
//   block      index of the repair             the block (parity_block.hpp)
//   rs         index of the repair             the block (the code of libfec, see `rs_parameters`)
//
// The density threshold is 15 except for rlc. Contracts as for rlc_encoder and rlc_decoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "duality/memory.hpp"
#include "duality/parity_block.hpp"
#include "duality/parity_rlc.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {

enum class parity_code : std::uint8_t { rlc = 0, block = 1, rs = 2 };

/// The Reed–Solomon code that libfec calls init_rs_char(8, 0x11D, first_root, primitive, roots, 255 - roots - k): the
/// bytes of all packets at one position, in the order of the packets, are a shortened codeword. Deployments differ in
/// these numbers, and both ends need the same.
struct rs_parameters {
    std::uint32_t roots = 16;      ///< repairs per block, 1…128; costs 255 times this bytes at each end
    std::uint32_t first_root = 1;  ///< 0…254
    std::uint32_t primitive = 1;   ///< 1…254, coprime to 255
};

struct parity_config {
    rlc_config rlc{};
    rs_parameters rs{};
    parity_code code = parity_code::rlc;  ///< encoder only: in use at first
};

inline constexpr field_bounds rs_bounds[] = {
    {"rs.roots", 1, 128, "repairs"},
    {"rs.first_root", 0, 254, ""},
    {"rs.primitive", 1, 254, "coprime to 255"},
};

/// Coefficients of the systematic Reed–Solomon code: a source `distance` places before the end of its block enters
/// repair `i` with `row(i)[distance]`.
class rs_coefficients {
public:
    [[nodiscard]] status create(const rs_parameters& parameters, const allocator& memory) noexcept;

    /// Repairs per block and the longest block.
    [[nodiscard]] std::uint32_t roots() const noexcept { return roots_; }
    [[nodiscard]] std::uint32_t max_sources() const noexcept { return roots_ == 0 ? 0 : 255 - roots_; }
    /// Precondition: `i < roots()`.
    [[nodiscard]] const std::uint8_t* row(std::uint32_t i) const noexcept {
        return table_.data() + std::size_t{i} * max_sources();
    }

private:
    buffer<std::uint8_t> table_;
    std::uint32_t roots_ = 0;
};

/// Which repair: its code and its payload id.
struct parity_repair {
    parity_code code = parity_code::rlc;
    repair_payload_id id{};
};

class parity_encoder {
public:
    [[nodiscard]] static result<parity_encoder> create(const parity_config& config, const allocator& memory) noexcept;

    /// The window of sources: push, prepare and commit packets there.
    [[nodiscard]] rlc_encoder& sources() noexcept { return sources_; }
    [[nodiscard]] const rlc_encoder& sources() const noexcept { return sources_; }

    /// The code of the repairs from now on.
    void use(parity_code code) noexcept { code_ = code; }
    [[nodiscard]] parity_code code() const noexcept { return code_; }

    /// Makes a repair over `window_size` sources from `first_esi` on. With block and rs that run is the block, and
    /// repairs of the same run are numbered as they are made. `out_of_window`: the sources are not there, or the block
    /// is too long for the code or has all the repairs there are. Otherwise as `rlc_encoder::make_repair`.
    [[nodiscard]] status make_repair(std::uint32_t first_esi, std::uint32_t window_size, parity_repair& repair,
                                     byte_span symbol, std::size_t& symbol_size) noexcept;

private:
    explicit parity_encoder(rlc_encoder sources) noexcept : sources_{std::move(sources)} {}

    rlc_encoder sources_;
    rs_coefficients rs_;
    buffer<std::uint8_t> row_;
    parity_code code_ = parity_code::rlc;
    std::uint32_t block_first_ = 0;  ///< the run that the next indices belong to
    std::uint32_t block_size_ = 0;
    std::uint32_t next_index_[2] = {0, 0};  ///< of block and of rs
};

class parity_decoder {
public:
    [[nodiscard]] static result<parity_decoder> create(const parity_config& config, const allocator& memory) noexcept;

    /// The sources that came and those recovered: everything but repairs goes through here.
    [[nodiscard]] rlc_decoder& sources() noexcept { return sources_; }
    [[nodiscard]] const rlc_decoder& sources() const noexcept { return sources_; }

    /// A repair of any code. `malformed` also for an index or a block that its code does not have. Otherwise as
    /// `rlc_decoder::push_repair`.
    [[nodiscard]] status push_repair(const parity_repair& repair, byte_view symbol) noexcept;
    /// Repairs refused here, before they reached the decoder; the others are in its statistics.
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

private:
    explicit parity_decoder(rlc_decoder sources) noexcept : sources_{std::move(sources)} {}

    rlc_decoder sources_;
    rs_coefficients rs_;
    buffer<std::uint8_t> row_;
    std::uint64_t refused_ = 0;
};

}  // namespace v0
}  // namespace duality
