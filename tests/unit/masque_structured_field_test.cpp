// SPDX-License-Identifier: MIT
#include "duality/masque/structured_field.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

using namespace duality;
using namespace duality::masque;

namespace {

sf_member item(std::string_view field) {
    sf_member out;
    INFO(field);
    REQUIRE(sf_parse_item(field, out) == status::ok);
    return out;
}

std::vector<std::string> tokens(sf_list list) {
    std::vector<std::string> out;
    sf_member m;
    while (list.next(m) == status::ok) out.emplace_back(m.value.text);
    return out;
}

}  // namespace

TEST_CASE("bare items of every type are read") {
    CHECK(item("42").value.number == 42);
    CHECK(item("-0").value.number == 0);
    CHECK(item("  999999999999999 ").value.number == 999'999'999'999'999);
    CHECK(item("-4.5").value.number == -4'500);
    CHECK(item("-4.5").value.type == sf_type::decimal);
    CHECK(item("0.125").value.number == 125);
    CHECK(item("?1").value.is_true());
    CHECK_FALSE(item("?0").value.is_true());
    CHECK(item("*foo/bar:baz").value.text == "*foo/bar:baz");
    CHECK(item(R"("a \"b\" \\")").value.text == R"(a \"b\" \\)");
    CHECK(item(":aGk=:").value.text == "aGk=");
    CHECK(item("\"\"").value.text.empty());
    CHECK(item("::").value.type == sf_type::bytes);
}

TEST_CASE("what RFC 8941 does not allow is malformed") {
    for (const char* field : {"",
                              " ",
                              "1.",
                              "1.2345",
                              "1234567890123456",
                              "1234567890123.1",
                              "-",
                              "--1",
                              "?2",
                              "?",
                              "\"",
                              "\"a",
                              "\"\\a\"",
                              "\"\t\"",
                              "\"\x7f\"",
                              ":a",
                              ":a b:",
                              "a b",
                              "a;",
                              "a;=1",
                              "a;B",
                              "a; ;b",
                              "1,2",
                              "()",
                              "é",
                              "a;b=",
                              "a ;b"}) {
        INFO(field);
        sf_member out;
        CHECK(sf_parse_item(field, out) == status::malformed);
    }
    for (const char* field : {"a,", ",a", "a,,b", "a b", "(a", "(a,b)", "(a)b", "a)", "(\"a\"b)"}) {
        INFO(field);
        CHECK_FALSE(sf_list{field}.ok());
        sf_member m;
        CHECK(sf_list{field}.next(m) == status::malformed);
    }
    for (const char* field : {"a=", "A=1", "=1", "a=1,", "a=1 b=2", "1=1"}) {
        INFO(field);
        CHECK_FALSE(sf_is_dictionary(field));
    }
}

TEST_CASE("lists, inner lists and parameters") {
    CHECK(tokens(sf_list{"sugar, tea,rum\t , x"}) == std::vector<std::string>{"sugar", "tea", "rum", "x"});
    CHECK(sf_list{""}.ok());
    CHECK(tokens(sf_list{""}).empty());

    sf_list list{"(a b;q=1 );lvl=5, c;x;y=?0"};
    sf_member m;
    REQUIRE(list.next(m) == status::ok);
    CHECK(m.value.type == sf_type::inner_list);
    CHECK(tokens(sf_list::inside(m.value)) == std::vector<std::string>{"a", "b"});
    CHECK(sf_find_parameter(m, "lvl")->number == 5);
    REQUIRE(list.next(m) == status::ok);
    CHECK(sf_find_parameter(m, "x")->is_true());
    CHECK_FALSE(sf_find_parameter(m, "y")->is_true());
    CHECK_FALSE(sf_find_parameter(m, "z"));
    CHECK(list.next(m) == status::need_more);
    CHECK(tokens(sf_list::inside(m.value)).empty());  // not an inner list
}

TEST_CASE("a dictionary's last member of a name counts") {
    const char* field = "a=1, b;x=2, c=(1 2), a=tok;p=\"q\"";
    CHECK(sf_find(field, "a")->value.text == "tok");
    CHECK(sf_find_parameter(*sf_find(field, "a"), "p")->text == "q");
    CHECK(sf_find(field, "b")->value.is_true());
    CHECK(sf_find_parameter(*sf_find(field, "b"), "x")->number == 2);
    CHECK(sf_find(field, "c")->value.type == sf_type::inner_list);
    CHECK_FALSE(sf_find(field, "d"));
    CHECK_FALSE(sf_find("a=1, b=", "a"));  // one fault anywhere spoils the field
    CHECK(sf_is_dictionary(""));
}

TEST_CASE("strings and byte sequences are decoded into the room there is") {
    char text[8];
    std::size_t size = 0;
    REQUIRE(sf_decode_string(item(R"("a\"\\b")").value, text, size) == status::ok);
    CHECK(std::string_view{text, size} == "a\"\\b");
    CHECK(sf_decode_string(item("\"123456789\"").value, text, size) == status::buffer_too_small);
    CHECK(sf_decode_string(item("token").value, text, size) == status::invalid_argument);

    std::uint8_t raw[4];
    REQUIRE(sf_decode_bytes(item(":aGkh:").value, raw, size) == status::ok);
    CHECK(std::string(raw, raw + size) == "hi!");
    REQUIRE(sf_decode_bytes(item(":aA:").value, raw, size) == status::ok);  // padding may be left out
    CHECK(std::string(raw, raw + size) == "h");
    REQUIRE(sf_decode_bytes(item("::").value, raw, size) == status::ok);
    CHECK(size == 0);
    CHECK(sf_decode_bytes(item(":aGVsbG8=:").value, raw, size) == status::buffer_too_small);
    CHECK(sf_decode_bytes(item(":a:").value, raw, size) == status::malformed);
    CHECK(sf_decode_bytes(item(":a=bc:").value, raw, size) == status::malformed);
    CHECK(sf_decode_bytes(item("1").value, raw, size) == status::invalid_argument);
}

TEST_CASE("what is written is read back") {
    char room[256];
    sf_writer out{room};
    out.token("duality");
    out.parameter("error");
    out.token("dns_error");
    out.parameter("details");
    out.string("no \"such\" \\ name");
    out.comma();
    out.integer(-17);
    out.parameter("on");
    out.boolean(false);
    out.comma();
    const std::uint8_t key[] = {0xFF, 0x00, 0x10, 0x20};
    out.bytes(key);
    out.comma();
    out.decimal(-1'250);
    REQUIRE(out.ok());
    CHECK(out.text() == R"(duality;error=dns_error;details="no \"such\" \\ name", -17;on=?0, :/wAQIA==:, -1.25)");
    CHECK(sf_list{out.text()}.ok());

    for (const std::int64_t thousandths : {0LL, 1LL, 10LL, 100LL, 1000LL, 1001LL, 999'999'999'999'999LL}) {
        sf_writer number{room};
        number.decimal(thousandths);
        REQUIRE(number.ok());
        CHECK(item(number.text()).value.number == thousandths);
    }
}

TEST_CASE("what has no text is not written") {
    char room[32];
    const auto refused = [&](auto write) {
        sf_writer out{room};
        write(out);
        return !out.ok();
    };
    CHECK(refused([](sf_writer& out) { out.token("a b"); }));
    CHECK(refused([](sf_writer& out) { out.token(""); }));
    CHECK(refused([](sf_writer& out) { out.token("1a"); }));
    CHECK(refused([](sf_writer& out) { out.string("line\nbreak"); }));
    CHECK(refused([](sf_writer& out) { out.string("\x80"); }));
    CHECK(refused([](sf_writer& out) { out.integer(1'000'000'000'000'000); }));
    CHECK(refused([](sf_writer& out) { out.key("Upper"); }));
    CHECK(refused([](sf_writer& out) { out.string("a text that is longer than its room is"); }));
}
