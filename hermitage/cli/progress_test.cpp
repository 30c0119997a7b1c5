#include "hermitage/cli/progress.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace hermitage::cli {
namespace {

using namespace std::chrono_literals;

class ProgressTest : public ::testing::Test {
 protected:
  auto clock() -> ProgressBar::Clock {
    return [this] { return now_; };
  }
  auto output() -> ProgressBar::Output {
    return [this](std::string_view text) { drawn_ += text; };
  }
  auto take() -> std::string { return std::exchange(drawn_, {}); }
  void wait(std::chrono::milliseconds time) { now_ += time; }

 private:
  std::chrono::steady_clock::time_point now_;
  std::string drawn_;
};

TEST_F(ProgressTest, WhatIsDoneWithinASecondDrawsNothing) {
  {
    ProgressBar bar{"file", clock(), output()};
    bar(0, 100);
    wait(999ms);
    bar(99, 100);
  }
  EXPECT_EQ(take(), "");
}

TEST_F(ProgressTest, DrawsHowFarItIsAndWipesItAway) {
  {
    ProgressBar bar{"file", clock(), output()};
    wait(1s);
    bar(50, 100);
    EXPECT_EQ(take(), "\r\x1b[Kfile: ███████████████░░░░░░░░░░░░░░░  50%");
    wait(100ms);
    bar(100, 100);
    EXPECT_EQ(take(), "\r\x1b[Kfile: ██████████████████████████████ 100%");
  }
  EXPECT_EQ(take(), "\r\x1b[K");
}

TEST_F(ProgressTest, DrawsTenTimesASecondAtMost) {
  ProgressBar bar{"file", clock(), output()};
  wait(1s);
  bar(1, 100);
  EXPECT_NE(take(), "");
  wait(99ms);
  bar(2, 100);
  EXPECT_EQ(take(), "");
  wait(1ms);
  bar(3, 100);
  EXPECT_NE(take(), "");
}

TEST_F(ProgressTest, SaysHowMuchWhereTheWholeIsNotKnown) {
  ProgressBar bar{"file", clock(), output()};
  wait(1s);
  bar(3 << 20, 0);
  EXPECT_EQ(take(), "\r\x1b[Kfile: 3 MiB");
}

TEST_F(ProgressTest, IsNeverMoreThanFull) {
  ProgressBar bar{"file", clock(), output()};
  wait(1s);
  bar(300, 100);
  EXPECT_TRUE(take().ends_with(" 100%"));
}

TEST_F(ProgressTest, NamesCannotSteerTheTerminal) {
  ProgressBar bar{"a\x1b[2J", clock(), output()};
  wait(1s);
  bar(1, 0);
  EXPECT_EQ(take(), "\r\x1b[Ka\\x1b[2J: 1 byte");
}

TEST_F(ProgressTest, WithoutOutputDrawsNothing) {
  ProgressBar bar{"file", clock(), {}};
  wait(2s);
  bar(1, 2);
  EXPECT_EQ(take(), "");
}

}  // namespace
}  // namespace hermitage::cli
