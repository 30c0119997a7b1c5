#include "hermitage/vmm/arch/aarch64/debug_state.hpp"

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::aarch64 {
namespace {

auto bytes_of(unsigned number) -> std::vector<std::byte> {
  std::vector<std::byte> bytes(register_size(number));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(7 * number + 13 * i + 1);
  return bytes;
}

TEST(DebugState, HasTheRegistersOfGdb) {
  // The order of GDB's features aarch64.core and aarch64.fpu.
  EXPECT_EQ(register_name(0), "x0");
  EXPECT_EQ(register_name(30), "x30");
  EXPECT_EQ(register_name(31), "sp");
  EXPECT_EQ(register_name(32), "pc");
  EXPECT_EQ(register_name(33), "cpsr");
  EXPECT_EQ(register_size(33), 4U);
  EXPECT_EQ(register_name(34), "v0");
  EXPECT_EQ(register_name(65), "v31");
  EXPECT_EQ(register_size(65), 16U);
  EXPECT_EQ(register_name(66), "fpsr");
  EXPECT_EQ(register_name(67), "fpcr");
  std::set<std::string_view> names;
  for (unsigned number = 0; number < register_count(); ++number) names.insert(register_name(number));
  EXPECT_EQ(names.size(), register_count());
  EXPECT_EQ(register_size(register_count()), 0U);
  EXPECT_EQ(register_name(register_count()), "");
}

TEST(DebugState, KeepsWhatIsWritten) {
  constexpr unsigned kFirstSystem = 68;
  DebugState state;
  for (unsigned number = 0; number < register_count(); ++number) {
    EXPECT_EQ(write_register(state, number, bytes_of(number)), number < kFirstSystem) << register_name(number);
  }
  for (unsigned number = 0; number < kFirstSystem; ++number) {
    std::vector<std::byte> bytes(register_size(number));
    EXPECT_TRUE(read_register(state, number, bytes));
    EXPECT_EQ(bytes, bytes_of(number)) << register_name(number);
  }
  std::vector<std::byte> bytes(4);
  EXPECT_FALSE(read_register(state, 0, bytes)) << "another size";
  EXPECT_FALSE(write_register(state, register_count(), bytes));
  EXPECT_FALSE(read_register(state, register_count(), {}));
}

TEST(DebugState, HasLinuxsFormats) {
  DebugState state;
  state.general.x[30] = 30;
  state.general.sp = 31;
  state.general.pc = 32;
  state.general.pstate = 33;
  const auto registers = core_registers(state);
  EXPECT_EQ(registers[30], 30U);
  EXPECT_EQ(registers[31], 31U);
  EXPECT_EQ(registers[32], 32U);
  EXPECT_EQ(registers[33], 33U);
  state.vectors[31][0] = std::byte{1};
  state.fpsr = 2;
  state.fpcr = 3;
  const auto floats = core_floats(state);
  EXPECT_EQ(floats[31 * 16], std::byte{1});
  EXPECT_EQ(floats[512], std::byte{2});
  EXPECT_EQ(floats[516], std::byte{3});
}

TEST(DebugState, DescribesEachRegister) {
  const auto xml = target_description();
  EXPECT_NE(xml.find("<architecture>aarch64</architecture>"), std::string::npos);
  for (unsigned number = 0; number < register_count(); ++number) {
    const auto text = "name=\"" + std::string{register_name(number)} + "\" bitsize=\"" +
                      std::to_string(8 * register_size(number)) + "\"";
    EXPECT_NE(xml.find(text), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace hermitage::vmm::aarch64
