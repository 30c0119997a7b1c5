#include "hermitage/entry/kernel_object.hpp"

namespace hermitage::entry {

auto KernelObject::parse(std::span<const std::byte> elf) noexcept -> std::expected<KernelObject, ParseError> {
  const auto file = ElfFile::open(elf);
  if (!file) return std::unexpected{file.error()};

  std::optional<ParseError> first_error;
  auto remember = [&first_error](const Problem& problem) noexcept {
    first_error = problem;
    return false;
  };
  const auto facts = examine(*file, remember);
  if (first_error) return std::unexpected{*first_error};
  return KernelObject{*file, facts};
}

KernelObject::KernelObject(const ElfFile& file, const KernelFacts& facts) noexcept
    : file_{file},
      arch_{*facts.arch},
      is_relocatable_{facts.is_relocatable},
      hermit_version_{facts.hermit_version},
      uhyve_interface_{facts.uhyve_interface},
      first_vaddr_{*facts.first_vaddr},
      mem_size_{*facts.mem_size},
      tls_{facts.tls},
      relocations_{file.relocations()},
      relr_{file.relr()} {}

auto KernelObject::start_addr() const noexcept -> std::optional<GuestAddress> {
  if (is_relocatable_) return std::nullopt;
  return GuestAddress{first_vaddr_};
}

auto KernelObject::entry_point(GuestAddress start) const noexcept -> GuestAddress {
  const GuestAddress entry{file_.header().entry};
  return is_relocatable_ ? entry + start.value : entry;
}

auto KernelObject::tls_info(GuestAddress start) const noexcept -> std::optional<TlsInfo> {
  if (!tls_) return std::nullopt;
  const GuestAddress address{tls_->vaddr};
  return TlsInfo{.start = is_relocatable_ ? address + start.value : address,
                 .filesz = tls_->filesz,
                 .memsz = tls_->memsz,
                 .align = tls_->align};
}

auto KernelObject::facts() const noexcept -> KernelFacts {
  return {.arch = arch_,
          .is_relocatable = is_relocatable_,
          .entry_version = kEntryVersion,
          .hermit_version = hermit_version_,
          .uhyve_interface = uhyve_interface_,
          .first_vaddr = first_vaddr_,
          .mem_size = mem_size_,
          .tls = tls_};
}

}  // namespace hermitage::entry
