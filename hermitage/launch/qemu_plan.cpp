#include "hermitage/launch/qemu_plan.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "hermitage/base/arguments.hpp"
#include "hermitage/base/memory_size.hpp"
#include "hermitage/base/network.hpp"
#include "hermitage/entry/shell_word.hpp"
#include "hermitage/launch/given_option.hpp"
#include "hermitage/launch/monitor_host.hpp"
#include "hermitage/qemu/places.hpp"

namespace hermitage::launch {
namespace {

using entry::Arch;

constexpr std::string_view kLogWord = "hermitage.log=";
constexpr std::string_view kHandoverWord = "hermitage.handover=";

auto check_file(const std::string& path) -> OrFailure<void> {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return not_started(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return not_started(path, "is a directory");
  if (!S_ISREG(status.st_mode)) return not_started(path, "is not a regular file");
  return {};
}

// The name of an option that has no meaning in QEMU or that QEMU does not support. Null if there is none.
auto refused_option(const LaunchSpec& spec, const QemuOptions& options, Arch arch, bool uses_kvm) -> const char* {
  const GivenOption refused[] = {
      {!spec.affinity.empty(), "--affinity"},
      {!spec.file_mappings.empty(), "--file-mapping"},
      {spec.io_mode.has_value(), "--io-mode"},
      {spec.tempdir.has_value(), "--tempdir"},
      {spec.temp_limit.has_value(), "--temp-limit"},
      {spec.image_mode == ImageMode::external, "--hermit-image-mode external"},
      {spec.file_isolation.value_or(FileIsolation::none) != FileIsolation::none, "--file-isolation"},
      {spec.stats, "--stats"},
      {!spec.control.empty(), "--control"},
      {spec.core.has_value(), "--core"},
      {!spec.timeline.empty(), "--timeline"},
      {!spec.profile.empty(), "--profile"},
      {options.refused != nullptr, options.refused},
      {spec.timer && arch != Arch::x86_64, "--pit"},
      {spec.manages_power && !uses_kvm, "--cpu-pm without KVM"},
  };
  return first_given(refused);
}

auto network_of(const LaunchSpec& spec) -> OrFailure<qemu::Network> {
  auto network = spec.network;
  const bool is_descriptor = network.mode == base::NetworkMode::descriptor;
  const bool has_neighbors = is_descriptor || network.mode == base::NetworkMode::tap;
  // QEMU would give all guests the same address.
  if (has_neighbors && !network.mac) {
    const auto mac = base::random_mac();
    if (!mac) return not_started("getrandom", std::strerror(mac.error()));
    network.mac = *mac;
  }
  const bool is_socket = is_descriptor && !base::is_tap(network.descriptor);
  return qemu::Network{
      .spec = std::move(network), .forwards = spec.forwards, .pcap = spec.pcap, .is_socket = is_socket};
}

auto debugging_of(const LaunchSpec& spec) -> std::optional<qemu::Debugging> {
  if (!spec.debug) return std::nullopt;
  return qemu::Debugging{.place = spec.debug->place, .waits = spec.debug->waits};
}

// For a closed descriptor, QEMU only reports that it is not a socket.
auto check_descriptor(const base::NetworkSpec& network) -> OrFailure<void> {
  if (network.mode != base::NetworkMode::descriptor || ::fcntl(network.descriptor, F_GETFD) >= 0) return {};
  return wrong_usage(
      fmt::format("--net fd:{}: not open; the parent process must pass an open descriptor", network.descriptor));
}

auto names_accelerator(const LaunchSpec& spec) -> bool {
  return std::ranges::find(spec.qemu_args, "-accel") != spec.qemu_args.end();
}

auto loader_of(const LaunchSpec& spec, const QemuImage& image) -> OrFailure<std::string> {
  if (!image.needs_loader) return std::string{};
  if (!spec.loader.empty()) {
    if (const auto checked = check_file(spec.loader); !checked) return std::unexpected{checked.error()};
    return spec.loader;
  }
  auto found = qemu::find_loader(image.target);
  if (!found) return not_in_qemu(spec.image, std::move(found.error()));
  return *found;
}

// Removes the user's boot loader arguments from the kernel's arguments, and returns them. Arguments from an image
// always belong to the kernel.
auto take_loader_words(LaunchSpec& spec) -> std::vector<std::string> {
  if (!spec.has_words) return {};
  auto& kernel = spec.arguments.kernel;
  const auto is_kernels = [](const std::string& word) { return !word.starts_with(entry::kLoaderWordBeginning); };
  const auto first = std::ranges::stable_partition(kernel, is_kernels).begin();
  std::vector<std::string> words{std::make_move_iterator(first), std::make_move_iterator(kernel.end())};
  kernel.erase(first, kernel.end());
  return words;
}

auto random_word() -> OrFailure<std::string> {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return not_started("getrandom", std::strerror(errno));
  }
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// The boot loader's arguments, and the values that separate its output from the guest's.
struct LoaderPlan {
  std::string file;  // empty: no loader
  std::vector<std::string> words;
  std::string handover;
  bool has_log = false;
};

// `words` are the user's arguments.
auto plan_loader(const LaunchSpec& spec, bool is_dry, const QemuImage& image, std::vector<std::string> words)
    -> OrFailure<LoaderPlan> {
  auto file = loader_of(spec, image);
  if (!file) return std::unexpected{file.error()};
  LoaderPlan plan{.file = std::move(*file), .words = std::move(words), .handover = {}};
  if (plan.file.empty() || !qemu::tells_of_handover(plan.file)) return plan;
  plan.has_log = std::ranges::any_of(plan.words, [](const std::string& word) { return word.starts_with(kLogWord); });
  if (!plan.has_log) plan.words.push_back(fmt::format("{}warn", kLogWord));
  // A dry run needs no handover line.
  if (is_dry) return plan;
  auto word = random_word();
  if (!word) return std::unexpected{word.error()};
  // If there are two, the first one counts.
  plan.words.insert(plan.words.begin(), fmt::format("{}{}", kHandoverWord, *word));
  plan.handover = std::move(*word);
  return plan;
}

// The command line for loader and kernel.
auto boot_arguments_of(const LaunchSpec& spec, const QemuImage& image, const std::vector<std::string>& loader_words)
    -> OrFailure<std::string> {
  auto arguments = base::boot_arguments(spec.arguments);
  if (!arguments) return wrong_usage(std::move(arguments.error().text));
  if (!loader_words.empty()) {
    arguments->insert(0, fmt::format("{}{}", fmt::join(loader_words, " "), arguments->empty() ? "" : " "));
  }
  // The arguments already contain the arguments of the image that apply. The " --" prevents the loader from adding
  // others.
  if (image.is_packed && spec.arguments.application.empty()) *arguments += " --";
  return *std::move(arguments);
}

void warn_of_lost_variables(const RunRequest& request, const LaunchSpec& spec) {
  request.warn(fmt::format("{}: kernels before Hermit 0.10 get no environment variables in QEMU; {} are ignored",
                           spec.image, spec.arguments.environment.size()));
}

}  // namespace

auto not_in_qemu(const std::string& image, std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.subject = image, .text = std::move(message), .is_the_engines = true}};
}

