#include "hermitage/oci/image/container_image.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <zstd.h>

#include <gtest/gtest.h>

#include "hermitage/image/image.hpp"
#include "hermitage/oci/image/container_testing.hpp"

namespace hermitage::oci {
namespace {

namespace fs = std::filesystem;
using testing::kMinimalConfig;
using testing::tar;
using testing::TarEntry;

const TarEntry kKernel{.name = "kernel",
                       .contents =
                           "\x7f"
                           "ELF",
                       .mode = 0755};
const Json kRun{{"Entrypoint", {"/kernel"}}};

auto converted(const std::expected<std::optional<ContainerFiles>, image::Problem>& files,
               const ConvertOptions& options = {}) -> std::expected<Bytes, std::string> {
  if (!files) return std::unexpected{std::string{files.error().name()} + ": " + files.error().message()};
  if (!*files) return std::unexpected{"not a container image"};
  Bytes packed;
  const auto done = to_packed_image(**files, options, [&](std::span<const std::byte> bytes) {
    packed.insert(packed.end(), bytes.begin(), bytes.end());
    return true;
  });
  if (!done) return std::unexpected{std::string{done.error().name()} + ": " + done.error().message()};
  return packed;
}

auto opened(const Bytes& archive, const ConvertOptions& options = {}) -> std::expected<image::Image, std::string> {
  const auto packed = converted(ContainerFiles::open(archive), options);
  if (!packed) return std::unexpected{packed.error()};
  auto image = image::Image::open(*packed);
  if (!image) return std::unexpected{std::string{image.error().name()} + ": " + image.error().message()};
  return *std::move(image);
}

auto error_of(const Bytes& archive, const ConvertOptions& options = {}) -> std::string {
  const auto image = opened(archive, options);
  return image ? "none" : image.error();
}

// "PATH" of directories, "PATH=CONTENTS" of files, and "PATH>TARGET" of links, without hermit.toml and the kernel.
auto files_of(const std::vector<TestLayer>& layers) -> std::vector<std::string> {
  const auto image = opened(TestLayout{layers}.archive());
  if (!image) return {image.error()};
  std::vector<std::string> found;
  for (const auto& file : image->files()) {
    if (file.path == "hermit.toml" || file.path == "kernel") continue;
    auto text = file.path;
    if (file.kind == image::FileKind::regular) text += "=" + text_of_bytes(file.bytes());
    if (file.kind == image::FileKind::symbolic_link) text += ">" + file.link_target;
    found.push_back(text);
  }
  return found;
}

using Found = std::vector<std::string>;

auto file(const std::string& name, const std::string& contents) -> TarEntry {
  return {.name = name, .contents = contents};
}

auto directory(const std::string& name) -> TarEntry {
  return {.name = name, .type = '5', .mode = 0755};
}

auto zstd_layer(const TarEntries& entries) -> TestLayer {
  const auto bytes = tar(entries);
  Bytes packed(::ZSTD_compressBound(bytes.size()));
  packed.resize(::ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 3));
  return {.unpacked = bytes, .packed = std::move(packed)};
}

TEST(ContainerImageTest, LayersArePackedInAnyWay) {
  const Found expected{"a=1", "b=2", "c=3"};
  EXPECT_EQ(
      files_of({gzip_layer({kKernel, file("a", "1")}), zstd_layer({file("b", "2")}), plain_layer({file("c", "3")})}),
      expected);
  EXPECT_EQ(files_of({plain_layer({kKernel}), plain_layer({})}), Found{});
}

TEST(ContainerImageTest, UpperLayersReplaceFiles) {
  EXPECT_EQ(files_of({gzip_layer({kKernel, file("a", "1"), file("d/x", "1"), file("e", "1")}),
                      gzip_layer({file("a", "2"), file("d/y", "2"), file("e/z", "2")})}),
            (Found{"a=2", "d", "d/x=1", "d/y=2", "e", "e/z=2"}));
  // A directory by a file, and a link by a directory: nothing is written through the link.
  EXPECT_EQ(files_of({gzip_layer({kKernel, file("d/x", "1"), {.name = "l", .type = '2', .target = "d"}}),
                      gzip_layer({file("d", "2"), file("l/x", "2")})}),
            (Found{"d=2", "l", "l/x=2"}));
  EXPECT_EQ(files_of({gzip_layer({kKernel, file("d/x", "1")}), gzip_layer({directory("d/")})}), (Found{"d", "d/x=1"}));
}

TEST(ContainerImageTest, WhiteoutsHideLowerFilesOnly) {
  const auto lower = gzip_layer({kKernel, file("a", "1"), file("d/x", "1"), file("d/e/y", "1"), file("dd", "1")});
  const TarEntries whiteouts{file(".wh.a", ""), file("d/.wh.e", "")};
  EXPECT_EQ(files_of({lower, gzip_layer(whiteouts)}), (Found{"d", "d/x=1", "dd=1"}));
  // Of any kind, also hard links to a file that is not there, and of files that are not there.
  EXPECT_EQ(files_of({lower, gzip_layer({{.name = ".wh.d", .type = '1', .target = ".wh..wh.aufs"},
                                         file(".wh..wh.aufs", ""),
                                         file(".wh.none", ""),
                                         file("q/.wh.none", "")})}),
            (Found{"a=1", "dd=1"}));
  // Entries of the same layer stay, in any order.
  for (const bool is_first : {false, true}) {
    TarEntries entries{file("d/new", "2")};
    entries.insert(is_first ? entries.begin() : entries.end(), file(".wh.d", ""));
    EXPECT_EQ(files_of({lower, gzip_layer(entries)}), (Found{"a=1", "d", "d/new=2", "dd=1"}));
  }
  // Hidden, and there again in a third layer.
  EXPECT_EQ(files_of({lower, gzip_layer(whiteouts), gzip_layer({file("a", "3")})}),
            (Found{"a=3", "d", "d/x=1", "dd=1"}));
}

TEST(ContainerImageTest, OpaqueWhiteoutsHideTheContentsOfADirectory) {
  const auto lower = gzip_layer({kKernel, file("d/x", "1"), file("d/e/y", "1"), file("dd", "1")});
  for (const bool is_first : {false, true}) {
    TarEntries entries{directory("d/"), file("d/new", "2"), file("d/e/new", "2")};
    entries.insert(is_first ? entries.begin() : entries.end(), file("d/.wh..wh..opq", ""));
    EXPECT_EQ(files_of({lower, gzip_layer(entries)}), (Found{"d", "d/e", "d/e/new=2", "d/new=2", "dd=1"}));
  }
  EXPECT_EQ(files_of({lower, gzip_layer({file(".wh..wh..opq", ""), kKernel})}), Found{});
  EXPECT_EQ(files_of({lower, gzip_layer({file(".wh..wh.plnk/1.2", ""), file("d/.wh..wh.other", "")})}),
            (Found{"d", "d/e", "d/e/y=1", "d/x=1", "dd=1"}));
}

TEST(ContainerImageTest, HardLinksCrossLayers) {
  const auto lower = gzip_layer({kKernel, file("a", "1")});
  const auto link = gzip_layer({{.name = "b", .type = '1', .target = "a"}});
  EXPECT_EQ(files_of({lower, link}), (Found{"a=1", "b=1"}));
  EXPECT_EQ(files_of({lower, link, gzip_layer({file("a", "3")})}), (Found{"a=3", "b=1"}));
  EXPECT_EQ(files_of({lower, link, gzip_layer({file(".wh.a", "")})}), Found{"b=1"});
  EXPECT_TRUE(
      error_of(TestLayout{{lower, gzip_layer({file(".wh.a", "")}), link}}.archive()).starts_with("link_target: "));
}

TEST(ContainerImageTest, ManyHardLinksAreWrittenOnce) {
  TarEntries entries{kKernel, file("large", std::string(1 << 20, 'x'))};
  for (int i = 0; i < 1000; ++i) entries.push_back({.name = std::to_string(i), .type = '1', .target = "large"});
  const auto packed = converted(ContainerFiles::open(TestLayout{{gzip_layer(entries)}}.archive()));
  ASSERT_TRUE(packed) << packed.error();
  EXPECT_LT(packed->size(), std::size_t{3} << 20);
  const auto image = image::Image::open(*packed);
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(image->find("999")->size, std::size_t{1} << 20);
}

TEST(ContainerImageTest, HostileLayersAreRefused) {
  const auto error = [](const TarEntry& entry) {
    return error_of(TestLayout{{gzip_layer({kKernel, file("a", "1")}), gzip_layer({entry})}}.archive());
  };
  EXPECT_TRUE(error(file("../x", "")).starts_with("entry_outside: "));
  EXPECT_TRUE(error(file("../.wh.x", "")).starts_with("entry_outside: "));
  EXPECT_TRUE(error({.name = "l", .type = '2', .target = "/etc/passwd"}).starts_with("link_outside: "));
  EXPECT_TRUE(error({.name = "l", .type = '1', .target = "../a"}).starts_with("link_outside: "));
  EXPECT_TRUE(error({.name = "dev", .type = '3'}).starts_with("entry_kind: "));
  EXPECT_TRUE(error(file(".wh.", "")).starts_with("entry_name: "));
  EXPECT_TRUE(error(file(".wh...", "")).starts_with("entry_name: "));
  EXPECT_TRUE(error(file("d/.wh..", "")).starts_with("entry_name: "));
  const auto large = TestLayout{{gzip_layer({kKernel, file("a", std::string(600 << 10, 'x'))}),
                                 gzip_layer({file("b", std::string(600 << 10, 'x'))})}};
  EXPECT_TRUE(
      error_of(large.archive(), {.limits = {.unpacked_size = 1 << 20}, .progress = {}}).starts_with("too_large: "));
}

// Whiteouts that look at many files again and again would take minutes.
TEST(ContainerImageTest, WhiteoutsTakeNoLongTime) {
  TarEntries entries;
  std::string deep = "d";
  for (int i = 0; i < 20; ++i) deep += "/d";
  for (int i = 0; i < 20'000; ++i) entries.push_back(file(deep + "/" + std::to_string(i), ""));
  for (int i = 0; i < 20'000; ++i) entries.push_back(file(".wh.d", ""));
  EXPECT_EQ(files_of({gzip_layer({kKernel}), gzip_layer(entries)}).size(), 20'021U);
}

TEST(ContainerImageTest, DigestsAreVerified) {
  const auto layer = gzip_layer({kKernel});
  const auto other = gzip_layer({kKernel, file("a", "1")});
  const TestLayout right{{layer}};
  EXPECT_EQ(error_of(right.archive()), "none");
  // Each file but oci-layout and index.json.
  int count = 0;
  for (std::size_t i = 0; i < right.files.size(); ++i) {
    if (!right.files[i].name.starts_with("blobs/")) continue;
    auto changed = right;
    changed.files[i].contents[changed.files[i].contents.size() / 2] ^= 1;
    EXPECT_TRUE(error_of(changed.archive()).contains("_")) << right.files[i].name;
    changed = right;
    changed.files[i].contents += ' ';
    EXPECT_TRUE(error_of(changed.archive()).starts_with("wrong_digest: ")) << right.files[i].name;
    changed = right;
    changed.files.erase(changed.files.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_TRUE(error_of(changed.archive()).contains("is missing in the container image")) << right.files[i].name;
    ++count;
  }
  EXPECT_EQ(count, 3);
  // A valid layer under the name of another, and one with a wrong diff_id.
  auto exchanged = right;
  exchanged.set_file("blobs/sha256/" + sha256(layer.packed).hex(), text_of_bytes(other.packed));
  EXPECT_TRUE(error_of(exchanged.archive()).starts_with("wrong_digest: "));
  EXPECT_TRUE(error_of(TestLayout{{{.unpacked = other.unpacked, .packed = layer.packed}}}.archive())
                  .starts_with("wrong_digest: "));
}

TEST(ContainerImageTest, ConfigurationIsThatOfTheContainer) {
  const Json run{
      {"Entrypoint", {"/bin/app", "--", "k1", "k2", "--"}}, {"Cmd", {"one", "two words"}}, {"Env", {"K=a b"}}};
  const auto image = opened(TestLayout{{gzip_layer({file("bin/app",
                                                         "\x7f"
                                                         "ELF")})},
                                       run}
                                .archive());
  ASSERT_TRUE(image) << image.error();
  EXPECT_EQ(
      image->config(),
      (image::Config{
          .kernel = "/bin/app", .kernel_args = {"k1", "k2"}, .app_args = {"one", "two words"}, .env_vars = {"K=a b"}}));
}

TEST(ContainerImageTest, ProgramIsFoundAsAShellFindsIt) {
  const auto layer = gzip_layer({file("opt/app",
                                      "\x7f"
                                      "ELF"),
                                 file("usr/bin/app",
                                      "\x7f"
                                      "ELF")});
  const auto kernel = [&](const Json& run) {
    const auto image = opened(TestLayout{{layer}, run}.archive());
    return image ? image->config().kernel : image.error();
  };
  EXPECT_EQ(kernel({{"Cmd", {"app"}}}), "/usr/bin/app");
  EXPECT_EQ(kernel({{"Cmd", {"app"}}, {"Env", {"PATH=/none:/opt"}}}), "/opt/app");
  EXPECT_EQ(kernel({{"Cmd", {"./app"}}, {"WorkingDir", "/opt"}}), "/opt/app");
  EXPECT_TRUE(kernel({{"Cmd", {"./app"}}}).starts_with("no_kernel: "));
  EXPECT_TRUE(kernel({{"Cmd", {"../opt/app"}}}).starts_with("no_kernel: "));
  EXPECT_TRUE(kernel(Json::object()).starts_with("no_config: "));
  EXPECT_TRUE(kernel({{"Cmd", {std::string{"/opt/app\0x", 10}}}}).starts_with("damaged_container: "));
}

TEST(ContainerImageTest, RequirementsAreThoseOfHermitToml) {
  const auto config = std::string{kMinimalConfig} + "[requirements]\nmemory = \"32 MiB\"\ncpus = 2\n";
  const auto layer = gzip_layer({kKernel,
                                 file("other",
                                      "\x7f"
                                      "ELF"),
                                 file("hermit.toml", config)});
  const auto image =
      opened(TestLayout{{layer}, {{"Entrypoint", {"kernel"}}, {"Cmd", {"a"}}, {"Env", {"PATH=/"}}}}.archive());
  ASSERT_TRUE(image) << image.error();
  EXPECT_EQ(image->config().memory, std::uint64_t{32} << 20);
  EXPECT_EQ(image->config().cpus, 2U);
  EXPECT_EQ(image->config().app_args, std::vector<std::string>{"a"});
  const auto other = opened(TestLayout{{layer}, {{"Entrypoint", {"/other"}}}}.archive());
  ASSERT_TRUE(other) << other.error();
  EXPECT_FALSE(other->config().memory);
  const auto own = opened(TestLayout{{layer}, Json::object()}.archive());
  ASSERT_TRUE(own) << own.error();
  EXPECT_EQ(own->config().kernel, "/kernel");
  EXPECT_TRUE(
      error_of(TestLayout{{gzip_layer({kKernel, file("hermit.toml", "?")})}}.archive()).starts_with("config_syntax: "));
}

TEST(ContainerImageTest, PackedLayerStaysAsItIs) {
  const auto layer = gzip_layer({file("hermit.toml", std::string{kMinimalConfig}), kKernel});
  const auto packed = converted(ContainerFiles::open(TestLayout{{layer}}.archive()));
  ASSERT_TRUE(packed) << packed.error();
  EXPECT_EQ(*packed, layer.packed);
  // With a whiteout, it is no packed image, which would have a file of this name.
  const auto hiding = gzip_layer({file("hermit.toml", std::string{kMinimalConfig}), kKernel, file(".wh.a", "")});
  const auto image = opened(TestLayout{{hiding}}.archive());
  ASSERT_TRUE(image) << image.error();
  EXPECT_EQ(image->find(".wh.a"), nullptr);
}

TEST(ContainerImageTest, TheImageForAnArchitectureIsChosen) {
  const auto other = gzip_layer({kKernel, file("other", "")});
  TestLayout layout{{gzip_layer({kKernel})}};
  layout.manifests[0]["platform"] = {{"architecture", "amd64"}};
  layout.add_image({other}, kRun, "arm64");
  layout.add_image({other}, Json::object(), "unknown");
  layout.write_index();
  const auto first = opened(layout.archive(), {.architecture = "amd64"});
  ASSERT_TRUE(first) << first.error();
  EXPECT_EQ(first->find("other"), nullptr);
  const auto second = opened(layout.archive(), {.architecture = "arm64"});
  ASSERT_TRUE(second) << second.error();
  EXPECT_NE(second->find("other"), nullptr);
  EXPECT_TRUE(error_of(layout.archive(), {.architecture = "riscv64"})
                  .starts_with("several_images: has images for other architectures than this one: "));
  layout.manifests[1]["platform"]["architecture"] = "amd64";
  layout.manifests[1]["annotations"] = {{"org.opencontainers.image.ref.name", "app:2"}};
  layout.write_index();
  EXPECT_TRUE(error_of(layout.archive(), {.architecture = "amd64"}).contains("app:2 (amd64)"));
}

TEST(ContainerImageTest, IndexesCanBeNested) {
  TestLayout layout{{gzip_layer({kKernel})}};
  for (int depth = 1; depth < 6; ++depth) {
    const auto index =
        layout.add_blob(to_text({{"manifests", layout.manifests}}), "application/vnd.oci.image.index.v1+json");
    layout.manifests = Json::array({index});
    layout.write_index();
    const auto expected = depth < 4 ? "none" : "damaged_container: ";
    EXPECT_TRUE(error_of(layout.archive()).starts_with(expected)) << depth << error_of(layout.archive());
  }
}

TEST(ContainerImageTest, DockerArchives) {
  const auto lower = plain_layer({kKernel, file("a", "1")});
  auto files = docker_archive({lower, plain_layer({file("b", "2")})}, kRun);
  const auto image = opened(tar(files));
  ASSERT_TRUE(image) << image.error();
  EXPECT_NE(image->find("b"), nullptr);
  // A layer that is a link to another file.
  auto linked = files;
  linked[0].name = "one/layer.tar";
  linked.push_back({.name = sha256(lower.unpacked).hex() + ".tar", .type = '2', .target = "one/layer.tar"});
  EXPECT_EQ(error_of(tar(linked)), "none");
  linked.back() = {.name = sha256(lower.unpacked).hex() + ".tar", .type = '2', .target = "none"};
  EXPECT_TRUE(error_of(tar(linked)).contains("is missing"));
  // The digest of a layer is in the configuration, and that of the configuration in its name.
  auto changed = files;
  changed[0].contents[20] ^= 1;
  EXPECT_NE(error_of(tar(changed)), "none");
  changed = files;
  changed[2].contents += " ";
  EXPECT_TRUE(error_of(tar(changed)).starts_with("wrong_digest: "));
  changed = files;
  changed[3].contents =
      "[" + changed[3].contents.substr(1, changed[3].contents.size() - 2) + "," + changed[3].contents.substr(1);
  EXPECT_EQ(error_of(tar(changed)),
            "several_images: has several images: localhost/app:1, localhost/app:1; save one of them");
}

TEST(ContainerImageTest, MalformedDocumentsAreRefused) {
  const TestLayout right{{gzip_layer({kKernel})}};
  for (const std::string text :
       {"", "{}", "[]", "null", "{\"manifests\":[]}", "{\"manifests\":[{}]}", "{\"manifests\":7}",
        "{\"manifests\":[{\"digest\":\"sha256:x\",\"size\":1}]}", "\xff"}) {
    auto changed = right;
    changed.set_file("index.json", text);
    EXPECT_TRUE(error_of(changed.archive()).starts_with("damaged_container: ")) << text << error_of(changed.archive());
  }
  auto large = right;
  large.set_file("index.json", std::string((4 << 20) + 1, ' '));
  EXPECT_TRUE(error_of(large.archive()).starts_with("too_large: "));
  auto truncated = right.archive();
  truncated.resize(truncated.size() - 1024 - 300);
  EXPECT_NE(error_of(truncated), "none");
}

TEST(ContainerImageTest, OtherFilesAreNoContainerImages) {
  EXPECT_EQ(error_of(tar(TarEntries{kKernel})), "not a container image");
  EXPECT_EQ(error_of({}), "not a container image");
  EXPECT_EQ(error_of(gzip_layer({kKernel}).packed), "not a container image");
}

class LayoutDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "hermitage-layout-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    const TestLayout layout{{gzip_layer({kKernel})}};
    for (const auto& part : layout.files) write(part.name, part.contents);
    layer_ = "blobs/sha256/" + sha256(gzip_layer({kKernel}).packed).hex();
  }
  void TearDown() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream{directory_ / name, std::ios::binary} << text;
  }
  [[nodiscard]] auto error() const -> std::string {
    const auto packed = converted(ContainerFiles::open(directory_.string()));
    return packed ? "none" : packed.error();
  }

  fs::path directory_;
  std::string layer_;
};

TEST_F(LayoutDirectoryTest, IsRead) {
  EXPECT_EQ(error(), "none");
  fs::remove(directory_ / "oci-layout");
  EXPECT_EQ(error(), "not a container image");
}

TEST_F(LayoutDirectoryTest, LinksDoNotLeadOut) {
  const auto outside = directory_.string() + "-outside";
  fs::rename(directory_ / layer_, outside);
  fs::create_symlink(outside, directory_ / layer_);
  EXPECT_TRUE(error().contains("openat2: ")) << error();
  fs::remove(directory_ / layer_);
  fs::rename(outside, directory_ / "moved");
  fs::create_symlink("../../moved", directory_ / layer_);
  EXPECT_EQ(error(), "none");
}

TEST_F(LayoutDirectoryTest, OtherFilesThanRegularOnesAreRefused) {
  fs::remove(directory_ / layer_);
  ASSERT_EQ(std::system(("mkfifo " + (directory_ / layer_).string()).c_str()), 0);
  EXPECT_TRUE(error().contains("is not a regular file")) << error();
  fs::remove(directory_ / layer_);
  fs::create_directory(directory_ / layer_);
  EXPECT_TRUE(error().contains("is not a regular file")) << error();
}

}  // namespace
}  // namespace hermitage::oci
