// Examples of the headers of hermitage/image. The reference shows each part at its header.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "hermitage/image/config.hpp"
#include "hermitage/image/extract.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/image/pack.hpp"
#include "hermitage/image/problem.hpp"
#include "hermitage/image/tar_writer.hpp"

namespace examples {
using namespace hermitage::image;

//! [hermitage/image/config.hpp]
auto memory_of(std::string_view toml) -> std::uint64_t {
  std::vector<Problem> warnings;
  const auto config = parse_config(toml, warnings);
  return config ? config->memory.value_or(0) : 0;
}
//! [hermitage/image/config.hpp]

//! [hermitage/image/image.hpp]
auto list(const std::filesystem::path& path) -> int {
  const auto image = Image::open(path);
  if (!image) return std::puts(image.error().message().c_str()), 1;
  for (const auto& file : image->files()) std::printf("%8ju %s\n", std::uintmax_t{file.size}, file.path.c_str());
  return 0;
}
//! [hermitage/image/image.hpp]

//! [hermitage/image/extract.hpp]
auto unpack(const Image& image) -> bool {
  return extract(image, "unpacked").has_value();
}
//! [hermitage/image/extract.hpp]

//! [hermitage/image/pack.hpp]
auto pack_application(const std::filesystem::path& kernel, std::ofstream& output) -> bool {
  const PackRequest request{.directories = {"files"}, .config = to_toml({.kernel = "/kernel"}), .kernel = kernel};
  const auto packed = pack(request, [&output](std::span<const std::byte> bytes) {
    output.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return output.good();
  });
  return packed.has_value();
}
//! [hermitage/image/pack.hpp]

//! [hermitage/image/problem.hpp]
auto is_wrong_configuration(const Problem& problem) -> bool {
  return problem.code == ProblemCode::config_syntax || problem.code == ProblemCode::config_value;
}
//! [hermitage/image/problem.hpp]

//! [hermitage/image/tar_writer.hpp]
auto archive_of(std::span<const std::byte> contents) -> std::vector<std::byte> {
  std::vector<std::byte> archive;
  TarWriter writer{[&archive](std::span<const std::byte> bytes) {
    archive.insert(archive.end(), bytes.begin(), bytes.end());
    return true;
  }};
  const File file{.path = "etc/motd", .mode = 0644, .size = contents.size()};
  const bool is_written = writer.add(file) && writer.write(contents) && writer.pad() && writer.finish();
  return is_written ? archive : std::vector<std::byte>{};
}
//! [hermitage/image/tar_writer.hpp]

}  // namespace examples
