#include "hermitage/image/image.hpp"

#include <algorithm>
#include <clocale>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "testing/archives.hpp"

namespace hermitage::image {
namespace {

using testing::gzip;
using testing::image_with;
using testing::kMinimalConfig;
using testing::packed;
using testing::TarEntry;

using Bytes = std::vector<std::byte>;
using Entries = std::vector<TarEntry>;

auto text_of(std::span<const std::byte> bytes) -> std::string_view {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

static_assert(entry::AnyProblem<Problem>);

// What it fails with, as "name: message"; "opens" when it does not.
auto failure(const std::expected<Image, Problem>& image) -> std::string {
  if (image) return "opens";
  EXPECT_EQ(image.error().severity(), Severity::error);
  return std::string{image.error().name()} + ": " + image.error().message();
}

// Both ways must end alike.
auto failure(const Bytes& bytes, Limits limits = {}) -> std::string {
  const auto all = failure(Image::open(bytes, {.limits = limits}));
  EXPECT_EQ(failure(Image::open(bytes, {.limits = limits, .contents = Contents::kernel})), all);
  return all;
}

auto failure_with(const Entries& entries) -> std::string {
  return failure(image_with(entries));
}

auto warnings_of(const Image& image) -> std::vector<std::string> {
  std::vector<std::string> messages;
  for (const auto& warning : image.warnings()) {
    EXPECT_EQ(warning.severity(), Severity::warning);
    messages.push_back(std::string{warning.name()} + ": " + warning.message());
  }
  return messages;
}

auto config_of(std::string_view kernel) -> TarEntry {
  std::string toml{kMinimalConfig};
  toml.replace(toml.find("/kernel"), 7, kernel);
  return {.name = "hermit.toml", .contents = toml};
}

// A configuration of so many bytes.
auto config_of_size(std::size_t size) -> TarEntry {
  std::string toml{kMinimalConfig};
  toml += "#";
  toml.resize(size, 'x');
  return {.name = "hermit.toml", .contents = toml};
}

// ---- What is in an image

TEST(Image, HasAConfigurationAKernelAndFiles) {
  const auto bytes = image_with(Entries{{.name = "./etc/", .type = '5', .mode = 0700},
                                        {.name = "./etc/motd", .contents = "hello\n", .mode = 0640},
                                        {.name = "/bin/tool", .contents = "tool", .mode = 06755},
                                        {.name = "empty"},
                                        {.name = "soft", .type = '2', .target = "etc/motd"},
                                        {.name = "hard", .type = '1', .target = "./etc/motd"}});
  const auto image = Image::open(bytes);
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(image->config(), Config{.kernel = "/kernel"});
  EXPECT_EQ(text_of(image->kernel()),
            "\x7f"
            "ELF");
  EXPECT_EQ(image->kernel_file().path, "kernel");
  EXPECT_TRUE(image->warnings().empty());
  EXPECT_EQ(image->unpacked_size(), testing::gunzip(bytes).size());

  std::vector<std::string> paths;
  for (const auto& file : image->files()) paths.push_back(file.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"bin", "bin/tool", "empty", "etc", "etc/motd", "hard", "hermit.toml",
                                             "kernel", "soft"}));

