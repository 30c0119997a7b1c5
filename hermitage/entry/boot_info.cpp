#include "hermitage/entry/boot_info.hpp"

namespace hermitage::entry {
namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Offsets in the raw form.
constexpr std::size_t kPhysAddrStartAt = 0;
constexpr std::size_t kPhysAddrEndAt = 8;
constexpr std::size_t kSerialPortAt = 16;
constexpr std::size_t kDeviceTreeAt = 24;
constexpr std::size_t kImageStartAt = 32;
constexpr std::size_t kImageEndAt = 40;
constexpr std::size_t kTlsStartAt = 48;
constexpr std::size_t kTlsFileSizeAt = 56;
constexpr std::size_t kTlsMemSizeAt = 64;
constexpr std::size_t kTlsAlignAt = 72;
constexpr std::size_t kPlatformTagAt = 80;
constexpr std::size_t kPayloadAt = 88;
constexpr std::size_t kCommandLineAt = kPayloadAt;
constexpr std::size_t kCommandLineSizeAt = kPayloadAt + 8;
constexpr std::size_t kPlatformAddressAt = kPayloadAt + 16;
constexpr std::size_t kHasPciAt = kPayloadAt;
constexpr std::size_t kNumCpusAt = kPayloadAt + 8;
constexpr std::size_t kCpuFreqAt = kPayloadAt + 16;

// The 16 bytes of the boot time are aligned to 8 on x86_64 and not aligned elsewhere.
constexpr auto boot_time_at(Arch arch) noexcept -> std::size_t {
  return arch == Arch::x86_64 ? kPayloadAt + 24 : kPayloadAt + 20;
}

// hermit_entry::boot_info::RawBootInfo as a C compiler lays it out, to check the offsets. In Rust, the boot time is
// an array of bytes; on x86_64, an Align8 aligns it.
struct AlignedUhyveLayout {
  std::uint8_t has_pci;
  std::uint64_t num_cpus;
  std::uint32_t cpu_freq;
  alignas(8) std::byte boot_time[16];
};
struct PlainUhyveLayout {
  std::uint8_t has_pci;
  std::uint64_t num_cpus;
  std::uint32_t cpu_freq;
  std::byte boot_time[16];
};
struct CommandLineLayout {
  std::uint64_t command_line_data;
  std::uint64_t command_line_len;
  std::uint64_t address;
};
template <class SerialPort, class Uhyve>
struct RawLayout {
  std::uint64_t phys_addr_start;
  std::uint64_t phys_addr_end;
  SerialPort serial_port_base;
  std::uint64_t device_tree;
  std::uint64_t kernel_image_addr_start;
  std::uint64_t kernel_image_addr_end;
  std::uint64_t tls_start;
  std::uint64_t tls_filesz;
  std::uint64_t tls_memsz;
  std::uint64_t tls_align;
  std::uint32_t platform_tag;
  union {
    Uhyve uhyve;
    CommandLineLayout command_line;
  } platform;
};

template <class Layout, class Uhyve>
constexpr auto offsets_hold(Arch arch) noexcept -> bool {
  constexpr std::size_t kPlatformAt = offsetof(Layout, platform);
  return sizeof(Layout) == kRawBootInfoSize && alignof(Layout) == kRawBootInfoAlignment &&
         offsetof(Layout, phys_addr_end) == kPhysAddrEndAt && offsetof(Layout, serial_port_base) == kSerialPortAt &&
         offsetof(Layout, device_tree) == kDeviceTreeAt && offsetof(Layout, kernel_image_addr_start) == kImageStartAt &&
         offsetof(Layout, kernel_image_addr_end) == kImageEndAt && offsetof(Layout, tls_start) == kTlsStartAt &&
         offsetof(Layout, tls_filesz) == kTlsFileSizeAt && offsetof(Layout, tls_memsz) == kTlsMemSizeAt &&
         offsetof(Layout, tls_align) == kTlsAlignAt && offsetof(Layout, platform_tag) == kPlatformTagAt &&
         kPlatformAt == kPayloadAt && kPlatformAt + offsetof(Uhyve, num_cpus) == kNumCpusAt &&
         kPlatformAt + offsetof(Uhyve, cpu_freq) == kCpuFreqAt &&
         kPlatformAt + offsetof(Uhyve, boot_time) == boot_time_at(arch) &&
         kPlatformAt + offsetof(CommandLineLayout, command_line_len) == kCommandLineSizeAt &&
         kPlatformAt + offsetof(CommandLineLayout, address) == kPlatformAddressAt;
}
static_assert(offsets_hold<RawLayout<std::uint16_t, AlignedUhyveLayout>, AlignedUhyveLayout>(Arch::x86_64));
static_assert(offsets_hold<RawLayout<std::uint64_t, PlainUhyveLayout>, PlainUhyveLayout>(Arch::aarch64));
static_assert(offsets_hold<RawLayout<std::uint64_t, PlainUhyveLayout>, PlainUhyveLayout>(Arch::riscv64));

constexpr std::uint32_t kFirstTag = 0;  // Multiboot on x86_64, LinuxBoot elsewhere
constexpr std::uint32_t kUhyveTag = 1;
constexpr std::uint32_t kLinuxBootParamsTag = 2;
constexpr std::uint32_t kFdtTag = 3;

auto fail(BootInfoErrorCode code, std::uint64_t value = 0) noexcept -> std::unexpected<BootInfoError> {
  return std::unexpected{BootInfoError{.code = code, .value = value}};
}

// Writes one guest's raw boot info, field by field.
class Encoder {
 public:
  Encoder(Arch arch, Endian endian) noexcept : arch_{arch}, endian_{endian} {}

