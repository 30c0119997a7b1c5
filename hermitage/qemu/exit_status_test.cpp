#include "hermitage/qemu/exit_status.hpp"

#include <csignal>

#include <gtest/gtest.h>

namespace hermitage::qemu {
namespace {

using entry::Arch;

constexpr bool kComplained = true;

// As waitpid(2) tells of an exit.
auto exited(int code) -> int {
  return code << 8;
}

auto code_of(Arch arch, int code) -> int {
  const auto ending = ending_of(arch, exited(code), false);
  const auto* const exit = std::get_if<GuestExit>(&ending);
  return exit == nullptr ? -1 : exit->code;
}

TEST(ExitStatus, OfX86GuestsIsWhatTheyWriteToTheDebugPort) {
  EXPECT_EQ(code_of(Arch::x86_64, 3), 0);
  EXPECT_EQ(code_of(Arch::x86_64, 1), 1);
  EXPECT_EQ(code_of(Arch::x86_64, 5), 2);
  EXPECT_EQ(code_of(Arch::x86_64, 85), 42);
  EXPECT_EQ(code_of(Arch::x86_64, 255), 127);
}

TEST(ExitStatus, OfX86GuestsThatWriteNothingIsADeath) {
  EXPECT_TRUE(std::holds_alternative<GuestCrashed>(ending_of(Arch::x86_64, exited(0), false)));
  EXPECT_TRUE(std::holds_alternative<QemuFailed>(ending_of(Arch::x86_64, exited(2), false)));
}

TEST(ExitStatus, OfOthersIsTheirCode) {
  for (const auto arch : {Arch::aarch64, Arch::riscv64}) {
    for (const int code : {0, 1, 2, 42, 255}) EXPECT_EQ(code_of(arch, code), code);
  }
}

TEST(ExitStatus, IsQemusWhereItHasComplained) {
  for (const auto arch : {Arch::x86_64, Arch::aarch64, Arch::riscv64}) {
    EXPECT_TRUE(std::holds_alternative<QemuFailed>(ending_of(arch, exited(1), kComplained)));
    EXPECT_TRUE(std::holds_alternative<GuestExit>(ending_of(arch, exited(3), kComplained)));
  }
}

TEST(ExitStatus, NamesASignal) {
  const auto ending = ending_of(Arch::riscv64, SIGSEGV, false);
  ASSERT_TRUE(std::holds_alternative<QemuFailed>(ending));
  EXPECT_EQ(std::get<QemuFailed>(ending).reason, "QEMU was killed by signal 11 (Segmentation fault)");
}

}  // namespace
}  // namespace hermitage::qemu
