#include "hermitage/launch/network_hint.hpp"

#include <string>

#include <gtest/gtest.h>

namespace hermitage::launch {
namespace {

const std::string kOutput =
    "[INFO] Welcome\nError: Os { code: 100, kind: NetworkDown, message: \"Network is down\" }\n";

auto is_due(const std::string& output, std::size_t piece_size, int exit_code = 1) -> bool {
  NetworkHint hint;
  for (std::size_t at = 0; at < output.size(); at += piece_size) hint.take(output.substr(at, piece_size));
  return hint.is_due(exit_code);
}

TEST(NetworkHint, IsDueHoweverTheOutputComes) {
  for (std::size_t size = 1; size <= kOutput.size(); ++size) EXPECT_TRUE(is_due(kOutput, size)) << size;
}

TEST(NetworkHint, IsNotDueWithoutAFailure) {
  EXPECT_FALSE(is_due(kOutput, kOutput.size(), 0));
  for (std::size_t size = 1; size < 30; ++size) {
    EXPECT_FALSE(is_due("Network is up, Network is dow, etwork is down\n", size)) << size;
  }
  EXPECT_FALSE(NetworkHint{}.is_due(1));
}

TEST(NetworkHint, IsNotDueWhereTheGuestWentOn) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{1} << 20}) {
    EXPECT_TRUE(is_due(kOutput + std::string(4000, 'x'), size)) << size;
    EXPECT_FALSE(is_due(kOutput + std::string(5000, 'x'), size)) << size;
    EXPECT_TRUE(is_due(kOutput + std::string(5000, 'x') + kOutput, size)) << size;
  }
}

}  // namespace
}  // namespace hermitage::launch
