// SPDX-License-Identifier: MIT
//
// Any bytes as the field of a bond and as the value of its capsule: what is read keeps its bounds, and is the same again
// once written.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "duality/masque/bond.hpp"
#include "support/fuzz_input.hpp"

using namespace duality;
using namespace duality::masque;
using test::require;

namespace {

bool same(const bond_parameters& a, const bond_parameters& b) {
    return a.id == b.id && a.leg == b.leg && a.proof == b.proof && a.secret == b.secret &&
           a.max_payload == b.max_payload;
}

void read_as_field(std::string_view text) {
    bond_parameters read;
    const status s = read_bond_field(text, read);
    require(s == status::ok || s == status::malformed || s == status::unsupported_version);
    if (s != status::ok) return;
    if (read.max_payload) require(*read.max_payload >= 64 && *read.max_payload <= 16'384);
    require(!(read.opens() && (read.joins() || read.answers_opening())));
    // No message has a proof and a secret: there is no room for both in what is written.
    if (read.proof && read.secret) read.secret.reset();
    std::array<char, bond_field_max> room{};
    bond_parameters again;
    require(read_bond_field(write_bond_field(read, room), again) == status::ok && same(read, again));
}

void read_as_registration(byte_view value) {
    bond_registration read;
    if (read_bond_registration(value, read) != status::ok) return;
    require(read.context != 0 && read.context % 2 == 0);
    std::array<std::uint8_t, bond_capsule_max> room{};
    bond_registration again;
    require(read_bond_registration(write_bond_registration(read, room), again) == status::ok);
    require(again.context == read.context && again.metered == read.metered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read_as_field({reinterpret_cast<const char*>(data), size});
    read_as_registration({data, size});
    return 0;
}
