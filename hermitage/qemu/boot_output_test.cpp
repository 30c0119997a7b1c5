#include "hermitage/qemu/boot_output.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::qemu {
namespace {

constexpr std::string_view kHandover = "[LOADER][HANDOVER] c0ffee\r\n";

struct Told {
  std::string output;
  std::vector<std::string> warnings;
  std::string failure;
  bool has_handed_over = false;
};

// In pieces of `piece` bytes.
auto tell(const std::string& text, std::size_t piece, bool has_log = false) -> Told {
  Told told;
  BootOutput output{{.handover = "c0ffee", .has_log = has_log, .on_warning = [&told](std::string_view line) {
                       told.warnings.emplace_back(line);
                     }}};
  for (std::size_t at = 0; at < text.size(); at += piece) {
    told.output += output.take(std::string_view{text}.substr(at, piece));
  }
  told.output += output.finish();
  told.failure = output.failure();
  told.has_handed_over = output.has_handed_over();
  return told;
}

TEST(BootOutput, LeavesTheGuestItsOutputWhateverItIs) {
  for (const std::string text :
       {"", "x", "\n", "Hello\nand more\n", "[", "[LOADER]", "[LOADER][ERROR] mine\n", "[LOADER][WARN] mine\n",
        "[LOADER][HANDOVER] c0ffee\n", "[0][INFO] a kernel's\r\n[LOADER][ERROR] not the loader's\n", "no end"}) {
    for (const std::size_t piece : {1U, 2U, 7U, 1000U}) {
      const auto told = tell(std::string{kHandover} + text, piece);
      EXPECT_EQ(told.output, text);
      EXPECT_TRUE(told.has_handed_over);
      EXPECT_EQ(told.failure, "");
      EXPECT_TRUE(told.warnings.empty());
    }
  }
}

TEST(BootOutput, GivesTheGuestNothingBeforeTheHandover) {
  for (const std::string text : {"Hello\n", "[LOADER][INFO] one\n", "[LOADER][HANDOVER] c0ffe\n", "c0ffee\n",
                                 "[LOADER][HANDOVER] c0ffee", "[LOADER][HANDOVER] c0ffee \n"}) {
    for (const std::size_t piece : {1U, 5U, 1000U}) {
      const auto told = tell(text, piece);
      EXPECT_EQ(told.output, "");
      EXPECT_FALSE(told.has_handed_over);
    }
  }
}

TEST(BootOutput, KnowsTheHandoverBehindALineThatFirmwareLeftOpen) {
  EXPECT_EQ(tell("\r\nFirmware 1.0\r\nbooting " + std::string{kHandover} + "Hello", 3).output, "Hello");
}

TEST(BootOutput, TellsOfTheLoadersWarnings) {
  for (const std::size_t piece : {1U, 5U, 1000U}) {
    const auto told = tell("[LOADER][INFO] one\r\n[LOADER][WARN] odd\r\n" + std::string{kHandover} + "Hello\n", piece);
    EXPECT_EQ(told.output, "Hello\n");
    EXPECT_EQ(told.warnings, std::vector<std::string>{"odd"});
    EXPECT_EQ(told.failure, "");
  }
}

TEST(BootOutput, TellsOfSixteenWarningsAndCountsTheOthers) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "[LOADER][WARN] odd\n";
  for (const auto& all : {text, text + std::string{kHandover}}) {
    const auto told = tell(all, 100);
    ASSERT_EQ(told.warnings.size(), 17U);
    EXPECT_EQ(told.warnings.back(), "4 more warnings of the boot loader are not shown");
  }
}

TEST(BootOutput, KeepsWhyTheLoaderFailed) {
  const auto told = tell("[LOADER][ERROR] there is no image\r\n", 3);
  EXPECT_EQ(told.output, "");
  EXPECT_EQ(told.failure, "there is no image");
}

TEST(BootOutput, HasTheLogInTheOutputWhereThatIsWanted) {
  const std::string log = "Firmware\r\n[LOADER][WARN] odd\r\n[LOADER][ERROR] bad\r\n";
  for (const std::size_t piece : {1U, 6U, 1000U}) {
    const auto told = tell(log + std::string{kHandover} + "Hello", piece, true);
    EXPECT_EQ(told.output, log + "Hello");
    EXPECT_TRUE(told.warnings.empty());
    EXPECT_EQ(told.failure, "bad");
    EXPECT_EQ(tell(log + "unfinished", piece, true).output, log + "unfinished");
  }
}

TEST(BootOutput, KeepsOfALongLineItsEnd) {
  const std::string text(100'000, 'x');
  EXPECT_EQ(tell(text + std::string{kHandover} + "guest", 4096).output, "guest");
  EXPECT_EQ(tell(text, 4096, true).output, text);
}

}  // namespace
}  // namespace hermitage::qemu
