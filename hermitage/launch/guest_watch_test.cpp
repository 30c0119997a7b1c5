#include "hermitage/launch/guest_watch.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::launch {
namespace {

using namespace std::chrono_literals;

class GuestWatchTest : public ::testing::Test {
 protected:
  std::vector<std::string> told;
  GuestWatch watch{[this](std::string_view line) { told.emplace_back(line); }};
  GuestWatch::Time start{1h};
};

TEST_F(GuestWatchTest, HasNothingToSayBeforeTheStart) {
  EXPECT_EQ(watch.wake(start), std::nullopt);
  EXPECT_FALSE(watch.takes_input(start + 1h));
  EXPECT_TRUE(told.empty());
}

TEST_F(GuestWatchTest, ASilentGuestTakesInputAfterAWhile) {
  watch.on_start(start);
  watch.on_start(start + 1h);
  EXPECT_FALSE(watch.takes_input(start + GuestWatch::kInputDelay - 1ns));
  EXPECT_TRUE(watch.takes_input(start + GuestWatch::kInputDelay));
}

TEST_F(GuestWatchTest, AGuestThatPrintsTakesInput) {
  watch.on_start(start);
  watch.on_output();
  EXPECT_TRUE(watch.takes_input(start));
}

TEST_F(GuestWatchTest, TellsOfSilenceOnce) {
  watch.on_start(start);
  EXPECT_EQ(watch.wake(start), start + GuestWatch::kInputDelay);
  EXPECT_EQ(watch.wake(start + GuestWatch::kInputDelay), start + GuestWatch::kSilence);
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(watch.wake(start + GuestWatch::kSilence), std::nullopt);
  EXPECT_EQ(watch.wake(start + GuestWatch::kSilence + 1s), std::nullopt);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told.front().starts_with("no output for 5 s; ")) << told.front();
}

TEST_F(GuestWatchTest, OutputIsNoSilence) {
  watch.on_start(start);
  watch.on_output();
  EXPECT_EQ(watch.wake(start + GuestWatch::kSilence), std::nullopt);
  EXPECT_TRUE(told.empty());
}

TEST_F(GuestWatchTest, TellsOfTheEndOfInputOnce) {
  watch.on_input_end(start, 0);
  EXPECT_EQ(watch.wake(start + 1h), std::nullopt) << "there was none";
  watch.on_input_end(start, 1);
  EXPECT_EQ(watch.wake(start), start + GuestWatch::kInputEndDelay);
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(watch.wake(start + GuestWatch::kInputEndDelay), std::nullopt);
  EXPECT_EQ(watch.wake(start + 1h), std::nullopt);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told.front().starts_with("standard input has ended, ")) << told.front();
}

TEST_F(GuestWatchTest, WakesAtTheEarliestTime) {
  watch.on_start(start);
  watch.on_input_end(start - 1500ms, 1);
  EXPECT_EQ(watch.wake(start), start - 1500ms + GuestWatch::kInputEndDelay);
}

}  // namespace
}  // namespace hermitage::launch
