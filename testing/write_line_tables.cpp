// Writes line tables of every version of DWARF to files, for fuzzing to begin with.
// usage: write_line_tables DIR
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "testing/line_tables.hpp"

namespace {

auto write_file(const std::string& path, const std::vector<std::byte>& bytes) -> bool {
  std::ofstream file{path, std::ios::binary};
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

}  // namespace

auto main(int argc, char** argv) -> int {
  using hermitage::testing::LineTable;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIR\n", argv[0]);
    return 2;
  }
  for (std::uint16_t version = 2; version <= 5; ++version) {
    for (const bool is_64_bit : {false, true}) {
      const LineTable table{.version = version,
                            .is_64_bit = is_64_bit,
                            .directories = {"src", "/rustc/0123abcd/library/core/src"},
                            .files = {{"main.c", 0}, {"a.h", 1}, {"ptr.rs", 2}},
                            .sequences = {{{0x1000, 1}, {0x1010, 2}, {0x1018, 0}, {0x1020}}, {{0}, {0x10}}}};
      const auto path = std::string{argv[1]} + "/" + std::to_string(version) + (is_64_bit ? "-64" : "-32");
      if (!write_file(path, hermitage::testing::write_line_table(table))) {
        std::fprintf(stderr, "write_line_tables: cannot write %s\n", path.c_str());
        return 1;
      }
    }
  }
  return 0;
}
