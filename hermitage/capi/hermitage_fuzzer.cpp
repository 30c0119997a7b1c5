// Passes any bytes to the C interface: reads every part of a kernel, and loads it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "hermitage/capi/hermitage.h"

namespace {

constexpr std::uint64_t kMaxMemory = 1 << 20;
constexpr std::size_t kMaxProblems = 64;

auto read_text(const char* text, std::size_t size) -> unsigned {
  unsigned sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<unsigned char>(text[i]);
  return sum;
}

// A sum over all parts, so that the target reads all of them.
auto read_parts(const hermitage_kernel& kernel) -> unsigned {
  unsigned sum = 0;
  hermitage_segment segment;
  for (std::uint64_t i = 0; hermitage_kernel_segment(&kernel, i, &segment); ++i) sum += segment.type;
  hermitage_note note;
  for (std::uint64_t i = 0; i < 64 && hermitage_kernel_note(&kernel, i, &note); ++i) {
    sum += read_text(note.name, note.name_size) + read_text(static_cast<const char*>(note.desc), note.desc_size);
  }
  hermitage_relocation relocation;
  for (std::uint64_t i = 0; hermitage_kernel_relocation(&kernel, i, &relocation); ++i) {
    sum += read_text(relocation.type_name, relocation.type_name_size);
  }
  hermitage_symbol symbol;
  for (std::uint64_t i = 0; hermitage_kernel_symbol(&kernel, i, &symbol); ++i) {
    sum += read_text(symbol.name, symbol.name_size);
  }
  return sum;
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  hermitage_problem error;
  std::size_t problems = 0;
  const auto count = [](const hermitage_problem* problem, void* context) {
    if (problem->message[0] == '\0') std::abort();
    return ++*static_cast<std::size_t*>(context) < kMaxProblems;
  };
  const auto first_error = hermitage_examine(data, size, count, &problems);
  hermitage_kernel kernel;
  if (hermitage_kernel_parse(&kernel, data, size, &error) != HERMITAGE_OK) return error.message[0] != '\0' ? 0 : -1;
  if (read_parts(kernel) == UINT32_MAX) return 0;
  hermitage_kernel_info info;
  hermitage_kernel_query(&kernel, &info);
  if (info.mem_size > kMaxMemory) return 0;
  std::vector<std::uint8_t> memory(info.mem_size);
  hermitage_loaded loaded;
  const auto start = info.has_start_addr ? info.start_addr : 0x40000;
  const auto code = hermitage_kernel_load(&kernel, memory.data(), memory.size(), start, 0, &loaded, &error);
  if (code != HERMITAGE_OK && code != error.code) std::abort();
  if (code == HERMITAGE_OK && first_error != HERMITAGE_OK) std::abort();
  return 0;
}
