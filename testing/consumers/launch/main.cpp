// Says what would be run, and with how much memory.
#include <cstdio>
#include <string>

#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"

namespace image = hermitage::image;
namespace launch = hermitage::launch;

int complain(const std::string& message) {
  return std::puts(message.c_str()), 1;
}

int main(int, char** argv) {
  const auto source = launch::KernelSource::open(argv[1], launch::KernelSource::Streams::refuse);
  if (!source) return complain(source.error().message());
  if (source->kind() != launch::KernelSource::Kind::image) return complain("no image");
  const auto opened = source->open_image({.contents = image::Contents::kernel});
  if (!opened) return complain(opened.error().message());
  const auto spec = launch::make_launch_spec(argv[1], {.image = opened->config()});
  if (!spec) return complain(spec.error().message());
  std::printf("%s with %llu MiB\n", spec->arguments.application.at(0).c_str(),
              static_cast<unsigned long long>(spec->memory_size >> 20));
}
