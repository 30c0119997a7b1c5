// hermitage load: loads a kernel as a boot loader would.
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <sys/mman.h>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/quantity.hpp"
#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/inspect/report.hpp"

namespace hermitage::cli {
namespace {

// A file can declare any memory size; no real kernel needs more than this.
constexpr std::uint64_t kMaxMemorySize = std::uint64_t{4} << 30;

struct LoadOptions {
  std::string file;
  std::optional<std::string> start_addr;
  std::string output;
  bool json = false;
};

// Zeroed memory. The host allocates only touched pages.
class Memory {
 public:
  explicit Memory(std::uint64_t size)
      : size_{size},
        data_{::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)} {}
  Memory(const Memory&) = delete;
  auto operator=(const Memory&) -> Memory& = delete;
  ~Memory() {
    if (is_there()) ::munmap(data_, size_);
  }

  [[nodiscard]] auto is_there() const -> bool { return data_ != MAP_FAILED; }
  [[nodiscard]] auto bytes() const -> std::span<std::byte> { return {static_cast<std::byte*>(data_), size_}; }

 private:
  std::uint64_t size_;
  void* data_;
};

auto to_json(const std::string& file, const entry::LoadedKernel& loaded) -> std::string {
  inspect::Json object{{"file", file},
                       {"entry_point", loaded.entry_point.value},
                       {"start_addr", loaded.image.start.value},
                       {"end_addr", loaded.image.end.value},
                       {"tls", nullptr}};
  if (const auto& tls = loaded.tls) {
    object["tls"] = {
        {"start", tls->start.value}, {"filesz", tls->filesz}, {"memsz", tls->memsz}, {"align", tls->align}};
  }
  return inspect::dump(object) + "\n";
}

auto to_text(const entry::LoadedKernel& loaded) -> std::string {
  using inspect::hex;
  const auto size = loaded.image.end.value - loaded.image.start.value;
  auto text = fmt::format("Entry Point: {}\nImage: {} to {} ({} bytes, {})\n", hex(loaded.entry_point.value),
                          hex(loaded.image.start.value), hex(loaded.image.end.value), size, inspect::human_size(size));
  if (const auto& tls = loaded.tls) {
    text += fmt::format("TLS: {}, {}, aligned to {}\n", hex(tls->start.value),
                        inspect::tls_size_text(tls->filesz, tls->memsz), tls->align);
  } else {
    text += "TLS: none\n";
  }
  return text;
}

// If the loaded memory goes to standard output, the addresses go to standard error.
auto show(const LoadOptions& options, const entry::LoadedKernel& loaded) -> ExitCode {
  const auto text = options.json ? to_json(options.file, loaded) : to_text(loaded);
  if (options.output == "-") {
    print_error(text);
    return ExitCode::good;
  }
  if (const auto printed = print(text); !printed) {
    complain("standard output", printed.error());
    return ExitCode::usage;
  }
  return ExitCode::good;
}

auto load_and_show(const LoadOptions& options, const entry::KernelObject& kernel, entry::GuestAddress start)
    -> ExitCode {
  if (kernel.mem_size() > kMaxMemorySize) {
    complain(options.file, fmt::format("takes {} of memory, more than the limit of {}",
                                       inspect::human_size(kernel.mem_size()), inspect::human_size(kMaxMemorySize)));
    return ExitCode::some_not;
  }
  const Memory memory{kernel.mem_size()};
  if (!memory.is_there()) {
    complain(options.file,
             fmt::format("no {} of memory for it: {}", inspect::human_size(kernel.mem_size()), std::strerror(errno)));
    return ExitCode::usage;
  }
  const auto loaded = kernel.load(memory.bytes(), start, {.zeroed_memory = true});
  if (!loaded) {
    complain_of(options.file, loaded.error().message().view());
    return ExitCode::some_not;
  }
  if (!options.output.empty()) {
    if (const auto written = write_file(options.output, memory.bytes()); !written) {
      complain(options.output, written.error());
      return ExitCode::usage;
    }
  }
  return show(options, *loaded);
}

auto load_file(const LoadOptions& options) -> ExitCode {
  const auto start = options.start_addr ? entry::parse_quantity(*options.start_addr) : std::nullopt;
  if (options.start_addr && !start) {
    complain({}, fmt::format("--start-addr '{}': not an address such as 0x40000, 262144 or 256K", *options.start_addr));
    return ExitCode::usage;
  }
  const auto input = read_kernel(options.file);
  if (!input) {
    complain(options.file, input.error());
    return ExitCode::usage;
  }
  const auto& image = input->image;
  if (image && !*image) {
    complain_of(options.file, image->error().message());
    return ExitCode::some_not;
  }
  const auto kernel = entry::KernelObject::parse(image ? (*image)->kernel() : input->bytes);
  if (!kernel) {
    complain_of(options.file, kernel.error().message().view());
    return ExitCode::some_not;
  }
  const auto default_start = kernel->start_addr().value_or(entry::GuestAddress{inspect::kDefaultStart});
  return load_and_show(options, *kernel, start ? entry::GuestAddress{*start} : default_start);
}

using Option = OptionOf<LoadOptions>;
constexpr std::array kOptions{
    Option{0, "start-addr", "ADDR",
           "guest address to load the kernel at: 0x…, decimal, or with K, M, G, T (powers of 1024); default: the "
           "kernel's fixed address, or 0x40000",
           set<&LoadOptions::start_addr>},
    Option{'o', "output", "MEMORY.bin", "write the loaded memory to this file; - is standard output",
           set<&LoadOptions::output>, kFiles},
    Option{0, "json", nullptr, "print a JSON object", set<&LoadOptions::json>},
};

constexpr Operand kOperands[] = {{"FILE", "kernel or image; - is standard input"}};
constexpr CommandText kText{
    .name = "load",
    .description = "Load a kernel as a boot loader would, and print where its parts are",
    .operands = kOperands,
    .epilogue =
        "Exit status: 0 loaded; 1 cannot be loaded; 2 wrong usage, out of memory, or a file cannot be read or "
        "written."};

}  // namespace

auto describe_load() -> CommandDescription {
  return describe<kOptions>(kOperands);
}

auto run_load(const Words& words) -> ExitCode {
  LoadOptions options;
  const auto operands = parse_command<kOptions>(kText, words, options);
  if (!operands) return operands.error();
  options.file = operands->front();
  return load_file(options);
}

}  // namespace hermitage::cli
