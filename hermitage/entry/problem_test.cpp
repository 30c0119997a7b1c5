#include "hermitage/entry/problem.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

struct Row {
  ProblemCode code;
  Severity severity;
  std::string_view name;
  // The numbers in the message: o, i, e, f for offset, index, expected, found.
  std::string_view numbers;
};

#define HERMITAGE_ROW(code, severity, numbers)            \
  Row {                                                   \
    ProblemCode::code, Severity::severity, #code, numbers \
  }
constexpr Row kRows[] = {
    HERMITAGE_ROW(not_elf, error, ""),
    HERMITAGE_ROW(packed_image, error, ""),
    HERMITAGE_ROW(truncated_header, error, "ef"),
    HERMITAGE_ROW(not_64_bit, error, "ef"),
    HERMITAGE_ROW(unknown_byte_order, error, "f"),
    HERMITAGE_ROW(unsupported_type, error, "f"),
    HERMITAGE_ROW(unsupported_machine, error, "f"),
    HERMITAGE_ROW(unsupported_byte_order, error, ""),
    HERMITAGE_ROW(segment_entry_size, error, "ef"),
    HERMITAGE_ROW(segment_table_outside_file, error, "ef"),
    HERMITAGE_ROW(no_load_segment, error, ""),
    HERMITAGE_ROW(segment_outside_file, error, "oief"),
    HERMITAGE_ROW(segment_size, error, "ief"),
    HERMITAGE_ROW(segment_address_overflow, error, "if"),
    HERMITAGE_ROW(segment_order, error, "ief"),
    HERMITAGE_ROW(first_segment_not_at_zero, error, "f"),
    HERMITAGE_ROW(empty_image, error, ""),
    HERMITAGE_ROW(tls_size, error, "ef"),
    HERMITAGE_ROW(tls_outside_image, error, "f"),
    HERMITAGE_ROW(empty_application, error, ""),
    HERMITAGE_ROW(no_note_segment, error, ""),
    HERMITAGE_ROW(note_segment_outside_file, error, "oief"),
    HERMITAGE_ROW(note_segments_overlap, error, ""),
    HERMITAGE_ROW(malformed_note, error, "i"),
    HERMITAGE_ROW(no_hermit_note, error, ""),
    HERMITAGE_ROW(entry_version, error, "ef"),
    HERMITAGE_ROW(malformed_uhyve_note, error, "ef"),
    HERMITAGE_ROW(dynamic_segment_outside_file, error, "oef"),
    HERMITAGE_ROW(linked_dynamically, error, ""),
    HERMITAGE_ROW(implicit_addends, error, ""),
    HERMITAGE_ROW(relocation_entry_size, error, "ef"),
    HERMITAGE_ROW(relocation_table_size, error, "ef"),
    HERMITAGE_ROW(relocations_outside_file, error, "ef"),
    HERMITAGE_ROW(symbols_outside_file, error, "f"),
    HERMITAGE_ROW(unsupported_relocation, error, "if"),
    HERMITAGE_ROW(relocation_outside_memory, error, "ief"),
    HERMITAGE_ROW(relocation_symbol, error, "ief"),
    HERMITAGE_ROW(relocation_addend, error, "if"),
    HERMITAGE_ROW(malformed_relr, error, ""),
    HERMITAGE_ROW(more_relocation_problems, error, "f"),
    HERMITAGE_ROW(memory_size, error, "ef"),
    HERMITAGE_ROW(start_address, error, "ef"),
    HERMITAGE_ROW(address_overflow, error, "f"),
    HERMITAGE_ROW(page_size, error, "f"),
    HERMITAGE_ROW(page_flags_size, error, "ef"),
    HERMITAGE_ROW(boots_by_pvh, info, ""),
    HERMITAGE_ROW(os_abi, warning, "ef"),
    HERMITAGE_ROW(elf_version, warning, "ef"),
    HERMITAGE_ROW(no_abi_tag, info, ""),
    HERMITAGE_ROW(malformed_abi_tag, warning, "ef"),
    HERMITAGE_ROW(unknown_uhyve_interface, warning, "ef"),
    HERMITAGE_ROW(no_uhyve_interface, warning, ""),
    HERMITAGE_ROW(fixed_below_4_gib, warning, "ef"),
    HERMITAGE_ROW(note_in_later_segment, warning, "i"),
    HERMITAGE_ROW(entry_outside_code, warning, "f"),
    HERMITAGE_ROW(writable_code, warning, "i"),
    HERMITAGE_ROW(executable_stack, warning, ""),
    HERMITAGE_ROW(segment_alignment, warning, "if"),
    HERMITAGE_ROW(segment_not_mappable, info, "i"),
    HERMITAGE_ROW(relr_relocations, info, ""),
    HERMITAGE_ROW(ignored_plt_relocations, warning, "f"),
    HERMITAGE_ROW(undefined_symbol, warning, "if"),
    HERMITAGE_ROW(section_table_outside_file, warning, "ef"),
    HERMITAGE_ROW(left_out, info, "f"),
};
#undef HERMITAGE_ROW