  EXPECT_EQ(image->find("bin")->kind, FileKind::directory);
  EXPECT_EQ(image->find("bin")->mode, 0755U) << "a directory that no entry names";
  EXPECT_EQ(image->find("etc")->mode, 0700U);
  EXPECT_EQ(image->find("bin/tool")->mode, 0755U) << "permission bits only";
  EXPECT_EQ(text_of(image->find("bin/tool")->bytes()), "tool");
  EXPECT_EQ(image->find("empty")->size, 0U);
  EXPECT_TRUE(image->find("empty")->bytes().empty());
  EXPECT_EQ(image->find("soft")->kind, FileKind::symbolic_link);
  EXPECT_EQ(image->find("soft")->link_target, "etc/motd");
  const auto& hard = *image->find("hard");
  EXPECT_EQ(hard.kind, FileKind::regular);
  EXPECT_EQ(hard.mode, 0640U);
  EXPECT_EQ(hard.bytes().data(), image->find("etc/motd")->bytes().data()) << "shared";
}

TEST(Image, FindsAndResolvesPaths) {
  const auto image = Image::open(image_with(Entries{{.name = "usr/lib/x", .contents = "x"},
                                                    {.name = "lib", .type = '2', .target = "usr/lib"},
                                                    {.name = "usr/lib/y", .type = '2', .target = "../../lib/x"}}));
  ASSERT_TRUE(image);
  for (const std::string_view path : {"usr/lib/x", "/usr/lib/x", "./usr//lib/./x"}) {
    ASSERT_NE(image->find(path), nullptr) << path;
    EXPECT_EQ(image->find(path)->path, "usr/lib/x");
  }
  for (const std::string_view path : {"", "/", ".", "x", "lib/x", "usr/../lib", "usr/lib/x/y"}) {
    EXPECT_EQ(image->find(path), nullptr) << path;
  }
  EXPECT_EQ(image->find("lib")->kind, FileKind::symbolic_link);
  EXPECT_EQ(image->resolve("lib")->path, "usr/lib");
  EXPECT_EQ(image->resolve("/lib/y")->path, "usr/lib/x");
  EXPECT_EQ(image->resolve("lib/z"), nullptr);
  EXPECT_EQ(image->resolve("../lib"), nullptr);
}

TEST(Image, KeepsTheKernelOnlyWhenAskedTo) {
  const TarEntry kernel{.name = "boot/k",
                        .contents =
                            "\x7f"
                            "ELF kernel"};
  const TarEntry other{.name = "other",
                       .contents =
                           "\x7f"
                           "ELF other"};
  const TarEntry script{.name = "script", .contents = "#!"};
  const TarEntry odd{.name = "odd", .contents = "no ELF file"};
  const TarEntry link{.name = "link", .type = '2', .target = "boot/k"};
  const TarEntry hard{.name = "hard", .type = '1', .target = "boot/k"};
  const TarEntry config_link{.name = "hermit.toml", .type = '2', .target = "etc/config"};
  struct Case {
    Entries entries;
    std::string_view kernel;
  };
  // Kernel and configuration in any order, and by links: where the first guess is wrong, the archive is read again.
  const Case cases[] = {
      {{config_of("boot/k"), kernel, other, script},
       "\x7f"
       "ELF kernel"},
      {{kernel, other, script, config_of("boot/k")},
       "\x7f"
       "ELF kernel"},
      {{other, config_of("/boot/k"), script, kernel},
       "\x7f"
       "ELF kernel"},
      {{config_of("link"), kernel, other, link},
       "\x7f"
       "ELF kernel"},
      {{kernel, other, config_of("hard"), hard},
       "\x7f"
       "ELF kernel"},
      {{odd, script, config_of("odd")}, "no ELF file"},
      {{config_of("other"), other, kernel, config_of("boot/k")},
       "\x7f"
       "ELF kernel"},
      {{kernel, config_of("boot/k"), {.name = "boot/k", .contents = "later"}}, "later"},
      {{config_of("x"), {.name = "x"}, other}, ""},
  };
  for (const auto& [entries, expected] : cases) {
    const auto bytes = packed(entries);
    const auto all = Image::open(bytes);
    const auto one = Image::open(bytes, {.contents = Contents::kernel});
    ASSERT_TRUE(all) << all.error().message();
    ASSERT_TRUE(one) << one.error().message();
    EXPECT_EQ(text_of(all->kernel()), expected);
    EXPECT_EQ(text_of(one->kernel()), expected);
    EXPECT_EQ(one->config(), all->config());
    EXPECT_EQ(warnings_of(*one), warnings_of(*all));
    EXPECT_EQ(one->unpacked_size(), all->unpacked_size());
    ASSERT_EQ(one->files().size(), all->files().size());
    for (std::size_t i = 0; i < all->files().size(); ++i) {
      EXPECT_EQ(one->files()[i].path, all->files()[i].path);
      EXPECT_EQ(one->files()[i].size, all->files()[i].size);
      EXPECT_EQ(all->files()[i].bytes().size(), all->files()[i].size);
      EXPECT_TRUE(&one->files()[i] == &one->kernel_file() || !one->files()[i].contents) << one->files()[i].path;
    }
  }
  const auto by_link = packed(Entries{{.name = "etc/config", .contents = std::string{kMinimalConfig}},
                                      config_link,
                                      {.name = "kernel", .contents = "k"}});
  const auto image = Image::open(by_link, {.contents = Contents::kernel});
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(text_of(image->kernel()), "k");
}

TEST(Image, TheLastOfOneNameCountsWithAWarning) {
  const auto image = Image::open(image_with(Entries{{.name = "a", .contents = "first"},
                                                    {.name = "link", .type = '1', .target = "a"},
                                                    {.name = "./a", .contents = "last"},
                                                    {.name = "d/", .type = '5', .mode = 0700},
                                                    {.name = "d/", .type = '5', .mode = 0711}}));
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(text_of(image->find("a")->bytes()), "last");
  EXPECT_EQ(text_of(image->find("link")->bytes()), "first") << "as tar unpacks it";
  EXPECT_EQ(image->find("d")->mode, 0711U);
  EXPECT_EQ(warnings_of(*image),
            std::vector<std::string>{"duplicate_entry: ./a: occurs more than once; the last entry is used"});
}

TEST(Image, AMillionWarningsAreAFew) {
  Entries entries(1000, TarEntry{.name = "a"});
  const auto image = Image::open(image_with(entries));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->warnings().size(), 64U);
}

