// SPDX-License-Identifier: MIT
//
// The cryptography gives the published results.
#include "secure/aead.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace duality;

namespace {

using bytes = std::vector<std::uint8_t>;

bytes hex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    bytes out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
    return out;
}

struct vector {
    aead_suite suite;
    std::string_view key, nonce, associated, plain, cipher, tag;
};

// AES-GCM: McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4 and 16. ChaCha20-Poly1305: RFC 8439,
// section 2.8.2.
constexpr std::string_view gcm_plain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba"
    "637b"
    "39";
constexpr std::string_view gcm_associated = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
constexpr vector vectors[] = {
    {aead_suite::aes_128_gcm, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", gcm_associated, gcm_plain,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973"
     "d58e0"
     "91",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {aead_suite::aes_256_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", gcm_associated, gcm_plain,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0ab"
     "cc9f6"
     "62",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {aead_suite::chacha20_poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f66666"
     "57220"
     "796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b290"
     "5d6a5"
     "b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
};

}  // namespace

TEST_CASE("aead: published vectors, both ways, and every changed bit is noticed") {
    for (const vector& v : vectors) {
        CAPTURE(static_cast<int>(v.suite));
        detail::aead_key sealing;
        detail::aead_key opening;
        REQUIRE(sealing.create(v.suite, true));
        REQUIRE(opening.create(v.suite, false));
        const bytes key = hex(v.key);
        REQUIRE(key.size() == detail::key_size(v.suite));
        detail::nonce iv{};
        const bytes nonce = hex(v.nonce);
        std::copy(nonce.begin(), nonce.end(), iv.begin());
        REQUIRE(sealing.set_key(key, iv));
        REQUIRE(opening.set_key(key, iv));

        const bytes associated = hex(v.associated);
        const bytes plain = hex(v.plain);
        bytes out(plain.size() + detail::tag_size);
        REQUIRE(sealing.seal(0, 0, associated, plain, out.data()));
        bytes expected = hex(v.cipher);
        const bytes tag = hex(v.tag);
        expected.insert(expected.end(), tag.begin(), tag.end());
        CHECK(out == expected);

        bytes back(plain.size());
        REQUIRE(opening.open(0, 0, associated, out, back.data()));
        CHECK(back == plain);
        for (std::size_t bit = 0; bit < out.size() * 8; ++bit) {
            bytes changed = out;
            changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
            REQUIRE_FALSE(opening.open(0, 0, associated, changed, back.data()));
            REQUIRE(back == bytes(plain.size()));
        }
        CHECK_FALSE(opening.open(1, 0, associated, out, back.data()));
        CHECK_FALSE(opening.open(0, 1, associated, out, back.data()));
        CHECK_FALSE(opening.open(0, std::uint64_t{1} << 63, associated, out, back.data()));
    }
}

TEST_CASE("hkdf: RFC 5869, test case 1") {
    const bytes salt = hex("000102030405060708090a0b0c");
    const bytes key(22, 0x0b);
    detail::secret extracted{};
    REQUIRE(detail::hkdf_extract(salt, key, extracted));
    CHECK(bytes(extracted.begin(), extracted.end()) ==
          hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
    detail::secret expanded{};
    REQUIRE(detail::hkdf_expand(extracted, "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", expanded));
    CHECK(bytes(expanded.begin(), expanded.end()) ==
          hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"));
}
