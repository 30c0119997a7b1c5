// Runs a kernel, and prints what it printed.
#include <cstdio>
#include <string>

#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"

namespace vmm = hermitage::vmm;

int complain(const std::string& message) {
  return std::puts(message.c_str()), 125;
}

int main(int, char** argv) {
  const auto file = vmm::MappedFile::open(argv[1]);
  if (!file) return complain(file.error().message());
  auto machine = vmm::Machine::create({.elf = file->bytes(), .descriptor = file->descriptor()},
                                      {.output = vmm::OutputBuffer{}, .timeout = std::chrono::seconds{10}},
                                      vmm::GuestFiles{"/tmp"});
  if (!machine) return complain(machine.error().message());
  const auto result = machine->run();
  if (!result) return complain(result.error().message());
  std::fputs(result->output.c_str(), stdout);
  const auto* const exit = std::get_if<vmm::GuestExit>(&result->ending);
  return exit != nullptr ? exit->code : 1;
}
