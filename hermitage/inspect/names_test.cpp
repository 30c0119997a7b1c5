#include "hermitage/inspect/names.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::inspect {
namespace {

TEST(Shortened, KeepsWhatIsShort) {
  EXPECT_EQ(shortened(""), "");
  EXPECT_EQ(shortened(std::string(kMaxName, 'n')), std::string(kMaxName, 'n'));
  EXPECT_EQ(shortened(std::string(kMaxName + 1, 'n')), std::string(kMaxName, 'n') + "… (4097 bytes)");
}

// The expected result, found byte by byte.
auto plain(std::string_view table, std::size_t offset) -> std::string_view {
  if (offset >= table.size()) return {};
  const auto rest = table.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

TEST(StringTable, FindsStringsWhateverIsAskedForBefore) {
  std::string table(1, '\0');
  for (const std::size_t size : {3UZ, 20'000UZ, kMaxName, kMaxName + 1, 0UZ, 50'000UZ, 7UZ, 10'000UZ}) {
    table += std::string(size, 'a') + '\0';
  }
  table += std::string(9000, 'z');  // without a NUL
  for (const bool is_forward : {false, true}) {
    StringTable strings{table};
    for (std::size_t i = 0; i <= table.size() / 777; ++i) {
      const auto offset = is_forward ? i * 777 : table.size() - i * 777;
      EXPECT_EQ(strings.at(offset), plain(table, offset)) << offset;
    }
  }
  StringTable strings{table};
  EXPECT_EQ(strings.at(table.size()), "");
  EXPECT_EQ(strings.at(UINT64_MAX), "");
  for (std::size_t i = 0; i < 2000; ++i) {
    const auto offset = i * 7919 % table.size();
    EXPECT_EQ(strings.at(offset), plain(table, offset)) << offset;
  }
}

}  // namespace
}  // namespace hermitage::inspect
