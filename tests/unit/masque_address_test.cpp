// SPDX-License-Identifier: MIT
#include "duality/masque/address.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "duality/masque/target_policy.hpp"

using namespace duality;
using namespace duality::masque;

namespace {

std::string again(std::string_view text) {
    const std::optional<ip_address> address = ip_address::parse(text);
    if (!address) return "none";
    char room[ip_address::text_max];
    return std::string{address->format(room)};
}

ip_address parsed(std::string_view text) {
    const std::optional<ip_address> address = ip_address::parse(text);
    REQUIRE(address);
    return *address;
}

}  // namespace

TEST_CASE("addresses are read and written in canonical form") {
    CHECK(again("192.0.2.1") == "192.0.2.1");
    CHECK(again("0.0.0.0") == "0.0.0.0");
    CHECK(again("255.255.255.255") == "255.255.255.255");
    CHECK(again("::") == "::");
    CHECK(again("::1") == "::1");
    CHECK(again("1::") == "1::");
    CHECK(again("2001:DB8:0:0:8:800:200C:417A") == "2001:db8::8:800:200c:417a");
    CHECK(again("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // a single zero group stays
    CHECK(again("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");           // the longer run
    CHECK(again("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // the first of equal runs
    CHECK(again("::ffff:192.0.2.1") == "::ffff:192.0.2.1");
    CHECK(again("::ffff:c000:201") == "::ffff:192.0.2.1");
    CHECK(again("64:ff9b::192.0.2.33") == "64:ff9b::c000:221");
    CHECK(again("1:2:3:4:5:6:7::") == "1:2:3:4:5:6:7:0");
    CHECK(again("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST_CASE("what is no address is refused") {
    for (const char* text : {"",
                             "1",
                             "1.2.3",
                             "1.2.3.4.5",
                             "256.1.1.1",
                             "01.2.3.4",
                             "1.2.3.4 ",
                             " 1.2.3.4",
                             "1..2.3",
                             "0x7f.0.0.1",
                             "127.1",
                             "1.2.3.-4",
                             ":",
                             ":::",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:8:9",
                             "1::2::3",
                             "12345::",
                             "::g",
                             "1:2:3:4:5:6:7:",
                             ":1:2:3:4:5:6:7",
                             "fe80::1%eth0",
                             "[::1]",
                             "::1.2.3",
                             "1.2.3.4::",
                             "::1.2.3.4:5",
                             "1:2:3:4:5:6:7:1.2.3.4",
                             "1:2:3:4:5:6:7:8::"}) {
        INFO(text);
        CHECK_FALSE(ip_address::parse(text));
    }
}

TEST_CASE("prefixes end at any bit and families do not mix") {
    CHECK(parsed("10.1.2.3").in_prefix(parsed("10.0.0.0"), 8));
    CHECK(parsed("100.127.255.255").in_prefix(parsed("100.64.0.0"), 10));
    CHECK_FALSE(parsed("100.128.0.0").in_prefix(parsed("100.64.0.0"), 10));
    CHECK(parsed("1.2.3.4").in_prefix(parsed("200.0.0.0"), 0));
    CHECK_FALSE(parsed("::").in_prefix(parsed("0.0.0.0"), 0));
    CHECK_FALSE(parsed("1.2.3.4").in_prefix(parsed("1.2.3.5"), 32));

    CHECK(address_prefix::parse("192.0.2.0/24")->bits == 24);
    CHECK(address_prefix::parse("::1")->bits == 128);
    for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8x", "x/8"})
        CHECK_FALSE(address_prefix::parse(text));
}

TEST_CASE("every special address has its kind") {
    const std::pair<const char*, address_kind> rows[] = {
        {"8.8.8.8", address_kind::global},
        {"172.15.255.255", address_kind::global},
        {"172.32.0.0", address_kind::global},
        {"2606:4700::1", address_kind::global},
        {"0.0.0.0", address_kind::unspecified},
        {"0.1.2.3", address_kind::unspecified},
        {"::", address_kind::unspecified},
        {"127.0.0.1", address_kind::loopback},
        {"127.255.255.254", address_kind::loopback},
        {"::1", address_kind::loopback},
        {"10.0.0.1", address_kind::private_use},
        {"172.16.0.1", address_kind::private_use},
        {"172.31.255.255", address_kind::private_use},
        {"192.168.1.1", address_kind::private_use},
        {"fc00::1", address_kind::private_use},
        {"fdff::1", address_kind::private_use},
        {"fec0::1", address_kind::private_use},
        {"100.64.0.1", address_kind::shared},
        {"100.127.255.255", address_kind::shared},
        {"169.254.1.1", address_kind::link_local},
        {"fe80::1", address_kind::link_local},
        {"febf::1", address_kind::link_local},
        {"169.254.169.254", address_kind::metadata},
        {"168.63.129.16", address_kind::metadata},
        {"100.100.100.200", address_kind::metadata},
        {"fd00:ec2::254", address_kind::metadata},
        {"224.0.0.1", address_kind::multicast},
        {"239.255.255.255", address_kind::multicast},
        {"ff02::1", address_kind::multicast},
        {"255.255.255.255", address_kind::broadcast},
        {"192.0.2.1", address_kind::documentation},
        {"198.51.100.1", address_kind::documentation},
        {"203.0.113.1", address_kind::documentation},
        {"2001:db8::1", address_kind::documentation},
        {"3fff::1", address_kind::documentation},
        {"198.18.0.1", address_kind::reserved},
        {"192.0.0.1", address_kind::reserved},
        {"240.0.0.1", address_kind::reserved},
        {"4000::1", address_kind::reserved},
        {"2001:2::1", address_kind::reserved},
        {"::ffff:8.8.8.8", address_kind::embedded},
        {"::ffff:127.0.0.1", address_kind::embedded},
        {"::127.0.0.1", address_kind::embedded},
        {"::ffff:0:127.0.0.1", address_kind::embedded},
        {"64:ff9b:1::1", address_kind::embedded},
        {"2001::1", address_kind::embedded},
        // What stands for an IPv4 address is what that is.
        {"64:ff9b::8.8.8.8", address_kind::global},
        {"64:ff9b::127.0.0.1", address_kind::loopback},
        {"64:ff9b::169.254.169.254", address_kind::metadata},
        {"2002:7f00:1::1", address_kind::loopback},
        {"2002:a00:1::1", address_kind::private_use},
        {"2002:808:808::1", address_kind::global},
    };
    for (const auto& [text, kind] : rows) {
        INFO(text << " is " << to_string(classify(parsed(text))));
        CHECK(classify(parsed(text)) == kind);
    }
}

TEST_CASE("a target policy refuses what is not public, allows what is listed, and obeys denials first") {
    target_policy policy;
    CHECK(policy.check(parsed("8.8.8.8")) == target_verdict::allowed);
    CHECK(policy.check(parsed("10.0.0.1")) == target_verdict::prohibited);
    CHECK(policy.check(parsed("::ffff:8.8.8.8")) == target_verdict::prohibited);

    CHECK(policy.allow(address_prefix::parse("10.0.0.0/8").value()) == status::ok);
    CHECK(policy.check(parsed("10.0.0.1")) == target_verdict::allowed);
    CHECK(policy.check(parsed("::ffff:10.0.0.1")) == target_verdict::prohibited);  // only as it was listed

    CHECK(policy.deny(address_prefix::parse("10.9.0.0/16").value()) == status::ok);
    CHECK(policy.deny(address_prefix::parse("1.1.1.1").value()) == status::ok);
    CHECK(policy.check(parsed("10.9.0.1")) == target_verdict::prohibited);
    CHECK(policy.check(parsed("1.1.1.1")) == target_verdict::prohibited);
    CHECK(policy.check(parsed("64:ff9b::1.1.1.1")) == target_verdict::prohibited);  // the same host in another form
    CHECK(policy.check(parsed("2002:101:101::1")) == target_verdict::prohibited);

    policy.allow_listed_only();
    CHECK(policy.check(parsed("8.8.8.8")) == target_verdict::prohibited);
    CHECK(policy.check(parsed("10.0.0.1")) == target_verdict::allowed);
}

TEST_CASE("one bad answer condemns a name") {
    const target_policy policy;
    const ip_address good[] = {parsed("8.8.8.8"), parsed("2606:4700::1")};
    const ip_address mixed[] = {parsed("8.8.8.8"), parsed("127.0.0.1")};
    CHECK(policy.check(good) == target_verdict::allowed);
    CHECK(policy.check(mixed) == target_verdict::prohibited);
    CHECK(policy.check(std::span<const ip_address>{}) == target_verdict::nothing_to_check);
}

TEST_CASE("a list that is full says so") {
    target_policy policy;
    for (std::size_t i = 0; i < target_policy::max_prefixes; ++i)
        CHECK(policy.allow(address_prefix::parse("10.0.0.0/8").value()) == status::ok);
    CHECK(policy.allow(address_prefix::parse("192.168.0.0/16").value()) == status::queue_full);
}
