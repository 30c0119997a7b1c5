#include "hermitage/cli/monitor_report.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "hermitage/entry/kernel_object.hpp"
#include "testing/kernels.hpp"

namespace hermitage::cli {
namespace {

using namespace std::chrono_literals;
using entry::Arch;
using entry::Endian;
using testing::minimal_kernel;

constexpr std::uint64_t kStart = 0x1'2345'0000;

// The registers and the backtrace of a kernel that was loaded at kStart and crashed at this offset of it.
auto text_of(const std::vector<std::byte>& elf, std::uint64_t offset, bool all = false) -> std::string {
  const vmm::GuestCrash crash{
      .reason = "because",
      .cpu = 3,
      .registers = {.rax = 0xabc, .rsp = 0x77, .rip = kStart + offset, .rflags = 2, .cr0 = 0x8000'0011, .cr2 = 0xdead}};
  const launch::KernelPlace kernel{.start = kStart, .end = kStart + 0x100000, .elf = elf};
  return registers_text(crash, kernel, all) + backtrace_text(crash, kernel);
}

TEST(RegistersText, NamesTheFunction) {
  const auto description = minimal_kernel(Arch::x86_64, Endian::little, true);
  const auto elf = write(description);
  const auto& function = description.symbols.front();
  const auto text = text_of(elf, function.value + 0x12);
  EXPECT_NE(text.find("hermit::hermit::boot_processor_main"), std::string::npos) << text;
  EXPECT_NE(text.find("+0x12"), std::string::npos) << text;
  EXPECT_NE(text.find("vCPU 3"), std::string::npos) << text;
  EXPECT_NE(text.find("cr2 0xdead"), std::string::npos) << text;
  EXPECT_EQ(text.find("rax"), std::string::npos) << text;
  EXPECT_NE(text_of(elf, function.value, true).find("rax 0x0000000000000abc"), std::string::npos);
}

TEST(RegistersText, NamesThePlaceWithoutAFunction) {
  auto description = minimal_kernel(Arch::x86_64, Endian::little, true);
  description.symbols.clear();
  const auto elf = write(description);
  EXPECT_NE(text_of(elf, 0x1234).find("(the kernel's 0x1234)"), std::string::npos);
  EXPECT_EQ(text_of(elf, 0x100000).find("the kernel's"), std::string::npos) << "behind the kernel";
  EXPECT_EQ(text_of(elf, 0 - kStart).find("the kernel's"), std::string::npos) << "at 0";
  EXPECT_EQ(text_of({}, 0x1234).find("the kernel's"), std::string::npos) << "of no kernel";
}

// Its names come from the file, and go to a terminal.
TEST(RegistersText, SteersNoTerminal) {
  auto description = minimal_kernel(Arch::x86_64, Endian::little, true);
  description.symbols.front().name = "\x1b[2J\nevil";
  const auto text = text_of(write(description), description.symbols.front().value);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("evil"), std::string::npos) << text;
}

TEST(RegistersText, SaysThatTheyAreLost) {
  const vmm::GuestCrash crash{.reason = "because", .cpu = 1, .registers = {.rip = 0xfff0}};
  const auto text = registers_text(crash, {}, true);
  EXPECT_NE(text.find("vCPU 1: registers unknown"), std::string::npos) << text;
  const auto elf = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  EXPECT_EQ(backtrace_text(crash, {.start = kStart, .end = kStart + 0x100000, .elf = elf}), "");
}

TEST(CoreText, SaysWhatTheFileHas) {
  EXPECT_EQ(core_text(launch::CoreReport{.size = 2 << 20, .is_complete = true}, "core"),
            "the core file core has 2 MiB of the guest's memory");
  EXPECT_EQ(core_text(launch::CoreReport{.size = 2 << 20, .is_complete = false}, "core"),
            "the core file core has 2 MiB of the guest's memory; the rest exceeds --core-limit");
  EXPECT_EQ(core_text(vmm::fail(vmm::ErrorCode::host_failed, "write: it is full"), "core"),
            "no core file core: write: it is full");
}

TEST(HypercallsText, ListsThoseOfEachVcpu) {
  const std::vector<std::vector<std::string>> hypercalls{{"close(3) = 0", "exit(1)"}, {}, {"close(4) = -9"}};
  EXPECT_EQ(last_hypercalls_text(hypercalls),
            "  last hypercalls of vCPU 0:\n    close(3) = 0\n    exit(1)\n"
            "  last hypercalls of vCPU 2:\n    close(4) = -9\n");
  EXPECT_EQ(last_hypercalls_text({}), "");
}

auto sample() -> vmm::Statistics {
  return {.exits = {{"hypercall serial_write_buffer", {1, 0}}, {"port read", {20, 3}}},
          .coalesced_writes = 7,
          .preparation = 1234567ns,
          .run_time = 2s,
          .peak_memory = 5 << 20,
          .hypercalls = {{"close", {.count = 2, .median = 850ns, .percentile_99 = 900ns, .total = 1750ns}},
                         {"read", {.count = 3, .median = 1250ns, .percentile_99 = 3ms, .total = 2500ms}}}};
}

TEST(StatisticsText, SaysEverything) {
  const auto text = statistics_text(sample());
  for (const auto* const words :
       {"Time to the first instruction    1.235 ms", "Run time                         2000.000 ms",
        "Peak memory                      5 MiB", "Coalesced writes                 7",
        "  hypercall serial_write_buffer  1  (cpu0 1, cpu1 0)",
        "  port read                      23  (cpu0 20, cpu1 3)"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words << "\n" << text;
  }
  EXPECT_NE(text.find("Hypercalls                     count     median       99 %      total\n"
                      "  read                             3     1.2 µs     3.0 ms      2.5 s\n"
                      "  close                            2     850 ns     900 ns     1.8 µs\n"),
            std::string::npos)
      << text;
  auto one = sample();
  one.exits = {{"halt", {5}}};
  EXPECT_NE(statistics_text(one).find("  halt                           5\n"), std::string::npos) << "for one, no list";
}

TEST(StatisticsJson, SaysEverything) {
  const auto json = nlohmann::json::parse(statistics_json(sample()));
  EXPECT_EQ(json["time_to_first_instruction_ns"], 1234567);
  EXPECT_EQ(json["run_time_ns"], 2'000'000'000);
  EXPECT_EQ(json["peak_memory"], 5 << 20);
  EXPECT_EQ(json["coalesced_writes"], 7);
  EXPECT_EQ(json["exits"]["port read"]["total"], 23);
  EXPECT_EQ(json["exits"]["port read"]["by_cpu"], (std::vector{20, 3}));
  EXPECT_EQ(json["hypercalls"]["close"],
            (nlohmann::json{{"count", 2}, {"median_ns", 850}, {"percentile_99_ns", 900}, {"total_ns", 1750}}));
  const auto empty = nlohmann::json::parse(statistics_json({}));
  EXPECT_TRUE(empty["exits"].is_object() && empty["hypercalls"].is_object());
}

}  // namespace
}  // namespace hermitage::cli
