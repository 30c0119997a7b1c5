#include "hermitage/oci/image/digest.hpp"

#include <string>

#include <gtest/gtest.h>

namespace hermitage::oci {
namespace {

// FIPS 180-2, appendix B.
TEST(DigestTest, AreThoseOfTheStandard) {
  EXPECT_EQ(sha256("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(std::string_view{}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 sum;
  const std::string thousand(1000, 'a');
  for (int i = 0; i < 1000; ++i) sum.add(std::as_bytes(std::span{thousand}));
  EXPECT_EQ(sum.size(), 1'000'000U);
  EXPECT_EQ(sum.finish().hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(DigestTest, AreWrittenAndReadInOneWay) {
  const auto digest = sha256("abc");
  EXPECT_EQ(Digest::parse(digest.text()), digest);
  const auto hex = digest.hex();
  EXPECT_FALSE(Digest::parse(hex));
  EXPECT_FALSE(Digest::parse("sha256:" + hex.substr(1)));
  EXPECT_FALSE(Digest::parse("sha256:" + hex + "0"));
  EXPECT_FALSE(Digest::parse("sha512:" + hex));
  EXPECT_FALSE(Digest::parse("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(Digest::parse("sha256:../" + hex.substr(3)));
  EXPECT_FALSE(Digest::parse(""));
}

}  // namespace
}  // namespace hermitage::oci
