#include "hermitage/qemu/places.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "testing/environment.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::qemu {
namespace {

using testing::TemporaryDirectory;
using testing::Variable;

TEST(Places, ALoaderIsWhereTheEnvironmentSays) {
  const TemporaryDirectory directory;
  const Variable chosen{"HERMITAGE_LOADER_DIR", directory.path()};
  const Target target{entry::Arch::aarch64, entry::Endian::big};
  const auto missing = find_loader(target);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "boot loader " + directory.file("hermitage-loader-aarch64_be") +
                                 " not found; build or install it, or set --loader or HERMITAGE_LOADER_DIR");
  directory.write("hermitage-loader-aarch64_be", "");
  EXPECT_EQ(find_loader(target), directory.file("hermitage-loader-aarch64_be"));
}

TEST(Places, ALoaderIsBesideTheProgramOtherwise) {
  const Variable chosen{"HERMITAGE_LOADER_DIR", ""};
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
  const auto found = find_loader({entry::Arch::riscv64});
  const auto path = (beside / "share/hermitage/hermitage-loader-riscv64").string();
  if (std::filesystem::exists(path)) {
    EXPECT_EQ(found, path);
  } else {
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().find(path), std::string::npos);
  }
}

}  // namespace
}  // namespace hermitage::qemu
