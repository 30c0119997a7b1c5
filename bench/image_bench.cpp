// Compares the opening of an image for its kernel with `tar -xzf IMAGE -O KERNEL`: time and memory.
//
// Runs each as a separate process, in turn, so that memory is measured for each run. README.md has details.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/image/image.hpp"
#include "hermitage/image/tar_writer.hpp"

namespace hermitage::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRuns = 7;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kKernelSize = 20 * kMiB;
constexpr std::uint64_t kFileSize = 30 * kMiB;
constexpr int kFiles = 6;

constexpr std::string_view kConfig =
    "version = \"1\"\nkernel = \"/kernel\"\n[input]\nkernel_args = []\napp_args = []\n";

// Random bytes, which gzip cannot compress, or words, which gzip compresses to a third.
class Content {
 public:
  explicit Content(bool is_random) : is_random_{is_random} {
    for (auto& word : words_) {
      word.resize(3 + next() % 8);
      for (auto& letter : word) letter = static_cast<char>('a' + next() % 26);
      word += ' ';
    }
  }

  void fill(std::vector<std::byte>& piece) {
    if (is_random_) {
      for (auto& byte : piece) byte = static_cast<std::byte>(next());
      return;
    }
    for (std::size_t at = 0; at < piece.size();) {
      const auto word = std::as_bytes(std::span{words_[next() % words_.size()]});
      const auto count = std::min(word.size(), piece.size() - at);
      std::ranges::copy(word.first(count), piece.begin() + static_cast<std::ptrdiff_t>(at));
      at += count;
    }
  }

 private:
  auto next() -> std::uint64_t {
    // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return (state_ * 0x2545f4914f6cdd1d) >> 32;
  }

  bool is_random_;
  std::uint64_t state_ = 88172645463325252;
  std::array<std::string, 4096> words_;
};

class ImageFile {
 public:
  // Writes in pieces: the memory of this process counts for its child processes.
  ImageFile(fs::path path, bool is_random, bool kernel_first) : path_{std::move(path)} {
    auto* file = std::fopen(path_.c_str(), "wb");
    if (file == nullptr) throw std::system_error{errno, std::generic_category(), path_};
    image::TarWriter writer{[file](std::span<const std::byte> bytes) {
      return std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    }};
    Content content{is_random};
    bool is_good = true;
    if (!kernel_first) is_good = add_config(writer) && is_good;
    is_good = add_file(writer, content, "kernel", kKernelSize, true) && is_good;
    for (int i = 0; i < kFiles; ++i) {
      is_good = add_file(writer, content, fmt::format("data{}", i), kFileSize, false) && is_good;
    }
    if (kernel_first) is_good = add_config(writer) && is_good;
    is_good = writer.finish() && is_good;
    is_good = std::fclose(file) == 0 && is_good;
    if (!is_good) throw std::runtime_error{"cannot write " + path_.string()};
  }
  ImageFile(const ImageFile&) = delete;
  auto operator=(const ImageFile&) -> ImageFile& = delete;
  ~ImageFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }

  [[nodiscard]] auto path() const -> std::string { return path_.string(); }

 private:
  static auto add_config(image::TarWriter& writer) -> bool {
    return writer.add({.path = "hermit.toml", .mode = 0644, .size = kConfig.size()}) &&
           writer.write(std::as_bytes(std::span{kConfig})) && writer.pad();
  }

  static auto add_file(image::TarWriter& writer, Content& content, const std::string& name, std::uint64_t size,
                       bool is_elf) -> bool {
    if (!writer.add({.path = name, .mode = 0644, .size = size})) return false;
    std::vector<std::byte> piece(kMiB);
    for (std::uint64_t at = 0; at < size; at += piece.size()) {
      content.fill(piece);
      if (is_elf && at == 0)
        std::ranges::copy(std::as_bytes(std::span{"\x7f"
                                                  "ELF",
                                                  4}),
                          piece.begin());
      if (!writer.write(piece)) return false;
    }
    return writer.pad();
  }

  fs::path path_;
};

struct Run {
  double seconds = 0;
  std::uint64_t peak = 0;  // bytes
};

