// Operations of tests on the files of a guest. Errors are strings such as "errno 2" in place of contents or names.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/files/guest_files.hpp"

namespace hermitage::vmm::testing {

inline auto error_of(Errno error) -> std::string {
  return "errno " + std::to_string(static_cast<int>(error));
}

// Reads from the position of the descriptor, in pieces.
inline auto read_all(GuestFiles& files, std::int32_t descriptor) -> std::string {
  std::string all;
  std::array<char, 7> piece{};
  for (;;) {
    const iovec buffer{.iov_base = piece.data(), .iov_len = piece.size()};
    const auto got = files.read(descriptor, {&buffer, 1});
    if (!got) return error_of(got.error());
    if (*got == 0) return all;
    all.append(piece.data(), *got);
  }
}

inline auto content_of(GuestFiles& files, std::string_view path, std::int32_t flags = entry::uhyve::kOpenReadOnly)
    -> std::string {
  const auto descriptor = files.open(path, flags, 0);
  if (!descriptor) return error_of(descriptor.error());
  const auto content = read_all(files, *descriptor);
  EXPECT_TRUE(files.close(*descriptor));
  return content;
}

inline auto put(GuestFiles& files, std::int32_t descriptor, std::string text) -> FileResult<std::uint64_t> {
  const iovec buffer{.iov_base = text.data(), .iov_len = text.size()};
  return files.write(descriptor, {&buffer, 1});
}

// Opens a file, with mode 0640 if it is new, writes to it, and closes it. Returns the number of bytes, or the error of
// opening or writing.
inline auto write_to(GuestFiles& files, std::string_view path, const std::string& content, std::int32_t flags)
    -> FileResult<std::uint64_t> {
  const auto descriptor = files.open(path, flags, 0640);
  if (!descriptor) return std::unexpected{descriptor.error()};
  const auto written = put(files, *descriptor, content);
  EXPECT_TRUE(files.close(*descriptor));
  return written;
}

struct Entry {
  std::string name;
  entry::uhyve::v2::FileType type;
};

inline auto entries_in(std::span<const std::byte> records) -> std::vector<Entry> {
  std::vector<Entry> entries;
  while (!records.empty()) {
    entry::uhyve::v2::Dirent entry{};
    std::memcpy(&entry, records.data(), entry::uhyve::v2::kDirentNameAt);
    entries.push_back({reinterpret_cast<const char*>(records.data() + entry::uhyve::v2::kDirentNameAt), entry.d_type});
    EXPECT_EQ(entry.d_reclen % 8, 0);
    records = records.subspan(entry.d_reclen);
  }
  return entries;
}

// Names and types in a directory, requested with a buffer of `size` bytes. `between` receives the entries of each call.
template <class Between>
auto list(GuestFiles& files, std::string_view path, std::size_t size, Between between) -> std::map<std::string, int> {
  std::map<std::string, int> all;
  const auto descriptor = files.open(path, entry::uhyve::kOpenDirectory, 0);
  if (!descriptor) return {{error_of(descriptor.error()), 0}};
  std::vector<std::byte> buffer(size);
  for (auto got = files.getdents(*descriptor, buffer); got != 0U; got = files.getdents(*descriptor, buffer)) {
    if (!got) return {{error_of(got.error()), 0}};
    const auto entries = entries_in(std::span{buffer}.first(*got));
    for (const auto& [name, type] : entries) {
      EXPECT_TRUE(all.emplace(name, static_cast<int>(type)).second) << name << " twice";
    }
    between(entries);
  }
  EXPECT_TRUE(files.close(*descriptor));
  return all;
}

// Uses a buffer for few entries.
inline auto list(GuestFiles& files, std::string_view path, std::size_t size = 64) -> std::map<std::string, int> {
  return list(files, path, size, [](const auto& /*entries*/) {});
}

}  // namespace hermitage::vmm::testing
