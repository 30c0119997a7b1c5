#include <cstdio>
#include <vector>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/image/image.hpp"

int main(int, char** argv) {
  using namespace hermitage;
  const auto image = image::Image::open(argv[1], {.contents = image::Contents::kernel});
  if (!image) return std::puts(image.error().message().c_str()), 1;
  const auto kernel = entry::KernelObject::parse(image->kernel());
  if (!kernel) return std::puts(kernel.error().message().c_str()), 1;
  std::vector<std::byte> memory(kernel->mem_size());
  const auto start = kernel->start_addr().value_or(entry::GuestAddress{0x40000});
  const auto loaded = kernel->load(memory, start);
  if (!loaded) return std::puts(loaded.error().message().c_str()), 1;
  std::printf("entry point %#lx\n", loaded->entry_point.value);
}