  auto encode(const BootInfo& info) noexcept -> std::expected<RawBootInfoBytes, BootInfoError> {
    if (const auto done = encode(info.hardware); !done) return std::unexpected{done.error()};
    if (const auto done = encode(info.load); !done) return std::unexpected{done.error()};
    if (const auto done = encode(info.platform); !done) return std::unexpected{done.error()};
    return raw_;
  }

 private:
  using Result = std::expected<void, BootInfoError>;

  template <std::unsigned_integral T>
  void put(std::size_t offset, T value) noexcept {
    write<T>(raw_, offset, value, endian_);
  }
  void put(std::size_t offset, GuestAddress address) noexcept { put(offset, address.value); }

  auto encode(const HardwareInfo& hardware) noexcept -> Result {
    put(kPhysAddrStartAt, hardware.phys_addr_range.start);
    put(kPhysAddrEndAt, hardware.phys_addr_range.end);
    if (const auto port = hardware.serial_port_base) {
      if (*port == 0 || (arch_ == Arch::x86_64 && *port > UINT16_MAX)) {
        return fail(BootInfoErrorCode::serial_port_range, *port);
      }
      if (arch_ == Arch::x86_64) {
        put(kSerialPortAt, static_cast<std::uint16_t>(*port));
      } else {
        put(kSerialPortAt, *port);
      }
    }
    if (const auto tree = hardware.device_tree) {
      if (tree->value == 0) return fail(BootInfoErrorCode::device_tree_zero);
      put(kDeviceTreeAt, *tree);
    }
    return {};
  }

  auto encode(const LoadInfo& load) noexcept -> Result {
    put(kImageStartAt, load.kernel_image.start);
    put(kImageEndAt, load.kernel_image.end);
    if (!load.tls) return {};
    if (*load.tls == TlsInfo{}) return fail(BootInfoErrorCode::tls_zero);
    put(kTlsStartAt, load.tls->start);
    put(kTlsFileSizeAt, load.tls->filesz);
    put(kTlsMemSizeAt, load.tls->memsz);
    put(kTlsAlignAt, load.tls->align);
    return {};
  }

