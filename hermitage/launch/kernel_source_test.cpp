#include "hermitage/launch/kernel_source.hpp"

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::launch {
namespace {

using Kind = KernelSource::Kind;
using Streams = KernelSource::Streams;
using namespace std::string_view_literals;

// Standard input from a file, while it is there.
class StandardInput {
 public:
  explicit StandardInput(const std::string& path) : before_{::dup(STDIN_FILENO)} {
    const base::Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    ::dup2(file.get(), STDIN_FILENO);
  }
  StandardInput(const StandardInput&) = delete;
  auto operator=(const StandardInput&) -> StandardInput& = delete;
  ~StandardInput() { ::dup2(before_.get(), STDIN_FILENO); }

 private:
  base::Descriptor before_;
};

auto text_of(std::span<const std::byte> bytes) -> std::string {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class KernelSourceTest : public ::testing::Test {
 protected:
  hermitage::testing::TemporaryDirectory directory;
};

TEST_F(KernelSourceTest, TellsKernelsFromImages) {
  struct Case {
    std::string_view content;
    Kind kind;
  };
  for (const auto& [content, kind] : {Case{"\x7f"
                                           "ELF\x02\x01"sv,
                                           Kind::kernel},
                                      Case{"\x1f\x8b\x08\0 rest"sv, Kind::image},
                                      Case{"HERMSNAP\1\0\0\0"sv, Kind::snapshot}, Case{"HERMSNA"sv, Kind::neither},
                                      Case{"\x7f"
                                           "EL"sv,
                                           Kind::neither},
                                      Case{""sv, Kind::neither}, Case{"#!/bin/sh\n"sv, Kind::neither}}) {
    const auto path = directory.write("file", content);
    auto source = KernelSource::open(path, Streams::refuse);
    ASSERT_TRUE(source);
    EXPECT_EQ(source->kind(), kind) << content;
    EXPECT_EQ(source->size(), content.size());
    EXPECT_EQ(source->path(), path);
  }
}

TEST_F(KernelSourceTest, StaysTheFileThatWasOpened) {
  const auto path = directory.write("file", "first");
  auto source = KernelSource::open(path, Streams::refuse);
  ASSERT_TRUE(source);
  std::filesystem::remove(path);
  directory.write("file", "second");
  const auto copy = source->duplicate();
  ASSERT_TRUE(copy);
  // The owner of the copy may have moved the position that both share.
  std::array<char, 3> beginning{};
  ASSERT_EQ(::read(copy->get(), beginning.data(), beginning.size()), 3);
  EXPECT_EQ(text_of(*std::move(*source).read()), "first");
}

TEST_F(KernelSourceTest, ReadsStreamsWhereItIsTo) {
  const auto path = directory.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto refused = KernelSource::open(path, Streams::refuse);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "is not a regular file");
  std::jthread writer{[&path] {
    const base::Descriptor pipe{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    EXPECT_EQ(::write(pipe.get(),
                      "\x7f"
                      "ELF!",
                      5),
              5);
  }};
  auto source = KernelSource::open(path, Streams::read);
  ASSERT_TRUE(source);
  EXPECT_EQ(source->kind(), Kind::kernel);
  EXPECT_EQ(text_of(*std::move(*source).read()),
            "\x7f"
            "ELF!");
}

TEST_F(KernelSourceTest, StandardInputBeginsWhereItStands) {
  const StandardInput input{directory.write("file",
                                            "skipped\x7f"
                                            "ELF")};
  ASSERT_EQ(::lseek(STDIN_FILENO, 7, SEEK_SET), 7);
  auto source = KernelSource::open("-", Streams::read);
  ASSERT_TRUE(source);
  EXPECT_EQ(source->kind(), Kind::kernel);
  EXPECT_EQ(text_of(*std::move(*source).read()),
            "\x7f"
            "ELF");
}

TEST_F(KernelSourceTest, StandardInputIsKept) {
  const StandardInput input{directory.write("file", "content")};
  const auto kept = keep_standard_input();
  ASSERT_TRUE(kept) << kept.error().message();
  char byte = 0;
  EXPECT_EQ(::read(STDIN_FILENO, &byte, 1), 0) << "nothing is left";
  auto source = KernelSource::open(*kept, Streams::refuse);
  ASSERT_TRUE(source);
  EXPECT_EQ(text_of(*std::move(*source).read()), "content");
  ::close(std::stoi(kept->substr(std::strlen("/dev/fd/"))));
}

TEST_F(KernelSourceTest, SaysWhyThereIsNone) {
  const auto missing = KernelSource::open(directory.file("missing"), Streams::read);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), "open: No such file or directory");
  EXPECT_EQ(missing.error().text, "No such file or directory");
  const auto folder = KernelSource::open(directory.path(), Streams::read);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message(), "is a directory");

  const auto large = directory.write("large",
                                     "\x7f"
                                     "ELF");
  ASSERT_EQ(::truncate(large.c_str(), kMaxFileSize + 1), 0);
  auto source = KernelSource::open(large, Streams::refuse);
  ASSERT_TRUE(source);
  EXPECT_EQ(std::move(*source).read().error().message(), "larger than the limit of 1 GiB");
}

TEST_F(KernelSourceTest, AnImageIsReadFromTheOpenFile) {
  const auto path = directory.write("file", "\x1f\x8b\x08\0 damaged"sv);
  const auto source = KernelSource::open(path, Streams::refuse);
  ASSERT_TRUE(source);
  std::filesystem::remove(path);
  for (int time = 0; time < 2; ++time) {
    const auto image = source->open_image({});
    ASSERT_FALSE(image);
    EXPECT_NE(image.error().code, image::ProblemCode::unreadable) << image.error().message();
  }
}

TEST(NeitherKernelNorImage, SaysWhatItIs) {
  const auto sentence = [](std::string_view content) {
    return neither_kernel_nor_image(std::as_bytes(std::span{content}));
  };
  EXPECT_EQ(sentence("\1\2\3\4"), "is neither a Hermit kernel nor a Hermit image");
  EXPECT_TRUE(sentence("#!/bin/sh\n").ends_with("neither a Hermit kernel nor a Hermit image"))
      << sentence("#!/bin/sh\n");
}

}  // namespace
}  // namespace hermitage::launch
