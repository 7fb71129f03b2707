// SPDX-License-Identifier: MIT
//
// What a bond looks like on the wire: its HTTP field, its capsules, and what a leg's proof is computed over. A bond is one
// UDP flow over several QUIC connections to one relay, its legs; the frames on them are those of a session. The
// specification is docs/bonding.md.
//
// Reading never trusts its input and allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "duality/masque/capsule.hpp"
#include "duality/memory.hpp"
#include "duality/status.hpp"

namespace duality {
inline namespace v0 {
namespace masque {

/// The field of requests and answers.
inline constexpr std::string_view bond_field = "duality-bond";
inline constexpr std::int64_t bond_version = 1;
/// Label of the TLS exporter that ties a proof to one connection (RFC 5705; labels of that form need no registration).
inline constexpr std::string_view bond_exporter_label = "EXPERIMENTAL-duality-bond";

using bond_id = std::array<std::uint8_t, 16>;
using bond_secret = std::array<std::uint8_t, 32>;
using bond_proof = std::array<std::uint8_t, 32>;  ///< HMAC-SHA256 with the secret over `bond_proof_input`
using bond_exporter = std::array<std::uint8_t, 32>;

/// The first leg of a bond has this number; those that join choose another.
inline constexpr std::uint8_t bond_first_leg = 0;

/// The Dictionary in a `duality-bond` field. Which members are there says what it is.
struct bond_parameters {
    std::optional<bond_id> id;
    std::optional<std::uint8_t> leg;    ///< joining
    std::optional<bond_proof> proof;    ///< joining
    std::optional<bond_secret> secret;  ///< answer to opening
    /// Opening: largest payload that the client wants protected. Answer to it: largest payload of the bond's session.
    std::optional<std::uint32_t> max_payload;

    [[nodiscard]] bool opens() const noexcept { return !id && !leg && !proof && !secret; }
    [[nodiscard]] bool joins() const noexcept { return id && leg && proof; }
    [[nodiscard]] bool answers_opening() const noexcept { return id && secret && max_payload; }
};

/// Longest field that `write_bond_field` makes.
inline constexpr std::size_t bond_field_max = 160;

/// `malformed`: no Dictionary, or a member of another type or length. `unsupported_version`: `v` is missing or unknown.
/// Either is as if the field were not there. Members of other names are skipped.
[[nodiscard]] status read_bond_field(std::string_view field, bond_parameters& out) noexcept;
/// Into `out` of at least `bond_field_max` characters.
[[nodiscard]] std::string_view write_bond_field(const bond_parameters& what, std::span<char> out) noexcept;

/// What the proof of a leg is computed over: keying material of its own connection, the bond, and its number.
inline constexpr std::size_t bond_proof_input_size = 32 + 16 + 1;
[[nodiscard]] std::array<std::uint8_t, bond_proof_input_size> bond_proof_input(const bond_exporter& exporter,
                                                                               const bond_id& id,
                                                                               std::uint8_t leg) noexcept;

/// Client to relay, on the leg's own stream: frames travel in this context from now on, both ways.
inline constexpr std::uint64_t bond_register_capsule = 0x2D0A1170;
/// Client to relay, on the stream of another leg: the one of this number is of no more use.
inline constexpr std::uint64_t bond_leg_gone_capsule = 0x2D0A1171;

/// The value of a registration.
struct bond_registration {
    std::uint64_t context = 2;  ///< even, not 0
    bool metered = false;       ///< the way back costs money too
};
inline constexpr std::size_t bond_capsule_max = 16;

/// `malformed`: too short, or a context that no client may register. What follows is skipped.
[[nodiscard]] status read_bond_registration(byte_view value, bond_registration& out) noexcept;
[[nodiscard]] byte_view write_bond_registration(const bond_registration& what, byte_span out) noexcept;

}  // namespace masque
}  // namespace v0
}  // namespace duality