  auto encode(const PlatformInfo& platform) noexcept -> Result {
    if (const auto* multiboot = std::get_if<MultibootPlatform>(&platform)) {
      if (arch_ != Arch::x86_64) return fail(BootInfoErrorCode::platform_not_on_arch);
      put(kPlatformTagAt, kFirstTag);
      return encode_addresses(multiboot->command_line, multiboot->multiboot_info);
    }
    if (std::holds_alternative<LinuxBootPlatform>(platform)) {
      if (arch_ == Arch::x86_64) return fail(BootInfoErrorCode::platform_not_on_arch);
      put(kPlatformTagAt, kFirstTag);
      return {};
    }
    if (const auto* uhyve = std::get_if<UhyvePlatform>(&platform)) {
      put(kPlatformTagAt, kUhyveTag);
      return encode(*uhyve);
    }
    if (const auto* linux_boot_params = std::get_if<LinuxBootParamsPlatform>(&platform)) {
      put(kPlatformTagAt, kLinuxBootParamsTag);
      return encode_addresses(linux_boot_params->command_line, linux_boot_params->boot_params);
    }
    put(kPlatformTagAt, kFdtTag);
    return {};
  }

  auto encode_addresses(const std::optional<CommandLine>& command_line, GuestAddress address) noexcept -> Result {
    if (command_line) {
      if (command_line->address.value == 0) return fail(BootInfoErrorCode::command_line_zero);
      put(kCommandLineAt, command_line->address);
      put(kCommandLineSizeAt, command_line->size);
    }
    if (address.value == 0) return fail(BootInfoErrorCode::platform_address_zero);
    put(kPlatformAddressAt, address);
    return {};
  }

  auto encode(const UhyvePlatform& uhyve) noexcept -> Result {
    put(kHasPciAt, static_cast<std::uint8_t>(uhyve.has_pci ? 1 : 0));
    if (uhyve.num_cpus == 0) return fail(BootInfoErrorCode::no_cpu);
    put(kNumCpusAt, uhyve.num_cpus);
    if (uhyve.cpu_freq_khz) {
      if (*uhyve.cpu_freq_khz == 0) return fail(BootInfoErrorCode::cpu_freq_zero);
      put(kCpuFreqAt, *uhyve.cpu_freq_khz);
    }
    return encode(uhyve.boot_time);
  }

  auto encode(BootTime time) noexcept -> Result {
    if (time.nanoseconds >= kNanosecondsPerSecond) return fail(BootInfoErrorCode::boot_time_range, time.nanoseconds);
    const auto nanoseconds =
        static_cast<Int128>(time.seconds) * static_cast<Int128>(kNanosecondsPerSecond) + time.nanoseconds;
    const auto low = static_cast<std::uint64_t>(nanoseconds);
    const auto high = static_cast<std::uint64_t>(nanoseconds >> 64);
    const auto at = boot_time_at(arch_);
    put(at, endian_ == Endian::little ? low : high);
    put(at + 8, endian_ == Endian::little ? high : low);
    return {};
  }

  __extension__ using Int128 = __int128;

