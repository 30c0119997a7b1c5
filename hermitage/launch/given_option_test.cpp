#include "hermitage/launch/given_option.hpp"

#include <array>

#include <gtest/gtest.h>

namespace hermitage::launch {
namespace {

TEST(GivenOption, IsTheFirstOne) {
  constexpr std::array kOptions{GivenOption{false, "--a"}, GivenOption{true, "--b"}, GivenOption{true, "--c"}};
  EXPECT_STREQ(first_given(kOptions), "--b");
}

TEST(GivenOption, IsNone) {
  constexpr std::array kOptions{GivenOption{false, "--a"}};
  EXPECT_EQ(first_given(kOptions), nullptr);
  EXPECT_EQ(first_given({}), nullptr);
}

}  // namespace
}  // namespace hermitage::launch
