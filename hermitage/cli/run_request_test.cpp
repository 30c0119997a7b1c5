#include "hermitage/cli/run_request.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::cli {
namespace {

using Words = std::vector<std::string>;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// ---- Arguments

auto arguments_for(Words words, Words kernel_args = {}) -> std::pair<Words, Words> {
  RunOptions options;
  options.kernel_args = std::move(kernel_args);
  options.words = std::move(words);
  image::Config config;
  config.kernel_args = {"ik"};
  config.app_args = {"ia"};
  const auto arguments = arguments_of(options, config);
  EXPECT_TRUE(arguments);
  return {arguments->kernel, arguments->application};
}

TEST(Arguments, WhatIsGivenReplacesWhatTheImageHas) {
  using Both = std::pair<Words, Words>;
  EXPECT_EQ(arguments_for({}), (Both{{"ik"}, {"ia"}}));
  EXPECT_EQ(arguments_for({"a"}), (Both{{"ik"}, {"a"}}));
  EXPECT_EQ(arguments_for({"a", "--", "b"}), (Both{{"ik"}, {"a", "--", "b"}}));
  EXPECT_EQ(arguments_for({}, {"k", "l"}), (Both{{"k", "l"}, {"ia"}}));
  EXPECT_EQ(arguments_for({"a"}, {"k"}), (Both{{"k"}, {"a"}}));
  EXPECT_EQ(arguments_for({"--", "k", "--", "a"}), (Both{{"k"}, {"a"}}));
  EXPECT_EQ(arguments_for({"--", "l", "--", "a"}, {"k"}), (Both{{"k", "l"}, {"a"}}));
}

TEST(Arguments, DashesAloneAreAnEmptyList) {
  using Both = std::pair<Words, Words>;
  EXPECT_EQ(arguments_for({"--"}), (Both{{"ik"}, {}}));
  EXPECT_EQ(arguments_for({"--", "--"}), (Both{{}, {}}));
}

// ---- Memory and processors

auto given(std::optional<std::string> memory_size, std::optional<std::uint32_t> cpu_count = std::nullopt)
    -> RunOptions {
  RunOptions options;
  options.memory_size = std::move(memory_size);
  options.cpu_count = cpu_count;
  return options;
}

auto wanted(std::optional<std::uint64_t> memory, std::uint32_t cpus = 0) -> image::Config {
  image::Config config;
  config.memory = memory;
  config.cpus = cpus;
  return config;
}

TEST(GuestSize, IsWhatTheImageAsksForAndAtLeastTheUsual) {
  EXPECT_EQ(guest_size_of({}, {}), (GuestSize{.memory = 64 * kMiB, .cpu_count = 1}));
  EXPECT_EQ(guest_size_of({}, wanted(16 * kMiB, 1)), (GuestSize{.memory = 64 * kMiB, .cpu_count = 1}));
  EXPECT_EQ(guest_size_of({}, wanted(512 * kMiB, 4)), (GuestSize{.memory = 512 * kMiB, .cpu_count = 4}));
  EXPECT_EQ(guest_size_of({}, wanted(512 * kMiB - 1)), (GuestSize{.memory = 512 * kMiB, .cpu_count = 1}));
}

TEST(GuestSize, IsWhatTheUserSays) {
  const auto options = given("128M", 2);
  const GuestSize size{.memory = 128 * kMiB, .cpu_count = 2};
  EXPECT_EQ(guest_size_of(options, {}), size);
  EXPECT_EQ(guest_size_of(options, wanted(16 * kMiB, 1)), size);
  EXPECT_EQ(guest_size_of(options, wanted(128 * kMiB, 2)), size);
}

TEST(GuestSize, IsRefusedWhereTheUserSaysLessThanTheImage) {
  const auto message_of = [](const RunOptions& options, const image::Config& config) {
    const auto size = guest_size_of(options, config);
    return size ? std::string{} : size.error().message;
  };
  EXPECT_EQ(message_of(given("64M"), wanted(512 * kMiB)),
            "asks for 512 MiB of memory at least, and gets 64 MiB; give it more with --memory-size");
  EXPECT_EQ(message_of(given(std::nullopt, 2), wanted(std::nullopt, 3)),
            "asks for 3 processors at least, and gets 2; give it more with --cpu-count");
  EXPECT_NE(message_of(given("64M"), wanted(std::numeric_limits<std::uint64_t>::max())), "");
  EXPECT_NE(message_of(given("much"), {}), "");
}

TEST(GuestSize, DoesNotWrapRound) {
  const auto size = guest_size_of({}, wanted(std::numeric_limits<std::uint64_t>::max()));
  ASSERT_TRUE(size);
  EXPECT_GT(size->memory, std::uint64_t{1} << 63);
}

}  // namespace
}  // namespace hermitage::cli
