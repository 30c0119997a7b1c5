#include "hermitage/loader/image/tar.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/archives.hpp"

namespace hermitage::loader {
namespace {

using testing::TarEntry;
using Bytes = std::vector<std::byte>;

auto joined(PathNames path) -> std::string {
  std::string joined;
  for (auto name = path.next(); !name.empty(); name = path.next())
    joined += (joined.empty() ? "" : "/") + std::string{name};
  return joined;
}

// Lists the archive: "KIND path=contents" or "KIND path>target" per line, with the error at the end.
auto listed(const Bytes& archive) -> std::string {
  std::string lines;
  TarReader reader{archive};
  for (;;) {
    const auto has_more = reader.next();
    if (!has_more) return lines + has_more.error().c_str();
    if (!*has_more) return lines;
    const auto& entry = reader.entry();
    lines += "fdsh"[static_cast<int>(entry.kind)];
    lines += ' ' + joined(entry.path);
    if (entry.kind == TarKind::regular) {
      lines += '=' + std::string{reinterpret_cast<const char*>(entry.contents.data()), entry.contents.size()};
    }
    if (entry.kind == TarKind::symbolic_link || entry.kind == TarKind::hard_link) {
      lines += '>' + std::string{entry.target};
    }
    lines += '\n';
  }
}

auto archive(std::vector<TarEntry> entries) -> Bytes {
  return testing::tar(entries);
}

auto pax(std::string_view key, std::string_view value) -> TarEntry {
  const auto rest = " " + std::string{key} + "=" + std::string{value} + "\n";
  auto size = rest.size() + 1;
  while (std::to_string(size).size() + rest.size() != size) ++size;
  return {.name = "PaxHeaders/x", .contents = std::to_string(size) + rest, .type = 'x'};
}

TEST(PathNames, LeavesOutWhatMeansNothing) {
  EXPECT_EQ(joined(PathNames{}), "");
  EXPECT_EQ(joined(PathNames{"/"}), "");
  EXPECT_EQ(joined(PathNames{"./a//b/."}), "a/b");
  EXPECT_EQ(joined(PathNames{"c", "./a/b/"}), "a/b/c");
  EXPECT_EQ(joined(PathNames{"./", "a"}), "a");
}

TEST(TarReader, ReadsEntriesOfEachKind) {
  EXPECT_EQ(listed(archive({{.name = "./etc/", .type = '5'},
                            {.name = "/etc/motd", .contents = "hello"},
                            {.name = "empty", .type = '\0'},
                            {.name = "old/"},
                            {.name = "link", .type = '2', .target = "etc/motd"},
                            {.name = "hard", .type = '1', .target = "./etc/motd"},
                            {.name = "contiguous", .contents = "x", .type = '7'}})),
            "d etc\nf etc/motd=hello\nf empty=\nd old\ns link>etc/motd\nh hard>./etc/motd\nf contiguous=x\n");
  EXPECT_EQ(listed(archive({})), "");
  EXPECT_EQ(listed({}), "");
}

TEST(TarReader, ReadsLongNames) {
  const std::string name = std::string(150, 'n') + "/" + std::string(200, 'm');
  const std::string target = std::string(300, 't');
  const auto expected = "s " + name + ">" + target + "\nf after=\n";
  EXPECT_EQ(listed(archive({{.name = "././@LongLink", .contents = name + '\0', .type = 'L'},
                            {.name = "././@LongLink", .contents = target + '\0', .type = 'K'},
                            {.name = "short", .type = '2', .target = "short"},
                            {.name = "after"}})),
            expected);
  EXPECT_EQ(listed(archive({pax("path", name),
                            pax("linkpath", target),
                            {.name = "global", .contents = pax("path", "not this").contents, .type = 'g'},
                            pax("mtime", "1.5"),
                            {.name = "short", .type = '2', .target = "short"},
                            {.name = "after"}})),
            expected);

  auto with_prefix = archive({{.name = "name"}});
  constexpr std::string_view kPrefix = "a/./prefix";
  unsigned sum = 0;
  for (std::size_t i = 0; i < kPrefix.size(); ++i) with_prefix[345 + i] = static_cast<std::byte>(kPrefix[i]);
  for (std::size_t i = 0; i < 512; ++i) {
    sum += i >= 148 && i < 156 ? ' ' : std::to_integer<unsigned>(with_prefix[i]);
  }
  for (std::size_t i = 0; i < 6; ++i) with_prefix[148 + i] = static_cast<std::byte>('0' + (sum >> (3 * (5 - i)) & 7));
  EXPECT_EQ(listed(with_prefix), "f a/prefix/name=\n");
}

TEST(TarReader, TakesTheSizeThatPaxSays) {
  EXPECT_EQ(listed(archive({pax("size", "3"), {.name = "file", .contents = "abc", .size = 0}, {.name = "after"}})),
            "f file=abc\nf after=\n");
}

TEST(TarReader, SaysWhatIsWrong) {
  constexpr std::string_view kTruncated = "the image's tar archive is truncated within an entry";
  constexpr std::string_view kDamaged = "the image's tar archive is damaged";
  constexpr std::string_view kSparse = "the image has a sparse file, which this loader does not support";
  const auto good = archive({{.name = "file", .contents = "contents"}});
  for (std::size_t size = 1; size < 1024; ++size) {
    EXPECT_EQ(listed({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}), kTruncated) << size;
  }
  auto bytes = good;
  bytes[0] ^= std::byte{1};
  EXPECT_EQ(listed(bytes), kDamaged);
  bytes = good;
  bytes.back() = std::byte{1};
  EXPECT_EQ(listed(bytes), "f file=contents\nthe image has data after its tar archive");

  EXPECT_EQ(listed(archive({{.name = "a/../b"}})), "the image has an entry with '..' in its name");
  EXPECT_EQ(listed(archive({pax("path", std::string{"a\0b", 3}), {.name = "x"}})),
            "the image has an entry with a NUL in its name");
  for (const char type : {'3', '4', '6', 'D', 'V'}) {
    EXPECT_EQ(listed(archive({{.name = "x", .type = type}})),
              "the image has an entry that is not a file, directory or link");
  }
  EXPECT_EQ(listed(archive({{.name = "x", .contents = "y", .type = '5'}})),
            "the image has a directory or link with contents, which this loader does not support");
  EXPECT_EQ(listed(archive({{.name = "x", .type = 'S'}})), kSparse);
  EXPECT_EQ(listed(archive({pax("GNU.sparse.major", "1"), {.name = "x"}})), kSparse);
  EXPECT_EQ(listed(archive({{.name = "x", .size = 1 << 20}})), kTruncated);
  EXPECT_EQ(listed(archive({pax("size", "10995116277760"), {.name = "x"}})), kDamaged);
  EXPECT_EQ(listed(archive({pax("path", "alone")})), kTruncated);
  for (const std::string_view records :
       {"5", "x path=a\n", "100 path=a\n", "8 path=a\n", "5 a\n", "0 a=b\n", "1 a=b\n", "2 a=b\n",
        "99999999999999999999 a=b\n", " a=b\n", "8 size=\n", "9 size=x\n"}) {
    EXPECT_EQ(listed(archive({{.name = "x", .contents = std::string{records}, .type = 'x'}, {.name = "y"}})), kDamaged)
        << records;
  }
}

}  // namespace
}  // namespace hermitage::loader
