// Writes the sample kernels to files, for tools that read files.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "testing/kernels.hpp"

namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

constexpr std::string_view kUsage =
    "usage: write_kernels DIR [NAME...]\n"
    "       write_kernels --list\n"
    "\n"
    "Writes test kernels to DIR/NAME.elf, all but the big ones unless named.\n"
    "\n"
    "  --list  print the name of each kernel and what comes of loading it: \"loadable\", or the error\n"
    "  --help  print this\n";

// Kernels that are too big to be made unless asked for.
struct BigKernel {
  std::string_view name;
  std::vector<std::byte> (*make)();
};

constexpr BigKernel kBigKernels[] = {
    {"large", [] { return hermitage::testing::large_kernel(64 << 20); }},
    {"many_relocations", [] { return hermitage::testing::many_relocations_kernel(1'000'000); }},
};

void print(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

auto complain(int status, std::string_view text) -> int {
  print(stderr, std::string{"write_kernels: "}.append(text).append("\n"));
  return status;
}

auto list() -> int {
  const auto print_line = [](std::string_view name, std::string_view verdict) {
    print(stdout, std::string{name}.append("\t").append(verdict).append("\n"));
  };
  for (const auto& kernel : hermitage::testing::sample_kernels()) {
    print_line(kernel.name, kernel.error ? hermitage::entry::Problem{.code = *kernel.error}.name() : "loadable");
  }
  for (const auto& kernel : kBigKernels) print_line(kernel.name, "loadable");
  return std::fflush(stdout) == 0 ? 0 : complain(kExitFailure, std::strerror(errno));
}

auto write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) -> bool {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool is_written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool is_closed = std::fclose(file) == 0;
  return is_written && is_closed;
}

auto write_kernel(const std::filesystem::path& directory, std::string_view name, std::span<const std::byte> bytes)
    -> int {
  const auto path = directory / std::string{name}.append(".elf");
  if (write_file(path, bytes)) return 0;
  return complain(kExitFailure, path.string().append(": ").append(std::strerror(errno)));
}

auto contains(std::span<const std::string_view> names, std::string_view name) -> bool {
  return std::ranges::find(names, name) != names.end();
}

auto write_kernels(const std::filesystem::path& directory, std::span<const std::string_view> names) -> int {
  const auto samples = hermitage::testing::sample_kernels();
  for (const auto name : names) {
    const auto has_name = [name](const auto& kernel) { return kernel.name == name; };
    if (std::ranges::any_of(samples, has_name) || std::ranges::any_of(kBigKernels, has_name)) continue;
    return complain(kExitUsage, std::string{"no kernel has the name '"}.append(name).append("', see --list"));
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return complain(kExitFailure, directory.string().append(": ").append(error.message()));

  for (const auto& kernel : samples) {
    if (!names.empty() && !contains(names, kernel.name)) continue;
    if (const auto status = write_kernel(directory, kernel.name, kernel.bytes); status != 0) return status;
  }
  for (const auto& kernel : kBigKernels) {
    if (!contains(names, kernel.name)) continue;
    if (const auto status = write_kernel(directory, kernel.name, kernel.make()); status != 0) return status;
  }
  return 0;
}

}  // namespace

auto main(int argc, char** argv) -> int {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  if (arguments.empty()) return complain(kExitUsage, "a directory is missing, see --help");
  if (arguments.front() == "--help") {
    print(stdout, kUsage);
    return 0;
  }
  if (arguments.front() == "--list" && arguments.size() == 1) return list();
  for (const auto argument : arguments) {
    if (argument.starts_with('-')) {
      return complain(kExitUsage, std::string{"unexpected '"}.append(argument).append("', see --help"));
    }
  }
  return write_kernels(std::filesystem::path{arguments.front()}, std::span{arguments}.subspan(1));
}
