// The last hypercalls of a vCPU, for reports about a guest that has crashed and for debuggers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {

// A ring. Only the thread of the vCPU writes to it, without a lock. Other threads can read it while the guest is
// paused, and after that thread has ended.
class HypercallLog {
 public:
  static constexpr std::size_t kCapacity = 64;

  // `argument` is that of Hypercalls::call(). Consecutive hypercalls that write one byte are one entry.
  void begin(std::uint16_t port, std::uint64_t argument, const GuestMemory& memory) noexcept;
  // The hypercall of the last begin() has returned, and its results are in the memory.
  void end(const GuestMemory& memory) noexcept;

  // One line for each entry, the oldest first, in the format of traces. A hypercall that has not returned has the
  // result "?", and its parameters are read from the memory now. At most kCapacity lines of at most 300 bytes.
  [[nodiscard]] auto lines(const GuestMemory& memory) const -> std::vector<std::string>;

 private:
  // The sizes of the largest parameters, except for interface 1's cmdsize, and of the part of a path or of output.
  static constexpr std::size_t kParametersSize = 40;
  static constexpr std::size_t kTextSize = 48;

  struct Entry {
    std::uint64_t argument = 0;
    std::uint64_t bytes = 0;  // of output
    std::uint16_t port = 0;
    std::uint8_t text_size = 0;
    bool is_text_longer = false;
    bool has_returned = false;
    bool has_parameters = false;  // they were in the memory
    std::array<std::byte, kParametersSize> parameters = {};
    std::array<char, kTextSize> text = {};
  };

  static void copy_parameters(Entry& entry, const GuestMemory& memory) noexcept;
  static void copy_path(Entry& entry, const GuestMemory& memory) noexcept;
  static void add_output(Entry& entry) noexcept;
  [[nodiscard]] static auto line_of(const Entry& entry) -> std::string;

  std::array<Entry, kCapacity> entries_ = {};
  std::uint64_t count_ = 0;  // of all entries so far
};

}  // namespace hermitage::vmm
