#include "hermitage/loader/log.hpp"

#include <string>

#include <gtest/gtest.h>

#include "hermitage/loader/fake_machine.hpp"

namespace hermitage::loader {
namespace {

class LogTest : public ::testing::Test {
 protected:
  LogTest() { (void)testing::take_console(); }
  ~LogTest() override { set_log_level(LogLevel::info); }
};

TEST_F(LogTest, WritesLines) {
  LogLine{LogLevel::warn}.text("at ").hex(0x1f).text(", ").decimal(10).text(" ").range({{1}, {16}});
  EXPECT_EQ(testing::take_console(), "[LOADER][WARN] at 0x1f, 10 [0x1 - 0x10)\n");
}

TEST_F(LogTest, LeavesOutWhatIsNotWanted) {
  LogLine{LogLevel::debug}.text("details");
  EXPECT_EQ(testing::take_console(), "");
  set_log_level(LogLevel::trace);
  LogLine{LogLevel::debug}.text("details");
  EXPECT_EQ(testing::take_console(), "[LOADER][DEBUG] details\n");
  set_log_level(LogLevel::off);
  LogLine{LogLevel::error}.text("trouble");
  EXPECT_EQ(testing::take_console(), "");
  LogLine{LogLevel::off}.text("c0ffee");
  EXPECT_EQ(testing::take_console(), "[LOADER][HANDOVER] c0ffee\n");
}

TEST_F(LogTest, DoesNotSteerTerminals) {
  LogLine{LogLevel::error}.text("a\x1b[2Jb\nc\xff");
  EXPECT_EQ(testing::take_console(), "[LOADER][ERROR] a?[2Jb?c?\n");
}

TEST_F(LogTest, CutsLongLines) {
  LogLine{LogLevel::info}.text(std::string(5000, 'x'));
  EXPECT_LT(testing::take_console().size(), 500U);
}

TEST_F(LogTest, NamesLevels) {
  for (const auto level :
       {LogLevel::off, LogLevel::error, LogLevel::warn, LogLevel::info, LogLevel::debug, LogLevel::trace}) {
    EXPECT_EQ(log_level(name(level)), level);
  }
  EXPECT_EQ(log_level("INFO"), std::nullopt);
}

}  // namespace
}  // namespace hermitage::loader
