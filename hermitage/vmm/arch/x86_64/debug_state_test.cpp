#include "hermitage/vmm/arch/x86_64/debug_state.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::x86_64 {
namespace {

auto number_of(std::string_view name) -> unsigned {
  for (unsigned number = 0; number < register_count(); ++number) {
    if (register_name(number) == name) return number;
  }
  ADD_FAILURE() << "no register " << name;
  return 0;
}

auto read(const DebugState& state, unsigned number) -> std::vector<int> {
  std::array<std::byte, kMaxRegisterSize> bytes{};
  const auto value = std::span{bytes}.first(register_size(number));
  EXPECT_TRUE(read_register(state, number, value)) << register_name(number);
  std::vector<int> result;
  for (const auto byte : value) result.push_back(std::to_integer<int>(byte));
  return result;
}

auto write(DebugState& state, unsigned number, const std::vector<int>& values) -> bool {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return write_register(state, number, bytes);
}

// Different bytes for each register.
auto sample(unsigned number) -> std::vector<int> {
  std::vector<int> values(register_size(number));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>((7 * number + 13 * i + 1) % 256);
  return values;
}

// Registers of 16 bits that are reported as 32 bits.
auto is_half(std::string_view name) -> bool {
  constexpr std::string_view kHalves[] = {"cs", "ss", "ds", "es", "fs", "gs", "fctrl", "fstat", "fop"};
  return std::ranges::find(kHalves, name) != std::end(kHalves);
}
auto is_read_only(std::string_view name) -> bool {
  constexpr std::string_view kReadOnly[] = {"cr0", "cr2", "cr3", "cr4", "efer"};
  return std::ranges::find(kReadOnly, name) != std::end(kReadOnly);
}

TEST(DebugState, HasTheRegistersOfGdb) {
  // The order of GDB's features i386.core, i386.sse, i386.segments and i386.avx.
  EXPECT_EQ(number_of("rax"), 0U);
  EXPECT_EQ(number_of("rbp"), 6U);
  EXPECT_EQ(number_of("rsp"), 7U);
  EXPECT_EQ(number_of("rip"), 16U);
  EXPECT_EQ(number_of("eflags"), 17U);
  EXPECT_EQ(number_of("cs"), 18U);
  EXPECT_EQ(number_of("st0"), 24U);
  EXPECT_EQ(number_of("fctrl"), 32U);
  EXPECT_EQ(number_of("xmm0"), 40U);
  EXPECT_EQ(number_of("mxcsr"), 56U);
  EXPECT_EQ(number_of("fs_base"), 57U);
  EXPECT_EQ(number_of("ymm0h"), 59U);
  EXPECT_EQ(number_of("cr0"), 75U);
  EXPECT_EQ(register_count(), 80U);
}

TEST(DebugState, HasSizes) {
  EXPECT_EQ(register_size(number_of("rax")), 8U);
  EXPECT_EQ(register_size(number_of("eflags")), 4U);
  EXPECT_EQ(register_size(number_of("gs")), 4U);
  EXPECT_EQ(register_size(number_of("st7")), 10U);
  EXPECT_EQ(register_size(number_of("xmm15")), 16U);
  EXPECT_EQ(register_size(number_of("mxcsr")), 4U);
  EXPECT_EQ(register_size(number_of("gs_base")), 8U);
  for (unsigned number = 0; number < register_count(); ++number) {
    EXPECT_GT(register_size(number), 0U) << number;
    EXPECT_LE(register_size(number), kMaxRegisterSize) << number;
  }
}

TEST(DebugState, HasNoneBehindTheLast) {
  DebugState state;
  std::array<std::byte, kMaxRegisterSize> bytes{};
  for (const unsigned number : {register_count(), register_count() + 1, UINT32_MAX}) {
    EXPECT_EQ(register_size(number), 0U);
    EXPECT_EQ(register_name(number), "");
    EXPECT_FALSE(read_register(state, number, bytes));
    EXPECT_FALSE(read_register(state, number, {}));
    EXPECT_FALSE(write_register(state, number, bytes));
  }
}

// All registers are written before they are read again, so no register shares its place with another one.
TEST(DebugState, KeepsEachRegister) {
  DebugState state;
  for (unsigned number = 0; number < register_count(); ++number) {
    EXPECT_EQ(write(state, number, sample(number)), !is_read_only(register_name(number))) << register_name(number);
  }
  for (unsigned number = 0; number < register_count(); ++number) {
    const auto name = register_name(number);
    auto expected = sample(number);
    if (is_read_only(name)) expected.assign(expected.size(), 0);
    if (is_half(name)) expected[2] = expected[3] = 0;
    if (name == "ftag") continue;
    EXPECT_EQ(read(state, number), expected) << name;
  }
  EXPECT_EQ(program_counter(state), state.general.rip);
  EXPECT_NE(state.general.rip, 0U);
  EXPECT_NE(state.fs_base, state.gs_base);
}

TEST(DebugState, TakesValuesOfTheRightSize) {
  DebugState state;
  std::array<std::byte, 32> bytes{};
  bytes.fill(std::byte{0xff});
  for (unsigned number = 0; number < register_count(); ++number) {
    for (const std::size_t wrong : {std::size_t{0}, register_size(number) - 1, register_size(number) + 1}) {
      EXPECT_FALSE(write_register(state, number, std::span{bytes}.first(wrong))) << register_name(number);
      EXPECT_FALSE(read_register(state, number, std::span{bytes}.first(wrong))) << register_name(number);
    }
  }
  EXPECT_EQ(state.general, Registers{});
}

TEST(DebugState, ShowsControlRegisters) {
  DebugState state;
  state.general.cr3 = 0x1234;
  state.general.efer = 0x501;
  EXPECT_EQ(read(state, number_of("cr3")), (std::vector<int>{0x34, 0x12, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(read(state, number_of("efer")), (std::vector<int>{0x01, 0x05, 0, 0, 0, 0, 0, 0}));
}

TEST(DebugState, KeepsTheUpperHalfOfTheFlags) {
  DebugState state;
  state.general.rflags = 0x1'0000'0002;
  EXPECT_EQ(read(state, number_of("eflags")), (std::vector<int>{2, 0, 0, 0}));
  EXPECT_TRUE(write(state, number_of("eflags"), {0x46, 2, 0, 0}));
  EXPECT_EQ(state.general.rflags, 0x1'0000'0246U);
}

// FXSAVE has one bit for each register that is used. A debugger gets two bits: 3 for an empty register.
TEST(DebugState, TranslatesTheTagWord) {
  constexpr std::size_t kTags = 4;
  DebugState state;
  const auto number = number_of("ftag");
  EXPECT_EQ(read(state, number), (std::vector<int>{0xff, 0xff, 0, 0})) << "all are empty";
  state.extended[kTags] = std::byte{0xff};
  EXPECT_EQ(read(state, number), (std::vector<int>{0, 0, 0, 0}));
  state.extended[kTags] = std::byte{0x81};
  EXPECT_EQ(read(state, number), (std::vector<int>{0xfc, 0x3f, 0, 0}));
  for (unsigned used = 0; used < 256; ++used) {
    state.extended[kTags] = static_cast<std::byte>(used);
    const auto tags = read(state, number);
    state.extended[kTags] = std::byte{0x55};
    EXPECT_TRUE(write(state, number, tags));
    EXPECT_EQ(std::to_integer<unsigned>(state.extended[kTags]), used);
  }
  EXPECT_TRUE(write(state, number, {0x1b, 0xff, 0, 0})) << "0 for 3, zero for 2, special for 1, valid for 0";
  EXPECT_EQ(state.extended[kTags], std::byte{0x0e}) << "1 and 2 are used, too";
  EXPECT_EQ(state.extended[kTags + 1], std::byte{0});
}

TEST(DebugState, MarksPartsThatAreUsed) {
  const auto parts = [](const DebugState& state) {
    std::uint64_t value = 0;
    std::memcpy(&value, state.extended.data() + 512, sizeof value);
    return value;
  };
  DebugState state;
  EXPECT_TRUE(write(state, number_of("rax"), sample(0)));
  EXPECT_TRUE(write(state, number_of("gs_base"), sample(0)));
  EXPECT_EQ(parts(state), 0U);
  EXPECT_TRUE(write(state, number_of("ymm3h"), std::vector<int>(16)));
  EXPECT_TRUE(write(state, number_of("xmm3"), std::vector<int>(16)));
  EXPECT_EQ(parts(state), 0U) << "as it was";
  EXPECT_TRUE(write(state, number_of("xmm3"), sample(number_of("xmm3"))));
  EXPECT_EQ(parts(state), 3U);
  EXPECT_TRUE(write(state, number_of("ymm3h"), sample(number_of("ymm3h"))));
  EXPECT_EQ(parts(state), 7U);
}

TEST(TargetDescription, NamesTheRegistersInTheirOrder) {
  const auto xml = target_description();
  const std::regex reg{R"re(<reg name="([a-z0-9_]+)" bitsize="([0-9]+)" type="([a-z0-9_]+)" regnum="([0-9]+)"/>)re"};
  unsigned number = 0;
  for (auto it = std::sregex_iterator{xml.begin(), xml.end(), reg}; it != std::sregex_iterator{}; ++it, ++number) {
    EXPECT_EQ((*it)[1].str(), register_name(number));
    EXPECT_EQ(std::stoul((*it)[2]), 8 * register_size(number)) << (*it)[1];
    EXPECT_EQ(std::stoul((*it)[4]), number);
  }
  EXPECT_EQ(number, register_count());
}

// Each element is closed correctly, and each type is one of GDB's types or is defined before.
TEST(TargetDescription, IsWellFormed) {
  auto xml = target_description();
  const std::string_view kProlog = "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">";
  ASSERT_TRUE(xml.starts_with(kProlog));
  xml.erase(0, kProlog.size());
  const std::regex tag{R"re(<(/?)([a-z]+)((?: [a-z]+="[^"<>&]*")*)(/?)>)re"};
  const std::regex type{R"re( type="([^"]+)")re"};
  const std::regex id{R"re( id="([^"]+)")re"};
  std::vector<std::string> open;
  std::map<std::string, int> types{{"int64", 0},       {"int32", 0},    {"int", 0},    {"data_ptr", 0},
                                   {"code_ptr", 0},    {"int8", 0},     {"int16", 0},  {"ieee_single", 0},
                                   {"ieee_double", 0}, {"i387_ext", 0}, {"uint128", 0}};
  std::size_t at = 0;
  for (std::smatch match; at < xml.size(); at += static_cast<std::size_t>(match.length())) {
    const auto begin = xml.cbegin() + static_cast<std::ptrdiff_t>(at);
    ASSERT_TRUE(std::regex_search(begin, xml.cend(), match, tag)) << xml.substr(at, 80);
    const auto text = xml.substr(at, static_cast<std::size_t>(match.position()));
    EXPECT_EQ(text, open.empty() || open.back() != "architecture" ? "" : "i386:x86-64");
    at += text.size();
    const std::string name = match[2];
    const std::string attributes = match[3];
    std::smatch found;
    if (std::regex_search(attributes, found, type)) {
      EXPECT_TRUE(types.contains(found[1])) << found[1];
    }
    if (std::regex_search(attributes, found, id)) {
      EXPECT_EQ(types[found[1]]++, 0) << found[1];
    }
    if (match[1] == "/") {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), name);
      open.pop_back();
    } else if (match[4] != "/") {
      open.push_back(name);
    }
  }
  EXPECT_TRUE(open.empty());
}

}  // namespace
}  // namespace hermitage::vmm::x86_64
