#include "hermitage/inspect/sizes_json.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hermitage::inspect {
namespace {

auto some_sizes() -> Sizes {
  return {.file = "kernel",
          .by = SizesBy::crate,
          .file_size = 500,
          .image = {.file = 300, .zero = 20},
          .rows = {{.name = "hermit", .bytes = {.file = 200, .zero = 10}, .symbols = 3}, {.name = "\xff"}},
          .unexplained = {.file = 100, .zero = 10},
          .unexplained_sections = {{.name = ".rodata", .bytes = {.file = 100, .zero = 10}}},
          .not_loaded = 200,
          .not_loaded_sections = {{.name = ".symtab", .bytes = {.file = 200}}},
          .left_out = 7};
}

constexpr const char* kExpected = R"({
  "file": "kernel",
  "by": "crate",
  "file_size": 500,
  "image": {
    "file": 300,
    "zero": 20
  },
  "rows": [
    {
      "name": "hermit",
      "file": 200,
      "zero": 10,
      "symbols": 3
    },
    {
      "name": "�",
      "file": 0,
      "zero": 0,
      "symbols": 0
    }
  ],
  "unexplained": {
    "file": 100,
    "zero": 10,
    "sections": [
      {
        "name": ".rodata",
        "file": 100,
        "zero": 10
      }
    ]
  },
  "not_loaded": {
    "size": 200,
    "sections": [
      {
        "name": ".symtab",
        "size": 200
      }
    ]
  },
  "left_out": 7
})";

TEST(SizesJson, HasEveryNumber) {
  EXPECT_EQ(collected(print_sizes_json, some_sizes()), kExpected);
}

TEST(SizesJson, SeveralAreAnArray) {
  const std::array both{some_sizes(), Sizes{}};
  const auto json = nlohmann::json::parse(collected(print_sizes_json_array, std::span<const Sizes>{both}));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0], nlohmann::json::parse(kExpected));
  EXPECT_EQ(json[1]["rows"], nlohmann::json::array());
}

}  // namespace
}  // namespace hermitage::inspect
