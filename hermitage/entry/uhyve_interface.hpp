// The hypercalls between a Hermit kernel and its monitor: the crate uhyve-interface.
//
// Both sides use this definition. The structs describe guest memory, in the guest's byte order. A kernel fills them
// in. A monitor copies a struct, checks the copy, and copies the results back: the guest's struct may be unaligned,
// and can change at any time.
//
// With interface 1, a kernel writes the 32-bit address of the parameters to an I/O port (x86_64). With interfaces 2
// and 3, it passes the 64-bit address, or the value itself: in rdi with a write to an I/O port (x86_64), or with a
// store to a guest-physical address (aarch64). `Gpa` is a guest-physical address, `Gva` a guest-virtual address.
// Strings end with a NUL.
//
// No struct has padding that the compiler inserts: a monitor copies structs to its guest, and uninitialized padding
// would disclose the monitor's memory. Fields named `padding` are 0.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace hermitage::entry::uhyve {

using Gpa = std::uint64_t;
using Gva = std::uint64_t;

// Errors of the calls below: hermit_abi::errno, with the numbers of Linux. `ret` contains the negative number, tagged
// results contain the positive number.
enum class Errno : std::int32_t {
  perm = 1,
  noent = 2,
  io = 5,
  badf = 9,
  nomem = 12,
  acces = 13,
  fault = 14,
  busy = 16,
  exist = 17,
  notdir = 20,
  isdir = 21,
  inval = 22,
  mfile = 24,
  fbig = 27,
  nospc = 28,
  spipe = 29,
  rofs = 30,
  nametoolong = 36,
  nosys = 38,
  notempty = 39,
  loop = 40,
  overflow = 75,
};

// Flags of `open`, with the numbers of Linux on x86_64, on every architecture. A monitor ignores all others.
inline constexpr std::int32_t kOpenReadOnly = 0;
inline constexpr std::int32_t kOpenWriteOnly = 01;
inline constexpr std::int32_t kOpenReadWrite = 02;
inline constexpr std::int32_t kOpenCreate = 0100;
inline constexpr std::int32_t kOpenExclusive = 0200;
inline constexpr std::int32_t kOpenTruncate = 01000;
inline constexpr std::int32_t kOpenAppend = 02000;
inline constexpr std::int32_t kOpenDirectory = 0200000;  // not together with kOpenCreate
inline constexpr std::int32_t kOpenFlags =
    kOpenWriteOnly | kOpenReadWrite | kOpenCreate | kOpenExclusive | kOpenTruncate | kOpenAppend | kOpenDirectory;

// `whence` of `lseek`.
inline constexpr std::int32_t kSeekSet = 0;
inline constexpr std::int32_t kSeekCurrent = 1;
inline constexpr std::int32_t kSeekEnd = 2;

// The same in all interfaces.
struct [[gnu::packed]] OpenParams {
  Gpa name;
  std::int32_t flags;
  std::int32_t mode;
  std::int32_t ret;  // file descriptor
};
static_assert(sizeof(OpenParams) == 20 && offsetof(OpenParams, flags) == 8 && offsetof(OpenParams, mode) == 12 &&
              offsetof(OpenParams, ret) == 16);

struct [[gnu::packed]] CloseParams {
  std::int32_t fd;
  std::int32_t ret;  // 0
};
static_assert(sizeof(CloseParams) == 8 && offsetof(CloseParams, ret) == 4);

struct [[gnu::packed]] UnlinkParams {
  Gpa name;
  std::int32_t ret;  // 0
};
static_assert(sizeof(UnlinkParams) == 12 && offsetof(UnlinkParams, ret) == 8);

