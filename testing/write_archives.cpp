// Writes the sample archives to files, for tools that read files.
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>

#include "testing/archives.hpp"

namespace {

void write(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream stream{path, std::ios::binary};
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) throw std::runtime_error{"cannot write " + path};
}

}  // namespace

auto main(int argc, char** argv) -> int {
  if (argc != 2) {
    std::fputs(
        "usage: write_archives DIR\n\n"
        "Writes test images, right and wrong ones, to DIR/NAME.tar.gz, and the archives in them to DIR/NAME.tar.\n",
        stderr);
    return 2;
  }
  try {
    for (const auto& [name, bytes] : hermitage::testing::sample_archives()) {
      const auto path = std::string{argv[1]}.append("/").append(name).append(".tar");
      write(path + ".gz", bytes);
      if (name != "cut") write(path, hermitage::testing::gunzip(bytes));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "write_archives: %s\n", error.what());
    return 1;
  }
  return 0;
}
