#include "hermitage/launch/mapped_guest.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "hermitage/image/gunzip.hpp"

namespace hermitage::launch {
namespace {

// A guest that can write to files of the host may find its kernel's file there, under any name. In this case, the file
// is read instead of mapped.
auto is_read(const LaunchSpec& spec) -> bool {
  return !std::ranges::all_of(spec.file_mappings, &base::FileMapping::is_read_only);
}

auto map_file(const LaunchSpec& spec, const KernelSource& source) -> OrFailure<vmm::MappedFile> {
  auto descriptor = source.duplicate();
  if (!descriptor) return not_started(spec.image, descriptor.error().message());
  auto file = vmm::MappedFile::map(std::move(*descriptor));
  if (file && is_read(spec)) file = std::move(*file).read();
  if (!file) return not_started(spec.image, std::move(file.error().text));
  return *std::move(file);
}

}  // namespace

auto read_guest(const std::string& name, KernelSource::Kind kind, vmm::MappedFile file) -> OrFailure<MappedGuest> {
  using Kind = KernelSource::Kind;
  MappedGuest guest{.file = std::move(file)};
  const auto bytes = guest.file.bytes();
  if (kind == Kind::kernel) return guest;
  if (kind == Kind::neither) return not_started(name, neither_kernel_nor_image(bytes));
  auto opened = image::Image::open(bytes);
  if (!opened) return not_started(name, opened.error().message());
  guest.image = std::move(*opened);
  return guest;
}

auto open_guest(const LaunchSpec& spec, const RunRequest& request) -> OrFailure<MappedGuest> {
  auto file = map_file(spec, request.source);
  if (!file) return std::unexpected{file.error()};
  auto guest = read_guest(spec.image, request.source.kind(), *std::move(file));
  if (!guest || !guest->image) return guest;
  for (const auto& problem : guest->image->warnings()) {
    request.warn(fmt::format("{}: {}", spec.image, problem.message()));
  }
  if (spec.image_mode == ImageMode::internal) {
    auto unpacked = image::gunzip(guest->file.bytes(), image::Limits{}.unpacked_size);
    if (!unpacked) return not_started(spec.image, unpacked.error().message());
    guest->unpacked = std::move(*unpacked);
  }
  return guest;
}

}  // namespace hermitage::launch