// Interface 1, uhyve_interface::v1: for kernels before Hermit 0.12.
namespace v1 {

// I/O ports. The kernel writes the 32-bit address of the call's parameters; for `uart`, it writes the byte itself.
enum class Hypercall : std::uint16_t {
  write = 0x400,
  open = 0x440,
  close = 0x480,
  read = 0x500,
  exit = 0x540,
  lseek = 0x580,
  cmdsize = 0x740,
  cmdval = 0x780,
  uart = 0x800,
  unlink = 0x840,
  serial_write_buffer = 0x880,
};

inline constexpr std::size_t kMaxArguments = 128;  // also the limit for environment variables

// The call does not return the number of bytes written.
struct [[gnu::packed]] WriteParams {
  std::int32_t fd;
  Gva buf;
  std::uint64_t len;
};
static_assert(sizeof(WriteParams) == 20 && offsetof(WriteParams, buf) == 4 && offsetof(WriteParams, len) == 12);

struct [[gnu::packed]] ReadParams {
  std::int32_t fd;
  Gva buf;
  std::uint64_t len;
  std::int64_t ret;  // bytes read
};
static_assert(sizeof(ReadParams) == 28 && offsetof(ReadParams, buf) == 4 && offsetof(ReadParams, len) == 12 &&
              offsetof(ReadParams, ret) == 20);

struct [[gnu::packed]] ExitParams {
  std::int32_t code;
};
static_assert(sizeof(ExitParams) == 4);

struct [[gnu::packed]] LseekParams {
  std::int32_t fd;
  std::int64_t offset;  // in: relative to whence; out: from the beginning, or negative
  std::int32_t whence;
};
static_assert(sizeof(LseekParams) == 16 && offsetof(LseekParams, offset) == 4 && offsetof(LseekParams, whence) == 12);

// The monitor fills this in. Sizes in bytes, with the final NUL. The first argument is the kernel's path.
struct [[gnu::packed]] CmdsizeParams {
  std::int32_t argc;
  std::int32_t argsz[kMaxArguments];
  std::int32_t envc;
  std::int32_t envsz[kMaxArguments];
};
static_assert(sizeof(CmdsizeParams) == 1032 && offsetof(CmdsizeParams, argsz) == 4 &&
              offsetof(CmdsizeParams, envc) == 516 && offsetof(CmdsizeParams, envsz) == 520);

// Two arrays of Gpa. Each address has space for a string of the size that cmdsize returned.
struct [[gnu::packed]] CmdvalParams {
  Gpa argv;
  Gpa envp;
};
static_assert(sizeof(CmdvalParams) == 16 && offsetof(CmdvalParams, envp) == 8);

struct [[gnu::packed]] SerialWriteBufferParams {
  Gpa buf;
  std::uint64_t len;
};
static_assert(sizeof(SerialWriteBufferParams) == 16 && offsetof(SerialWriteBufferParams, len) == 8);

}  // namespace v1

// Interfaces 2 and 3, uhyve_interface::v2.
namespace v2 {

// I/O ports (x86_64) or guest-physical addresses (aarch64). `exit`, `serial_write_byte` and `serial_read_byte` take a
// value instead of the parameters' address.
enum class Hypercall : std::uint16_t {
  exit = 0x1010,
  serial_write_byte = 0x1020,
  serial_write_buffer = 0x1030,
  serial_read_byte = 0x1040,
  serial_read_buffer = 0x1050,
  write = 0x1100,
  open = 0x1110,
  close = 0x1120,
  read = 0x1130,
  lseek = 0x1140,
  unlink = 0x1150,
  getdents = 0x1160,  // this and the following: since interface 3
  stat = 0x1170,
  fstat = 0x1180,
  mkdir = 0x1190,
  shared_memory_open = 0x1200,   // reserved
  shared_memory_close = 0x1210,  // reserved
};

struct WriteParams {
  std::uint64_t len;
  std::int64_t ret;  // bytes written
  Gpa buf;
  std::int32_t fd;
  std::uint32_t padding = 0;
};
static_assert(sizeof(WriteParams) == 32 && offsetof(WriteParams, ret) == 8 && offsetof(WriteParams, buf) == 16 &&
              offsetof(WriteParams, fd) == 24);

struct ReadParams {
  std::uint64_t len;
  std::int64_t ret;  // bytes read
  Gpa buf;
  std::int32_t fd;
  std::uint32_t padding = 0;
};
static_assert(sizeof(ReadParams) == 32 && offsetof(ReadParams, ret) == 8 && offsetof(ReadParams, buf) == 16 &&
              offsetof(ReadParams, fd) == 24);

struct LseekParams {
  std::int64_t offset;  // in: relative to whence; out: from the beginning, or an error
  std::uint32_t whence;
  std::int32_t fd;
};
static_assert(sizeof(LseekParams) == 16 && offsetof(LseekParams, whence) == 8 && offsetof(LseekParams, fd) == 12);

struct SerialWriteBufferParams {
  std::uint64_t len;
  Gpa buf;
};
static_assert(sizeof(SerialWriteBufferParams) == 16 && offsetof(SerialWriteBufferParams, buf) == 8);

struct SerialReadBufferParams {
  std::uint64_t maxlen;
  std::uint64_t len;  // bytes read
  Gpa buf;
};
static_assert(sizeof(SerialReadBufferParams) == 24 && offsetof(SerialReadBufferParams, len) == 8 &&
              offsetof(SerialReadBufferParams, buf) == 16);

enum class FileType : std::uint8_t {
  unknown = 0,
  fifo = 1,
  character_device = 2,
  directory = 4,
  block_device = 6,
  regular_file = 8,
  symbolic_link = 10,
  socket = 12,
};

// `getdents` writes a sequence of these records: linux_dirent64. The name follows d_type directly. d_reclen is a
// multiple of 8.
inline constexpr std::size_t kDirentNameAt = 19;
struct Dirent {
  std::uint64_t d_ino;
  std::int64_t d_off;
  std::uint16_t d_reclen;
  FileType d_type;
};
static_assert(offsetof(Dirent, d_off) == 8 && offsetof(Dirent, d_reclen) == 16 && offsetof(Dirent, d_type) == 18);

enum class GetdentsTag : std::uint32_t { none = 0, success = 1, end_of_directory = 2, error = 3 };

struct GetdentsParams {
  std::int32_t fd;
  std::uint32_t padding = 0;
  Gpa buf;
  std::uint64_t len;
  GetdentsTag tag;
  std::uint32_t padding_behind_tag = 0;
  std::uint64_t payload;  // success: the number of bytes; error: an Errno in the first four bytes