auto run(std::vector<std::string> words) -> Run {
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const auto start = std::chrono::steady_clock::now();
  const int error = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error{error, std::generic_category(), words[0]};
  int status = 0;
  struct rusage usage{};
  while (::wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  if (status != 0) throw std::runtime_error{words[0] + " fails"};
  return {.seconds = time.count(), .peak = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};
}

auto median(std::vector<Run> runs) -> Run {
  const auto middle = runs.begin() + static_cast<std::ptrdiff_t>(runs.size() / 2);
  std::ranges::nth_element(runs, middle, {}, &Run::seconds);
  const auto seconds = middle->seconds;
  std::ranges::nth_element(runs, middle, {}, &Run::peak);
  return {.seconds = seconds, .peak = middle->peak};
}

void print_row(std::string_view name, const Run& result, std::uint64_t returned) {
  constexpr double kMega = static_cast<double>(kMiB);
  fmt::print("  {:<32}{:>8.3f} s {:>8.1f} MiB at the peak, {:.1f} MiB of it returned\n", name, result.seconds,
             static_cast<double>(result.peak) / kMega, static_cast<double>(returned) / kMega);
}

void print_goal(std::string_view name, double ratio, double limit) {
  fmt::print("  {:<60}{:>6.3f} <= {:.2f}  {}\n", name, ratio, limit, ratio <= limit ? "ok" : "MISSED");
}

void measure(const char* self, const ImageFile& image, std::string_view name) {
  std::vector<Run> kernel;
  std::vector<Run> all;
  std::vector<Run> tar;
  for (int i = -1; i < kRuns; ++i) {
    const auto of_kernel = run({self, "--kernel", image.path()});
    const auto of_tar = run({"tar", "-xzf", image.path(), "-O", "kernel"});
    const auto of_all = run({self, "--all", image.path()});
    if (i < 0) continue;  // the first run has cold caches
    kernel.push_back(of_kernel);
    tar.push_back(of_tar);
    all.push_back(of_all);
  }
  const auto size = fs::file_size(image.path());
  const auto result = median(kernel);
  const auto whole = median(all);
  const auto of_tar = median(tar);
  constexpr auto kAllSize = kKernelSize + kFiles * kFileSize;
  fmt::print("{}: {:.1f} MiB gzipped, {} MiB of files\n", name, static_cast<double>(size) / static_cast<double>(kMiB),
             kAllSize / kMiB);
  print_row("the kernel, hermitage", result, kKernelSize);
  print_row("the kernel, tar and gzip", of_tar, 0);
  print_row("all files, hermitage", whole, kAllSize);
  print_goal("time for the kernel, to tar's", result.seconds / of_tar.seconds, 1);
  const auto above = [size](const Run& of, std::uint64_t returned) {
    return static_cast<double>(of.peak - returned) / static_cast<double>(size);
  };
  print_goal("memory for the kernel above it, to the image's size", above(result, kKernelSize), 0.5);
  print_goal("memory for all files above them, to the image's size", above(whole, kAllSize), 0.5);
}

// The function of a single run.
auto open(std::string_view how, const char* path) -> int {
  const auto contents = how == "--kernel" ? image::Contents::kernel : image::Contents::all;
  const auto image = image::Image::open(fs::path{path}, {.contents = contents});
  return image && image->kernel().size() == kKernelSize ? 0 : 1;
}

auto measure_all(const char* self) -> int {
  struct Subject {
    std::string_view name;
    bool is_random;
    bool kernel_first;
  };
  constexpr Subject kSubjects[] = {
      {"words, the configuration first", false, false},
      {"words, the kernel first", false, true},
      {"random bytes, the configuration first", true, false},
      {"random bytes, the kernel first", true, true},
  };
  const auto path = fs::temp_directory_path() / fmt::format("image_bench-{}.tar.gz", ::getpid());
  for (const auto& [name, is_random, kernel_first] : kSubjects) {
    const ImageFile image{path, is_random, kernel_first};
    measure(self, image, name);
  }
  return 0;
}

}  // namespace
}  // namespace hermitage::bench

auto main(int argc, char** argv) -> int {
  try {
    if (argc == 3) return hermitage::bench::open(argv[1], argv[2]);
    return hermitage::bench::measure_all("/proc/self/exe");
  } catch (const std::exception& error) {
    fmt::print(stderr, "image_bench: {}\n", error.what());
    return 1;
  }
}
