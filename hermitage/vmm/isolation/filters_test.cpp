// Tests the filters of the program: runs them as the kernel does, for every system call.
#include "hermitage/vmm/isolation/filters.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace hermitage::vmm::isolation {
namespace {

constexpr int kNumbers = 1024;  // more than exist
#ifdef __aarch64__
constexpr std::uint32_t kOwnTable = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kOtherTable = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kAnswerToX32 = SECCOMP_RET_TRAP;  // only x86_64 has a table of these numbers
constexpr const char* kArchHeader = "| aarch64 |";
#else
constexpr std::uint32_t kOwnTable = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kOtherTable = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kAnswerToX32 = SECCOMP_RET_KILL_PROCESS;
constexpr const char* kArchHeader = "| x86_64 |";
#endif
constexpr std::uint32_t kX32 = 0x4000'0000;

// The subset of classic BPF that filters for system calls use.
auto run(std::span<const sock_filter> filter, const seccomp_data& data) -> std::uint32_t {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < filter.size(); ++at) {
    const auto& [code, jump_true, jump_false, operand] = filter[at];
    switch (code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (operand > sizeof data - sizeof accumulator) throw std::out_of_range{"a load"};
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + operand, sizeof accumulator);
        break;
      case BPF_ALU | BPF_AND | BPF_K: accumulator &= operand; break;
      case BPF_JMP | BPF_JA: at += operand; break;
      case BPF_JMP | BPF_JEQ | BPF_K: at += accumulator == operand ? jump_true : jump_false; break;
      case BPF_JMP | BPF_JGT | BPF_K: at += accumulator > operand ? jump_true : jump_false; break;
      case BPF_JMP | BPF_JGE | BPF_K: at += accumulator >= operand ? jump_true : jump_false; break;
      case BPF_RET | BPF_K: return operand;
      default: throw std::invalid_argument{"an instruction " + std::to_string(code)};
    }
  }
  throw std::out_of_range{"the end"};
}

auto call(int number, std::uint32_t architecture = kOwnTable) -> seccomp_data {
  seccomp_data data{};
  data.nr = number;
  data.arch = architecture;
  return data;
}

auto call(int number, unsigned argument, std::uint64_t value) -> seccomp_data {
  auto data = call(number);
  data.args[argument] = value;
  return data;
}

auto rules_of(Role role, std::string_view name) -> std::vector<Condition> {
  std::vector<Condition> rules;
  for (const auto& rule : kSystemCalls) {
    if (rule.name == name && rule.is_for(role)) rules.push_back(rule.condition);
  }
  return rules;
}

class Filter : public ::testing::TestWithParam<Role> {
 protected:
  static auto answer(const seccomp_data& data) -> std::uint32_t { return run(filter_of(GetParam()), data); }
};

