// SPDX-License-Identifier: MIT
#include "duality/masque/uri_template.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace duality;
using namespace duality::masque;

namespace {

std::string expanded(std::string_view text, std::string_view host, std::uint16_t port) {
    const result<uri_template> made = uri_template::create(text);
    INFO(text);
    REQUIRE(made);
    char room[uri_template::path_max];
    return std::string{made.value().expand(udp_target::create(host, port).value(), room)};
}

}  // namespace

TEST_CASE("the templates of RFC 9298 expand as it says") {
    CHECK(expanded("https://example.org/.well-known/masque/udp/{target_host}/{target_port}/", "192.0.2.6", 443) ==
          "/.well-known/masque/udp/192.0.2.6/443/");
    CHECK(expanded("https://proxy.example.org:4443/masque?h={target_host}&p={target_port}", "example.com", 53) ==
          "/masque?h=example.com&p=53");
    CHECK(expanded("https://proxy.example.org:4443/masque{?target_host,target_port}", "a_b.example", 1) ==
          "/masque?target_host=a_b.example&target_port=1");
    CHECK(expanded("https://example.org/.well-known/masque/udp/{target_host}/{target_port}/", "2001:db8::42", 443) ==
          "/.well-known/masque/udp/2001%3Adb8%3A%3A42/443/");
}

TEST_CASE("other variables expand to nothing, and any order will do") {
    CHECK(expanded("https://x.example/{a}m{?b,target_port,c.d}{&target_host}", "h.example", 9) ==
          "/m?target_port=9&target_host=h.example");
    CHECK(expanded("https://x.example/{target_port,target_host}", "h.example", 9) == "/9,h.example");
    CHECK(expanded("https://x.example/%7Ea/{target_host}/{target_port}", "h.example", 9) == "/%7Ea/h.example/9");
}

TEST_CASE("a bare host stands for the default template") {
    CHECK(expanded("relay.example:4443", "h.example", 9) == "/.well-known/masque/udp/h.example/9/");
    const result<uri_template> made = uri_template::create("relay.example:4443");
    CHECK(made.value().authority() == "relay.example:4443");
    CHECK(made.value().host() == "relay.example");
    CHECK(made.value().port() == 4443);
    const result<uri_template> v6 = uri_template::create("https://[2001:db8::1]/{target_host}/{target_port}");
    CHECK(v6.value().host() == "2001:db8::1");
    CHECK(v6.value().authority() == "[2001:db8::1]");
    CHECK(v6.value().port() == 443);
}

TEST_CASE("what breaks a rule of RFC 9298 is no template") {
    for (const char* text : {
             "",
             "http://x.example/{target_host}/{target_port}",     // HTTP/3 is always over TLS
             "https:///{target_host}/{target_port}",             // no authority
             "https://x.example",                                // no path
             "https://x.example{target_host}/{target_port}",     // a variable outside path and query
             "https://x.example/{target_host}",                  // one variable missing
             "https://x.example/{target_host}/{target_host}",    //
             "https://x.example/{target_host}{target_port}",     // nobody could tell them apart
             "https://x.example/{target_host}.{target_port}",    // nor here
             "https://x.example/{target_port}/{target_host}0",   //
             "https://x.example/{+target_host}/{target_port}",   // operators that RFC 9298 forbids
             "https://x.example/{#target_host}/{target_port}",   //
             "https://x.example/{.target_host}/{target_port}",   //
             "https://x.example{/target_host,target_port}",      //
             "https://x.example/{;target_host,target_port}",     //
             "https://x.example/{target_host*}/{target_port}",   // level 4
             "https://x.example/{target_host:3}/{target_port}",  //
             "https://x.example/{target_host/{target_port}",     // braces
             "https://x.example/{}{target_host}/{target_port}",  //
             "https://x.example/}{target_host}/{target_port}",   //
             "https://x.example/{target_host}/{target_port",     //
             "https://x.example/ {target_host}/{target_port}",   // characters
             "https://x.example/%zz{target_host}/{target_port}",
             "https://x.example/\xc3\xa9{target_host}/{target_port}",
             "https://x.example/#{target_host}/{target_port}",
             "https://x.example:0/{target_host}/{target_port}",
             "https://x.example:65536/{target_host}/{target_port}",
             "https://x.example:1x/{target_host}/{target_port}",
             "https://user@x.example/{target_host}/{target_port}",
             "https://[192.0.2.1]/{target_host}/{target_port}",
             "https://[::1/{target_host}/{target_port}",
         }) {
        INFO(text);
        CHECK_FALSE(uri_template::create(text));
    }
    CHECK(uri_template::create("https://x.example/" + std::string(600, 'a') + "{target_host}/{target_port}").code() ==
          status::too_large);
}

TEST_CASE("a relay reads the target out of a path") {
    const uri_template t = uri_template::create_path(default_path_template).value();
    udp_target target;
    REQUIRE(t.match("/.well-known/masque/udp/192.0.2.6/443/", target) == status::ok);
    CHECK(target.host() == "192.0.2.6");
    CHECK(target.port() == 443);
    CHECK(target.literal() == ip_address::parse("192.0.2.6"));
    REQUIRE(t.match("/.well-known/masque/udp/2001%3adb8%3A%3A42/5/", target) == status::ok);
    CHECK(target.host() == "2001:db8::42");
    REQUIRE(t.match("/.well-known/masque/udp/2001:db8::42/5/", target) == status::ok);
    REQUIRE(t.match("/.well-known/masque/udp/%65xample.com/5/", target) == status::ok);
    CHECK(target.host() == "example.com");
    CHECK_FALSE(target.literal());

    for (const char* other : {"", "/", "/.well-known/masque/udp/h/1", "/.well-known/masque/udp/h/1/x", "/status",
                              "/.well-known/masque/udp/h"})
        CHECK(t.match(other, target) == status::no_change);
    for (const char* wrong :
         {"/.well-known/masque/udp//1/", "/.well-known/masque/udp/h//", "/.well-known/masque/udp/h/0/",
          "/.well-known/masque/udp/h/65536/", "/.well-known/masque/udp/h/+1/",
          "/.well-known/masque/udp/fe80::1%25eth0/1/", "/.well-known/masque/udp/h%2/1/",
          "/.well-known/masque/udp/h%00/1/", "/.well-known/masque/udp/a..b/1/", "/.well-known/masque/udp/127.1/1/",
          "/.well-known/masque/udp/1.2.3.4./1/", "/.well-known/masque/udp/%5B::1%5D/1/"}) {
        INFO(wrong);
        CHECK(t.match(wrong, target) != status::ok);
    }
    CHECK(t.match("/.well-known/masque/udp/127.1/1/", target) == status::malformed);
}

TEST_CASE("hosts are addresses or names") {
    for (const char* host : {"a", "a.b", "a.b.", "x--y.example", "192.0.2.1", "::1", "_sip.example"})
        CHECK(udp_target::create(host, 1));
    for (const char* host : {"", ".", "a..b", ".a", "a b", "[::1]", "1.2.3", "a.1", "host:1", "1", "a/b", "fe80::1%1"})
        CHECK_FALSE(udp_target::create(host, 1));
    CHECK_FALSE(udp_target::create("a", 0));
    CHECK(udp_target::create(std::string(63, 'a'), 1));
    CHECK_FALSE(udp_target::create(std::string(64, 'a'), 1));
    std::string longest;
    while (longest.size() < udp_target::host_max - 2) longest += "a.";
    CHECK(udp_target::create(longest + "a", 1));
    CHECK_FALSE(udp_target::create(longest + "a.aa", 1));
}
