// SPDX-License-Identifier: MIT
//
// Any text as a structured field: an item, list or dictionary that was read is read the same after it was written
// again, and every view lies inside the field.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "duality/masque/structured_field.hpp"

using namespace duality;
using namespace duality::masque;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

void check(const sf_value& value, std::size_t field_size) {
    require(value.text.size() <= field_size);
    std::vector<char> room(8 * field_size + 64);
    std::vector<char> plain(field_size);
    std::vector<std::uint8_t> raw(field_size);
    std::size_t size = 0;
    sf_writer out{room};
    switch (value.type) {
        case sf_type::integer: out.integer(value.number); break;
        case sf_type::decimal: out.decimal(value.number); break;
        case sf_type::boolean: out.boolean(value.is_true()); break;
        case sf_type::token: out.token(value.text); break;
        case sf_type::string:
            require(sf_decode_string(value, plain, size) == status::ok);
            out.string({plain.data(), size});
            break;
        case sf_type::bytes: {
            const status decoded = sf_decode_bytes(value, raw, size);
            require(decoded == status::ok || decoded == status::malformed);
            if (decoded != status::ok) return;
            out.bytes({raw.data(), size});
            break;
        }
        case sf_type::inner_list: {
            sf_list list = sf_list::inside(value);
            sf_member member;
            status s = status::ok;
            while ((s = list.next(member)) == status::ok) check(member.value, field_size);
            require(s == status::need_more);
            return;
        }
    }
    require(out.ok());
    sf_member again;
    require(sf_parse_item(out.text(), again) == status::ok);
    require(again.value.type == value.type && again.value.number == value.number);
    if (value.type == sf_type::string || value.type == sf_type::token) require(again.value.text == value.text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view field{reinterpret_cast<const char*>(data), size};
    sf_member item;
    if (sf_parse_item(field, item) == status::ok) {
        check(item.value, size);
        require(sf_list{field}.ok());  // an item is a list of one
    }
    sf_list list{field};
    sf_member member;
    status s = status::ok;
    while ((s = list.next(member)) == status::ok) {
        check(member.value, size);
        if (const auto parameter = sf_find_parameter(member, "a")) check(*parameter, size);
    }
    require(s == (list.ok() ? status::need_more : status::malformed));
    if (const auto found = sf_find(field, "a")) {
        require(sf_is_dictionary(field) && found->key == "a");
        check(found->value, size);
    }
    return 0;
}
