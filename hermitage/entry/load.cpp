// KernelObject::load and its steps.
#include <cstring>

#include "hermitage/entry/kernel_object.hpp"

namespace hermitage::entry {
namespace {

// Applies the relocations of one kernel to one memory. Order is the byte order of the kernel.
template <Endian order>
class Relocator {
 public:
  Relocator(const KernelObject& kernel, std::span<std::byte> memory, GuestAddress start) noexcept
      : kernel_{kernel}, memory_{memory}, start_{start.value} {}

  [[nodiscard]] auto apply_relr(const Table<elf::RelrWord>& relr) const noexcept -> std::expected<void, LoadError> {
    std::optional<LoadError> error;
    std::size_t visited = 0;
    for_each_relr(relr, [&](std::uint64_t offset) noexcept {
      if (!relocation_fits(offset, memory_.size())) {
        error = {.code = ProblemCode::relocation_outside_memory,
                 .index = visited,
                 .expected = memory_.size(),
                 .found = offset};
        return false;
      }
      const auto addend = read<std::uint64_t, order>(memory_, offset);
      write<std::uint64_t, order>(memory_, offset, start_ + addend);
      ++visited;
      return true;
    });
    if (error) return std::unexpected{*error};
    if (visited == 0 && !relr.empty()) return std::unexpected{Problem{.code = ProblemCode::malformed_relr}};
    return {};
  }

  // Almost all relocations are relative and adjacent. A separate loop applies them with one check each. Relocations
  // that stop that loop are applied one by one.
  [[nodiscard]] auto apply(const Table<elf::Rela>& relocations) const noexcept -> std::expected<void, LoadError> {
    auto index = apply_relative_run(relocations, 0);
    if (index == relocations.size()) return {};

    // Not earlier: counting the symbols takes as long as a hundred relocations.
    const RelocationResolver resolver{.arch = kernel_.arch(),
                                      .mem_size = kernel_.mem_size(),
                                      .symbols = kernel_.dynamic_symbols().symbols(),
                                      .start = start_};
    for (; index < relocations.size(); index = apply_relative_run(relocations, index + 1)) {
      const auto rela = relocations[index];
      const auto value = resolver.resolve(rela, index);
      if (!value) return std::unexpected{value.error()};
      write<std::uint64_t, order>(memory_, rela.offset, *value);
    }
    return {};
  }

 private:
  // Applies relative relocations from `index` on. Returns the index of the first relocation that is not relative,
  // refers to a symbol, or does not fit in the memory.
  [[nodiscard]] auto apply_relative_run(const Table<elf::Rela>& relocations, std::size_t index) const noexcept
      -> std::size_t {
    if (memory_.size() < kRelocationSize) return index;
    const auto records = relocations.bytes().bytes();
    const std::uint64_t relative = relative_relocation_type(kernel_.arch());
    const std::uint64_t last_offset = memory_.size() - kRelocationSize;
    const std::uint64_t start = start_;
    const auto memory = memory_;
    const std::size_t end = relocations.size() * elf::Rela::kSize;
    std::size_t at = index * elf::Rela::kSize;
    for (; at < end; at += elf::Rela::kSize) {
      const auto offset = read<std::uint64_t, order>(records, at + elf::Rela::kOffsetAt);
      const auto info = read<std::uint64_t, order>(records, at + elf::Rela::kInfoAt);
      if (info != relative || offset > last_offset) break;
      const auto addend = read<std::uint64_t, order>(records, at + elf::Rela::kAddendAt);
      write<std::uint64_t, order>(memory, offset, start + addend);
    }
    return at / elf::Rela::kSize;
  }

  const KernelObject& kernel_;
  std::span<std::byte> memory_;
  std::uint64_t start_;
};

template <Endian order>
auto apply_relocations(const KernelObject& kernel, std::span<std::byte> memory, GuestAddress start) noexcept
    -> std::expected<void, LoadError> {
  const Relocator<order> relocator{kernel, memory, start};
  if (const auto applied = relocator.apply_relr(kernel.relr()); !applied) return applied;
  return relocator.apply(kernel.relocations());
}

}  // namespace

auto KernelObject::check_placement(std::uint64_t memory_size, GuestAddress start) const noexcept
    -> std::expected<void, LoadError> {
  if (memory_size != mem_size_) {
    return std::unexpected{Problem{.code = ProblemCode::memory_size, .expected = mem_size_, .found = memory_size}};
  }
  if (!is_relocatable_ && start.value != first_vaddr_) {
    return std::unexpected{Problem{.code = ProblemCode::start_address, .expected = first_vaddr_, .found = start.value}};
  }
  if (!checked_add(start.value, mem_size_)) {
    return std::unexpected{Problem{.code = ProblemCode::address_overflow, .found = start.value}};
  }
  return {};
}

auto KernelObject::load(std::span<std::byte> memory, GuestAddress start, LoadOptions options) const noexcept
    -> std::expected<LoadedKernel, LoadError> {
  if (const auto checked = check_placement(memory.size(), start); !checked) return std::unexpected{checked.error()};
  place_segments(memory, options);
  return relocate(memory, start);
}

void KernelObject::place_segments(std::span<std::byte> memory, LoadOptions options) const noexcept {
  const auto zero = [&](std::uint64_t from, std::uint64_t to) {
    if (!options.zeroed_memory && from < to) std::memset(memory.data() + from, 0, to - from);
  };
  std::uint64_t placed = 0;  // all bytes before this offset are final
  for (const auto segment : segments()) {
    if (segment.type != elf::kSegmentLoad) continue;
    const auto offset = memory_offset(segment);
    const auto bytes = file_.segment_bytes(segment).bytes();
    zero(placed, offset);
    if (!bytes.empty()) std::memcpy(memory.data() + offset, bytes.data(), bytes.size());
    zero(offset + bytes.size(), offset + segment.memsz);
    placed = offset + segment.memsz;
  }
}

auto KernelObject::relocate(std::span<std::byte> memory, GuestAddress start) const noexcept
    -> std::expected<LoadedKernel, LoadError> {
  if (const auto checked = check_placement(memory.size(), start); !checked) return std::unexpected{checked.error()};
  if (is_relocatable_) {
    const auto applied = endian() == Endian::little ? apply_relocations<Endian::little>(*this, memory, start)
                                                    : apply_relocations<Endian::big>(*this, memory, start);
    if (!applied) return std::unexpected{applied.error()};
  }
  return LoadedKernel{
      .image = {.start = start, .end = start + mem_size_}, .entry_point = entry_point(start), .tls = tls_info(start)};
}

}  // namespace hermitage::entry
