#include "hermitage/vmm/kernel_loading.hpp"

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/page.hpp"
#include "hermitage/entry/load_plan.hpp"
#include "hermitage/vmm/arch/arch.hpp"

namespace hermitage::vmm {
namespace {

// Copying a page costs about as much as the fault that maps one. A start waits for copies, but not for pages that a
// guest never touches. Creating a mapping costs as much as copying a few pages.
constexpr std::uint64_t kLeastMappedSize = std::uint64_t{64} << 10;
constexpr std::uint64_t kMostRelocatedShare = 4;  // one page in four

constexpr entry::HermitVersion kFirstWithInterfaceNote{.major = 0, .minor = 12, .patch = 0};

auto unloadable(const entry::Problem& problem) -> std::unexpected<Error> {
  return fail(ErrorCode::image, std::string{problem.message().view()});
}

auto is_worth_mapping(const entry::LoadStep& step) -> bool {
  return step.action == entry::LoadStep::Action::map && step.size >= kLeastMappedSize &&
         step.relocated_pages * kMostRelocatedShare <= step.size / base::host_page_size();
}

// Copies or maps bytes of the file to their place in the memory.
class Placement {
 public:
  Placement(const entry::KernelObject& kernel, const GuestMemory& memory, GuestAddress start, int descriptor)
      : kernel_{kernel}, memory_{memory}, start_{start}, descriptor_{descriptor} {}

  // Copies all segments completely. A kernel of a few pages needs all of its memory at once.
  [[nodiscard]] auto copy_all() const -> Result<void> {
    const bool is_small = kernel_.mem_size() < kLeastMappedSize;
    if (is_small) memory_.populate({start_, start_ + kernel_.mem_size()});
    for (const auto segment : kernel_.segments()) {
      if (segment.type != entry::elf::kSegmentLoad) continue;
      const auto address = start_ + kernel_.memory_offset(segment);
      if (!is_small) memory_.populate({address, address + segment.filesz});
      auto copied = copy(address, {segment.offset}, segment.filesz);
      if (!copied) return copied;
    }
    return {};
  }

  // Maps large ranges of a kernel if possible, because most of it is never touched.
  [[nodiscard]] auto map_and_copy() const -> Result<void> {
    const auto page_size = base::host_page_size();  // the unit of mappings
    const auto page_count = entry::LoadPlan::page_count(kernel_, start_, page_size);
    const auto page_flags = std::make_unique<bool[]>(page_count);
    const auto plan = entry::LoadPlan::make(kernel_, start_, page_size, {page_flags.get(), page_count});
    if (!plan) return unloadable(plan.error());
    for (const auto& step : *plan) {
      if (step.action == entry::LoadStep::Action::zero) continue;  // newly allocated memory is zero
      const auto address = start_ + step.memory_offset;
      const bool is_mapped =
          is_worth_mapping(step) && memory_.map_file(address, step.size, descriptor_, step.file_offset.value);
      if (is_mapped) continue;
      memory_.populate({address, address + step.size});
      if (auto copied = copy(address, step.file_offset, step.size); !copied) return copied;
    }
    return {};
  }

 private:
  // Copies from the file if it is open, because then its pages need not be mapped first.
  [[nodiscard]] auto copy(GuestAddress address, entry::FileOffset file_offset, std::uint64_t size) const
      -> Result<void> {
    auto target = memory_.span(address, size);
    if (!target) return fail(ErrorCode::image, "the kernel does not fit into the guest memory");
    if (descriptor_ < 0) {
      std::memcpy(target->data(), kernel_.file().bytes().bytes().data() + file_offset.value, size);
      return {};
    }
    for (auto offset = static_cast<off_t>(file_offset.value); !target->empty();) {
      const auto got = ::pread(descriptor_, target->data(), target->size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return fail(ErrorCode::image, "the kernel's file cannot be read to its end");
      target = target->subspan(static_cast<std::size_t>(got));
      offset += got;
    }
    return {};
  }

  const entry::KernelObject& kernel_;
  const GuestMemory& memory_;
  GuestAddress start_;
  int descriptor_;
};

}  // namespace

auto parse_kernel(std::span<const std::byte> elf) -> Result<entry::KernelObject> {
  const auto kernel = entry::KernelObject::parse(elf);
  if (!kernel) return unloadable(kernel.error());
  if (kernel->arch() != arch::kArch) {
    return fail(ErrorCode::image, fmt::format("the kernel is for {}, but this monitor runs kernels for {}",
                                              entry::name(kernel->arch()), entry::name(arch::kArch)));
  }
  if (kernel->endian() != entry::kNativeEndian) {
    return fail(ErrorCode::image, "the kernel is big-endian, but this monitor runs little-endian kernels");
  }
  if (kernel->uhyve_interface_version() > entry::kNewestUhyveInterface ||
      kernel->uhyve_interface_version().value == 0) {
    return fail(
        ErrorCode::image,
        fmt::format("the kernel uses Uhyve interface {}, but this monitor supports 1 to {}; use a newer hermitage",
                    kernel->uhyve_interface_version().value, entry::kNewestUhyveInterface.value));
  }
  if (!kernel->has_uhyve_interface_note() &&
      kernel->hermit_version().value_or(entry::HermitVersion{}) >= kFirstWithInterfaceNote) {
    return fail(ErrorCode::image, fmt::format("Hermit {} was built without the kernel feature `uhyve`, so it cannot "
                                              "run under a monitor; build it with that feature, or use --engine qemu",
                                              kernel->hermit_version()->text().view()));
  }
  return *kernel;
}

auto load_kernel(const entry::KernelObject& kernel, const GuestMemory& memory, GuestAddress start, int descriptor)
    -> Result<entry::LoadedKernel> {
  const auto image = memory.span(start, kernel.mem_size());
  if (!image) return fail(ErrorCode::configuration, "the kernel does not fit into the guest memory");
  const Placement placement{kernel, memory, start, descriptor};
  const bool is_large = kernel.mem_size() >= kLeastMappedSize;
  const auto placed = descriptor >= 0 && is_large ? placement.map_and_copy() : placement.copy_all();
  if (!placed) return std::unexpected{placed.error()};
  const auto loaded = kernel.relocate(*image, start);
  if (!loaded) return unloadable(loaded.error());
  return *loaded;
}

}  // namespace hermitage::vmm