TEST(Image, WarnsOfTheConfiguration) {
  const auto image = Image::open(packed(
      Entries{{.name = "hermit.toml", .contents = "color = 1\n" + std::string{kMinimalConfig}}, {.name = "kernel"}}));
  ASSERT_TRUE(image);
  EXPECT_EQ(warnings_of(*image),
            std::vector<std::string>{"unknown_key: hermit.toml:1:1: unknown key 'color', which is ignored"});
}

TEST(Image, HasLongNamesOfBothKinds) {
  const auto name = std::string(200, 'a') + "/" + std::string(200, 'b');
  const auto shown = name.substr(0, 100);
  const auto gnu = image_with(Entries{{.name = "././@LongLink", .contents = name, .type = 'L'},
                                      {.name = shown, .contents = "x"},
                                      {.name = "././@LongLink", .contents = name, .type = 'K'},
                                      {.name = "link", .type = '2', .target = shown}});
  const auto pax = image_with(Entries{{.name = "PaxHeader", .contents = "411 path=" + name + "\n", .type = 'x'},
                                      {.name = shown, .contents = "x"},
                                      {.name = "PaxHeader", .contents = "415 linkpath=" + name + "\n", .type = 'x'},
                                      {.name = "link", .type = '2', .target = shown}});
  for (const auto& bytes : {gnu, pax}) {
    const auto image = Image::open(bytes);
    ASSERT_TRUE(image) << image.error().message();
    ASSERT_NE(image->find(name), nullptr);
    EXPECT_EQ(text_of(image->find(name)->bytes()), "x");
    EXPECT_EQ(image->resolve("link"), image->find(name));
  }
}

TEST(Image, NamesAreBytesWhateverTheLocale) {
  const auto bytes =
      image_with(Entries{{.name = "PaxHeader", .contents = "16 path=gr\xc3\xbc\xc3\x9f\x65\n", .type = 'x'},
                         {.name = "x"},
                         {.name = "\xff\xfe"}});
  for (const auto* locale : {"C", "C.UTF-8"}) {
    const auto* previous = std::setlocale(LC_ALL, locale);
    if (previous == nullptr) continue;
    const auto image = Image::open(bytes);
    std::setlocale(LC_ALL, "C");
    ASSERT_TRUE(image) << image.error().message();
    EXPECT_NE(image->find("gr\xc3\xbc\xc3\x9f\x65"), nullptr) << locale;
    EXPECT_NE(image->find("\xff\xfe"), nullptr) << locale;
  }
}

