// hermitage image: pack, list, unpack and check images.
#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/cli/command.hpp"
#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/progress.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/quantity.hpp"
#include "hermitage/image/extract.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/image/pack.hpp"
#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/inspect/report_json.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/oci/image/layout_writer.hpp"
#include "hermitage/oci/image/reference.hpp"

namespace hermitage::cli {
namespace {

using image::File;
using image::FileKind;
using image::Image;
using inspect::Json;

// ---- Shared by the commands

template <class Options>
constexpr OptionOf<Options> kMaxSize{
    0, "max-size", "SIZE", "refuse an image that unpacks to more than SIZE, such as 4G (powers of 1024; default 1G)",
    set<&Options::max_size>};

constexpr Operand kImage{"IMAGE", "packed image or container image to read; - is standard input"};

auto read_limits(const std::string& max_size) -> std::optional<image::Limits> {
  image::Limits limits;
  if (max_size.empty()) return limits;
  const auto size = entry::parse_quantity(max_size);
  if (!size) {
    complain({}, fmt::format("--max-size '{}': not a size such as 4G or 512 MiB", max_size));
    return std::nullopt;
  }
  limits.unpacked_size = *size;
  return limits;
}

auto complain_of_image(const std::string& file, const image::Problem& problem) -> ExitCode {
  // The problem of an unreadable image names the path as well.
  const bool is_unreadable = problem.code == image::ProblemCode::unreadable;
  complain(file, is_unreadable ? problem.text : problem.message());
  return is_unreadable ? ExitCode::usage : ExitCode::some_not;
}

void warn(const std::string& file, std::string_view message) {
  complain(file, fmt::format("warning: {}", message));
}

void warn_of(const std::string& file, std::span<const image::Problem> warnings) {
  for (const auto& warning : warnings) warn(file, warning.message());
}

struct ImageOptions {
  std::string file;
  std::string max_size;
  bool json = false;  // of list
};

// Opens the image with a progress bar, prints its warnings, and calls a function with it.
auto with_image(const ImageOptions& options, image::Contents contents, const std::function<ExitCode(const Image&)>& use)
    -> ExitCode {
  const auto limits = read_limits(options.max_size);
  if (!limits) return ExitCode::usage;
  const auto opened = [&] {
    ProgressBar progress{options.file};
    return open_image(options.file, {.limits = *limits, .contents = contents, .progress = std::ref(progress)});
  }();
  if (!opened) return complain_of_image(options.file, opened.error());
  warn_of(options.file, opened->warnings());
  return use(*opened);
}

// ---- create

constexpr const char* kCreateName = "image create";

struct CreateOptions {
  std::string output;
  std::string config;
  std::string kernel;
  std::vector<std::string> kernel_args;
  std::vector<std::string> app_args;
  std::vector<std::string> env_vars;
  std::string memory;
  std::optional<std::uint32_t> cpus;
  std::vector<std::string> directories;
  std::string max_size;
  bool force = false;
  bool oci = false;
  std::string name;
  std::vector<std::string> packed_images;

  // Whether any option describes a part of a generated configuration.
  [[nodiscard]] auto has_parts() const -> bool {
    return !kernel_args.empty() || !app_args.empty() || !env_vars.empty() || !memory.empty() || cpus;
  }
};

// The image while it is written: a temporary file that is renamed to the output once it is complete.
class Output {
 public:
  explicit Output(std::string path) : path_{std::move(path)} {}
  Output(const Output&) = delete;
  auto operator=(const Output&) -> Output& = delete;
  ~Output() {
    std::error_code ignored;
    if (stream_ != nullptr) std::fclose(stream_);
    if (!part_.empty()) std::filesystem::remove(part_, ignored);
  }

  auto write(std::span<const std::byte> bytes) -> bool {
    if (stream_ == nullptr && !open()) return fail();
    return std::fwrite(bytes.data(), 1, bytes.size(), stream_) == bytes.size() || fail();
  }

  // Whether the file is in its place.
  auto finish() -> bool {
    auto* stream = std::exchange(stream_, nullptr);
    if (path_ == "-") return std::fflush(stream) == 0 || fail();
    if (std::fclose(stream) != 0 || std::rename(part_.c_str(), path_.c_str()) != 0) return fail();
    part_.clear();
    return true;
  }

  // The last error.
  [[nodiscard]] auto error() const -> const std::string& { return error_; }

