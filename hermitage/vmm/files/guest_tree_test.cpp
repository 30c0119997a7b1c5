#include "hermitage/vmm/files/guest_tree.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/allocations.hpp"

namespace hermitage::vmm {
namespace {

// "directory-…/directory-…/…": each name is so long that a string allocates memory for it. Use depths whose path is
// shorter than GuestTree::kMaxPath.
auto deep_path(std::size_t depth) -> std::string {
  std::string path;
  for (std::size_t i = 0; i < depth; ++i) path += "directory-" + std::string(16, 'd') + "/";
  return path;
}

// The allocations for making and searching a tree of `files` files, `depth` directories deep.
auto cost(std::size_t files, std::size_t depth) -> hermitage::testing::Allocations {
  const auto directory = deep_path(depth);
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < files; ++i) paths.push_back(directory + std::to_string(i));
  return hermitage::testing::allocations_of([&] {
    GuestTree tree;
    for (const auto& path : paths) tree.place(path, ImageFile{});
    for (const auto& path : paths) EXPECT_TRUE(tree.find(path, true));
  });
}

// The factor for ten times the input. It is larger than ten because both include constant costs.
constexpr std::size_t kTenfold = 12;

TEST(GuestTreeLimits, CostsAsMuchAsThereAreFiles) {
  const auto few = cost(100, 10);
  const auto many = cost(1000, 10);
  EXPECT_LE(many.total, kTenfold * few.total);
  EXPECT_LE(many.peak, kTenfold * few.peak);
}

TEST(GuestTreeLimits, CostsAsMuchAsPathsHaveNames) {
  const auto shallow = cost(100, 10);
  const auto deep = cost(100, 100);
  EXPECT_LE(deep.total, kTenfold * shallow.total);
  EXPECT_LE(deep.peak, kTenfold * shallow.peak);
}

TEST(GuestTreeLimits, HoldsANodeForEachFileAndDirectory) {
  constexpr std::size_t kNode = 512;  // including its name and its entry in a directory
  EXPECT_LE(cost(1000, 10).peak, (1000 + 10) * kNode);
}

// Each name of a path is looked up separately, through at most the permitted number of links.
TEST(GuestTreeLimits, LinksDoNotMultiply) {
  GuestTree tree;
  tree.place("file", ImageFile{});
  for (int i = 0; i < 100; ++i) tree.place(std::to_string(i), Link{i == 0 ? "file" : std::to_string(i - 1)});
  EXPECT_TRUE(tree.find("39", true));
  const auto found = tree.find("40", true);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error(), Errno::loop);
}

}  // namespace
}  // namespace hermitage::vmm
