// Detection of the format of a file from its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hermitage::entry {

enum class Format : std::uint8_t {
  unknown,
  elf,   // possibly a kernel: 7f 45 4c 46
  gzip,  // possibly an image: 1f 8b 08 (RFC 1952, deflate)

  // Formats that users pass by mistake instead of a kernel or an image.
  elf32,            // a 32-bit ELF file (EI_CLASS is 1)
  gzip_elf,         // gzip data that contain an ELF file; detect_format does not unpack, and returns gzip
  tar,              // an archive without compression
  xz,               // this and the next four: data with another compression than gzip
  zstd,             //
  bzip2,            //
  lz4,              //
  zip,              //
  ar,               // a static library
  git_lfs_pointer,  // the pointer that replaces a file that Git LFS did not fetch
  linux_kernel,     // x86 bzImage, or Image of aarch64 or riscv64
  uefi_application,
  pe,  // another PE file
  mach_o,
  script,  // begins with #!
  html,
  text,  // other text, UTF-8
  empty,
  snapshot,  // a guest that `hermitage snapshot` has saved
};

// Examines the first bytes (at most kFormatBytes) and, in a PE file, the header that they point to. Returns the same
// as hermit_entry::detect_format for elf and gzip; fewer than four bytes are never elf or gzip. A build for boot
// loaders returns unknown for all other formats.
[[nodiscard]] auto detect_format(std::span<const std::byte> bytes) noexcept -> Format;

// Enough bytes for every format except PE files whose header is beyond them. The result for those is unknown.
inline constexpr std::size_t kFormatBytes = 1024;

// The format's name as in the enum. The names are stable, for scripts.
[[nodiscard]] auto name(Format format) noexcept -> std::string_view;

// A description of the format for users: "a Git LFS pointer".
[[nodiscard]] auto description(Format format) noexcept -> std::string_view;

// Advice to users who passed such a file instead of a kernel or an image. Can be empty.
[[nodiscard]] auto advice(Format format) noexcept -> std::string_view;

}  // namespace hermitage::entry