TEST_P(Filter, LetsWhatIsOnTheListAndNothingElse) {
  std::set<std::string_view> let;
  for (int number = 0; number < kNumbers; ++number) {
    const auto name = name_of(number);
    const auto rules = name.empty() ? std::vector<Condition>{} : rules_of(GetParam(), name);
    if (!rules.empty()) let.insert(name);
    if (rules.empty()) {
      EXPECT_EQ(answer(call(number)), SECCOMP_RET_TRAP) << number << " " << name;
      continue;
    }
    for (const auto& rule : rules) {
      switch (rule.kind) {
        case Condition::Kind::none: EXPECT_EQ(answer(call(number)), SECCOMP_RET_ALLOW) << name; break;
        case Condition::Kind::equals:
          EXPECT_EQ(answer(call(number, rule.argument, rule.value)), SECCOMP_RET_ALLOW) << name;
          for (const std::uint64_t other : {rule.value + 1, rule.value - 1, rule.value | std::uint64_t{1} << 32,
                                            rule.value ^ 0x8000'0000, std::uint64_t{0}}) {
            if (std::ranges::find(rules, other, &Condition::value) != rules.end()) continue;  // of this or another rule
            EXPECT_EQ(answer(call(number, rule.argument, other)), SECCOMP_RET_TRAP) << name << " " << other;
          }
          break;
        case Condition::Kind::lacks:
          for (const auto other : {std::uint64_t{0}, ~rule.value}) {
            EXPECT_EQ(answer(call(number, rule.argument, other)), SECCOMP_RET_ALLOW) << name << " " << other;
          }
          for (const auto other : {rule.value, ~std::uint64_t{0}}) {
            EXPECT_EQ(answer(call(number, rule.argument, other)), SECCOMP_RET_TRAP) << name << " " << other;
          }
          break;
      }
    }
  }
  for (const auto& rule : kSystemCalls) EXPECT_EQ(let.contains(rule.name), !rules_of(GetParam(), rule.name).empty());
}

// Other tables have other numbers, so these filters would permit other calls.
TEST_P(Filter, LetsNoOtherTableOfSystemCalls) {
  for (int number = 0; number < kNumbers; ++number) {
    EXPECT_EQ(answer(call(number, AUDIT_ARCH_I386)), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(answer(call(number, kOtherTable)), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(answer(call(static_cast<int>(kX32 | static_cast<unsigned>(number)))), kAnswerToX32);
  }
  EXPECT_EQ(answer(call(-1)), SECCOMP_RET_TRAP);
  EXPECT_EQ(answer(call(-2)), kAnswerToX32);
}

TEST_P(Filter, LetsNothingThatLeadsOut) {
  for (const int number : {
#ifdef __x86_64__
           SYS_fork,           SYS_vfork,        SYS_open,
           SYS_rename,         SYS_chmod,
#endif
           SYS_execve,         SYS_execveat,     SYS_clone,
           SYS_clone3,         SYS_socket,       SYS_connect,
           SYS_bind,           SYS_ptrace,       SYS_process_vm_writev,
           SYS_kill,           SYS_tkill,        SYS_rt_sigaction,
           SYS_prctl,          SYS_seccomp,      SYS_renameat2,
           SYS_linkat,         SYS_symlinkat,    SYS_mount,
           SYS_setns,          SYS_unshare,      SYS_bpf,
           SYS_io_uring_setup, SYS_memfd_create, SYS_userfaultfd,
           SYS_pidfd_getfd,    SYS_personality}) {
    EXPECT_EQ(answer(call(number)), SECCOMP_RET_TRAP) << name_of(number);
  }
}

INSTANTIATE_TEST_SUITE_P(Role, Filter, ::testing::ValuesIn(kRoles),
                         [](const auto& test) { return name_of(test.param); });

TEST(SystemCallNames, AreThoseOfTheKernel) {
  EXPECT_EQ(name_of(SYS_read), "read");
  EXPECT_EQ(name_of(SYS_execve), "execve");
  EXPECT_EQ(name_of(SYS_openat2), "openat2");
  EXPECT_EQ(name_of(-1), "");
  EXPECT_EQ(name_of(511), "");
  EXPECT_EQ(name_of(1 << 30), "");
}

// The cells of a table in docs/monitor.md, by system call: a text for each role.
using Table = std::map<std::string, std::array<std::string, kRoles.size()>>;

// Adds the lines of the table with this header. A call can be in several tables.
void add_documented(Table& table, const char* header) {
  std::ifstream file{HERMITAGE_SOURCE "/docs/monitor.md"};
  bool is_in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(header)) is_in_table = true;
    if (!line.starts_with("|")) is_in_table = false;
    if (!is_in_table || !line.starts_with("| `")) continue;
    auto& cells = table[line.substr(3, line.find('`', 3) - 3)];
    auto place = line.find('|', 1) + 1;
    for (auto& cell : cells) {
      const auto end = line.find('|', place);
      const auto text = end > place + 1 ? line.substr(place + 1, end - place - 2) : std::string{};
      if (!cell.empty() && !text.empty()) cell += ", ";
      cell += text;
      place = end + 1;
    }
  }
}

auto words_for(Role role, std::string_view name) -> std::string {
  std::string words;
  for (const auto& rule : rules_of(role, name)) {
    words += words.empty() ? "" : ", ";
    words += rule.kind == Condition::Kind::none ? "yes" : rule.words;
  }
  return words;
}

TEST(SystemCalls, AreDocumentedAsTheyAre) {
  Table expected;
  for (const auto& rule : kSystemCalls) {
    for (std::size_t i = 0; i < kRoles.size(); ++i) expected[rule.name][i] = words_for(kRoles[i], rule.name);
  }
  Table documented;
  add_documented(documented, "| system call |");
  add_documented(documented, kArchHeader);
  EXPECT_EQ(documented, expected);
}

}  // namespace
}  // namespace hermitage::vmm::isolation
