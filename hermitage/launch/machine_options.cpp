#include "hermitage/launch/machine_options.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace hermitage::launch {
namespace {

// Sanitizers make system calls and read files at any time, so a build with sanitizers runs without isolation.
#ifdef HERMITAGE_HAS_SANITIZERS
constexpr bool kCanBeIsolated = false;
#else
constexpr bool kCanBeIsolated = true;
#endif

auto output_target(const Output& output) -> vmm::OutputTarget {
  switch (output.kind) {
    case Output::Kind::standard: return vmm::StandardOutput{};
    case Output::Kind::none: return vmm::NoOutput{};
    case Output::Kind::file: return vmm::OutputFile{output.path};
  }
  return vmm::StandardOutput{};
}

// Adds the files of the image.
void add_files(vmm::GuestFiles& files, const image::Image& image) {
  for (const auto& file : image.files()) {
    switch (file.kind) {
      case image::FileKind::regular: files.add_file(file.path, file.contents, file.size, file.mode); break;
      case image::FileKind::directory: files.add_directory(file.path); break;
      case image::FileKind::symbolic_link: files.add_link(file.path, file.link_target); break;
    }
  }
}

// A directory that the user names must exist. The default directory is used only when the guest creates a file.
auto tempdir_of(const LaunchSpec& spec) -> OrFailure<std::string> {
  if (!spec.tempdir) {
    const auto* const usual = std::getenv("TMPDIR");
    return usual != nullptr && *usual != '\0' ? usual : "/tmp";
  }
  // With a slash at its end, the path of a regular file fails with ENOTDIR.
  if (::access((*spec.tempdir + "/").c_str(), W_OK | X_OK) != 0) {
    return wrong_usage(fmt::format("--tempdir: '{}': {}", *spec.tempdir, std::strerror(errno)));
  }
  return *spec.tempdir;
}

}  // namespace

auto isolation_of(const LaunchSpec& spec) -> OrFailure<vmm::IsolationOptions> {
  const auto files = spec.file_isolation.value_or(kCanBeIsolated ? FileIsolation::normal : FileIsolation::none);
  const auto has_sandbox = spec.has_sandbox.value_or(kCanBeIsolated);
  if (!kCanBeIsolated && (files != FileIsolation::none || has_sandbox)) {
    return not_started({}, "isolation is not available in a build with sanitizers");
  }
  return vmm::IsolationOptions{.file_isolation = files == FileIsolation::none     ? vmm::FileIsolation::none
                                                 : files == FileIsolation::strict ? vmm::FileIsolation::strict
                                                                                  : vmm::FileIsolation::normal,
                               .sandbox = has_sandbox,
                               .around_caller = true};
}

auto machine_options_of(const LaunchSpec& spec, const vmm::IsolationOptions& isolation) -> vmm::MachineOptions {
  return {.memory_size = spec.memory_size,
          .cpu_count = spec.cpu_count,
          .affinity = spec.affinity,
          .randomizes_addresses = spec.randomizes_addresses,
          .huge_pages = spec.huge_pages,
          .merges_pages = spec.merges_pages,
          .timer = spec.timer,
          .manages_power = spec.manages_power,
          .ends_in_background = true,
          .kvm = spec.kvm,
          .arguments = spec.arguments,
          .output = output_target(spec.output),
          .isolation = isolation};
}

auto files_of(const LaunchSpec& spec, const image::Image* image) -> OrFailure<vmm::GuestFiles> {
  auto tempdir = tempdir_of(spec);
  if (!tempdir) return std::unexpected{tempdir.error()};
  vmm::GuestFileOptions made{.temporary_parent = std::move(*tempdir)};
  made.temporary_limit = spec.temp_limit.value_or(made.temporary_limit);
  const auto mode = spec.io_mode.value_or(IoMode{});
  made.bypasses_cache = mode.is_direct;
  made.is_synchronous = mode.is_synchronous;
  vmm::GuestFiles files{std::move(made)};
  if (image != nullptr && spec.image_mode != ImageMode::internal) add_files(files, *image);
  if (auto added = files.add_mappings(spec.file_mappings); !added) {
    return wrong_usage(fmt::format("--file-mapping: {}", added.error().text));
  }
  return files;
}

}  // namespace hermitage::launch