  [[nodiscard]] constexpr auto error() const noexcept -> std::int32_t {
    return std::bit_cast<std::array<std::int32_t, 2>>(payload).front();
  }
  constexpr void set_error(std::int32_t error) noexcept {
    payload = std::bit_cast<std::uint64_t>(std::array<std::int32_t, 2>{error, 0});
  }
};
static_assert(sizeof(GetdentsParams) == 40 && offsetof(GetdentsParams, buf) == 8 &&
              offsetof(GetdentsParams, len) == 16 && offsetof(GetdentsParams, tag) == 24 &&
              offsetof(GetdentsParams, payload) == 32);

// For stat, fstat and mkdir.
enum class ResultTag : std::uint32_t { none = 0, success = 1, error = 2 };

struct Timespec {
  std::int64_t tv_sec;
  std::int32_t tv_nsec;
  std::uint32_t padding = 0;
};
static_assert(sizeof(Timespec) == 16 && offsetof(Timespec, tv_nsec) == 8);

struct FileAttr {
  std::uint64_t st_dev;
  std::uint64_t st_ino;
  std::uint64_t st_nlink;
  std::uint32_t st_mode;
  std::uint32_t st_uid;
  std::uint32_t st_gid;
  std::uint32_t padding = 0;
  std::uint64_t st_rdev;
  std::int64_t st_size;
  std::int64_t st_blksize;
  std::int64_t st_blocks;
  Timespec st_atim;
  Timespec st_mtim;
  Timespec st_ctim;
};
static_assert(sizeof(FileAttr) == 120 && offsetof(FileAttr, st_nlink) == 16 && offsetof(FileAttr, st_mode) == 24 &&
              offsetof(FileAttr, st_gid) == 32 && offsetof(FileAttr, st_rdev) == 40 &&
              offsetof(FileAttr, st_size) == 48 && offsetof(FileAttr, st_blocks) == 64 &&
              offsetof(FileAttr, st_atim) == 72 && offsetof(FileAttr, st_mtim) == 88 &&
              offsetof(FileAttr, st_ctim) == 104);
static_assert(std::has_unique_object_representations_v<FileAttr>);

enum class StatKind : std::uint32_t { stat = 0, lstat = 1 };

struct StatParams {
  Gpa name;
  StatKind kind;
  std::uint32_t padding = 0;
  Gpa attr;  // of a FileAttr
  ResultTag tag;
  std::int32_t error;
};
static_assert(sizeof(StatParams) == 32 && offsetof(StatParams, kind) == 8 && offsetof(StatParams, attr) == 16 &&
              offsetof(StatParams, tag) == 24 && offsetof(StatParams, error) == 28);

struct FstatParams {
  std::int32_t fd;
  std::uint32_t padding = 0;
  Gpa attr;  // of a FileAttr
  ResultTag tag;
  std::int32_t error;
};
static_assert(sizeof(FstatParams) == 24 && offsetof(FstatParams, attr) == 8 && offsetof(FstatParams, tag) == 16 &&
              offsetof(FstatParams, error) == 20);

struct MkdirParams {
  Gpa path;
  std::uint64_t len;  // of the path's buffer
  ResultTag tag;
  std::int32_t error;
};
static_assert(sizeof(MkdirParams) == 24 && offsetof(MkdirParams, len) == 8 && offsetof(MkdirParams, tag) == 16 &&
              offsetof(MkdirParams, error) == 20);

}  // namespace v2

}  // namespace hermitage::entry::uhyve
