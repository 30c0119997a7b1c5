#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "hermitage/entry/kernel_object.hpp"

int main(int, char** argv) {
  std::ifstream file{argv[1], std::ios::binary};
  const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
  const auto kernel = hermitage::entry::KernelObject::parse(std::as_bytes(std::span{bytes}));
  if (!kernel) return std::puts(kernel.error().message().c_str()), 1;
  std::vector<std::byte> memory(kernel->mem_size());
  const auto start = kernel->start_addr().value_or(hermitage::entry::GuestAddress{0x40000});
  const auto loaded = kernel->load(memory, start);
  if (!loaded) return std::puts(loaded.error().message().c_str()), 1;
  std::printf("entry point %#lx\n", loaded->entry_point.value);
}