  Arch arch_;
  Endian endian_;
  RawBootInfoBytes raw_{};
};

// Converts nanoseconds = high * 2^64 + low, in two's complement, to whole seconds rounded down and the rest. Divides
// 32 bits at a time: a 128-bit division would call the compiler's library.
auto boot_time_of(std::uint64_t high, std::uint64_t low) noexcept -> std::expected<BootTime, BootInfoError> {
  const bool is_negative = high >> 63 != 0;
  if (is_negative) {
    // Computes -n - 1, which is never negative. The operation is its own inverse.
    high = ~high;
    low = ~low;
  }
  const std::uint32_t limbs[] = {static_cast<std::uint32_t>(high >> 32), static_cast<std::uint32_t>(high),
                                 static_cast<std::uint32_t>(low >> 32), static_cast<std::uint32_t>(low)};
  std::uint64_t quotient_high = 0;
  std::uint64_t quotient_low = 0;
  std::uint64_t rest = 0;
  for (const auto limb : limbs) {
    const std::uint64_t dividend = rest << 32 | limb;
    quotient_high = quotient_high << 32 | quotient_low >> 32;
    quotient_low = quotient_low << 32 | dividend / kNanosecondsPerSecond;
    rest = dividend % kNanosecondsPerSecond;
  }
  if (quotient_high != 0 || quotient_low > INT64_MAX) return fail(BootInfoErrorCode::boot_time_range);
  if (!is_negative) {
    return BootTime{.seconds = static_cast<std::int64_t>(quotient_low),
                    .nanoseconds = static_cast<std::uint32_t>(rest)};
  }
  // floor((-n - 1) / d) = -(n / d) - 1, with the rest d - 1 - n % d.
  return BootTime{.seconds = -static_cast<std::int64_t>(quotient_low) - 1,
                  .nanoseconds = static_cast<std::uint32_t>(kNanosecondsPerSecond - 1 - rest)};
}

// Reads one guest's raw boot info, field by field.
class Decoder {
 public:
  Decoder(std::span<const std::byte> raw, Arch arch, Endian endian) noexcept : raw_{raw, endian}, arch_{arch} {}

  [[nodiscard]] auto decode() const noexcept -> std::expected<BootInfo, BootInfoError> {
    const auto platform = decode_platform();
    if (!platform) return std::unexpected{platform.error()};
    return BootInfo{.hardware = decode_hardware(), .load = decode_load(), .platform = *platform};
  }

 private:
  using Result = std::expected<PlatformInfo, BootInfoError>;

  [[nodiscard]] auto number(std::size_t offset) const noexcept { return raw_.get<std::uint64_t>(offset); }
  [[nodiscard]] auto address(std::size_t offset) const noexcept { return GuestAddress{number(offset)}; }

  [[nodiscard]] auto decode_hardware() const noexcept -> HardwareInfo {
    HardwareInfo hardware{.phys_addr_range = {.start = address(kPhysAddrStartAt), .end = address(kPhysAddrEndAt)}};
    const auto port = arch_ == Arch::x86_64 ? raw_.get<std::uint16_t>(kSerialPortAt) : number(kSerialPortAt);
    if (port != 0) hardware.serial_port_base = port;
    if (number(kDeviceTreeAt) != 0) hardware.device_tree = address(kDeviceTreeAt);
    return hardware;
  }

  [[nodiscard]] auto decode_load() const noexcept -> LoadInfo {
    LoadInfo load{.kernel_image = {.start = address(kImageStartAt), .end = address(kImageEndAt)}};
    const TlsInfo tls{.start = address(kTlsStartAt),
                      .filesz = number(kTlsFileSizeAt),
                      .memsz = number(kTlsMemSizeAt),
                      .align = number(kTlsAlignAt)};
    if (tls != TlsInfo{}) load.tls = tls;
    return load;
  }

  [[nodiscard]] auto decode_platform() const noexcept -> Result {
    const auto tag = raw_.get<std::uint32_t>(kPlatformTagAt);
    switch (tag) {
      case kFirstTag:
        if (arch_ != Arch::x86_64) return LinuxBootPlatform{};
        return decode_addresses<MultibootPlatform, &MultibootPlatform::multiboot_info>();
      case kUhyveTag: return decode_uhyve();
      case kLinuxBootParamsTag:
        return decode_addresses<LinuxBootParamsPlatform, &LinuxBootParamsPlatform::boot_params>();
      case kFdtTag: return FdtPlatform{};
      default: return fail(BootInfoErrorCode::unknown_platform, tag);
    }
  }

  // A platform that consists of a command line and one more address.
  template <class Platform, GuestAddress Platform::* address_member>
  [[nodiscard]] auto decode_addresses() const noexcept -> Result {
    if (number(kPlatformAddressAt) == 0) return fail(BootInfoErrorCode::platform_address_zero);
    Platform platform{.command_line = decode_command_line()};
    platform.*address_member = address(kPlatformAddressAt);
    return platform;
  }

