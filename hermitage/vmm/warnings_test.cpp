#include "hermitage/vmm/warnings.hpp"

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

class WarningsTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines;
  Warnings warnings{[this](std::string_view line) { lines.emplace_back(line); }};
};

TEST_F(WarningsTest, ArePassedOnOnce) {
  warnings.add("first");
  warnings.add("second");
  warnings.add("first");
  EXPECT_EQ(lines, (std::vector<std::string>{"first", "second"}));
}

TEST_F(WarningsTest, AreNotMoreThanTheLimit) {
  for (std::size_t i = 0; i < Warnings::kMax + 1; ++i) warnings.add(std::to_string(i));
  ASSERT_EQ(lines.size(), Warnings::kMax);
  EXPECT_EQ(lines.back(), std::to_string(Warnings::kMax - 1));
}

TEST_F(WarningsTest, NeedNobodyWhoListens) {
  Warnings unheard{{}};
  unheard.add("line");
}

using WarningsThreads = WarningsTest;

TEST_F(WarningsThreads, ComeFromAnyThread) {
  constexpr std::size_t kThreads = 4;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::size_t line = 0; line < Warnings::kMax; ++line) warnings.add(std::to_string(line));
      });
    }
  }
  EXPECT_EQ(lines.size(), Warnings::kMax);
}

}  // namespace
}  // namespace hermitage::vmm
