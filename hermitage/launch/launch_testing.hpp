// Requests for tests, and a script that replaces QEMU.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hermitage/entry/arch.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/run_request.hpp"
#include "testing/environment.hpp"
#include "testing/kernels.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::launch {

using testing::Variable;

[[nodiscard]] inline auto text_of(std::span<const std::byte> bytes) -> std::string_view {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A request for the file at this path, which records all messages.
class Requested {
 public:
  explicit Requested(const std::string& path, LaunchOptions options = {})
      : request{.image = path, .sources = {.command_line = std::move(options)}, .source = open(path)} {
    request.callbacks.warn = [this](std::string_view line) { warnings.emplace_back(line); };
    request.callbacks.tell = [this](std::string_view subject, std::string_view message) {
      told.push_back(std::string{subject} + ": " + std::string{message});
    };
  }
  Requested(const Requested&) = delete;
  auto operator=(const Requested&) -> Requested& = delete;
  ~Requested() = default;

  RunRequest request;
  std::vector<std::string> warnings;
  std::vector<std::string> told;

 private:
  static auto open(const std::string& path) -> KernelSource {
    auto source = KernelSource::open(path, KernelSource::Streams::refuse);
    if (!source) throw std::runtime_error{source.error().message()};
    return *std::move(source);
  }
};

// A directory with a kernel, a boot loader, and a shell script as each QEMU.
class FakeQemu {
 public:
  explicit FakeQemu(std::string_view script)
      : path_{"PATH", directory_.path() + ":" + std::getenv("PATH")},
        loaders_{"HERMITAGE_LOADER_DIR", directory_.path()} {
    for (const std::string arch : {"x86_64", "aarch64"}) {
      const auto program = directory_.write("qemu-system-" + arch, "#!/bin/sh\n" + std::string{script} + "\n");
      std::filesystem::permissions(program, std::filesystem::perms::owner_all);
      directory_.write("hermitage-loader-" + arch, "a loader that does not tell of the handover");
    }
  }

  // The path of a kernel.
  [[nodiscard]] auto kernel(entry::Arch arch) const -> std::string {
    return directory_.write("kernel", text_of(write(testing::minimal_kernel(arch, entry::Endian::little, true))));
  }
  // The path of a loader that contains the string by which loaders with a handover are recognized.
  [[nodiscard]] auto telling_loader() const -> std::string { return directory_.write("loader", "[LOADER][HANDOVER] "); }
  [[nodiscard]] auto file(std::string_view name) const -> std::string { return directory_.file(name); }

 private:
  testing::TemporaryDirectory directory_;
  Variable path_;
  Variable loaders_;
};

}  // namespace hermitage::launch