// Numbers that no message contains otherwise, and that do not contain each other in either base.
constexpr std::uint64_t kOffset = 7040506;
constexpr std::uint64_t kIndex = 81828384;
constexpr std::uint64_t kExpected = 5152535455;
constexpr std::uint64_t kFound = 929394959697;

auto has_number(std::string_view message, std::uint64_t number) -> bool {
  FixedText<32> hex;
  hex.append_hex(number);
  return message.contains(std::to_string(number)) || message.contains(hex.view());
}

TEST(Problem, EveryCodeIsInTheTable) {
  for (std::size_t i = 0; i < std::size(kRows); ++i) EXPECT_EQ(static_cast<std::size_t>(kRows[i].code), i);
  EXPECT_EQ(kRows[std::size(kRows) - 1].code, ProblemCode::left_out);
  // No code follows the last.
  EXPECT_EQ(Problem{.code = static_cast<ProblemCode>(std::size(kRows))}.name(), "unknown");
  EXPECT_EQ(Problem{.code = static_cast<ProblemCode>(255)}.name(), "unknown");
}

TEST(Problem, NumbersThatMeanNothingAreThese) {
  const Problem problem;
  EXPECT_EQ(problem.offset, std::nullopt);
  EXPECT_EQ(problem.index, 0U);
  EXPECT_EQ(problem.expected, 0U);
  EXPECT_EQ(problem.found, 0U);
}

