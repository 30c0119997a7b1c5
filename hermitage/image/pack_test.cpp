#include "hermitage/image/pack.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "hermitage/image/extract.hpp"
#include "hermitage/image/tar_writer.hpp"
#include "testing/archives.hpp"
#include "testing/images.hpp"

namespace hermitage::image {
namespace {

namespace fs = std::filesystem;
using testing::kMinimalConfig;

using Bytes = std::vector<std::byte>;

auto text_of(std::span<const std::byte> bytes) -> std::string {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A directory of its own for each test.
class PackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto name = (fs::temp_directory_path() / "hermitage-pack-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  [[nodiscard]] auto path(std::string_view name) const -> fs::path { return directory_ / name; }

  void file(const fs::path& name, std::string_view text, int mode = 0644) const {
    fs::create_directories(path(name.string()).parent_path());
    std::ofstream{directory_ / name, std::ios::binary} << text;
    fs::permissions(directory_ / name, static_cast<fs::perms>(mode));
  }

  // A tree with everything that an image can hold.
  void make_tree(const fs::path& root) const {
    file(root / "hermit.toml", kMinimalConfig);
    file(root / "kernel",
         "\x7f"
         "ELF" +
             std::string(100'000, 'k'),
         0755);
    file(root / "etc/motd", "hello\n");
    file(root / "empty", "");
    file(root / "block", std::string(512, 'b'));
    file(root / std::string(255, 'n'), "long name");
    const std::string long_directory(90, 'd');
    file(root / long_directory / std::string(99, 'f'), "fits in two parts");
    file(root / long_directory / long_directory / long_directory / std::string(10, 'f'), "does not");
    file(root / "gr\xc3\xbc\xc3\x9f\x65", "not ASCII");
    file(root / "two words\n", "odd name");
    fs::create_directories(path((root / "void").string()));
    fs::create_directories(path((root / std::string(99, 'v')).string()));
    fs::create_directories(path((root / std::string(100, 'v')).string()));
    fs::create_symlink("etc/motd", path((root / "link").string()));
    fs::create_symlink("../kernel", path((root / "etc/up").string()));
    fs::create_symlink(std::string(99, 'n') + "/" + std::string(99, 'n'), path((root / "long link").string()));
  }

  // "path" → "kind size bytes" of everything below a directory.
  [[nodiscard]] auto contents_of(const fs::path& root) const -> std::map<std::string, std::string> {
    std::map<std::string, std::string> contents;
    for (const auto& entry : fs::recursive_directory_iterator{path(root.string())}) {
      const auto name = entry.path().lexically_relative(path(root.string())).string();
      if (entry.is_symlink()) {
        contents[name] = "link " + fs::read_symlink(entry.path()).string();
      } else if (entry.is_directory()) {
        contents[name] = "directory";
      } else {
        contents[name] = "file " + text_of(testing::read_bytes(entry.path()));
      }
    }
    return contents;
  }

  [[nodiscard]] auto mode_of(std::string_view name) const -> unsigned {
    struct stat status{};
    EXPECT_EQ(::lstat(path(name).c_str(), &status), 0) << name;
    return status.st_mode & 07777;
  }

  static auto pack_bytes(const PackRequest& request) -> std::expected<Bytes, Problem> {
    Bytes bytes;
    const auto packed = pack(request, [&bytes](std::span<const std::byte> piece) {
      bytes.insert(bytes.end(), piece.begin(), piece.end());
      return true;
    });
    if (!packed) return std::unexpected{packed.error()};
    return bytes;
  }

  static auto failure(const PackRequest& request) -> std::string {
    const auto bytes = pack_bytes(request);
    return bytes ? "packs" : std::string{bytes.error().name()} + ": " + bytes.error().message();
  }

  void write(std::string_view name, std::span<const std::byte> bytes) const {
    std::ofstream{path(name), std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                                      static_cast<std::streamsize>(bytes.size()));
  }

  // Runs a command in the directory, and gives its exit status.
  [[nodiscard]] auto shell(const std::string& command) const -> int {
    return std::system(("cd '" + directory_.string() + "' && " + command).c_str());
  }

 private:
  fs::path directory_;
};

TEST_F(PackTest, TellsHowFarItIs) {
  file("tree/hermit.toml", kMinimalConfig);
  file("tree/kernel",
       "\x7f"
       "ELF" +
           std::string(1'000'000, 'k'));
  file("tree/empty", "");
  const auto total = kMinimalConfig.size() + 1'000'004;
  std::vector<std::uint64_t> steps;
  ASSERT_TRUE(pack_bytes({.directories = {path("tree")}, .progress = [&](std::uint64_t done, std::uint64_t of) {
                            EXPECT_EQ(of, total);
                            steps.push_back(done);
                          }}));
  ASSERT_GE(steps.size(), 2U);
  EXPECT_EQ(steps.front(), kMinimalConfig.size());
  EXPECT_TRUE(std::ranges::is_sorted(steps));
  EXPECT_EQ(steps.back(), total);
}

TEST_F(PackTest, WhatIsPackedIsExtractedTheSame) {
  make_tree("tree");
  const auto bytes = pack_bytes({.directories = {path("tree")}});
  ASSERT_TRUE(bytes) << bytes.error().message();
  const auto image = Image::open(*bytes);
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_TRUE(image->warnings().empty());
  const auto extracted = extract(*image, path("out"));
  ASSERT_TRUE(extracted) << extracted.error().message();
  EXPECT_EQ(contents_of("out"), contents_of("tree"));
  EXPECT_EQ(mode_of("out/kernel") & 0100, 0100U);
  EXPECT_EQ(mode_of("out/etc/motd") & 0100, 0U);
}

TEST_F(PackTest, GnuTarReadsWhatIsPacked) {
  make_tree("tree");
  const auto bytes = pack_bytes({.directories = {path("tree")}});
  ASSERT_TRUE(bytes) << bytes.error().message();
  write("image.tar.gz", *bytes);
  ASSERT_EQ(shell("mkdir out && tar -xzf image.tar.gz -C out"), 0);
  EXPECT_EQ(contents_of("out"), contents_of("tree"));
}

TEST_F(PackTest, WhatGnuTarWritesIsRead) {
  make_tree("tree");
  ASSERT_EQ(shell("ln tree/etc/motd tree/hard"), 0);
  for (const std::string format : {"gnu", "pax", "ustar", "oldgnu", "v7"}) {
    // The last two formats have no room for long names.
    const bool is_old = format == "ustar" || format == "v7";
    const std::string exclude =
        is_old ? "--exclude='dddd*' --exclude='nnnn*' --exclude='vvvv*' --exclude='long link' " : "";
    ASSERT_EQ(shell("tar --format=" + format + " " + exclude +
                    "-czf image.tar.gz -C tree . && rm -rf expected out && "
                    "mkdir expected && tar -xzf image.tar.gz -C expected"),
              0);
    for (const auto contents : {Contents::all, Contents::kernel}) {
      const auto image = Image::open(path("image.tar.gz"), {.contents = contents});
      ASSERT_TRUE(image) << format << image.error().message();
      EXPECT_EQ(image->kernel().size(), 100'004U);
      if (contents == Contents::kernel) continue;
      const auto extracted = extract(*image, path("out"));
      ASSERT_TRUE(extracted) << format << extracted.error().message();
      EXPECT_EQ(contents_of("out"), contents_of("expected")) << format;
      struct stat status{};
      ASSERT_EQ(::stat(path("out/hard").c_str(), &status), 0);
      EXPECT_EQ(status.st_nlink, 2U) << "hard links stay such";
    }
  }
}

TEST_F(PackTest, SparseFilesOfGnuTarAreRead) {
  file("tree/hermit.toml", kMinimalConfig);
  file("tree/kernel", "k");
  ASSERT_EQ(
      shell("truncate -s 3M tree/sparse && printf data | dd of=tree/sparse bs=1 seek=1048576 conv=notrunc 2>/dev/null"),
      0);
  for (const std::string format : {"gnu --sparse", "pax --sparse", "pax --sparse --sparse-version=0.1"}) {
    ASSERT_EQ(shell("tar --format=" + format + " -czf image.tar.gz -C tree ."), 0);
    const auto image = Image::open(path("image.tar.gz"));
    ASSERT_TRUE(image) << format << image.error().message();
    ASSERT_NE(image->find("sparse"), nullptr);
    EXPECT_EQ(text_of(image->find("sparse")->bytes()), text_of(testing::read_bytes(path("tree/sparse")))) << format;
  }
}

TEST_F(PackTest, TheSameFilesMakeTheSameBytes) {
  make_tree("one");
  make_tree("two");
  ASSERT_EQ(shell("chmod 600 two/etc/motd; chmod 711 two/kernel; chmod 700 two/etc; "
                  "find two -exec touch -h -d 2001-02-03 {} +"),
            0);
  const auto one = pack_bytes({.directories = {path("one")}});
  const auto two = pack_bytes({.directories = {path("two/")}});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(*one, *two);
}

TEST_F(PackTest, AsksAboutTheConfiguration) {
  make_tree("tree");
  PackRequest request{.directories = {path("tree")}};
  request.check_config = [](const Config& asked) -> std::expected<void, Problem> {
    EXPECT_NE(asked.kernel, "");
    return std::unexpected{Problem{.code = ProblemCode::config_value, .text = "is not liked"}};
  };
  const auto packed = pack(request, [](std::span<const std::byte>) { return true; });
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().code, ProblemCode::config_value);
  EXPECT_EQ(packed.error().file, path("tree/hermit.toml"));
  EXPECT_EQ(packed.error().text, "is not liked");
  request.check_config = [](const Config&) -> std::expected<void, Problem> { return {}; };
  EXPECT_TRUE(pack(request, [](std::span<const std::byte>) { return true; }));
}

TEST_F(PackTest, ConfigurationAndKernelComeFirst) {
  make_tree("tree");
  file("tree/a", "comes before them in order");
  const auto bytes = pack_bytes({.directories = {path("tree")}});
  ASSERT_TRUE(bytes);
  const auto archive = testing::gunzip(*bytes);
  EXPECT_EQ(text_of(std::span{archive}.first(12)), std::string("hermit.toml\0", 12));
  EXPECT_EQ(text_of(std::span{archive}.subspan(1024, 7)), std::string("kernel\0", 7));
}

TEST_F(PackTest, NothingOfTheMachineIsInIt) {
  make_tree("tree");
  const auto bytes = pack_bytes({.directories = {path("tree")}});
  ASSERT_TRUE(bytes);
  EXPECT_EQ(text_of(std::span{*bytes}.subspan(4, 4)), std::string(4, '\0')) << "the time in the gzip header";
  const auto archive = testing::gunzip(*bytes);
  const auto header = text_of(std::span{archive}.first(512));
  EXPECT_EQ(header.substr(100, 7), "0000644");
  EXPECT_EQ(header.substr(108, 7), "0000000");
  EXPECT_EQ(header.substr(136, 11), "00000000000");
  EXPECT_EQ(header.substr(257, 8), std::string("ustar\00000", 8));
  EXPECT_EQ(header.substr(265, 64), std::string(64, '\0')) << "names of owners";
}

TEST_F(PackTest, AKernelIsPutWhereTheConfigurationSays) {
  file("k",
       "\x7f"
       "ELF the kernel");
  file("tree/etc/motd", "hello");
  const auto bytes = pack_bytes({.directories = {path("tree")},
                                 .config = to_toml({.kernel = "/boot/k", .app_args = {"a"}}),
                                 .kernel = path("k")});
  ASSERT_TRUE(bytes) << bytes.error().message();
  const auto image = Image::open(*bytes);
  ASSERT_TRUE(image);
  EXPECT_EQ(text_of(image->kernel()),
            "\x7f"
            "ELF the kernel");
  EXPECT_EQ(image->kernel_file().path, "boot/k");
  EXPECT_EQ(image->config().app_args, std::vector<std::string>{"a"});
  EXPECT_NE(image->find("etc/motd"), nullptr);
  const auto archive = testing::gunzip(*bytes);
  EXPECT_EQ(text_of(std::span{archive}.subspan(100, 7)), "0000644") << "the configuration's mode";
}

// The headers of a file of so many bytes, none of which are written.
auto headers_of_size(std::uint64_t size) -> std::string {
  Bytes bytes;
  TarWriter writer{[&](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return true;
  }};
  EXPECT_TRUE(writer.add({.path = "f", .kind = FileKind::regular, .mode = 0644, .size = size}));
  EXPECT_TRUE(writer.finish());
  const auto archive = testing::gunzip(bytes);
  constexpr std::size_t kEnd = 1024;
  return text_of(std::span{archive}.first(archive.size() - kEnd));
}

TEST(TarWriter, ASizeIsInTheHeaderAsFarAsItHasDigits) {
  constexpr std::uint64_t kMost = (std::uint64_t{8} << 30) - 1;
  EXPECT_EQ(headers_of_size(kMost).size(), 512U);
  EXPECT_EQ(headers_of_size(kMost).substr(124, 12), std::string("77777777777\0", 12));
  const auto beyond = headers_of_size(kMost + 1);
  ASSERT_EQ(beyond.size(), 3 * 512U);
  EXPECT_EQ(beyond.substr(512, 19), "19 size=8589934592\n");
  EXPECT_EQ(beyond.substr(1024 + 124, 11), "77777777777");
}

TEST_F(PackTest, LaterDirectoriesCount) {
  file("one/hermit.toml", kMinimalConfig);
  file("one/kernel", "one");
  file("two/kernel", "two");
  file("two/more", "");
  Bytes bytes;
  const auto packed = pack({.directories = {path("one"), path("two")}}, [&](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return true;
  });
  ASSERT_TRUE(packed) << packed.error().message();
  ASSERT_EQ(packed->warnings.size(), 1U);
  EXPECT_EQ(packed->warnings[0].message(), "kernel: occurs more than once; the last entry is used");
  EXPECT_EQ(packed->kernel, path("two/kernel"));
  const auto image = Image::open(bytes);
  ASSERT_TRUE(image);
  EXPECT_EQ(text_of(image->kernel()), "two");
  EXPECT_TRUE(image->warnings().empty());
}

TEST_F(PackTest, WhatMakesNoImageIsRefused) {
  file("tree/kernel", "k");
  const PackRequest request{.directories = {path("tree")}};
  EXPECT_EQ(failure(request), "no_config: no configuration: give --kernel or --config, or add hermit.toml to a DIR");
  file("tree/hermit.toml", "version = 1\n");
  EXPECT_EQ(failure(request), "config_value: " + path("tree/hermit.toml").string() + ":1:11: version is not a string");
  file("tree/hermit.toml", kMinimalConfig);
  EXPECT_EQ(failure(request), "packs");
  fs::create_symlink("/etc/passwd", path("tree/link"));
  EXPECT_TRUE(failure(request).starts_with("link_outside: link: is a symbolic link to '/etc/passwd'"));
  fs::remove(path("tree/link"));
  ASSERT_EQ(::mkfifo(path("tree/pipe").c_str(), 0600), 0);
  EXPECT_EQ(failure(request), "entry_kind: pipe: is a FIFO, which an image cannot contain");
  fs::remove(path("tree/pipe"));
  fs::remove(path("tree/kernel"));
  EXPECT_EQ(failure(request), "no_kernel: hermit.toml:2:10: the kernel '/kernel' is not in the image");
  fs::create_directory(path("tree/kernel"));
  EXPECT_EQ(failure(request), "kernel_kind: hermit.toml:2:10: the kernel '/kernel' is a directory");

  EXPECT_EQ(failure({.directories = {path("missing")}}),
            "cannot_pack: " + path("missing").string() + ": No such file or directory");
  EXPECT_EQ(failure({.config = std::string{kMinimalConfig}, .kernel = path("missing")}),
            "cannot_pack: " + path("missing").string() + ": No such file or directory");
  EXPECT_EQ(failure({.config = std::string{kMinimalConfig}, .kernel = path("tree")}),
            "cannot_pack: " + path("tree").string() + ": is not a regular file");
  EXPECT_EQ(failure({.config = ""}), "config_key: hermit.toml:1:1: missing key version");
}

TEST_F(PackTest, WhatCouldNotBeOpenedAgainIsRefused) {
  file("tree/hermit.toml", kMinimalConfig);
  file("tree/kernel", std::string(10'000, 'k'));
  EXPECT_EQ(failure({.directories = {path("tree")}, .limits = {.unpacked_size = 5000}}),
            "too_large: kernel: exceeds the total file size limit of 5000 bytes");
  EXPECT_EQ(failure({.directories = {path("tree")}, .limits = {.unpacked_size = 11'000}}),
            "too_large: unpacks to more than the limit of 11000 bytes");
  file("tree/more", std::string(10'000, 'm'));
  EXPECT_EQ(failure({.directories = {path("tree")}, .limits = {.unpacked_size = 15'000}}),
            "too_large: more: exceeds the total file size limit of 15000 bytes");
  EXPECT_EQ(failure({.directories = {path("tree")}, .limits = {.entries = 1}}),
            "too_many_entries: kernel: exceeds the limit for entries of 1");
}

TEST_F(PackTest, EndsWhenTheSinkDoes) {
  make_tree("tree");
  const auto packed = pack({.directories = {path("tree")}}, [](auto) { return false; });
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().message(), "the image cannot be written");
}

// ---- extract

class ExtractTest : public PackTest {
 protected:
  [[nodiscard]] static auto image_with(const std::vector<testing::TarEntry>& entries) -> Image {
    auto image = Image::open(testing::image_with(entries));
    if (!image) throw std::runtime_error{image.error().message()};
    return *std::move(image);
  }
  static auto failure_of(const std::expected<void, Problem>& extracted) -> std::string {
    return extracted ? "extracts" : extracted.error().message();
  }
};

TEST_F(ExtractTest, WantsANewOrEmptyDirectory) {
  const auto image = image_with({{.name = "a"}});
  EXPECT_EQ(failure_of(extract(image, path("new/one"))), "extracts");
  fs::create_directory(path("empty"));
  EXPECT_EQ(failure_of(extract(image, path("empty"))), "extracts");
  EXPECT_EQ(failure_of(extract(image, path("empty"))),
            path("empty").string() + ": is not empty: name a directory that is new or empty");
  file("file", "");
  EXPECT_NE(failure_of(extract(image, path("file"))), "extracts");
  EXPECT_TRUE(fs::is_regular_file(path("file")));
}

TEST_F(ExtractTest, WritesNothingOutside) {
  // Links of every kind that an image may have, whose targets are above, beside and below.
  const auto image = image_with({{.name = "a/b/up", .type = '2', .target = "../../kernel"},
                                 {.name = "d", .type = '2', .target = "a"},
                                 {.name = "dangling", .type = '2', .target = "no/where"},
                                 {.name = "hard", .type = '1', .target = "d"},
                                 {.name = "/etc/passwd", .contents = "x"}});
  fs::create_directory(path("around"));
  EXPECT_EQ(failure_of(extract(image, path("around/out"))), "extracts");
  std::size_t around = 0;
  for (const auto& entry : fs::directory_iterator{path("around")}) {
    EXPECT_EQ(entry.path().filename(), "out");
    ++around;
  }
  EXPECT_EQ(around, 1U);
  EXPECT_EQ(fs::read_symlink(path("around/out/hard")), "a");
  EXPECT_TRUE(fs::is_regular_file(path("around/out/etc/passwd")));
  // Nothing that is there leads out.
  const auto root = fs::canonical(path("around/out")).string();
  for (const auto& entry : fs::recursive_directory_iterator{path("around/out")}) {
    EXPECT_TRUE(fs::weakly_canonical(entry.path()).string().starts_with(root)) << entry.path();
  }
}

TEST_F(ExtractTest, SharedBytesAreOnDiskOnce) {
  std::vector<testing::TarEntry> entries{{.name = "big", .contents = std::string(1 << 20, 'b'), .mode = 0444}};
  for (int i = 0; i < 500; ++i) entries.push_back({.name = "link" + std::to_string(i), .type = '1', .target = "big"});
  EXPECT_EQ(failure_of(extract(image_with(entries), path("out"))), "extracts");
  struct stat status{};
  ASSERT_EQ(::stat(path("out/big").c_str(), &status), 0);
  EXPECT_EQ(status.st_nlink, 501U);
}

TEST_F(ExtractTest, GivesTheImagesPermissions) {
  const auto mask = ::umask(022);
  const auto image = image_with({{.name = "closed/", .type = '5', .mode = 0500},
                                 {.name = "closed/deep/", .type = '5', .mode = 0},
                                 {.name = "closed/deep/file", .contents = "x", .mode = 0400},
                                 {.name = "open/", .type = '5', .mode = 0777},
                                 {.name = "run", .mode = 06777}});
  EXPECT_EQ(failure_of(extract(image, path("out"))), "extracts");
  ::umask(mask);
  EXPECT_EQ(mode_of("out/closed"), 0500U);
  EXPECT_EQ(mode_of("out/open"), 0755U);
  EXPECT_EQ(mode_of("out/run"), 0755U) << "without the bits that would run it as another user";
  fs::permissions(path("out/closed"), fs::perms::owner_all);
  EXPECT_EQ(mode_of("out/closed/deep"), 0U);
  fs::permissions(path("out/closed/deep"), fs::perms::owner_all);
  EXPECT_EQ(mode_of("out/closed/deep/file"), 0400U);
}

}  // namespace
}  // namespace hermitage::image
