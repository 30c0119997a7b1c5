#include "hermitage/inspect/difference_json.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hermitage::inspect {
namespace {

TEST(DifferenceJson, HasEverything) {
  const Difference difference{
      .before = "old",
      .after = "new",
      .file_size_before = 1,
      .file_size_after = 2,
      .image_before = {.file = 3, .zero = 4},
      .image_after = {.file = 5, .zero = 6},
      .facts = {{.name = "arch", .before = std::string{"x86_64"}, .after = {}},
                {.name = "mem_size", .before = std::uint64_t{7}, .after = std::uint64_t{8}},
                {.name = "loadable", .before = true, .after = false}},
      .segments = {{.name = "PT_LOAD r-x", .before = ByteCount{.file = 8}, .after = ByteCount{.file = 4, .zero = 1}}},
      .crates = {{.name = "a", .before = {}, .after = ByteCount{.zero = 10}}},
      .symbols = {{.name = "went", .before = ByteCount{.file = 9}, .after = {}}},
      .relocations = {{.name = "RELR", .before = 10, .after = 7}},
      .notes = {{.name = "GNU", .type = 2, .before = {}, .after = Descriptor{std::byte{0xab}, std::byte{1}}}},
      .problems = {
          {.severity = entry::Severity::warning, .code = "os_abi", .message = "why", .before = 0, .after = 1}}};
  const auto json = nlohmann::json::parse(collected(print_difference_json, difference));
  EXPECT_EQ(json, nlohmann::json::parse(R"({
    "before": "old", "after": "new",
    "file_size": {"before": 1, "after": 2},
    "image": {"before": {"file": 3, "zero": 4}, "after": {"file": 5, "zero": 6}},
    "facts": {"arch": {"before": "x86_64", "after": null}, "mem_size": {"before": 7, "after": 8},
              "loadable": {"before": true, "after": false}},
    "segments": [{"name": "PT_LOAD r-x", "before": {"file": 8, "zero": 0}, "after": {"file": 4, "zero": 1}}],
    "crates": [{"name": "a", "before": null, "after": {"file": 0, "zero": 10}}],
    "symbols": [{"name": "went", "before": {"file": 9, "zero": 0}, "after": null}],
    "relocations": [{"type": "RELR", "before": 10, "after": 7}],
    "notes": [{"name": "GNU", "type": 2, "before": null, "after": "ab01"}],
    "problems": [{"severity": "warning", "code": "os_abi", "message": "why", "before": 0, "after": 1}]
  })"));
}

TEST(DifferenceJson, OfNothingHasAllKeys) {
  const auto json = nlohmann::json::parse(collected(print_difference_json, Difference{}));
  EXPECT_EQ(json.size(), 11U);
  EXPECT_EQ(json["facts"], nlohmann::json::object());
  EXPECT_EQ(json["symbols"], nlohmann::json::array());
}

}  // namespace
}  // namespace hermitage::inspect
