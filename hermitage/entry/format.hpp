// What kind of file an image is, told by its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hermitage::entry {

enum class Format : std::uint8_t {
  unknown,
  elf,   // a kernel, perhaps: 7f 45 4c 46
  gzip,  // a packed Hermit image, perhaps: 1f 8b 08 (RFC 1952, deflate)

  // Files that are given in place of a kernel or an image.
  elf32,            // a 32-bit ELF file (EI_CLASS is 1)
  gzip_elf,         // gzip data with an ELF file in it; detect_format, which does not unpack, says gzip
  tar,              // an archive without compression
  xz,               // the next five: data of another compression than gzip
  zstd,             //
  bzip2,            //
  lz4,              //
  zip,              //
  ar,               // a static library
  git_lfs_pointer,  // what Git has instead of a file that Git LFS did not fetch
  linux_kernel,     // x86 bzImage, or Image of aarch64 or riscv64
  uefi_application,
  pe,  // another PE file
  mach_o,
  script,  // begins with #!
  html,
  text,  // other text, UTF-8
  empty,
};

// Looks at the first bytes, at most kFormatBytes, and in a PE file at the header that they point to. Mirrors
// hermit_entry::detect_format for elf and gzip, of which fewer than four bytes are never one. In a build for boot
// loaders, everything else is unknown.
[[nodiscard]] auto detect_format(std::span<const std::byte> bytes) noexcept -> Format;

// Enough for every format but PE files with a header further in, which are then unknown.
inline constexpr std::size_t kFormatBytes = 1024;

// The format's name as it stands above: stable, for scripts.
[[nodiscard]] auto name(Format format) noexcept -> std::string_view;

// What such a file is, for a person: "a Git LFS pointer".
[[nodiscard]] auto description(Format format) noexcept -> std::string_view;

// What to do with such a file where a Hermit kernel or image is wanted; empty where there is no advice.
[[nodiscard]] auto advice(Format format) noexcept -> std::string_view;

}  // namespace hermitage::entry
