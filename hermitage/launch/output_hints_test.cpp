#include "hermitage/launch/output_hints.hpp"

#include <string>

#include <gtest/gtest.h>

namespace hermitage::launch {
namespace {

const std::string kOutput =
    "[INFO] Welcome\nError: Os { code: 100, kind: NetworkDown, message: \"Network is down\" }\n";

auto hints_of(const std::string& output, std::size_t piece_size) -> OutputHints {
  OutputHints hints;
  for (std::size_t at = 0; at < output.size(); at += piece_size) hints.take(output.substr(at, piece_size));
  return hints;
}

auto is_due(const std::string& output, std::size_t piece_size, int exit_code = 1) -> bool {
  return hints_of(output, piece_size).lacked_network(exit_code);
}

TEST(OutputHints, AreDueHoweverTheOutputComes) {
  for (std::size_t size = 1; size <= kOutput.size(); ++size) EXPECT_TRUE(is_due(kOutput, size)) << size;
}

TEST(OutputHints, AreNotDueWithoutAFailure) {
  EXPECT_FALSE(is_due(kOutput, kOutput.size(), 0));
  for (std::size_t size = 1; size < 30; ++size) {
    EXPECT_FALSE(is_due("Network is up, Network is dow, etwork is down\n", size)) << size;
  }
  EXPECT_FALSE(OutputHints{}.lacked_network(1));
  EXPECT_FALSE(OutputHints{}.lacked_memory(1));
}

TEST(OutputHints, AreNotDueWhereTheGuestWentOn) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{1} << 20}) {
    EXPECT_TRUE(is_due(kOutput + std::string(4000, 'x'), size)) << size;
    EXPECT_FALSE(is_due(kOutput + std::string(5000, 'x'), size)) << size;
    EXPECT_TRUE(is_due(kOutput + std::string(5000, 'x') + kOutput, size)) << size;
  }
}

TEST(OutputHints, KnowWhatKernelsAndRustSayOfMemory) {
  for (const std::string output : {"memory allocation of 1048576 bytes failed\n",
                                   "[0][PANIC] panicked at src/mm/mod.rs:101:9:\nNo enough memory available!\n"}) {
    for (std::size_t size = 1; size <= output.size(); ++size) {
      EXPECT_TRUE(hints_of(output, size).lacked_memory(1)) << output << size;
    }
    EXPECT_FALSE(hints_of(output, output.size()).lacked_memory(0)) << output;
    EXPECT_FALSE(hints_of(output, output.size()).lacked_network(1)) << output;
    EXPECT_FALSE(hints_of(output + std::string(5000, 'x'), 100).lacked_memory(1)) << output;
  }
  EXPECT_FALSE(hints_of(kOutput, 1).lacked_memory(1));
}

}  // namespace
}  // namespace hermitage::launch
