#include "hermitage/cli/profile_report.hpp"

#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/kernels.hpp"

namespace hermitage::cli {
namespace {

using vmm::observe::Frame;
using vmm::observe::Profile;

constexpr std::uint64_t kStart = 0x1'2345'0000;

// A kernel with the functions inner, middle and outer, of 0x100 bytes each.
class ProfileReportTest : public ::testing::Test {
 protected:
  ProfileReportTest() {
    auto description = testing::minimal_kernel(entry::Arch::x86_64, entry::Endian::little, true);
    const auto model = description.symbols.front();
    description.symbols.clear();
    for (const auto* const name : {"inner", "middle", "outer"}) {
      auto symbol = model;
      symbol.name = name;
      symbol.value = 0x1000 + 0x100 * description.symbols.size();
      symbol.size = 0x100;
      description.symbols.push_back(symbol);
    }
    elf = write(description);
  }

  using Names = std::map<std::vector<std::string>, std::uint64_t>;
  auto names() -> Names {
    Names names;
    const auto named = named_stacks(profile, {.start = kStart, .end = kStart + 0x10000, .elf = elf});
    for (const auto& [frames, samples] : named.stacks) {
      names[std::vector<std::string>(frames.begin(), frames.end())] += samples;
    }
    return names;
  }

  static constexpr std::uint64_t kInner = kStart + 0x1000;
  static constexpr std::uint64_t kMiddle = kStart + 0x1100;
  static constexpr std::uint64_t kOuter = kStart + 0x1200;

  std::vector<std::byte> elf;
  Profile profile{997};
};

TEST_F(ProfileReportTest, NamesFunctionsAndActivities) {
  auto& tree = profile.add_vcpu();
  tree.add(std::vector<Frame>{{.address = kInner + 5, .is_certain = true},
                              {.address = kMiddle + 0x100, .callee = kInner, .is_certain = true}},
           nullptr, 3);
  tree.add(std::vector<Frame>{{.address = kOuter, .is_certain = true}}, "hypercall read", 2);
  tree.add(std::vector<Frame>{{.address = kStart + 0x5000, .is_certain = true}}, nullptr, 1);
  tree.add(std::vector<Frame>{{.address = 0x10, .is_certain = true}}, nullptr, 1);
  EXPECT_EQ(names(), (Names{{{"middle", "inner"}, 3},
                            {{"outer", "[hypercall read]"}, 2},
                            {{"0x5000"}, 1},
                            {{"[outside of the kernel]"}, 1}}))
      << "the return address behind `middle` belongs to it";
}

TEST_F(ProfileReportTest, LeavesOutWhatDoesNotCall) {
  auto& tree = profile.add_vcpu();
  tree.add(std::vector<Frame>{{.address = kInner, .is_certain = true},
                              {.address = kOuter + 8, .callee = kOuter},  // of an earlier call
                              {.address = kMiddle + 8, .callee = kInner},
                              {.address = kOuter + 16, .callee = kMiddle}},
           nullptr, 1);
  EXPECT_EQ(names(), (Names{{{"outer", "middle", "inner"}, 1}}));
}

TEST_F(ProfileReportTest, PrefersFramePointers) {
  auto& tree = profile.add_vcpu();
  tree.add(std::vector<Frame>{{.address = kInner, .is_certain = true},
                              {.address = kOuter + 8, .callee = kInner},
                              {.address = kMiddle + 8, .callee = kInner, .is_certain = true}},
           nullptr, 1);
  EXPECT_EQ(names(), (Names{{{"middle", "inner"}, 1}}));
}

TEST_F(ProfileReportTest, TakesAnIndirectCall) {
  auto& tree = profile.add_vcpu();
  tree.add(std::vector<Frame>{{.address = kInner, .is_certain = true}, {.address = kMiddle + 8, .callee = 0}}, nullptr,
           1);
  EXPECT_EQ(names(), (Names{{{"middle", "inner"}, 1}}));
}

TEST_F(ProfileReportTest, PrefersADirectCallToAnIndirectOne) {
  auto& tree = profile.add_vcpu();
  tree.add(std::vector<Frame>{{.address = kInner, .is_certain = true},
                              {.address = kOuter + 8, .callee = 0},
                              {.address = kMiddle + 8, .callee = kInner}},
           nullptr, 1);
  EXPECT_EQ(names(), (Names{{{"middle", "inner"}, 1}}));
}

// Nothing calls `middle`: it is the outermost function. A jump can have led to the innermost one.
TEST_F(ProfileReportTest, EndsAtTheOutermostFunction) {
  auto& tree = profile.add_vcpu();
  tree.add(std::vector<Frame>{{.address = kInner, .is_certain = true},
                              {.address = kMiddle + 8, .callee = kOuter},
                              {.address = kOuter + 8, .callee = kInner + 0x2000}},
           nullptr, 1);
  EXPECT_EQ(names(), (Names{{{"middle", "inner"}, 1}}));
}

TEST_F(ProfileReportTest, NamesVcpusIfThereAreSeveral) {
  for (int i = 0; i < 2; ++i) profile.add_vcpu().add(std::vector<Frame>{{.address = kInner}}, "halted", 1);
  EXPECT_EQ(names(), (Names{{{"[vCPU 0]", "inner", "[halted]"}, 1}, {{"[vCPU 1]", "inner", "[halted]"}, 1}}));
}

TEST_F(ProfileReportTest, OfAnUnreadableKernelHasAddresses) {
  elf.clear();
  profile.add_vcpu().add(std::vector<Frame>{{.address = kInner + 5}}, nullptr, 1);
  EXPECT_EQ(names(), (Names{{{"0x1005"}, 1}}));
}

TEST(ProfileFile, HasTheFormatOfItsName) {
  const std::vector<inspect::NamedStack> stacks{{.frames = {"main"}, .samples = 4}};
  const inspect::ProfileTitle title{.name = "image", .rate = 997};
  EXPECT_EQ(profile_file(stacks, title, "a.folded"), "main 4\n");
  EXPECT_TRUE(nlohmann::json::accept(profile_file(stacks, title, "a.json")));
  EXPECT_TRUE(profile_file(stacks, title, "a.svg").starts_with("<svg "));
  EXPECT_TRUE(profile_file(stacks, title, "a").starts_with("<svg "));
}

TEST(LostSamples, AreReported) {
  Profile profile{997};
  auto& tree = profile.add_vcpu();
  EXPECT_EQ(lost_samples_text(profile), "");
  std::vector<Frame> stack(2);
  for (std::uint64_t i = 0; i <= vmm::observe::StackTree::kMaxNodes; ++i) {
    stack[0].address = i;
    tree.add(std::span{stack}.first(1), nullptr, 1);
  }
  EXPECT_EQ(lost_samples_text(profile), "the profile lacks 1 of 131073 samples: there were too many stacks");
}

}  // namespace
}  // namespace hermitage::cli
