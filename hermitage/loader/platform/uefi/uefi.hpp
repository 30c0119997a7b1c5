// The part of UEFI that the loader uses (Unified Extensible Firmware Interface Specification 2.10), with the layout
// of the specification.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hermitage::loader::uefi {

// A pointer to a firmware function. On x86_64, firmware has another calling convention than C++.
#if defined(__x86_64__)
#define HERMITAGE_UEFI_FUNCTION(name) (__attribute__((ms_abi)) * name)
#else
#define HERMITAGE_UEFI_FUNCTION(name) (*name)
#endif

using Handle = void*;
using Status = std::uint64_t;

inline constexpr Status kErrorBit = std::uint64_t{1} << 63;
inline constexpr Status kSuccess = 0;
inline constexpr Status kLoadError = kErrorBit | 1;
inline constexpr Status kBufferTooSmall = kErrorBit | 5;
inline constexpr Status kNotFound = kErrorBit | 14;

struct Guid {
  std::uint32_t data1;
  std::uint16_t data2;
  std::uint16_t data3;
  std::array<std::uint8_t, 8> data4;

  friend constexpr auto operator==(const Guid&, const Guid&) noexcept -> bool = default;
};

inline constexpr Guid kLoadedImageProtocol{
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
inline constexpr Guid kFileSystemProtocol{0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
inline constexpr Guid kFileInfo{0x09576e92, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
inline constexpr Guid kAcpi2Table{0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
inline constexpr Guid kAcpi1Table{0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
inline constexpr Guid kDeviceTreeTable{0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
// For AMD SEV-SNP: the location of the data for communication with the platform's security processor.
inline constexpr Guid kConfidentialComputingBlob{
    0x067b1f5f, 0xcf26, 0x44c5, {0x85, 0x54, 0x93, 0xd7, 0x77, 0x91, 0x2d, 0x42}};

struct TableHeader {
  std::uint64_t signature;
  std::uint32_t revision;
  std::uint32_t size;
  std::uint32_t checksum;
  std::uint32_t reserved;
};

struct TextOutput {
  void* reset;
  Status HERMITAGE_UEFI_FUNCTION(output_string)(TextOutput* self, const char16_t* text);
};

inline constexpr std::uint32_t kLoaderData = 2;
inline constexpr std::uint32_t kConventionalMemory = 7;

inline constexpr std::uint32_t kAnyPages = 0;
inline constexpr std::uint32_t kAtAddress = 2;

struct MemoryDescriptor {
  std::uint32_t type;
  std::uint64_t physical_start;
  std::uint64_t virtual_start;
  std::uint64_t pages;
  std::uint64_t attributes;
};

struct BootServices {
  TableHeader header;
  void* raise_priority;
  void* restore_priority;
  Status HERMITAGE_UEFI_FUNCTION(allocate_pages)(std::uint32_t how, std::uint32_t type, std::uint64_t pages,
                                                 std::uint64_t* address);
  Status HERMITAGE_UEFI_FUNCTION(free_pages)(std::uint64_t address, std::uint64_t pages);
  Status HERMITAGE_UEFI_FUNCTION(get_memory_map)(std::uint64_t* size, void* map, std::uint64_t* key,
                                                 std::uint64_t* descriptor_size, std::uint32_t* descriptor_version);
  std::array<void*, 11> pool_events_and_interfaces;
  Status HERMITAGE_UEFI_FUNCTION(handle_protocol)(Handle handle, const Guid* protocol, void** interface);
  std::array<void*, 9> interfaces_and_images;
  Status HERMITAGE_UEFI_FUNCTION(exit_boot_services)(Handle image, std::uint64_t key);
  void* get_next_monotonic_count;
  void* stall;
  Status HERMITAGE_UEFI_FUNCTION(set_watchdog_timer)(std::uint64_t seconds, std::uint64_t code, std::uint64_t data_size,
                                                     const char16_t* data);
};

inline constexpr std::uint32_t kResetShutdown = 2;

struct RuntimeServices {
  TableHeader header;
  std::array<void*, 10> others;
  void HERMITAGE_UEFI_FUNCTION(reset_system)(std::uint32_t type, Status status, std::uint64_t data_size,
                                             const void* data);
};

struct ConfigurationTable {
  Guid guid;
  void* table;
};

struct SystemTable {
  TableHeader header;
  const char16_t* firmware_vendor;
  std::uint32_t firmware_revision;
  Handle console_in_handle;
  void* console_in;
  Handle console_out_handle;
  TextOutput* console_out;
  Handle standard_error_handle;
  TextOutput* standard_error;
  RuntimeServices* runtime_services;
  BootServices* boot_services;
  std::uint64_t table_count;
  const ConfigurationTable* tables;
};

struct LoadedImage {
  std::uint32_t revision;
  Handle parent;
  SystemTable* system_table;
  Handle device;
  void* file_path;
  void* reserved;
  std::uint32_t load_options_size;  // in bytes
  const char16_t* load_options;
  void* image_base;
  std::uint64_t image_size;
};

inline constexpr std::uint64_t kReadMode = 1;

struct File {
  std::uint64_t revision;
  Status HERMITAGE_UEFI_FUNCTION(open)(File* self, File** opened, const char16_t* name, std::uint64_t mode,
                                       std::uint64_t attributes);
  Status HERMITAGE_UEFI_FUNCTION(close)(File* self);
  void* remove;
  Status HERMITAGE_UEFI_FUNCTION(read)(File* self, std::uint64_t* size, void* buffer);
  void* write;
  void* get_position;
  void* set_position;
  Status HERMITAGE_UEFI_FUNCTION(get_info)(File* self, const Guid* type, std::uint64_t* size, void* buffer);
};

// EFI_FILE_INFO without the name that follows it.
struct FileInfo {
  std::uint64_t size;
  std::uint64_t file_size;
};

struct FileSystem {
  std::uint64_t revision;
  Status HERMITAGE_UEFI_FUNCTION(open_volume)(FileSystem* self, File** root);
};

static_assert(offsetof(BootServices, allocate_pages) == 40);
static_assert(offsetof(BootServices, handle_protocol) == 152);
static_assert(offsetof(BootServices, exit_boot_services) == 232);
static_assert(offsetof(BootServices, set_watchdog_timer) == 256);
static_assert(offsetof(RuntimeServices, reset_system) == 104);
static_assert(offsetof(SystemTable, boot_services) == 96);
static_assert(offsetof(LoadedImage, load_options) == 56);
static_assert(offsetof(File, get_info) == 64);

}  // namespace hermitage::loader::uefi
