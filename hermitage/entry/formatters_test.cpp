// The test is not linked with {fmt}.
#define FMT_HEADER_ONLY
#include "hermitage/entry/formatters.hpp"

#include <gtest/gtest.h>

#include "hermitage/entry/boot_info.hpp"

namespace hermitage::entry {
namespace {

static_assert(AnyProblem<Problem> && AnyProblem<BootInfoError>);
static_assert(Formattable<GuestAddress> && Formattable<FileOffset> && !Formattable<std::uint64_t>);

const Problem kProblem{.code = ProblemCode::truncated_header, .expected = 64, .found = 12};

TEST(Formatters, TextIsThatForPeople) {
  EXPECT_EQ(text_of(GuestAddress{0x200000}).view(), "0x200000");
  EXPECT_EQ(text_of(GuestAddress{UINT64_MAX}).view(), "0xffffffffffffffff");
  EXPECT_EQ(text_of(FileOffset{0}).view(), "0x0");
  EXPECT_EQ(text_of(kProblem).view(), kProblem.message().view());
}

#if defined(HERMITAGE_HAS_FMT)
TEST(Formatters, AreThoseOfFmt) {
  EXPECT_EQ(fmt::format("{}", GuestAddress{0x200000}), "0x200000");
  EXPECT_EQ(fmt::format("{:>10}|{:<6}|", GuestAddress{0x200000}, FileOffset{64}), "  0x200000|0x40  |");
  EXPECT_EQ(fmt::format("{}", kProblem), "the file ends after 12 bytes, within the ELF header of 64");
  EXPECT_EQ(fmt::format("{}", BootInfoError{.code = BootInfoErrorCode::no_cpu}),
            BootInfoError{.code = BootInfoErrorCode::no_cpu}.message().view());
}
#endif

#if defined(HERMITAGE_HAS_STD_FORMAT)
TEST(Formatters, AreThoseOfTheStandardLibrary) {
  EXPECT_EQ(std::format("{:>10}", GuestAddress{0x200000}), "  0x200000");
  EXPECT_EQ(std::format("{}", kProblem), "the file ends after 12 bytes, within the ELF header of 64");
}
#endif

}  // namespace
}  // namespace hermitage::entry
