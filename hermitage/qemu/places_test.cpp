#include "hermitage/qemu/places.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::qemu {
namespace {

using testing::TemporaryDirectory;

// An environment variable that is as it was before at the end.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_{name} {
    const auto* const before = std::getenv(name);
    if (before != nullptr) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  auto operator=(const Variable&) -> Variable& = delete;
  ~Variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

void make_program(const std::string& path) {
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::owner_all);
}

TEST(Places, AProgramIsTheFirstInThePathThatCanBeExecuted) {
  const TemporaryDirectory first;
  const TemporaryDirectory second;
  const Variable path{"PATH", "/nowhere::" + first.path() + ":" + second.path()};
  EXPECT_EQ(find_program("emulator"), std::nullopt);
  make_program(second.write("emulator", ""));
  EXPECT_EQ(find_program("emulator"), second.file("emulator"));
  std::filesystem::create_directory(first.file("emulator"));
  EXPECT_EQ(find_program("emulator"), second.file("emulator"));
  std::filesystem::remove(first.file("emulator"));
  std::filesystem::permissions(first.write("emulator", ""), std::filesystem::perms::owner_read);
  EXPECT_EQ(find_program("emulator"), second.file("emulator"));
  make_program(first.file("emulator"));
  EXPECT_EQ(find_program("emulator"), first.file("emulator"));
}

TEST(Places, APathMayBeEmptyOrNotThere) {
  const Variable path{"PATH", ""};
  EXPECT_EQ(find_program("sh"), std::nullopt);
  ::unsetenv("PATH");
  EXPECT_EQ(find_program("sh"), std::nullopt);
}

TEST(Places, ALoaderIsWhereTheEnvironmentSays) {
  const TemporaryDirectory directory;
  const Variable chosen{"HERMITAGE_LOADER_DIR", directory.path()};
  const Target target{entry::Arch::aarch64, entry::Endian::big};
  const auto missing = find_loader(target);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "there is no boot loader " + directory.file("hermitage-loader-aarch64_be") +
                                 "; build or install it, or say where it is with --loader or HERMITAGE_LOADER_DIR");
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