auto plan_for_qemu(const RunRequest& request, const QemuImage& image, const QemuOptions& options)
    -> OrFailure<QemuPlan> {
  auto made = request.spec(image.config);
  if (!made) return std::unexpected{made.error()};
  auto spec = *std::move(made);
  if (const auto checked = base::check_memory_size(spec.memory_size); !checked)
    return wrong_usage(checked.error().text);
  const auto arch = image.target.arch;
  // With KVM, kernels for aarch64 cannot end QEMU with their exit code.
  const bool can_use_kvm = arch == Arch::x86_64 && monitor_arch() == arch;
  const bool uses_kvm = can_use_kvm && !names_accelerator(spec) && !why_no_kvm();
  if (const auto* const refused = refused_option(spec, options, arch, uses_kvm)) {
    return std::unexpected{Failure{.code = Failure::Code::usage,
                                   .subject = {},
                                   .text = fmt::format("QEMU does not support {}", refused),
                                   .is_the_engines = true}};
  }
  if (auto checked = check_descriptor(spec.network); !checked) return std::unexpected{checked.error()};
  auto network = network_of(spec);
  if (!network) return std::unexpected{network.error()};
  if (!image.takes_variables && !spec.arguments.environment.empty()) warn_of_lost_variables(request, spec);
  auto loader = plan_loader(spec, options.is_dry, image, take_loader_words(spec));
  if (!loader) return std::unexpected{loader.error()};
  auto boot_arguments = boot_arguments_of(spec, image, loader->words);
  if (!boot_arguments) return std::unexpected{boot_arguments.error()};
  const bool has_sandbox = spec.has_sandbox.value_or(true);
  auto line = qemu::command_line({.target = image.target,
                                  .image = request.source.path(),
                                  .image_size = image.size,
                                  .loader = std::move(loader->file),
                                  .boot_arguments = std::move(*boot_arguments),
                                  .memory_size = spec.memory_size,
                                  .cpu_count = spec.cpu_count,
                                  .uses_kvm = uses_kvm,
                                  .merges_pages = spec.merges_pages,
                                  .manages_power = spec.manages_power,
                                  .has_sandbox = has_sandbox,
                                  .network = std::move(*network),
                                  .debugging = debugging_of(spec),
                                  .more = spec.qemu_args});
  if (!line) return wrong_usage(std::move(line.error()));
  return QemuPlan{.spec = std::move(spec),
                  .target = image.target,
                  .line = std::move(*line),
                  .handover = std::move(loader->handover),
                  .has_loader_log = loader->has_log,
                  .is_confined = has_sandbox};
}

}  // namespace hermitage::launch