 private:
  auto open() -> bool {
    if (path_ == "-") {
      stream_ = stdout;
      return true;
    }
    // A rename would replace a device or a pipe, and a link instead of its target.
    std::error_code error;
    const auto status = std::filesystem::symlink_status(path_, error);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
      error_ = "is there, and is not a regular file";
      return false;
    }
    auto part = path_ + ".XXXXXX";
    const int descriptor = ::mkostemp(part.data(), O_CLOEXEC);
    if (descriptor < 0) return false;
    part_ = part;
    const auto mask = ::umask(0);
    ::umask(mask);
    ::fchmod(descriptor, 0666 & ~mask);
    stream_ = ::fdopen(descriptor, "w");
    return stream_ != nullptr;
  }

  auto fail() -> bool {
    if (error_.empty()) error_ = std::strerror(errno);
    return false;
  }

  std::string path_;
  std::string part_;
  std::FILE* stream_ = nullptr;
  std::string error_;
};

auto complain_of_option(std::string_view message) -> std::nullopt_t {
  static_cast<void>(complain_of_usage(kCreateName, message));
  return std::nullopt;
}

// The configuration that the options describe.
auto make_config(const CreateOptions& options) -> std::optional<image::Config> {
  image::Config config{.kernel = "/" + std::filesystem::path{options.kernel}.filename().string(),
                       .kernel_args = options.kernel_args,
                       .app_args = options.app_args,
                       .env_vars = options.env_vars,
                       .cpus = options.cpus.value_or(0)};
  for (const auto& variable : config.env_vars) {
    const auto equals = variable.find('=');
    if (equals != std::string::npos && equals != 0) continue;
    return complain_of_option(fmt::format("--env '{}': not of the form KEY=VALUE", variable));
  }
  if (!options.memory.empty()) {
    config.memory = entry::parse_quantity(options.memory);
    if (!config.memory) {
      return complain_of_option(fmt::format("--memory '{}': not a size such as 64M or 1 GiB", options.memory));
    }
  }
  if (const auto checked = launch::check_config(config); !checked) return complain_of_option(checked.error().text);
  return config;
}

auto make_request(const CreateOptions& options) -> std::optional<image::PackRequest> {
  const auto limits = read_limits(options.max_size);
  if (!limits) return std::nullopt;
  image::PackRequest request{.directories = {options.directories.begin(), options.directories.end()},
                             .kernel = options.kernel,
                             .limits = *limits};
  if (!options.kernel.empty()) {
    if (!options.config.empty()) return complain_of_option("--kernel makes a configuration, and --config is one");
    const auto config = make_config(options);
    if (!config) return std::nullopt;
    request.config = image::to_toml(*config);
    return request;
  }
  if (options.has_parts()) {
    return complain_of_option(
        "arguments, variables, memory and vCPUs need --kernel: with a configuration of its "
        "own, an image has them there");
  }
  if (options.config.empty()) {
    if (!options.directories.empty()) return request;
    return complain_of_option("nothing to pack: give --kernel, --config or a DIR");
  }
  auto text = launch::read_file(options.config);
  if (!text) {
    complain(options.config, text.error().text);
    return std::nullopt;
  }
  request.config = std::string{reinterpret_cast<const char*>(text->data()), text->size()};
  request.config_file = options.config;
  return request;
}

auto unloadable(const std::filesystem::path& kernel, std::string_view why) -> std::unexpected<image::Problem> {
  return std::unexpected{image::Problem{.code = image::ProblemCode::unloadable_kernel,
                                        .file = kernel.string(),
                                        .text = fmt::format("cannot be loaded: {}", why)}};
}

// The reasons for which `image check` would refuse a configuration, and a kernel.
auto check_config(const image::Config& config) -> std::expected<void, image::Problem> {
  const auto checked = launch::check_config(config);
  if (checked) return {};
  return std::unexpected{image::Problem{.code = image::ProblemCode::config_value, .text = checked.error().text}};
}

auto check_kernel(const std::filesystem::path& kernel) -> std::expected<void, image::Problem> {
  const auto bytes = launch::read_file(kernel.string());
  if (!bytes) return unloadable(kernel, bytes.error().text);
  const auto parsed = entry::KernelObject::parse(*bytes);
  if (!parsed) return unloadable(kernel, parsed.error().message().view());
  return {};
}

// The status for a problem of files that are to be packed.
auto complain_of_packing(const image::Problem& problem) -> ExitCode {
  const bool is_forcible = problem.code == image::ProblemCode::unloadable_kernel;
  complain({}, fmt::format("{}{}", problem.message(), is_forcible ? " (--force packs it)" : ""));
  return problem.code == image::ProblemCode::cannot_pack ? ExitCode::usage : ExitCode::some_not;
}

auto create(const CreateOptions& options) -> ExitCode {
  auto request = make_request(options);
  if (!request) return ExitCode::usage;
  request->check_config = check_config;
  if (!options.force) request->check_kernel = check_kernel;
  Output output{options.output};
  const auto packed = [&] {
    ProgressBar progress{options.output};
    request->progress = std::ref(progress);
    return image::pack(*request, [&output](std::span<const std::byte> bytes) { return output.write(bytes); });
  }();
  const auto& name = options.output == "-" ? "standard output" : options.output;
  if (!output.error().empty() || (packed && !output.finish())) {
    complain(name, output.error());
    return ExitCode::usage;
  }
  if (!packed) return complain_of_packing(packed.error());
  warn_of(name, packed->warnings);
  if (!options.force) return ExitCode::good;
  if (const auto checked = check_kernel(packed->kernel); !checked) warn(name, checked.error().message());
  return ExitCode::good;
}

// ---- create --oci

auto is_archive(std::string_view output) -> bool {
  return output == "-" || output.ends_with(".tar");
}

// Packs the files into memory, and returns the path of the packed image.
auto pack_in_memory(const CreateOptions& options, base::Descriptor& memory)
    -> std::expected<std::filesystem::path, ExitCode> {
  auto request = make_request(options);
  if (!request) return std::unexpected{ExitCode::usage};
  request->check_config = check_config;
  request->check_kernel = check_kernel;
  memory = base::Descriptor{::memfd_create("packed image", MFD_CLOEXEC)};
  const auto packed = [&] {
    ProgressBar progress{options.output};
    request->progress = std::ref(progress);
    return image::pack(*request, [&memory](std::span<const std::byte> bytes) {
      return base::write_all(memory.get(), bytes).has_value();
    });
  }();
  if (!packed) {
    complain({}, packed.error().message());
    return std::unexpected{packed.error().code == image::ProblemCode::cannot_pack ? ExitCode::usage
                                                                                  : ExitCode::some_not};
  }
  warn_of(options.output, packed->warnings);
  return fmt::format("/proc/self/fd/{}", memory.get());
}

auto write_oci(const oci::Layout& layout, const std::string& path) -> ExitCode {
  if (!is_archive(path)) {
    const auto written = oci::write_directory(layout, path);
    if (written) return ExitCode::good;
    complain(path, written.error().message());
    return ExitCode::usage;
  }
  Output output{path};
  const auto written =
      oci::write_archive(layout, [&output](std::span<const std::byte> bytes) { return output.write(bytes); });
  if (written && output.finish()) return ExitCode::good;
  const auto& name = path == "-" ? "standard output" : path;
  complain(name, output.error().empty() ? written.error().message() : output.error());
  return ExitCode::usage;
}

// The reason why these options do not go together; empty: none.
auto refusal_of(const CreateOptions& options) -> std::string_view {
  if (!options.oci) {
    if (!options.name.empty()) return "--name needs --oci";
    return options.packed_images.empty() ? "" : "--image needs --oci";
  }
  if (options.force) return "--oci and --force exclude each other: the image has the kernel's architecture";
  if (options.name.empty() && is_archive(options.output)) return "an archive (OUT.tar) needs --name NAME:TAG";
  const bool has_files =
      !options.directories.empty() || !options.kernel.empty() || !options.config.empty() || options.has_parts();
  if (has_files && !options.packed_images.empty())
    return "--image takes a packed image, to which no files can be added";
  return {};
}

auto create_oci(const CreateOptions& options) -> ExitCode {
  const auto limits = read_limits(options.max_size);
  if (!limits) return ExitCode::usage;
  oci::LayoutRequest request{.packed_images = {options.packed_images.begin(), options.packed_images.end()},
                             .limits = *limits};
  if (!options.name.empty()) {
    auto reference = oci::full_reference(options.name);
    if (!reference) return complain_of_usage(kCreateName, fmt::format("--name {}", reference.error()));
    request.reference = *std::move(reference);
  }
  base::Descriptor memory;
  if (request.packed_images.empty()) {
    const auto packed = pack_in_memory(options, memory);
    if (!packed) return packed.error();
    request.packed_images.push_back(*packed);
  }
  const auto layout = oci::make_layout(request);
  if (layout) return write_oci(*layout, options.output);
  complain({}, layout.error().message());
  return layout.error().code == image::ProblemCode::unreadable ? ExitCode::usage : ExitCode::some_not;
}

constexpr std::array kCreateOptions{
    OptionOf<CreateOptions>{'o', "output", "OUT.tar.gz",
                            "write the image to this file; with --oci, OUT.tar or a directory; - is standard output",
                            set<&CreateOptions::output>, kFiles},
    OptionOf<CreateOptions>{0, "config", "hermit.toml", "configuration to use instead of DIR/hermit.toml",
                            set<&CreateOptions::config>, kFiles},
    OptionOf<CreateOptions>{0, "kernel", "KERNEL", "kernel to pack; the options below then make the configuration",
                            set<&CreateOptions::kernel>, kFiles},
    OptionOf<CreateOptions>{
        0, "kernel-arg", "ARG", "default argument for the kernel", set<&CreateOptions::kernel_args>, {}, true},
    OptionOf<CreateOptions>{
        0, "app-arg", "ARG", "default argument for the application", set<&CreateOptions::app_args>, {}, true},
    OptionOf<CreateOptions>{
        0, "env", "KEY=VALUE", "default value of an environment variable", set<&CreateOptions::env_vars>, {}, true},
    OptionOf<CreateOptions>{0, "memory", "SIZE", "minimum memory, such as 64M (powers of 1024)",
                            set<&CreateOptions::memory>},
    OptionOf<CreateOptions>{0, "cpus", "N", "minimum number of vCPUs", set_number<&CreateOptions::cpus>},
    OptionOf<CreateOptions>{0, "force", nullptr, "pack the kernel even if it cannot be loaded",
                            set<&CreateOptions::force>},
    OptionOf<CreateOptions>{0, "oci", nullptr, "write a container image (OCI) with the packed image as its only layer",
                            set<&CreateOptions::oci>},
    OptionOf<CreateOptions>{0, "name", "NAME:TAG", "with --oci: name of the container image",
                            set<&CreateOptions::name>},
    OptionOf<CreateOptions>{0, "image", "IMAGE", "with --oci: packed image to use; one for each architecture",
                            set<&CreateOptions::packed_images>, kFiles, true},
    kMaxSize<CreateOptions>,
};

constexpr Operand kCreateOperands[] = {
    {"DIR", "directories whose contents become the root of the image", Operand::Count::any, kDirectories}};
constexpr CommandText kCreate{
    .name = kCreateName,
    .description = "Pack a kernel, its configuration and its files into an image",
    .operands = kCreateOperands,
    .epilogue =
        "--output is required. Packing the same files gives the same image, byte for byte.\n"
        "Exit status: 0 packed; 1 the files do not make a valid image; 2 wrong usage, or a file cannot be read or "
        "written."};

auto run_create(const Words& words) -> ExitCode {
  CreateOptions options;
  auto directories = parse_command<kCreateOptions>(kCreate, words, options);
  if (!directories) return directories.error();
  if (options.output.empty()) return complain_of_usage(kCreate.name, "--output is needed");
  options.directories = std::move(*directories);
  if (const auto refusal = refusal_of(options); !refusal.empty()) return complain_of_usage(kCreate.name, refusal);
  return options.oci ? create_oci(options) : create(options);
}

// ---- list

auto kind_name(FileKind kind) -> std::string_view {
  switch (kind) {
    case FileKind::directory: return "directory";
    case FileKind::symbolic_link: return "link";
    case FileKind::regular: break;
  }
  return "file";
}

// In the format of ls -l: "-rwxr-xr-x".
auto mode_text(const File& file) -> std::string {
  std::string text(1, file.kind == FileKind::directory ? 'd' : file.kind == FileKind::symbolic_link ? 'l' : '-');
  constexpr std::string_view kLetters = "rwxrwxrwx";
  for (std::size_t bit = 0; bit < kLetters.size(); ++bit) {
    text += (file.mode >> (kLetters.size() - 1 - bit) & 1) != 0 ? kLetters[bit] : '-';
  }
  return text;
}

auto list_text(const Image& image) -> std::string {
  std::string text;
  for (const auto& file : image.files()) {
    text += fmt::format("{} {:>12}  {}{}\n", mode_text(file), file.size, inspect::printable(file.path),
                        file.kind == FileKind::directory ? "/" : "");
    if (file.kind != FileKind::symbolic_link) continue;
    text.pop_back();
    text += fmt::format(" -> {}\n", inspect::printable(file.link_target));
  }
  return text;
}

auto list_json(const std::string& name, const Image& image) -> std::string {
  Json object{{"file", name},
              {"config", inspect::config_json(image.config())},
              {"unpacked_size", image.unpacked_size()},
              {"files", Json::array()},
              {"warnings", Json::array()}};
  for (const auto& file : image.files()) {
    object["files"].push_back(
        {{"path", file.path},
         {"kind", kind_name(file.kind)},
         {"mode", file.mode},
         {"size", file.size},
         {"target", file.kind == FileKind::symbolic_link ? Json(file.link_target) : Json(nullptr)},
         {"kernel", &file == &image.kernel_file()}});
  }
  for (const auto& warning : image.warnings()) {
    object["warnings"].push_back({{"code", warning.name()}, {"message", warning.message()}});
  }
  return inspect::dump(object) + "\n";
}

constexpr std::array kListOptions{
    OptionOf<ImageOptions>{0, "json", nullptr, "print a JSON object", set<&ImageOptions::json>},
    kMaxSize<ImageOptions>,
};

constexpr CommandText kList{
    .name = "image list",
    .description = "List the files in an image",
    .operands = {&kImage, 1},
    .epilogue = "Exit status: 0 listed; 1 not a valid image; 2 wrong usage, or a file cannot be read."};

auto run_list(const Words& words) -> ExitCode {
  ImageOptions options;
  const auto operands = parse_command<kListOptions>(kList, words, options);
  if (!operands) return operands.error();
  options.file = operands->front();
  return with_image(options, image::Contents::kernel, [&options](const Image& image) {
    return print_or_complain(options.json ? list_json(options.file, image) : list_text(image));
  });
}

// ---- extract

constexpr std::array kLimitOptions{kMaxSize<ImageOptions>};

constexpr Operand kExtractOperands[] = {
    kImage, {"DIR", "target directory, created if missing; it must be empty", Operand::Count::one, kDirectories}};
constexpr CommandText kExtract{
    .name = "image extract",
    .description = "Unpack an image into a directory",
    .operands = kExtractOperands,
    .epilogue =
        "Files are written only if the whole image is valid, and only below DIR.\n"
        "Exit status: 0 extracted; 1 not a valid image; 2 wrong usage, or a file cannot be read or written."};

auto run_extract(const Words& words) -> ExitCode {
  ImageOptions options;
  const auto operands = parse_command<kLimitOptions>(kExtract, words, options);
  if (!operands) return operands.error();
  options.file = operands->front();
  return with_image(options, image::Contents::all, [&](const Image& image) {
    const auto extracted = image::extract(image, operands->back());
    if (extracted) return ExitCode::good;
    complain(options.file, fmt::format("cannot be extracted: {}", extracted.error().message()));
    return ExitCode::usage;
  });
}

// ---- check

constexpr CommandText kCheck{.name = "image check",
                             .description = "Check an image, its configuration and its kernel",
                             .operands = {&kImage, 1},
                             .epilogue =
                                 "Exit status: 0 valid; 1 the image is invalid, its kernel cannot be loaded, or its "
                                 "requirements cannot be met;\n"
                                 "2 wrong usage, or a file cannot be read."};

auto run_check(const Words& words) -> ExitCode {
  ImageOptions options;
  const auto operands = parse_command<kLimitOptions>(kCheck, words, options);
  if (!operands) return operands.error();
  options.file = operands->front();
  return with_image(options, image::Contents::kernel, [&options](const Image& image) {
    if (const auto checked = launch::check_config(image.config()); !checked) {
      complain(options.file, fmt::format("cannot be run: {}", checked.error().text));
      return ExitCode::some_not;
    }
    const auto& path = image.config().kernel;
    const auto kernel = entry::KernelObject::parse(image.kernel());
    if (!kernel) {
      complain(options.file,
               fmt::format("the kernel '{}' cannot be loaded: {}", path, kernel.error().message().view()));
      return ExitCode::some_not;
    }
    const auto version = kernel->hermit_version();
    return print_or_complain(fmt::format(
        "{}: a Hermit image of {} {}, kernel {} for {}{}\n", inspect::printable(options.file), image.files().size(),
        image.files().size() == 1 ? "entry" : "entries", inspect::printable(path), entry::name(kernel->arch()),
        version ? fmt::format(", Hermit {}", version->text().view()) : std::string{}));
  });
}

constexpr NamedCommand kCommands[] = {
    {"create", kCreate.description, run_create, [] { return describe<kCreateOptions>(kCreate.operands); }},
    {"list", kList.description, run_list, [] { return describe<kListOptions>(kList.operands); }},
    {"extract", kExtract.description, run_extract, [] { return describe<kLimitOptions>(kExtract.operands); }},
    {"check", kCheck.description, run_check, [] { return describe<kLimitOptions>(kCheck.operands); }}};

constexpr CommandGroup kGroup{
    .name = "image",
    .description = "Pack, list, unpack and check Hermit images",
    .commands = kCommands,
    .epilogue = "See hermitage-image(1), and hermitage image COMMAND --help for each command."};

}  // namespace

auto describe_image() -> CommandDescription {
  return describe(kGroup);
}

auto run_image(const Words& words) -> ExitCode {
  return run_one_of(kGroup, words);
}

}  // namespace hermitage::cli
