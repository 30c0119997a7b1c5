// Makes all file calls of its interface in a directory (its first argument, or /root), and checks their results.
// Removes its files. With interface 3, an empty directory `folder` remains, because no call can remove it.
#include <array>
#include <cstdint>

#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"

namespace {

using guest::Line;
namespace monitor = guest::monitor;
namespace uhyve = guest::monitor::uhyve;
using Errno = uhyve::Errno;

bool all_is_well = true;

void report(std::string_view what, std::int64_t result, bool holds) {
  Line line;
  guest::append_signed(line.append(what).append(" -> "), result);
  guest::print_line(line.append(holds ? ": ok" : ": WRONG"));
  if (!holds) all_is_well = false;
}

void expect(std::string_view what, std::int64_t result, std::int64_t wanted) {
  report(what, result, result == wanted);
}
void expect(std::string_view what, std::int64_t result, Errno wanted) {
  expect(what, result, -static_cast<std::int64_t>(wanted));
}

// The path of a name in the directory. The next call overwrites it.
auto path_of(std::string_view name) -> const char* {
  static constinit std::array<char, 512> path{};
  const auto directory = guest::argument(0).value_or("/root");
  if (directory.size() + 1 + name.size() + 1 > path.size()) guest::fail("the directory's name is too long");
  std::size_t size = 0;
  for (const char character : directory) path[size++] = character;
  path[size++] = '/';
  for (const char character : name) path[size++] = character;
  path[size] = '\0';
  return path.data();
}

auto bytes_of(std::string_view text) -> std::span<const std::byte> {
  return std::as_bytes(std::span{text});
}

auto text_of(std::span<const std::byte> bytes) -> std::string_view {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz";

auto open_file(int flags) -> int {
  return monitor::open(path_of("file"), flags);
}

// Reads up to 100 bytes, and compares them with `wanted`.
void expect_content(std::string_view what, int fd, std::string_view wanted) {
  std::array<std::byte, 100> buffer{};
  const auto size = monitor::read(fd, buffer);
  const bool holds =
      size == static_cast<std::int64_t>(wanted.size()) && text_of(std::span{buffer}.first(wanted.size())) == wanted;
  report(what, size, holds);
}

void check_reading_and_writing() {
  expect("open what is not there", open_file(uhyve::kOpenReadOnly), Errno::noent);
  const int fd = open_file(uhyve::kOpenReadWrite | uhyve::kOpenCreate | uhyve::kOpenExclusive);
  report("open, created", fd, fd >= 3);
  expect("write", monitor::write(fd, bytes_of(kAlphabet)), 26);
  expect("lseek to the beginning", monitor::lseek(fd, 0, uhyve::kSeekSet), 0);
  expect_content("read", fd, kAlphabet);
  expect_content("read at the end", fd, "");
  expect("lseek back from here", monitor::lseek(fd, -6, uhyve::kSeekCurrent), 20);
  expect_content("read the rest", fd, "uvwxyz");
  expect("lseek back from the end", monitor::lseek(fd, -1, uhyve::kSeekEnd), 25);
  expect_content("read the last byte", fd, "z");
  const auto offset = monitor::lseek(fd, -1, uhyve::kSeekSet);
  report("lseek to before the beginning", offset, offset < 0);
  expect("close", monitor::close(fd), 0);
  expect("close again", monitor::close(fd), Errno::badf);
  std::array<std::byte, 1> byte{};
  expect("read what is closed", monitor::read(fd, byte), Errno::badf);
  const auto closed = monitor::lseek(fd, 0, uhyve::kSeekSet);
  report("lseek in what is closed", closed, closed < 0);
}

void check_flags() {
  expect("open, created once more", open_file(uhyve::kOpenReadWrite | uhyve::kOpenCreate | uhyve::kOpenExclusive),
         Errno::exist);
  expect("open to create a directory", open_file(uhyve::kOpenCreate | uhyve::kOpenDirectory), Errno::inval);

  int fd = open_file(uhyve::kOpenWriteOnly | uhyve::kOpenAppend);
  report("open to append", fd, fd >= 3);
  expect("write", monitor::write(fd, bytes_of("0123")), 4);
  expect("lseek to the end", monitor::lseek(fd, 0, uhyve::kSeekEnd), 30);
  expect("close", monitor::close(fd), 0);

  fd = open_file(uhyve::kOpenReadWrite | uhyve::kOpenTruncate);
  report("open and empty", fd, fd >= 3);
  expect("lseek to the end", monitor::lseek(fd, 0, uhyve::kSeekEnd), 0);
  expect("close", monitor::close(fd), 0);
}

void check_unlink() {
  expect("unlink", monitor::unlink(path_of("file")), 0);
  expect("open what was unlinked", open_file(uhyve::kOpenReadOnly), Errno::noent);
  expect("unlink again", monitor::unlink(path_of("file")), Errno::noent);
}

namespace v2 = guest::monitor::v2;

constexpr std::uint32_t kTypeMask = 0170000;
constexpr std::uint32_t kDirectory = 0040000;
constexpr std::uint32_t kRegularFile = 0100000;

void expect_attributes(std::string_view what, int result, const uhyve::v2::FileAttr& attr, std::uint32_t type,
                       std::int64_t size) {
  expect(what, result, 0);
  report("  type", attr.st_mode & kTypeMask, (attr.st_mode & kTypeMask) == type);
  if (type == kRegularFile) expect("  size", attr.st_size, size);
}

auto path_size(const char* path) -> std::uint64_t {
  std::uint64_t size = 1;
  while (path[size - 1] != '\0') ++size;
  return size;
}

auto make_directory(std::string_view name) -> int {
  const char* const path = path_of(name);
  return v2::mkdir(path, path_size(path));
}

// Whether a directory contains the name `wanted`.
auto lists(int fd, std::string_view wanted) -> bool {
  alignas(8) std::array<std::byte, 1024> buffer{};
  bool is_there = false;
  while (true) {
    const auto size = v2::getdents(fd, buffer);
    if (size < 0 || size > static_cast<std::int64_t>(buffer.size())) {
      report("getdents", size, false);
      return false;
    }
    if (size == 0) return is_there;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const auto* entry = reinterpret_cast<const uhyve::v2::Dirent*>(buffer.data() + at);
      const auto name = text_of(std::span{buffer}.subspan(at + uhyve::v2::kDirentNameAt));
      is_there = is_there || name.substr(0, guest::entry::index_of(name, '\0')) == wanted;
      if (entry->d_reclen == 0) guest::fail("a directory entry has no length");
      at += entry->d_reclen;
    }
  }
}

void check_directories() {
  const auto made = make_directory("folder");
  report("mkdir", made, made == 0 || made == -static_cast<int>(Errno::exist));
  expect("mkdir again", make_directory("folder"), Errno::exist);
  const int file = monitor::open(path_of("folder/inside"), uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  report("open a file in it", file, file >= 3);
  expect("write", monitor::write(file, bytes_of("12345")), 5);

  const int directory = monitor::open(path_of("folder"), uhyve::kOpenReadOnly | uhyve::kOpenDirectory);
  report("open the directory", directory, directory >= 3);
  report("getdents lists the file", 0, lists(directory, "inside"));

  uhyve::v2::FileAttr attr{};
  expect_attributes("stat", v2::stat(path_of("folder/inside"), uhyve::v2::StatKind::stat, attr), attr, kRegularFile, 5);
  attr = {};
  expect_attributes("lstat", v2::stat(path_of("folder"), uhyve::v2::StatKind::lstat, attr), attr, kDirectory, 0);
  attr = {};
  expect_attributes("fstat", v2::fstat(file, attr), attr, kRegularFile, 5);
  expect("stat what is not there", v2::stat(path_of("missing"), uhyve::v2::StatKind::stat, attr), Errno::noent);
  expect("fstat what is not open", v2::fstat(12345, attr), Errno::badf);

  expect("close", monitor::close(directory), 0);
  expect("close", monitor::close(file), 0);
  expect("unlink", monitor::unlink(path_of("folder/inside")), 0);
}

}  // namespace

auto guest_main() -> int {
  if (!guest::has_monitor()) guest::fail("files needs a monitor");
  check_reading_and_writing();
  check_flags();
  check_unlink();
  if (guest::interface >= 3) check_directories();
  return all_is_well ? 0 : 1;
}
