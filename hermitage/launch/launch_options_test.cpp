#include "hermitage/launch/launch_options.hpp"

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/environment.hpp"

namespace hermitage::launch {
namespace {

using testing::Variable;
using Words = std::vector<std::string>;

class EnvironmentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto* const name : {"HERMIT_MEMORY_SIZE", "HERMIT_CPU_COUNT", "HERMIT_CONFIG", "HERMITAGE_ENGINE",
                                   "HERMITAGE_NET", "HERMIT_GDB_PORT"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(EnvironmentTest, SaysWhatIsNotGiven) {
  EXPECT_EQ(options_of_environment({}), LaunchOptions{});
  const Variable size{"HERMIT_MEMORY_SIZE", "256M"};
  const Variable cpus{"HERMIT_CPU_COUNT", "3"};
  const Variable config{"HERMIT_CONFIG", "conf"};
  const Variable engine{"HERMITAGE_ENGINE", "qemu"};
  const Variable net{"HERMITAGE_NET", "tap:tap0"};
  const Variable port{"HERMIT_GDB_PORT", "1234"};
  const LaunchOptions all{.memory_size = "256M",
                          .cpu_count = 3,
                          .net = "tap:tap0",
                          .gdb = "1234",
                          .engine = Engine::qemu,
                          .config = "conf"};
  EXPECT_EQ(options_of_environment({}), all);
  EXPECT_EQ(options_of_environment(all), LaunchOptions{});
}

TEST_F(EnvironmentTest, IsWrongOnlyWhereItCounts) {
  const Variable size{"HERMIT_MEMORY_SIZE", ""};
  const Variable cpus{"HERMIT_CPU_COUNT", "many"};
  EXPECT_EQ(options_of_environment({}).error().message(), "HERMIT_CPU_COUNT 'many': not a number above 0");
  EXPECT_EQ(options_of_environment({.cpu_count = 1}), LaunchOptions{}) << "an empty variable is none";
  const Variable engine{"HERMITAGE_ENGINE", "bochs"};
  EXPECT_EQ(options_of_environment({.cpu_count = 1}).error().message(),
            "HERMITAGE_ENGINE 'bochs': not one of auto, kvm and qemu");
  const Variable port{"HERMIT_GDB_PORT", "65536"};
  EXPECT_EQ(options_of_environment({.cpu_count = 1}).error().message(),
            "HERMIT_GDB_PORT '65536': not a port from 0 to 65535");
}

TEST(ParseFileMapping, TakesTwoPathsAndAMode) {
  EXPECT_EQ(parse_file_mapping("./dir:/data"), (base::FileMapping{"./dir", "/data", false}));
  EXPECT_EQ(parse_file_mapping("a b:c:ro"), (base::FileMapping{"a b", "c", true}));
  for (const auto* const wrong : {"", ":", "a", "a:", ":b", "a:b:c", "a:b:rw", "a:b:ro:ro", "a:ro", "a::ro"}) {
    EXPECT_EQ(parse_file_mapping(wrong), std::nullopt) << wrong;
  }
}

TEST(ParseIoMode, TakesOneFlagOrBoth) {
  EXPECT_EQ(parse_io_mode("host=direct"), (IoMode{.is_direct = true}));
  EXPECT_EQ(parse_io_mode("host=sync"), (IoMode{.is_synchronous = true}));
  EXPECT_EQ(parse_io_mode("host=direct,sync"), (IoMode{.is_direct = true, .is_synchronous = true}));
  EXPECT_EQ(parse_io_mode("host=sync,direct,sync"), (IoMode{.is_direct = true, .is_synchronous = true}));
  for (const auto* const wrong :
       {"", "host", "host=", "direct", "guest=direct", "host=direct,", "host=,sync", "host=x"}) {
    EXPECT_EQ(parse_io_mode(wrong), std::nullopt) << wrong;
  }
}

TEST(ParseAffinity, TakesNumbersAndRanges) {
  using List = std::vector<unsigned>;
  EXPECT_EQ(parse_affinity("0"), (List{0}));
  EXPECT_EQ(parse_affinity("0-1,3"), (List{0, 1, 3}));
  EXPECT_EQ(parse_affinity("0 1 3"), (List{0, 1, 3}));
  EXPECT_EQ(parse_affinity("3,1,3"), (List{3, 1, 3}));
  EXPECT_EQ(parse_affinity("5-5"), (List{5}));
  EXPECT_EQ(parse_affinity("0-65535")->size(), 65536U);
}

TEST(ParseAffinity, TakesNothingElse) {
  for (const auto* const text : {"",
                                 ",",
                                 "0,",
                                 ",0",
                                 "0,,1",
                                 "0, 1",
                                 "-",
                                 "0-",
                                 "-1",
                                 "1-0",
                                 "0-1-2",
                                 "x",
                                 "0x1",
                                 "+1",
                                 "1.5",
                                 "65536",
                                 "0-65536",
                                 "99999999999999999999",
                                 "0-4294967295",
                                 "0\t1"}) {
    EXPECT_EQ(parse_affinity(text), std::nullopt) << text;
  }
}

TEST(SplitWords, AreTheApplicationsUnlessTheyBeginWithDashes) {
  using Given = std::optional<Words>;
  struct Case {
    Words words;
    Given kernel;
    Given application;
  };
  const Given none;
  const Given empty = Words{};
  for (const auto& [words, kernel, application] :
       {Case{{}, none, none}, Case{{"a", "b"}, none, Words{"a", "b"}},
        Case{{"a", "--", "b"}, none, Words{"a", "--", "b"}}, Case{{"a", "--"}, none, Words{"a", "--"}},
        Case{{"--", "a", "b"}, none, Words{"a", "b"}}, Case{{"--"}, none, empty}, Case{{"--", "--"}, empty, empty},
        Case{{"--", "--", "a"}, empty, Words{"a"}}, Case{{"--", "k", "--", "a"}, Words{"k"}, Words{"a"}},
        Case{{"--", "k", "--"}, Words{"k"}, empty},
        Case{{"--", "k", "--", "a", "--", "b"}, Words{"k"}, Words{"a", "--", "b"}}}) {
    const auto split = split_words(words);
    EXPECT_EQ(split.kernel, kernel);
    EXPECT_EQ(split.application, application);
  }
}

}  // namespace
}  // namespace hermitage::launch