  [[nodiscard]] auto decode_command_line() const noexcept -> std::optional<CommandLine> {
    if (number(kCommandLineAt) == 0) return std::nullopt;
    return CommandLine{.address = address(kCommandLineAt), .size = number(kCommandLineSizeAt)};
  }

  [[nodiscard]] auto decode_uhyve() const noexcept -> Result {
    const auto has_pci = raw_.get<std::uint8_t>(kHasPciAt);
    if (has_pci > 1) return fail(BootInfoErrorCode::has_pci_value, has_pci);
    if (number(kNumCpusAt) == 0) return fail(BootInfoErrorCode::no_cpu);
    const auto time_at = boot_time_at(arch_);
    const bool low_first = raw_.endian() == Endian::little;
    const auto boot_time =
        boot_time_of(number(low_first ? time_at + 8 : time_at), number(low_first ? time_at : time_at + 8));
    if (!boot_time) return std::unexpected{boot_time.error()};

    UhyvePlatform uhyve{.has_pci = has_pci == 1, .num_cpus = number(kNumCpusAt), .boot_time = *boot_time};
    if (const auto khz = raw_.get<std::uint32_t>(kCpuFreqAt); khz != 0) uhyve.cpu_freq_khz = khz;
    return uhyve;
  }

  ByteView raw_;
  Arch arch_;
};

}  // namespace

auto BootInfoError::name() const noexcept -> std::string_view {
  using enum BootInfoErrorCode;
  switch (code) {
    case platform_not_on_arch: return "platform_not_on_arch";
    case unknown_platform: return "unknown_platform";
    case serial_port_range: return "serial_port_range";
    case device_tree_zero: return "device_tree_zero";
    case command_line_zero: return "command_line_zero";
    case platform_address_zero: return "platform_address_zero";
    case no_cpu: return "no_cpu";
    case cpu_freq_zero: return "cpu_freq_zero";
    case boot_time_range: return "boot_time_range";
    case has_pci_value: return "has_pci_value";
    case tls_zero: return "tls_zero";
  }
  return "unknown";
}

auto BootInfoError::message() const noexcept -> Message {
  using enum BootInfoErrorCode;
  Message message;
  switch (code) {
    case platform_not_on_arch:
      return message.append("Multiboot is a platform of x86_64 only, and LinuxBoot of aarch64 and riscv64 only");
    case unknown_platform: return message.append("unknown platform tag ").append_decimal(value);
    case serial_port_range:
      return message.append("serial port base ")
          .append_hex(value)
          .append(" is out of range: not 0, and on x86_64 at most 0xffff");
    case device_tree_zero: return message.append("a device tree cannot be at address 0");
    case command_line_zero: return message.append("a command line cannot be at address 0");
    case platform_address_zero: return message.append("the platform's boot information cannot be at address 0");
    case no_cpu: return message.append("the number of CPUs is 0");
    case cpu_freq_zero: return message.append("a CPU frequency cannot be 0 kHz");
    case boot_time_range: return message.append("the boot time is out of range");
    case has_pci_value: return message.append("has_pci is ").append_decimal(value).append(" instead of 0 or 1");
    case tls_zero: return message.append("a TLS template cannot have only fields of 0");
  }
  return message;
}

auto BootInfo::encode(Arch arch, Endian endian) const noexcept -> std::expected<RawBootInfoBytes, BootInfoError> {
  return Encoder{arch, endian}.encode(*this);
}

auto BootInfo::decode(std::span<const std::byte, kRawBootInfoSize> raw, Arch arch, Endian endian) noexcept
    -> std::expected<BootInfo, BootInfoError> {
  return Decoder{raw, arch, endian}.decode();
}

}  // namespace hermitage::entry
