// Parses any bytes, reads all parts of them, and loads them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "hermitage/entry/boot_protocol.hpp"
#include "hermitage/entry/load_plan.hpp"

namespace {

using namespace hermitage::entry;  // NOLINT(google-build-using-namespace): a program of its own

constexpr std::uint64_t kMaxMemory = 1 << 20;
constexpr std::uint64_t kPageSize = 4096;

void require(bool condition) {
  if (!condition) std::abort();
}

void look_at(const ElfFile& file) {
  std::uint64_t sum = 0;
  for (const auto section : file.sections()) sum += file.section_name(section).size();
  for (const auto& table : {file.dynamic_symbols(), file.symbols()}) {
    for (const auto symbol : table.symbols()) sum += table.name(symbol).size();
  }
  file.for_each_note([&](const Note& note, std::uint64_t) { sum += note.name.size() + note.desc.size(); });
  for (const auto protocol : kBootProtocols) sum += supports(file, protocol) ? 1U : 0U;
  std::uint64_t reported = 0;
  auto report = [&](const Problem& problem) {
    require(!problem.message().view().empty());
    return ++reported < 64;
  };
  const auto facts = examine(file, report);
  examine_oddities(file, facts, report);
  require(sum != UINT64_MAX);
}

// Executes the steps of the plan.
void follow(const LoadPlan& plan, std::span<const std::byte> file, std::span<std::byte> memory) {
  for (const auto& step : plan) {
    const auto target = memory.subspan(step.memory_offset, step.size);
    if (step.action != LoadStep::Action::zero) {
      std::memcpy(target.data(), file.subspan(step.file_offset.value, step.size).data(), step.size);
    }
  }
}

void load(const KernelObject& kernel, std::span<const std::byte> file, GuestAddress wanted) {
  if (kernel.mem_size() > kMaxMemory) return;
  const auto start = kernel.start_addr().value_or(wanted);
  std::vector<std::byte> memory(kernel.mem_size(), std::byte{0xa5});
  const auto loaded = kernel.load(memory, start);

  const auto pages = LoadPlan::page_count(kernel, start, kPageSize);
  const auto flags = std::make_unique<bool[]>(pages);
  const auto plan = LoadPlan::make(kernel, start, kPageSize, {flags.get(), pages});
  require(loaded.has_value() == plan.has_value());
  if (!plan) return;
  std::vector<std::byte> planned(kernel.mem_size());
  follow(*plan, file, planned);
  require(kernel.relocate(planned, start).has_value());
  require(planned == memory);
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  const std::span file{reinterpret_cast<const std::byte*>(data), size};
  if (const auto elf = ElfFile::open(file)) look_at(*elf);
  const auto kernel = KernelObject::parse(file);
  if (!kernel) return 0;
  const GuestAddress wanted{size % 3 == 0 ? 0x40000 : size % 3 == 1 ? 0x1234 : UINT64_MAX - (std::uint64_t{1} << 40)};
  load(*kernel, file, wanted);
  return 0;
}
