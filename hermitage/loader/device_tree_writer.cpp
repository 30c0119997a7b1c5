#include "hermitage/loader/device_tree_writer.hpp"

#include <cstring>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/text.hpp"
#include "hermitage/loader/device_tree_format.hpp"

namespace hermitage::loader {
namespace {

using entry::Endian;
using entry::write;

constexpr std::size_t kReservationsAt = 40;  // a multiple of 8, directly after the header

constexpr std::string_view kNul{"\0", 1};

auto as_bytes(std::string_view text) noexcept -> std::span<const std::byte> {
  return std::as_bytes(std::span{text.data(), text.size()});
}

}  // namespace

DeviceTreeWriter::DeviceTreeWriter(std::span<std::byte> buffer, std::span<const GuestRange> reservations) noexcept
    : buffer_{buffer.first(buffer.size() / 4 * 3)},
      strings_{buffer.subspan(buffer_.size())},
      size_{kReservationsAt},
      is_full_{buffer_.size() < kReservationsAt} {
  for (const auto range : reservations) {
    put_u64(range.start.value);
    put_u64(size_of(range));
  }
  put_u64(0);
  put_u64(0);
  structure_at_ = size_;
}

void DeviceTreeWriter::begin_node(std::string_view name, std::optional<std::uint64_t> unit_address) noexcept {
  put_u32(fdt::kBeginNode);
  put_text(name);
  if (unit_address) put_text(entry::FixedText<20>{}.append('@').append_bare_hex(*unit_address));
  put_text(kNul);
  pad();
}

void DeviceTreeWriter::end_node() noexcept {
  put_u32(fdt::kEndNode);
}

void DeviceTreeWriter::property(std::string_view name, std::span<const std::byte> value) noexcept {
  begin_property(name, value.size());
  put(value);
  pad();
}

void DeviceTreeWriter::property_u32(std::string_view name, std::uint32_t value) noexcept {
  begin_property(name, sizeof value);
  put_u32(value);
}

void DeviceTreeWriter::property_u64s(std::string_view name, std::initializer_list<std::uint64_t> values) noexcept {
  begin_property(name, values.size() * sizeof(std::uint64_t));
  for (const auto value : values) put_u64(value);
}

void DeviceTreeWriter::property_text(std::string_view name, std::initializer_list<std::string_view> pieces) noexcept {
  std::size_t size = 1;
  for (const auto piece : pieces) size += piece.size();
  begin_property(name, size);
  for (const auto piece : pieces) put_text(piece);
  put_text(kNul);
  pad();
}

auto DeviceTreeWriter::finish(std::uint32_t boot_cpu) noexcept -> std::optional<std::span<const std::byte>> {
  put_u32(fdt::kEnd);
  const auto strings_at = size_;
  if (is_full_) return std::nullopt;
  std::memmove(buffer_.data() + strings_at, strings_.data(), strings_size_);
  // The space for strings is directly after the buffer's, so the span covers both.
  const std::span whole{buffer_.data(), strings_at + strings_size_};

  const auto field = [&](std::size_t offset, std::size_t value) {
    write<std::uint32_t, Endian::big>(whole, offset, static_cast<std::uint32_t>(value));
  };
  field(fdt::kMagicAt, fdt::kMagic);
  field(fdt::kTotalSizeAt, whole.size());
  field(fdt::kStructureAt, structure_at_);
  field(fdt::kStringsAt, strings_at);
  field(fdt::kReservationsAt, kReservationsAt);
  field(fdt::kVersionAt, 17);
  field(fdt::kLastCompatibleVersionAt, 16);
  field(fdt::kBootCpuAt, boot_cpu);
  field(fdt::kStringsSizeAt, strings_size_);
  field(fdt::kStructureSizeAt, strings_at - structure_at_);
  return whole;
}

void DeviceTreeWriter::begin_property(std::string_view name, std::size_t size) noexcept {
  put_u32(fdt::kProperty);
  put_u32(static_cast<std::uint32_t>(size));
  put_u32(string(name));
}

void DeviceTreeWriter::put(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return;  // an empty span may have a null pointer, which memcpy does not accept
  if (is_full_ || bytes.size() > buffer_.size() - size_) {
    is_full_ = true;
    return;
  }
  std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void DeviceTreeWriter::put_text(std::string_view text) noexcept {
  put(as_bytes(text));
}

void DeviceTreeWriter::put_u32(std::uint32_t value) noexcept {
  std::byte bytes[sizeof value];
  write<std::uint32_t, Endian::big>(bytes, 0, value);
  put(bytes);
}

void DeviceTreeWriter::put_u64(std::uint64_t value) noexcept {
  std::byte bytes[sizeof value];
  write<std::uint64_t, Endian::big>(bytes, 0, value);
  put(bytes);
}

void DeviceTreeWriter::pad() noexcept {
  constexpr std::byte kZeros[3]{};
  put(std::span{kZeros}.first((4 - size_ % 4) % 4));
}

auto DeviceTreeWriter::string(std::string_view name) noexcept -> std::uint32_t {
  const std::string_view known{reinterpret_cast<const char*>(strings_.data()), strings_size_};
  std::size_t at = 0;
  while (at < known.size()) {
    const auto rest = known.substr(at);
    const auto size = entry::index_of(rest, '\0');
    if (rest.substr(0, size) == name) return static_cast<std::uint32_t>(at);
    at += size + 1;
  }
  if (name.size() + 1 > strings_.size() - strings_size_) {
    is_full_ = true;
    return 0;
  }
  if (!name.empty()) std::memcpy(strings_.data() + strings_size_, name.data(), name.size());
  strings_[strings_size_ + name.size()] = std::byte{0};
  strings_size_ += name.size() + 1;
  return static_cast<std::uint32_t>(at);
}

void write_initrd(DeviceTreeWriter& writer, std::optional<GuestRange> archive) noexcept {
  if (!archive) return;
  writer.property_u64s("linux,initrd-start", {archive->start.value});
  writer.property_u64s("linux,initrd-end", {archive->end.value});
}

void write_memory_node(DeviceTreeWriter& writer, GuestRange range) noexcept {
  writer.begin_node("memory", range.start.value);
  writer.property_text("device_type", {"memory"});
  writer.property_u64s("reg", {range.start.value, size_of(range)});
  writer.end_node();
}

}  // namespace hermitage::loader
