#include "hermitage/vmm/hypercalls/argument_vectors.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

TEST(ArgumentVectors, BeginWithTheProgram) {
  const auto vectors = argument_vectors(
      {.program = "image", .kernel = {"for the kernel"}, .application = {"one", ""}, .environment = {"A=1"}});
  ASSERT_TRUE(vectors);
  EXPECT_EQ(vectors->arguments, (std::vector<std::string>{"image", "one", ""}));
  // Kernels of interface 1 read past the end of a small environment.
  EXPECT_EQ(vectors->environment, (std::vector<std::string>{"A=1", "", "", "", "", "", "", ""}));
}

TEST(ArgumentVectors, HaveRoomFor128Each) {
  const auto vectors_of = [](std::size_t words, std::size_t variables) {
    return argument_vectors({.program = "p",
                             .kernel = {},
                             .application = std::vector<std::string>(words, "w"),
                             .environment = std::vector<std::string>(variables, "A=1")});
  };
  const auto most = vectors_of(127, 128);
  ASSERT_TRUE(most);
  EXPECT_EQ(most->arguments.size(), 128U);
  EXPECT_EQ(most->environment.size(), 128U);
  for (const auto& [words, variables] : {std::pair{128U, 0U}, std::pair{0U, 129U}}) {
    const auto vectors = vectors_of(words, variables);
    ASSERT_FALSE(vectors);
    EXPECT_EQ(vectors.error().code, ErrorCode::configuration);
    EXPECT_NE(vectors.error().message().find("at most 128"), std::string::npos) << vectors.error().message();
  }
}

}  // namespace
}  // namespace hermitage::vmm
