// Writes the sample archives to files, for tools that read files.
#include <cstdio>
#include <fstream>
#include <string>

#include "testing/archives.hpp"

auto main(int argc, char** argv) -> int {
  if (argc != 2) {
    std::fputs("usage: write_archives DIR\n\nWrites test images, right and wrong ones, to DIR/NAME.tar.gz.\n", stderr);
    return 2;
  }
  for (const auto& [name, bytes] : hermitage::testing::sample_archives()) {
    const auto path = std::string{argv[1]}.append("/").append(name).append(".tar.gz");
    std::ofstream stream{path, std::ios::binary};
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (stream.flush()) continue;
    std::fprintf(stderr, "write_archives: cannot write %s\n", path.c_str());
    return 1;
  }
  return 0;
}
