#include "hermitage/qemu/boot_output.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::qemu {
namespace {

struct Told {
  std::string guest;
  std::vector<std::string> warnings;
  std::string failure;
  bool has_begun = false;
};

// In pieces of `piece` bytes.
auto tell(bool has_firmware, std::string_view text, std::size_t piece) -> Told {
  Told told;
  BootOutput output{has_firmware, [&told](std::string_view line) { told.warnings.emplace_back(line); }};
  for (std::size_t at = 0; at < text.size(); at += piece) told.guest += output.take(text.substr(at, piece));
  told.guest += output.finish();
  told.failure = output.failure();
  told.has_begun = output.has_begun();
  return told;
}

TEST(BootOutput, LeavesTheGuestItsOutputHoweverItComes) {
  for (const std::string_view text :
       {"", "x", "\n", "Hello\nand more\n", "[", "[LOADER]", "[LOADER]\n", "[LOADER\n[LOADER][ERROR] mine\n",
        "[0][INFO] a kernel's\r\n[LOADER][ERROR] not the loader's\n", "no end"}) {
    for (const std::size_t piece : {1U, 2U, 7U, 1000U}) {
      const auto told = tell(false, text, piece);
      EXPECT_EQ(told.guest, text);
      EXPECT_EQ(told.failure, "");
      EXPECT_TRUE(told.warnings.empty());
    }
  }
}

TEST(BootOutput, TakesTheLoadersLinesOut) {
  for (const std::size_t piece : {1U, 5U, 1000U}) {
    const auto told =
        tell(false, "[LOADER][INFO] one\r\n[LOADER][WARN] odd\r\nHello\n[LOADER][WARN] the guest's", piece);
    EXPECT_EQ(told.guest, "Hello\n[LOADER][WARN] the guest's");
    EXPECT_EQ(told.warnings, std::vector<std::string>{"odd"});
    EXPECT_EQ(told.failure, "");
  }
}

TEST(BootOutput, KeepsWhyTheLoaderFailed) {
  const auto told = tell(false, "[LOADER][ERROR] there is no image\r\n", 3);
  EXPECT_EQ(told.guest, "");
  EXPECT_EQ(told.failure, "there is no image");
}

TEST(BootOutput, DropsWhatFirmwarePrints) {
  for (const std::size_t piece : {1U, 6U, 1000U}) {
    const auto told = tell(true, "\r\nFirmware 1.0\r\n  [LOADER][ERROR] no\r\n[LOADER][INFO] one\r\nHello\n", piece);
    EXPECT_EQ(told.guest, "Hello\n");
    EXPECT_EQ(told.failure, "");
    EXPECT_TRUE(told.has_begun);
  }
  const auto without_loader = tell(true, "Firmware 1.0\r\nno boot device", 4);
  EXPECT_EQ(without_loader.guest, "");
  EXPECT_FALSE(without_loader.has_begun);
}

TEST(BootOutput, HoldsNoLineBackForEver) {
  const auto text = "[LOADER][" + std::string(100'000, 'x');
  EXPECT_EQ(tell(false, text, 4096).guest, text);
  EXPECT_EQ(tell(true, std::string(100'000, 'x') + "\n[LOADER][INFO] a\nguest", 4096).guest, "guest");
}

}  // namespace
}  // namespace hermitage::qemu
