// SPDX-License-Identifier: MIT
//
// Any text as a URI template, as a path, as a host and as an address: what is accepted expands into a path that matches
// the same target again, and an address survives being written.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "duality/masque/target_policy.hpp"
#include "duality/masque/uri_template.hpp"

using namespace duality;
using namespace duality::masque;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

void round_trip(const uri_template& t, const udp_target& target) {
    std::vector<char> room(uri_template::path_max);
    const std::string_view path = t.expand(target, room);
    require(path.starts_with('/') && path.size() <= uri_template::path_max);
    udp_target again;
    require(t.match(path, again) == status::ok && again == target);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const udp_target example = udp_target::create("2001:db8::42", 443).value();
    const result<uri_template> whole = uri_template::create(text);
    if (whole) {
        require(whole.value().port() != 0 && !whole.value().host().empty());
        round_trip(whole.value(), example);
    }
    if (const result<uri_template> path = uri_template::create_path(text)) round_trip(path.value(), example);

    const uri_template relay = uri_template::create_path(default_path_template).value();
    udp_target target;
    if (relay.match(text, target) == status::ok) round_trip(relay, target);
    if (const result<udp_target> host = udp_target::create(text, 1)) round_trip(relay, host.value());

    char room[ip_address::text_max];
    if (const auto address = ip_address::parse(text)) {
        require(ip_address::parse(address->format(room)) == address);
        require(to_string(classify(*address)) != "unknown");
    }
    if (const auto prefix = address_prefix::parse(text)) require(prefix.value().contains(prefix.value().address));
    return 0;
}