TEST(Image, ReadsFilesAndBytesAlike) {
  const auto bytes = image_with(Entries{{.name = "a", .contents = std::string(500'000, 'x')}});
  const auto path = std::filesystem::temp_directory_path() / ("hermitage-image-test-" + std::to_string(::getpid()));
  std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                              static_cast<std::streamsize>(bytes.size()));
  std::vector<std::uint64_t> done;
  const auto image = Image::open(path, {.progress = [&](std::uint64_t so_far, std::uint64_t total) {
                                   EXPECT_EQ(total, bytes.size());
                                   done.push_back(so_far);
                                 }});
  std::filesystem::remove(path);
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(image->find("a")->bytes().size(), 500'000U);
  EXPECT_TRUE(std::ranges::is_sorted(done));
  ASSERT_FALSE(done.empty());
  EXPECT_EQ(done.back(), bytes.size());

  EXPECT_EQ(failure(Image::open(path)), "unreadable: " + path.string() + ": open: No such file or directory");
  EXPECT_EQ(failure(Image::open(path.parent_path())),
            "unreadable: " + path.parent_path().string() + ": read: Is a directory");
}

TEST(Image, MembersOfGzipMayFollowOneAnother) {
  const auto archive = testing::tar(Entries{config_of("k"), {.name = "k", .contents = std::string(3000, 'k')}});
  auto bytes = gzip(std::span{archive}.first(700));
  const auto rest = gzip(std::span{archive}.subspan(700));
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  EXPECT_EQ(failure(bytes), "opens");
}

TEST(Image, ZerosMayFollowTheArchive) {
  auto archive = testing::tar(Entries{config_of("k"), {.name = "k"}});
  archive.resize(archive.size() + 10'000'001);
  EXPECT_EQ(failure(gzip(archive)), "opens");
  archive.resize(3 * 512);  // as far as there are entries: "hermit.toml" with one block, and "k"
  EXPECT_EQ(failure(gzip(archive)), "opens");
}

TEST(Image, SparseFilesAreFilledWithZeros) {
  // GNU's first format: in the header, 4 bytes from 1 MiB on; the size with its holes.
  constexpr std::uint64_t kHole = std::uint64_t{1} << 20;
  auto archive = testing::tar(Entries{config_of("k"), {.name = "k", .contents = "data", .type = 'S'}});
  auto* header = reinterpret_cast<char*>(archive.data()) + 2 * 512;
  std::string_view{"ustar  "}.copy(header + 257, 7);
  header[264] = '\0';
  std::snprintf(header + 386, 12, "%011llo", static_cast<unsigned long long>(kHole));
  std::snprintf(header + 398, 12, "%011llo", 4ULL);
  std::snprintf(header + 483, 12, "%011llo", static_cast<unsigned long long>(2 * kHole));
  std::fill_n(header + 148, 8, ' ');
  unsigned sum = 0;
  for (int i = 0; i < 512; ++i) sum += static_cast<unsigned char>(header[i]);
  std::snprintf(header + 148, 7, "%06o", sum);
  const auto image = Image::open(gzip(archive));
  ASSERT_TRUE(image) << image.error().message();
  std::string expected(2 * kHole, '\0');
  expected.replace(kHole, 4, "data");
  EXPECT_EQ(text_of(image->kernel()), expected);
  EXPECT_EQ(failure(gzip(archive), {.unpacked_size = kHole}),
            "too_large: k: exceeds the total file size limit of 1048576 bytes");
}

// ---- What is no image

TEST(Image, WhatIsNoGzippedTarIsRefused) {
  EXPECT_EQ(failure({}), "not_gzip: is empty");
  const auto bytes = [](std::string_view text) {
    const auto view = std::as_bytes(std::span{text});
    return Bytes{view.begin(), view.end()};
  };
  EXPECT_EQ(failure(bytes("\x7f"
                          "ELF")),
            "not_gzip: is an ELF file, not gzip data");
  EXPECT_TRUE(failure(bytes("\x1f\x8b\x08\xff garbage")).starts_with("damaged_gzip: has damaged gzip data"));
  EXPECT_EQ(failure(gzip(bytes("some \x01"))), "damaged_archive: is not a tar archive: Unrecognized archive format");
  EXPECT_EQ(failure(gzip(bytes("some text"))),
            "damaged_archive: is gzip data, but does not contain a tar archive: text");
  EXPECT_EQ(failure(gzip({})), "damaged_archive: is gzip data, but does not contain a tar archive: empty");
  EXPECT_EQ(failure(gzip(bytes("\x7f"
                               "ELF\x02"))),
            "packed_kernel: is an ELF file in gzip data, not a Hermit image; unpack it with gunzip");
  EXPECT_EQ(failure(packed(Entries{})), "no_config: has no hermit.toml at its root, so it is not a Hermit image");
}

TEST(Image, CutAnywhereItIsRefused) {
  const auto whole = image_with(Entries{{.name = "a", .contents = std::string(5000, 'a')}});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto why = failure({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_EQ(why, "truncated_gzip: is truncated within its gzip data") << size;
  }
}

TEST(Image, AnArchiveCutWithinAnEntryIsRefused) {
  const auto archive = testing::tar(Entries{config_of("k"), {.name = "k", .contents = std::string(1000, 'k')}});
  for (const auto size : std::initializer_list<std::size_t>{517, 1029, 1541, 2148}) {
    const auto why = failure(gzip(std::span{archive}.first(size)));
    EXPECT_TRUE(why.starts_with("damaged_archive: ")) << size << why;
  }
}

TEST(Image, ChangedBytesAreNoticed) {
  const auto whole = image_with(Entries{{.name = "a", .contents = "some text that is here to be changed"}});
  for (std::size_t at = 10; at < whole.size(); ++at) {  // the header's time and system do not matter
    auto changed = whole;
    changed[at] ^= std::byte{0x10};
    // Some bits change how the same bytes are packed.
    if (failure(changed) == "opens") {
      EXPECT_EQ(testing::gunzip(changed), testing::gunzip(whole)) << at;
    }
  }
}

TEST(Image, SomethingBehindItIsRefused) {
  auto bytes = image_with({});
  bytes.push_back(std::byte{'x'});
  EXPECT_EQ(failure(bytes), "trailing_data: has data after its gzip data");
  bytes.back() = std::byte{};
  EXPECT_EQ(failure(bytes), "opens") << "as padded files end";
  bytes.resize(bytes.size() + 200'000);
  EXPECT_EQ(failure(bytes), "opens");
  bytes.push_back(std::byte{'x'});
  EXPECT_EQ(failure(bytes), "trailing_data: has data after its gzip data");
  bytes.back() = std::byte{0x1f};
  EXPECT_EQ(failure(bytes), "trailing_data: has data after its gzip data");

  for (const std::size_t distance : {std::size_t{0}, std::size_t{511}, std::size_t{512}, std::size_t{600'000}}) {
    auto archive = testing::tar(Entries{config_of("k"), {.name = "k"}});
    archive.resize(archive.size() + distance + 1);
    archive.back() = std::byte{1};
    EXPECT_EQ(failure(gzip(archive)), "trailing_data: has data after its tar archive") << distance;
  }
}

TEST(Image, MoreThanTheLimitIsRefused) {
  const auto bytes = image_with(Entries{{.name = "a", .contents = std::string(1'000'000, 'a')}});
  const auto size = testing::gunzip(bytes).size();
  EXPECT_EQ(failure(bytes, {.unpacked_size = size}), "opens");
  EXPECT_EQ(failure(bytes, {.unpacked_size = size - 1}),
            "too_large: unpacks to more than the limit of " + std::to_string(size - 1) + " bytes");
  EXPECT_EQ(failure(bytes, {.unpacked_size = 500'000}),
            "too_large: a: exceeds the total file size limit of 500000 bytes");
  EXPECT_EQ(failure(bytes, {.unpacked_size = 0}), "too_large: unpacks to more than the limit of 0 bytes");
}

TEST(Image, AConfigurationMayBeAsLargeAsItsLimit) {
  EXPECT_EQ(failure_with({config_of_size(kMaxConfigSize)}), "opens");
  EXPECT_EQ(failure_with({config_of_size(kMaxConfigSize + 1)}),
            "config_size: hermit.toml: is larger than the limit of 256 KiB");
}

TEST(Image, ABombIsRefusedWithoutUnpackingIt) {
  // A gigabyte of zeros in a megabyte, and four in one entry.
  const auto piece = gzip(Bytes(std::size_t{16} << 20));
  Bytes zeros;
  for (int i = 0; i < 64; ++i) zeros.insert(zeros.end(), piece.begin(), piece.end());
  EXPECT_EQ(failure(zeros, {.unpacked_size = 20 << 20}), "too_large: unpacks to more than the limit of 20971520 bytes");
  EXPECT_EQ(failure_with({{.name = "a", .size = std::uint64_t{1} << 32}}),
            "too_large: a: exceeds the total file size limit of 1073741824 bytes");
}

TEST(Image, TooManyEntriesAreRefused) {
  const Entries entries(10, TarEntry{.name = "a"});
  const auto bytes = image_with(entries);
  EXPECT_EQ(failure(bytes, {.entries = 12}), "opens");
  EXPECT_EQ(failure(bytes, {.entries = 11}), "too_many_entries: a: exceeds the limit for entries of 11");
  std::string deep = "d";
  for (int i = 0; i < 40; ++i) deep += "/d";
  const auto nested = image_with(Entries{{.name = deep}});
  EXPECT_EQ(failure(nested, {.entries = 43}), "opens");
  EXPECT_EQ(failure(nested, {.entries = 42}),
            "too_many_entries: " + deep + ": exceeds the limit for entries, including implied directories, of 42");
}

TEST(Image, NamesThatLeadOutAreRefused) {
  for (const std::string name : {"..", "../a", "a/../b", "/..", "./../a", "a/.."}) {
    EXPECT_EQ(failure_with({{.name = name, .contents = "x"}}), "entry_outside: " + name + ": has '..' in its name");
  }
  EXPECT_EQ(failure_with({{.name = "/etc/passwd"}}), "opens") << "the root is that of the image";
}

TEST(Image, NamesThatAreNoneAreRefused) {
  EXPECT_EQ(failure_with({{.name = "."}}), "entry_name: .: has no name");
  EXPECT_EQ(failure_with({{.name = "./", .type = '5'}}), "opens");
  const auto long_name = [](const std::string& name) {
    return Entries{{.name = "././@LongLink", .contents = name, .type = 'L'}, {.name = "x"}};
  };
  EXPECT_EQ(failure_with(long_name(std::string(255, 'x'))), "opens");
  EXPECT_TRUE(failure_with(long_name(std::string(256, 'x'))).ends_with(": has a name that is too long"));
  std::string path;
  while (path.size() < 4096) path += std::string(31, 'x') + "/";
  EXPECT_EQ(failure_with(long_name(path)), "opens");
  EXPECT_TRUE(failure_with(long_name(path + "xx")).ends_with(": has a name that is too long"));
}

TEST(Image, LinksThatLeadOutAreRefused) {
  for (const std::string target : {"/etc/passwd", "..", "../x", "a/../../x", "a/..", "/"}) {
    const auto why = failure_with({{.name = "link", .type = '2', .target = target}});
    EXPECT_TRUE(why.starts_with("link_outside: link: is a symbolic link to '" + target + "'")) << why;
  }
  EXPECT_EQ(failure_with({{.name = "d/link", .type = '2', .target = "../x"}}), "opens");
  const TarEntry deep{.name = "d/link", .type = '2', .target = "../x"};
  EXPECT_EQ(failure_with({deep, {.name = "e/link", .type = '1', .target = "d/link"}}), "opens");
  EXPECT_TRUE(failure_with({deep, {.name = "link", .type = '1', .target = "d/link"}})
                  .starts_with("link_outside: link: is a symbolic link to '../x'"));
  EXPECT_EQ(failure_with({{.name = "link", .type = '2'}}), "link_target: link: is a symbolic link without a target");
  EXPECT_EQ(failure_with({{.name = "link", .type = '1', .target = "../kernel"}}),
            "link_outside: link: is a hard link to '../kernel', which may be outside of the image");
  EXPECT_EQ(failure_with({{.name = "link", .type = '1', .target = "later"}, {.name = "later"}}),
            "link_target: link: is a hard link to 'later', which does not precede it");
  EXPECT_EQ(failure_with({{.name = "d", .type = '5'}, {.name = "link", .type = '1', .target = "d"}}),
            "link_target: link: is a hard link to 'd', which does not precede it");
}

TEST(Image, NothingIsWrittenThroughALink) {
  EXPECT_EQ(failure_with({{.name = "d", .type = '2', .target = "e"}, {.name = "d/file"}}),
            "entry_conflict: d/file: is in 'd', which is not a directory");
  EXPECT_EQ(failure_with({{.name = "f"}, {.name = "f/file"}}),
            "entry_conflict: f/file: is in 'f', which is not a directory");
  EXPECT_EQ(failure_with({{.name = "d/file"}, {.name = "d", .type = '2', .target = "e"}}),
            "entry_conflict: d: is both a directory and something else");
  EXPECT_EQ(failure_with({{.name = "f"}, {.name = "f", .type = '5'}}),
            "entry_conflict: f: is both a directory and something else");
}

TEST(Image, DevicesAndFifosAreRefused) {
  EXPECT_EQ(failure_with({{.name = "dev/null", .type = '3'}}),
            "entry_kind: dev/null: is a device, which an image cannot contain");
  EXPECT_EQ(failure_with({{.name = "sda", .type = '4'}}),
            "entry_kind: sda: is a device, which an image cannot contain");
  EXPECT_EQ(failure_with({{.name = "pipe", .type = '6'}}),
            "entry_kind: pipe: is a FIFO, which an image cannot contain");
}

TEST(Image, WithoutAConfigurationItIsNone) {
  const TarEntry kernel{.name = "kernel"};
  constexpr std::string_view kNone = "no_config: has no hermit.toml at its root, so it is not a Hermit image";
  EXPECT_EQ(failure(packed(Entries{kernel})), kNone);
  EXPECT_EQ(failure(packed(Entries{kernel, {.name = "etc/hermit.toml"}})), kNone);
  EXPECT_EQ(failure(packed(Entries{kernel, {.name = "hermit.toml", .type = '5'}})), kNone);
  EXPECT_EQ(failure(packed(Entries{kernel, {.name = "hermit.toml", .type = '2', .target = "nothing"}})), kNone);
  EXPECT_EQ(failure(packed(Entries{kernel, {.name = "hermit.toml", .contents = std::string((256 << 10) + 1, '#')}})),
            "config_size: hermit.toml: is larger than the limit of 256 KiB");
  EXPECT_EQ(failure(packed(Entries{kernel, {.name = "hermit.toml", .contents = "version = 1\n"}})),
            "config_value: hermit.toml:1:11: version is not a string");
}

TEST(Image, WithoutAKernelItIsNone) {
  const auto with_kernel = [](std::string_view path, const Entries& entries) {
    Entries all{config_of(path)};
    all.insert(all.end(), entries.begin(), entries.end());
    return failure(packed(all));
  };
  EXPECT_EQ(with_kernel("/k", {}), "no_kernel: hermit.toml:2:10: the kernel '/k' is not in the image");
  EXPECT_EQ(with_kernel("k", {{.name = "k", .type = '2', .target = "x"}}),
            "no_kernel: hermit.toml:2:10: the kernel 'k' is not in the image");
  EXPECT_EQ(with_kernel("k", {{.name = "k", .type = '2', .target = "k"}}),
            "no_kernel: hermit.toml:2:10: the kernel 'k' is not in the image");
  EXPECT_EQ(with_kernel("../k", {{.name = "k"}}),
            "no_kernel: hermit.toml:2:10: the kernel '../k' is outside of the image");
  EXPECT_EQ(with_kernel("/boot", {{.name = "boot/k"}}),
            "kernel_kind: hermit.toml:2:10: the kernel '/boot' is a directory");
  EXPECT_EQ(with_kernel("k", {{.name = "k", .type = '2', .target = "d"}, {.name = "d", .type = '5'}}),
            "kernel_kind: hermit.toml:2:10: the kernel 'k' is a directory");
  EXPECT_EQ(with_kernel("/", {}), "kernel_kind: hermit.toml:2:10: the kernel '/' is a directory");
  EXPECT_EQ(with_kernel("hermit.toml", {}), "opens");
}

TEST(Image, SamplesEndInAValueOrAnError) {
  for (const auto& [name, bytes] : testing::sample_archives()) {
    const auto why = failure(bytes);
    const bool is_right = name == "right" || name == "links" || name == "twice" || name.ends_with("long-name");
    EXPECT_EQ(why == "opens", is_right) << name << why;
  }
}

}  // namespace
}  // namespace hermitage::image
