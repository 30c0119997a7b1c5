// Memory that is shared with KVM. The destructor unmaps it.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace hermitage::vmm::kvm {

class SharedPages {
 public:
  SharedPages() noexcept = default;
  SharedPages(std::byte* start, std::size_t size) noexcept : bytes_{start, size} {}
  SharedPages(SharedPages&& other) noexcept : bytes_{std::exchange(other.bytes_, {})} {}
  auto operator=(SharedPages&& other) noexcept -> SharedPages& {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SharedPages();

  [[nodiscard]] auto bytes() const noexcept -> std::span<std::byte> { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

}  // namespace hermitage::vmm::kvm
