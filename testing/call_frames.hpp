// Writes call frame information: .eh_frame and .debug_frame, little endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hermitage::testing {

class FrameWriter {
 public:
  // The address of the section counts for .eh_frame only, where addresses of functions are relative (DW_EH_PE_pcrel |
  // DW_EH_PE_sdata4).
  // The register with the return address is by default that of x86_64.
  FrameWriter(std::uint64_t section_address, bool is_debug_frame, std::size_t return_register = 16)
      : address_{section_address}, is_debug_frame_{is_debug_frame}, return_register_{return_register} {}

  // A common entry with a code step of 1 and a data step of -8. The functions after it use it.
  void common(const std::vector<std::uint8_t>& instructions);
  void function(std::uint64_t begin, std::uint32_t size, const std::vector<std::uint8_t>& instructions);
  // The end of the list in .eh_frame.
  void end();

  [[nodiscard]] auto bytes() const -> const std::vector<std::byte>& { return bytes_; }

 private:
  void put(std::uint64_t value, unsigned size);
  void put_all(const std::vector<std::uint8_t>& values);
  void patch_size(std::size_t at);

  std::uint64_t address_;
  bool is_debug_frame_;
  std::size_t return_register_;
  std::size_t common_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace hermitage::testing
