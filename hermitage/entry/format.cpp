#include "hermitage/entry/format.hpp"

#include <optional>

#include "hermitage/entry/build.hpp"
#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/utf8.hpp"

namespace hermitage::entry {
namespace {

using Bytes = std::span<const std::byte>;

auto has_at(Bytes bytes, std::size_t offset, std::string_view magic) noexcept -> bool {
  if (!range_fits(offset, magic.size(), bytes.size())) return false;
  for (std::size_t i = 0; i < magic.size(); ++i) {
    if (bytes[offset + i] != static_cast<std::byte>(magic[i])) return false;
  }
  return true;
}

template <class Integer>
auto little_endian_at(Bytes bytes, std::size_t offset) noexcept -> std::optional<Integer> {
  if (!range_fits(offset, sizeof(Integer), bytes.size())) return std::nullopt;
  return read<Integer, Endian::little>(bytes, offset);
}

struct Magic {
  std::string_view bytes;
  Format format;
  std::size_t offset = 0;
};

// Linux kernels come before PE files, because a kernel that boots by UEFI is also a PE file.
constexpr Magic kMagics[] = {
    {{"\x1f\x8b\x08", 3}, Format::gzip},
    {{"\xfd"
      "7zXZ\0",
      6},
     Format::xz},
    {"\x28\xb5\x2f\xfd", Format::zstd},
    {"BZh", Format::bzip2},
    {{"\x04\x22\x4d\x18", 4}, Format::lz4},
    {"PK\x03\x04", Format::zip},
    {"!<arch>\n", Format::ar},
    {"version https://git-lfs.github.com/spec/", Format::git_lfs_pointer},
    {"HdrS", Format::linux_kernel, 0x202},
    {"ARMd", Format::linux_kernel, 0x38},
    {"RSC\x05", Format::linux_kernel, 0x38},
    {"ustar", Format::tar, 257},
    {"\xcf\xfa\xed\xfe", Format::mach_o},
    {"\xce\xfa\xed\xfe", Format::mach_o},
    {"\xfe\xed\xfa\xcf", Format::mach_o},
    {"\xfe\xed\xfa\xce", Format::mach_o},
    {"#!", Format::script},
    {"HERMSNAP", Format::snapshot},
};

// The DOS header contains the offset of the PE header. That has "PE\0\0", a COFF header of 20 bytes, and an optional
// header, with the subsystem at 68.
auto detect_pe(Bytes bytes) noexcept -> std::optional<Format> {
  constexpr std::size_t kHeaderOffsetAt = 0x3c;
  constexpr std::size_t kSubsystemAt = 4 + 20 + 68;
  constexpr std::uint16_t kFirstOfUefi = 10;
  constexpr std::uint16_t kLastOfUefi = 13;
  if (!has_at(bytes, 0, "MZ")) return std::nullopt;
  const auto header = little_endian_at<std::uint32_t>(bytes, kHeaderOffsetAt);
  if (!header || !has_at(bytes, *header, {"PE\0\0", 4})) return std::nullopt;
  const auto subsystem = little_endian_at<std::uint16_t>(bytes, *header + kSubsystemAt);
  return subsystem >= kFirstOfUefi && subsystem <= kLastOfUefi ? Format::uefi_application : Format::pe;
}

// Mach-O files for several machines and Java classes have the same magic number. In a class, the next number is above
// 44.
auto is_universal_mach_o(Bytes bytes) noexcept -> bool {
  constexpr std::uint32_t kMaxMachines = 44;
  if (!has_at(bytes, 0, "\xca\xfe\xba\xbe") || bytes.size() < 8) return false;
  return read<std::uint32_t, Endian::big>(bytes, 4) <= kMaxMachines;
}

auto is_control(char character) noexcept -> bool {
  const auto byte = static_cast<unsigned char>(character);
  return (byte < 0x20 && (byte < '\t' || byte > '\r') && byte != 0x1b) || byte == 0x7f;
}

// Whether the bytes are UTF-8 without control characters. The end of `bytes` may truncate the last character.
auto is_text(std::string_view bytes, bool is_cut_off) noexcept -> bool {
  for (const char character : bytes) {
    if (is_control(character)) return false;
  }
  constexpr std::size_t kLongestRest = 3;
  for (std::size_t rest = 0; rest <= kLongestRest && rest < bytes.size(); ++rest) {
    if (is_utf8({bytes.data(), bytes.size() - rest})) return true;
    if (!is_cut_off) return false;
  }
  return false;
}

auto lower(char character) noexcept -> char {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a') : character;
}

auto begins_like(std::string_view text, std::string_view lower_case) noexcept -> bool {
  if (text.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

auto is_html(std::string_view text) noexcept -> bool {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (begins_like(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  while (!text.empty() && (text.front() == ' ' || (text.front() >= '\t' && text.front() <= '\r'))) {
    text.remove_prefix(1);
  }
  return begins_like(text, "<!doctype html") || begins_like(text, "<html");
}

[[maybe_unused]] auto detect_other(Bytes bytes) noexcept -> Format {
  if (bytes.empty()) return Format::empty;
  for (const auto& magic : kMagics) {
    if (has_at(bytes, magic.offset, magic.bytes)) return magic.format;
  }
  if (const auto pe = detect_pe(bytes)) return *pe;
  if (is_universal_mach_o(bytes)) return Format::mach_o;
  const bool is_cut_off = bytes.size() > kFormatBytes;
  const auto beginning = text_of(is_cut_off ? bytes.first(kFormatBytes) : bytes);
  if (!is_text(beginning, is_cut_off)) return Format::unknown;
  return is_html(beginning) ? Format::html : Format::text;
}

}  // namespace

auto detect_format(std::span<const std::byte> bytes) noexcept -> Format {
  if (bytes.size() >= sizeof(std::uint32_t)) {
    const auto magic = read<std::uint32_t, Endian::big>(bytes, 0);
    if (magic == 0x7f454c46) {
      const bool is_32_bit =
          !kIsForBootLoader && bytes.size() > elf::kIdentClass && bytes[elf::kIdentClass] == std::byte{elf::kClass32};
      return is_32_bit ? Format::elf32 : Format::elf;
    }
    if (magic >> 8 == 0x1f8b08) return Format::gzip;
  }
  if constexpr (kIsForBootLoader) {
    return Format::unknown;
  } else {
    return detect_other(bytes);
  }
}

auto name(Format format) noexcept -> std::string_view {
  switch (format) {
    case Format::unknown: return "unknown";
    case Format::elf: return "elf";
    case Format::gzip: return "gzip";
    case Format::elf32: return "elf32";
    case Format::gzip_elf: return "gzip_elf";
    case Format::tar: return "tar";
    case Format::xz: return "xz";
    case Format::zstd: return "zstd";
    case Format::bzip2: return "bzip2";
    case Format::lz4: return "lz4";
    case Format::zip: return "zip";
    case Format::ar: return "ar";
    case Format::git_lfs_pointer: return "git_lfs_pointer";
    case Format::linux_kernel: return "linux_kernel";
    case Format::uefi_application: return "uefi_application";
    case Format::pe: return "pe";
    case Format::mach_o: return "mach_o";
    case Format::script: return "script";
    case Format::html: return "html";
    case Format::text: return "text";
    case Format::empty: return "empty";
    case Format::snapshot: return "snapshot";
  }
  return "unknown";
}

auto description(Format format) noexcept -> std::string_view {
  switch (format) {
    case Format::unknown: return "of an unknown format";
    case Format::elf: return "an ELF file";
    case Format::gzip: return "gzip data";
    case Format::elf32: return "a 32-bit ELF file";
    case Format::gzip_elf: return "an ELF file in gzip data";
    case Format::tar: return "a tar archive";
    case Format::xz: return "xz data";
    case Format::zstd: return "zstd data";
    case Format::bzip2: return "bzip2 data";
    case Format::lz4: return "LZ4 data";
    case Format::zip: return "a ZIP archive";
    case Format::ar: return "a static library (ar archive)";
    case Format::git_lfs_pointer: return "a Git LFS pointer";
    case Format::linux_kernel: return "a Linux kernel";
    case Format::uefi_application: return "a UEFI application";
    case Format::pe: return "a PE file";
    case Format::mach_o: return "a Mach-O file";
    case Format::script: return "a script";
    case Format::html: return "an HTML page";
    case Format::text: return "text";
    case Format::empty: return "empty";
    case Format::snapshot: return "a snapshot of a guest";
  }
  return "of an unknown format";
}

auto advice(Format format) noexcept -> std::string_view {
  switch (format) {
    case Format::gzip_elf: return "unpack it with gunzip";
    case Format::tar: return "a Hermit image must be compressed with gzip";
    case Format::xz: return "unpack it with unxz; a Hermit image is compressed with gzip";
    case Format::zstd: return "unpack it with unzstd; a Hermit image is compressed with gzip";
    case Format::bzip2: return "unpack it with bunzip2; a Hermit image is compressed with gzip";
    case Format::lz4: return "unpack it with unlz4; a Hermit image is compressed with gzip";
    case Format::zip: return "unpack it with unzip";
    case Format::ar: return "name the application that it is linked into";
    case Format::git_lfs_pointer: return "run git lfs pull";
    case Format::elf32:
    case Format::pe:
    case Format::mach_o: return "build it for a Hermit target, such as x86_64-unknown-hermit";
    case Format::uefi_application: return "UEFI firmware boots it";
    case Format::html: return "perhaps a failed download";
    case Format::snapshot: return "run it with hermitage run";
    default: return {};
  }
}

}  // namespace hermitage::entry
