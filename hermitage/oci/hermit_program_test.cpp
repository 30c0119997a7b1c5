#include "hermitage/oci/hermit_program.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "hermitage/entry/arch.hpp"
#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

namespace fs = std::filesystem;
using Kind = HermitProgram::Kind;

auto elf(char os_abi) -> std::string {
  std::string bytes{
      "\x7f"
      "ELF\x02\x01\x01"};
  bytes += os_abi;
  bytes.resize(64);
  return bytes;
}

class HermitProgramTest : public ::testing::Test {
 protected:
  HermitProgramTest() {
    fs::create_directories(directory.file("bin"));
    fs::create_directories(directory.file("app"));
    directory.write("bin/linux", elf('\0'));
    directory.write("bin/kernel", elf('\xff'));
    directory.write("app/packed.tar.gz", "\x1f\x8b and more");
    directory.write("app/script", "#!/bin/sh\n");
  }

  [[nodiscard]] auto find(const std::vector<std::string>& words, const std::string& cwd = "/",
                          const std::vector<std::string>& env = {"PATH=/none:/app:/bin"}) const
      -> std::optional<HermitProgram> {
    const Json process{{"args", words}, {"cwd", cwd}, {"env", env}};
    return find_hermit_program(process, *RootFileSystem::open(directory.path()));
  }
  [[nodiscard]] auto path_of(const std::vector<std::string>& words, const std::string& cwd = "/",
                             const std::vector<std::string>& env = {"PATH=/none:/app:/bin"}) const -> std::string {
    const auto found = find(words, cwd, env);
    return found ? found->path : "none";
  }

  hermitage::testing::TemporaryDirectory directory;
};

TEST_F(HermitProgramTest, IsAKernel) {
  const auto found = find({"/bin/kernel", "-v", "--", "a b"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, Kind::kernel);
  EXPECT_EQ(found->path, "/bin/kernel");
  EXPECT_EQ(found->init, "");
  EXPECT_EQ(found->arguments, (std::vector<std::string>{"-v", "--", "a b"}));
}

TEST_F(HermitProgramTest, IsAKernelWithANote) {
  auto kernel = hermitage::testing::minimal_kernel(entry::Arch::x86_64, entry::Endian::little, true);
  kernel.os_abi = 0;
  const auto bytes = hermitage::testing::write(kernel);
  directory.write("noted", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  EXPECT_EQ(path_of({"/noted"}), "/noted");
}

TEST_F(HermitProgramTest, IsAPackedImage) {
  const auto found = find({"/app/packed.tar.gz"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, Kind::image);
}

TEST_F(HermitProgramTest, IsNothingElse) {
  for (const auto* const name : {"/bin/linux", "/app/script", "/bin", "/none", "linux", "none", "", "/"}) {
    EXPECT_EQ(path_of({name}), "none") << name;
  }
  EXPECT_EQ(path_of({}), "none");
}

TEST_F(HermitProgramTest, IsFoundByPathAndWorkingDirectory) {
  EXPECT_EQ(path_of({"kernel"}), "/bin/kernel");
  EXPECT_EQ(path_of({"kernel"}, "/", {"PATH=/bin", "PATH=/app"}), "none") << "the last one counts";
  EXPECT_EQ(path_of({"kernel"}, "/bin", {"HOME=/"}), "none");
  EXPECT_EQ(path_of({"kernel"}, "/bin", {"PATH=/app:"}), "/bin/kernel");
  EXPECT_EQ(path_of({"kernel"}, "/", {"PATH=bin"}), "/bin/kernel");
  EXPECT_EQ(path_of({"./kernel"}, "/bin"), "/bin/./kernel");
  EXPECT_EQ(path_of({"bin/kernel"}, ""), "/bin/kernel");
}

TEST_F(HermitProgramTest, IsFoundBehindAnInitProgram) {
  const auto found = find({"/run/podman-init", "--", "kernel", "a"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, "/bin/kernel");
  EXPECT_EQ(found->init, "/run/podman-init");
  EXPECT_EQ(found->arguments, std::vector<std::string>{"a"});
  EXPECT_EQ(path_of({"tini", "-g", "--", "/bin/kernel"}), "/bin/kernel");
  EXPECT_EQ(path_of({"tini", "--"}), "none");
  EXPECT_EQ(path_of({"/bin/linux", "--", "/bin/kernel"}), "none");
}

TEST_F(HermitProgramTest, IsNotOutsideOfTheRoot) {
  hermitage::testing::TemporaryDirectory outside;
  outside.write("kernel", elf('\xff'));
  fs::create_symlink(outside.file("kernel"), directory.file("bin/link"));
  EXPECT_EQ(path_of({"/bin/link"}), "none");
  EXPECT_EQ(path_of({"../" + outside.file("kernel")}), "none");
}

TEST_F(HermitProgramTest, IsNothingInMalformedProcesses) {
  const auto root = RootFileSystem::open(directory.path());
  for (const auto* const text :
       {"null", "[]", "{}", R"({"args":"/bin/kernel"})", R"({"args":["/bin/kernel",1]})", R"({"args":[[]]})",
        R"({"args":["kernel"],"env":7,"cwd":[]})", R"({"args":["/bin/kernel\u0000"]})"}) {
    EXPECT_FALSE(find_hermit_program(*parse_json(text), *root)) << text;
  }
}

}  // namespace
}  // namespace hermitage::oci