TEST(Problem, IsNamedAsItsCode) {
  std::set<std::string_view> names;
  for (const auto& row : kRows) {
    EXPECT_EQ(Problem{.code = row.code}.name(), row.name);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
}

TEST(Problem, IsAsSevereAsDocumented) {
  for (const auto& row : kRows) EXPECT_EQ(Problem{.code = row.code}.severity(), row.severity) << row.name;
}

TEST(Problem, MessagesTellTheNumbersThatMatter) {
  for (const auto& row : kRows) {
    const Problem problem{.code = row.code, .offset = kOffset, .index = kIndex, .expected = kExpected, .found = kFound};
    const auto message = problem.message();
    EXPECT_EQ(has_number(message, kOffset), row.numbers.contains('o')) << message.view();
    EXPECT_EQ(has_number(message, kIndex), row.numbers.contains('i')) << message.view();
    EXPECT_EQ(has_number(message, kExpected), row.numbers.contains('e')) << message.view();
    EXPECT_EQ(has_number(message, kFound), row.numbers.contains('f')) << message.view();
  }
}

TEST(Problem, MessagesAreOneSentenceEach) {
  std::set<std::string> messages;
  for (const auto& row : kRows) {
    const std::string message{Problem{.code = row.code, .offset = 0}.message().view()};
    ASSERT_FALSE(message.empty()) << row.name;
    EXPECT_TRUE(messages.insert(message).second) << row.name << " has the message of another";
    EXPECT_EQ(message.find_first_of("{}"), std::string::npos) << message;
    EXPECT_EQ(message.find("  "), std::string::npos) << message;
    EXPECT_TRUE(message.find_first_of(".,:; ") != 0) << message;
    EXPECT_EQ(std::string_view{".,:; "}.find(message.back()), std::string_view::npos) << message;
    for (const char character : message) {
      EXPECT_TRUE(character >= ' ' && character <= '~') << row.name << ": " << static_cast<int>(character);
    }
  }
}

TEST(Problem, TheLongestMessagesFit) {
  for (const auto& row : kRows) {
    const Problem problem{
        .code = row.code, .offset = UINT64_MAX, .index = UINT64_MAX, .expected = UINT64_MAX, .found = UINT64_MAX};
    const auto message = problem.message();
    EXPECT_LT(message.view().size(), sizeof(Message) - sizeof(std::size_t) - 1) << row.name;
    EXPECT_LT(message.view().size(), 319U) << row.name;
    EXPECT_EQ(std::string_view{message.c_str()}, message.view()) << row.name;
  }
}

TEST(Problem, MessagesSayNumbersAsTheirReadersDo) {
  struct Case {
    Problem problem;
    std::string_view message;
  };
  const Case cases[] = {
      {{.code = ProblemCode::truncated_header, .expected = 64, .found = 12},
       "the file ends after 12 bytes, within the ELF header of 64"},
      {{.code = ProblemCode::segment_order, .index = 3, .expected = 0x2000, .found = 0x1fff},
       "segment 3 begins at 0x1fff, before the end of the previous segment at 0x2000"},
      {{.code = ProblemCode::segment_outside_file, .offset = 0x1000, .index = 2, .expected = 0x400, .found = 0x13ff},
       "the file ends at 0x13ff, before segment 2, which has 0x400 bytes from 0x1000"},
      {{.code = ProblemCode::memory_size, .expected = 22528, .found = 4096},
       "the kernel takes exactly 22528 bytes of memory, not 4096"},
      {{.code = ProblemCode::start_address, .expected = 0x100800000, .found = 0x40000},
       "a fixed kernel, linked at 0x100800000, cannot be loaded at 0x40000"},
      {{.code = ProblemCode::unsupported_relocation, .index = 0, .found = 7},
       "relocation 0 is of type 7, which Hermit does not use"},
      {{.code = ProblemCode::entry_version, .expected = 4, .found = 3},
       "made for Hermit entry version 3, but loaders support version 4; rebuild it with a current Hermit "
       "kernel"},
  };
  for (const auto& [problem, message] : cases) EXPECT_EQ(problem.message().view(), message);
}

TEST(Problem, ComparesAllItsParts) {
  const Problem problem{.code = ProblemCode::segment_size, .offset = 1, .index = 2, .expected = 3, .found = 4};
  EXPECT_EQ(problem, problem);
  auto other = problem;
  other.code = ProblemCode::segment_order;
  EXPECT_NE(other, problem);
  other = problem;
  other.offset = 2;
  EXPECT_NE(other, problem);
  other.offset = std::nullopt;
  EXPECT_NE(other, problem);
  for (const auto member : {&Problem::index, &Problem::expected, &Problem::found}) {
    other = problem;
    other.*member += 1;
    EXPECT_NE(other, problem);
  }
}

TEST(Severity, HasANameAndAnOrder) {
  EXPECT_EQ(name(Severity::info), "info");
  EXPECT_EQ(name(Severity::warning), "warning");
  EXPECT_EQ(name(Severity::error), "error");
  EXPECT_LT(Severity::info, Severity::warning);
  EXPECT_LT(Severity::warning, Severity::error);
}

TEST(ProblemSink, TellsTheCallableAndBringsItsAnswerBack) {
  std::vector<Problem> heard;
  auto hear_two = [&heard](const Problem& problem) {
    heard.push_back(problem);
    return heard.size() < 2;
  };
  const ProblemSink sink{hear_two};
  const auto copy = sink;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_TRUE(sink({.code = ProblemCode::empty_image}));
  EXPECT_FALSE(copy({.code = ProblemCode::os_abi, .found = 9}));
  EXPECT_EQ(heard,
            (std::vector<Problem>{{.code = ProblemCode::empty_image}, {.code = ProblemCode::os_abi, .found = 9}}));
}

TEST(ProblemSink, TakesACallableThatCannotBeChanged) {
  const auto refuse = [](const Problem&) { return false; };
  auto callable = refuse;
  const ProblemSink sink{callable};
  EXPECT_FALSE(sink({}));
}

}  // namespace
}  // namespace hermitage::entry
