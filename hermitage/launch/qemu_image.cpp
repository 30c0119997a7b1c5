#include "hermitage/launch/qemu_image.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/boot_protocol.hpp"
#include "hermitage/entry/kernel_object.hpp"

namespace hermitage::launch {
namespace {

using entry::Arch;

// QEMU boots a kernel that supports PVH without a loader. This does not apply to packed kernels: QEMU cannot unpack
// them, and the loader uses Hermit's boot protocol.
auto boots_by_itself(std::span<const std::byte> elf) -> bool {
  const auto file = entry::ElfFile::open(elf);
  return file && entry::arch_of_machine(file->header().machine) == Arch::x86_64 &&
         entry::supports(*file, entry::BootProtocol::pvh);
}

auto examine_kernel(const std::string& name, std::span<const std::byte> elf, QemuImage& image) -> OrFailure<void> {
  const auto kernel = entry::KernelObject::parse(elf);
  if (!kernel) return not_started(name, std::string{kernel.error().message().view()});
  image.target = {.arch = kernel->arch(), .endian = kernel->endian()};
  // Hermit 0.10 introduced both the argument env=KEY=VALUE and the note with the version.
  image.takes_variables = kernel->hermit_version().has_value();
  return {};
}

auto read_kernel_alone(const std::string& name, KernelSource& source, QemuImage image) -> OrFailure<QemuImage> {
  const auto kind = source.kind();
  const auto bytes = std::move(source).read();
  if (!bytes) return not_started(name, bytes.error().message());
  if (kind == KernelSource::Kind::neither) return not_started(name, neither_kernel_nor_image(*bytes));
  if (boots_by_itself(*bytes)) {
    image.target = {.arch = Arch::x86_64};
    image.needs_loader = false;
    return image;
  }
  if (auto examined = examine_kernel(name, *bytes, image); !examined) return std::unexpected{examined.error()};
  return image;
}

}  // namespace

auto read_for_qemu(RunRequest& request, bool warns) -> OrFailure<QemuImage> {
  const auto& name = request.image;
  QemuImage image{.size = request.source.size(), .target = {}, .config = {}};
  if (request.source.kind() != KernelSource::Kind::image) {
    return read_kernel_alone(name, request.source, std::move(image));
  }
  const auto packed =
      request.source.open_image({.contents = image::Contents::kernel, .progress = request.callbacks.progress});
  if (!packed) return not_started(name, packed.error().message());
  if (warns) {
    for (const auto& problem : packed->warnings()) request.warn(fmt::format("{}: {}", name, problem.message()));
  }
  image.is_packed = true;
  image.config = packed->config();
  if (auto examined = examine_kernel(name, packed->kernel(), image); !examined) {
    return std::unexpected{examined.error()};
  }
  return image;
}

}  // namespace hermitage::launch
