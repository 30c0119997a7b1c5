#include "hermitage/oci/image/layout_writer.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/oci/image/container_image.hpp"
#include "hermitage/oci/image/container_testing.hpp"
#include "testing/kernels.hpp"

namespace hermitage::oci {
namespace {

namespace fs = std::filesystem;

class LayoutWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "hermitage-writer-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  // A packed image with a kernel for an architecture.
  auto write_image(const std::string& name, entry::Arch arch, const std::string& config, const TarEntries& more = {})
      -> fs::path {
    const auto kernel =
        hermitage::testing::write(hermitage::testing::minimal_kernel(arch, entry::Endian::little, true));
    TarEntries entries{{.name = "hermit.toml", .contents = config},
                       {.name = "kernel", .contents = text_of_bytes(kernel), .mode = 0755}};
    entries.insert(entries.end(), more.begin(), more.end());
    const auto path = directory_ / name;
    std::ofstream{path, std::ios::binary} << text_of_bytes(hermitage::testing::packed(entries));
    return path;
  }

  static auto read(const fs::path& path) -> std::string {
    std::ifstream stream{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
  }

  static auto archive_of(const Layout& layout) -> Bytes {
    Bytes archive;
    const auto written = write_archive(layout, [&](std::span<const std::byte> bytes) {
      archive.insert(archive.end(), bytes.begin(), bytes.end());
      return true;
    });
    EXPECT_TRUE(written) << written.error().message();
    return archive;
  }

  static auto document(const Layout& layout, std::string_view name) -> Json {
    for (const auto& file : layout.files) {
      if (file.name == name) return Json(*parse_json(file.text));
    }
    return nullptr;
  }

  // What a descriptor refers to.
  static auto referenced(const Layout& layout, const Json& descriptor) -> Json {
    const auto digest = Digest::parse(string_of(member(descriptor, "digest")));
    return digest ? document(layout, "blobs/sha256/" + digest->hex()) : nullptr;
  }

  fs::path directory_;
};

const std::string kConfig =
    "version = \"1\"\nkernel = \"kernel\"\n[input]\nkernel_args = [\"-freq\", \"1\"]\napp_args = [\"a\", \"b c\"]\n"
    "env_vars = [\"K=V\"]\n[requirements]\nmemory = \"32 MiB\"\ncpus = 2\n";

TEST_F(LayoutWriterTest, DocumentsHaveTheConfiguration) {
  const auto layout = make_layout(
      {.packed_images = {write_image("app", entry::Arch::aarch64, kConfig)}, .reference = "localhost/app:v1"});
  ASSERT_TRUE(layout) << layout.error().message();
  const auto index = document(*layout, "index.json");
  const auto& descriptor = index["manifests"][0];
  EXPECT_EQ(descriptor["platform"]["architecture"], "arm64");
  EXPECT_EQ(descriptor["annotations"]["org.opencontainers.image.ref.name"], "localhost/app:v1");
  EXPECT_EQ(descriptor["annotations"]["io.containerd.image.name"], "localhost/app:v1");
  const auto manifest = referenced(*layout, descriptor);
  EXPECT_EQ(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
  EXPECT_EQ(manifest["layers"][0]["digest"], sha256(read(directory_ / "app")).text());
  const auto config = referenced(*layout, manifest["config"]);
  EXPECT_EQ(config["architecture"], "arm64");
  EXPECT_EQ(config["os"], "linux");
  EXPECT_EQ(config["created"], "1970-01-01T00:00:00Z");
  EXPECT_EQ(config["config"], *parse_json(R"({"Env":["K=V"],"Entrypoint":["/kernel","--","-freq","1","--"],
      "Cmd":["a","b c"],"Labels":{"org.hermitage.image.kernel":"kernel","org.hermitage.image.memory":"33554432",
      "org.hermitage.image.cpus":"2"}})"));
  EXPECT_EQ(manifest["annotations"], config["config"]["Labels"]);
  const auto packed = read(directory_ / "app");
  const auto unpacked = hermitage::testing::gunzip(std::as_bytes(std::span{packed}));
  EXPECT_EQ(config["rootfs"]["diff_ids"][0], sha256(unpacked).text());
}

TEST_F(LayoutWriterTest, PackedImagesComeBackByteForByte) {
  // A "--" of the application must not become one of the command line.
  for (const auto* const arguments : {"[]", "[\"--\"]", "[\"--\", \"x\", \"--\", \"y\"]", "[\"a\", \"--\"]"}) {
    for (const auto* const kernel_arguments : {"[]", "[\"k\"]"}) {
      const auto config = std::string{"version = \"1\"\nkernel = \"/kernel\"\n[input]\nkernel_args = "} +
                          kernel_arguments + "\napp_args = " + arguments + "\n";
      const auto file = write_image("app", entry::Arch::x86_64, config);
      const auto layout = make_layout({.packed_images = {file}});
      ASSERT_TRUE(layout) << layout.error().message();
      const auto files = ContainerFiles::open(archive_of(*layout));
      ASSERT_TRUE(files && *files);
      std::string packed;
      const auto converted = to_packed_image(**files, {}, [&](std::span<const std::byte> bytes) {
        packed += text_of_bytes(bytes);
        return true;
      });
      ASSERT_TRUE(converted) << converted.error().message();
      EXPECT_EQ(packed, read(file)) << config;
    }
  }
}

TEST_F(LayoutWriterTest, SeveralArchitecturesMakeAnIndex) {
  const auto layout = make_layout({.packed_images = {write_image("a", entry::Arch::x86_64, kConfig),
                                                     write_image("b", entry::Arch::riscv64, kConfig)},
                                   .reference = "localhost/app:v1"});
  ASSERT_TRUE(layout) << layout.error().message();
  const auto top = document(*layout, "index.json");
  ASSERT_EQ(top["manifests"].size(), 1U);
  EXPECT_EQ(top["manifests"][0]["mediaType"], "application/vnd.oci.image.index.v1+json");
  EXPECT_TRUE(top["manifests"][0].contains("annotations"));
  const auto index = referenced(*layout, top["manifests"][0]);
  ASSERT_EQ(index["manifests"].size(), 2U);
  EXPECT_EQ(index["manifests"][1]["platform"]["architecture"], "riscv64");
  const auto files = ContainerFiles::open(archive_of(*layout));
  ASSERT_TRUE(files && *files);
  std::string packed;
  const auto converted = to_packed_image(**files, {.architecture = "riscv64"}, [&](std::span<const std::byte> bytes) {
    packed += text_of_bytes(bytes);
    return true;
  });
  ASSERT_TRUE(converted) << converted.error().message();
  EXPECT_EQ(packed, read(directory_ / "b"));
  const auto same = make_layout({.packed_images = {directory_ / "a", directory_ / "a"}});
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().name(), "several_images");
}

TEST_F(LayoutWriterTest, LayoutsAreReproducible) {
  const auto file = write_image("app", entry::Arch::x86_64, kConfig);
  const auto first = make_layout({.packed_images = {file}, .reference = "localhost/app:v1"});
  const auto second = make_layout({.packed_images = {file}, .reference = "localhost/app:v1"});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(archive_of(*first), archive_of(*second));
  ASSERT_TRUE(write_directory(*first, directory_ / "layout/").has_value());
  for (const auto& part : first->files) {
    const auto expected = part.packed_image.empty() ? part.text : read(part.packed_image);
    EXPECT_EQ(read(directory_ / "layout" / part.name), expected) << part.name;
  }
}

TEST_F(LayoutWriterTest, DirectoriesAreWrittenWholeOrNotAtAll) {
  const auto file = write_image("app", entry::Arch::x86_64, kConfig);
  const auto layout = make_layout({.packed_images = {file}});
  ASSERT_TRUE(layout);
  fs::create_directories(directory_ / "there/file");
  const auto there = write_directory(*layout, directory_ / "there");
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().message(), (directory_ / "there").string() + ": rename: Directory not empty");
  write_image("app", entry::Arch::x86_64, kConfig + "\n");
  const auto changed = write_directory(*layout, directory_ / "new");
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().message(), file.string() + ": changed while it was being read");
  EXPECT_EQ(std::distance(fs::directory_iterator{directory_}, {}), 2);
}

TEST_F(LayoutWriterTest, UnsuitableImagesAreRefused) {
  const auto error = [](const fs::path& file) {
    const auto layout = make_layout({.packed_images = {file}});
    return layout ? std::string{"none"} : std::string{layout.error().name()};
  };
  EXPECT_EQ(error(directory_ / "none"), "unreadable");
  EXPECT_EQ(error(write_image("a", entry::Arch::x86_64, kConfig, {{.name = "d/.wh.x"}})), "entry_name");
  std::ofstream{directory_ / "b", std::ios::binary} << text_of_bytes(hermitage::testing::image_with({}));
  EXPECT_EQ(error(directory_ / "b"), "unloadable_kernel");
}

}  // namespace
}  // namespace hermitage::oci
