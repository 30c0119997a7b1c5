#include "hermitage/oci/image/reference.hpp"

#include <string>

#include <gtest/gtest.h>

namespace hermitage::oci {
namespace {

TEST(ReferenceTest, AreCompleted) {
  EXPECT_EQ(full_reference("app"), "localhost/app:latest");
  EXPECT_EQ(full_reference("app:v1"), "localhost/app:v1");
  EXPECT_EQ(full_reference("team/app:V_1.0-rc"), "localhost/team/app:V_1.0-rc");
  EXPECT_EQ(full_reference("localhost/app"), "localhost/app:latest");
  EXPECT_EQ(full_reference("registry.example/app:v1"), "registry.example/app:v1");
  EXPECT_EQ(full_reference("registry:5000/a/b--c.d__e"), "registry:5000/a/b--c.d__e:latest");
}

TEST(ReferenceTest, AreRefused) {
  for (const auto* const text :
       {"", ":", "app:", ":v1", "App", "a/", "/a", "a//b", "a..b", "a___b", "-a", "a-", "app:-x", "app:a b",
        "app@sha256:00", "reg_istry.example:x/a", "host:/a", "a\nb", "a\xc3\xa4"}) {
    EXPECT_FALSE(full_reference(text)) << text;
  }
  EXPECT_FALSE(full_reference("app:" + std::string(129, 'a')));
  EXPECT_FALSE(full_reference(std::string(250, 'a')));
  EXPECT_EQ(full_reference("App").error(),
            "'App': not a name such as app:v1 or registry.example/app:v1, in lower case");
}

}  // namespace
}  // namespace hermitage::oci
