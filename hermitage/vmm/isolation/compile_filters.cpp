// Compiles the list of system calls into filters when the library is built. libseccomp would need half a millisecond
// for this at run time, and the program that starts a guest does not contain libseccomp.
// usage: compile_filters OUTPUT
#include <seccomp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <linux/filter.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hermitage/vmm/isolation/system_calls.hpp"

namespace hermitage::vmm::isolation {
namespace {

constexpr int kMaxNumber = 512;  // no system call has reached this number

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

void check(int result, const char* what) {
  if (result < 0) throw std::runtime_error{std::string{what} + ": " + std::strerror(-result)};
}

auto comparison_of(const Condition& condition) -> scmp_arg_cmp {
  if (condition.kind == Condition::Kind::equals) {
    return {.arg = condition.argument, .op = SCMP_CMP_EQ, .datum_a = condition.value, .datum_b = 0};
  }
  return {.arg = condition.argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = condition.value, .datum_b = 0};
}

void add(const Filter& filter, const SystemCall& call) {
  const int number = ::seccomp_syscall_resolve_name(call.name);
  check(number, call.name);
  const bool is_conditional = call.condition.kind != Condition::Kind::none;
  const auto comparison = comparison_of(call.condition);
  check(::seccomp_rule_add_exact_array(filter.get(), SCMP_ACT_ALLOW, number, is_conditional ? 1 : 0, &comparison),
        call.name);
}

auto compile(Role role) -> std::vector<sock_filter> {
  // A forbidden call sends SIGSYS, and its handler reports the name of the call. System call tables other than the
  // host's 64-bit one (on x86_64: i386, x32) are not used.
  const Filter filter{::seccomp_init(SCMP_ACT_TRAP), &::seccomp_release};
  if (!filter) throw std::runtime_error{"seccomp_init"};
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "other architectures");
  // A binary tree. When a filter is installed, the kernel evaluates it once for every system call number.
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimization");
  for (const auto& call : kSystemCalls) {
    if (call.is_for(role)) add(filter, call);
  }

  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) throw std::runtime_error{"memfd_create"};
  check(::seccomp_export_bpf(filter.get(), file), "seccomp_export_bpf");
  std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)) / sizeof(sock_filter));
  const auto size = program.size() * sizeof(sock_filter);
  check(::pread(file, program.data(), size, 0) == static_cast<ssize_t>(size) ? 0 : -EIO, "pread");
  ::close(file);
  return program;
}

void write_filter(std::FILE* output, const char* name, Role role) {
  std::fprintf(output, "constexpr sock_filter %s[] = {\n", name);
  for (const auto& step : compile(role)) {
    std::fprintf(output, "    {%#x, %u, %u, %#x},\n", step.code, step.jt, step.jf, step.k);
  }
  std::fprintf(output, "};\n");
}

// One string, because a pointer to each name would need a relocation when the program starts.
void write_names(std::FILE* output) {
  std::fprintf(output, "constexpr char kNames[] =\n");
  for (int number = 0; number < kMaxNumber; ++number) {
    const std::unique_ptr<char, decltype(&std::free)> name{::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number),
                                                           &std::free};
    std::fprintf(output, "    \"%s\\0\"\n", name ? name.get() : "");
  }
  std::fprintf(output, "    ;\n");
}

void write_all(std::FILE* output) {
  // The kernel that builds the filters need not support them, as an emulator does not. Level 3 can end a process.
  check(::seccomp_api_set(3), "seccomp_api_set");
  std::fprintf(output, "// Compiled by compile_filters from hermitage/vmm/isolation/system_calls.hpp.\n");
  write_filter(output, "kVcpuFilter", Role::vcpu);
  write_filter(output, "kSupervisorFilter", Role::supervisor);
  write_filter(output, "kNetworkFilter", Role::network);
  write_filter(output, "kDebuggerFilter", Role::debugger);
  write_filter(output, "kSaverFilter", Role::saver);
  write_filter(output, "kControlFilter", Role::control);
  write_names(output);
}

}  // namespace
}  // namespace hermitage::vmm::isolation

auto main(int argc, char** argv) -> int {
  if (argc != 2) return 2;
  auto* const output = std::fopen(argv[1], "w");
  if (output == nullptr) return std::perror(argv[1]), 1;
  try {
    hermitage::vmm::isolation::write_all(output);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compile_filters: %s\n", error.what());
    return 1;
  }
  return std::fclose(output) == 0 ? 0 : 1;
}
