// Hypercalls to Uhyve and to Hermitage's monitor: thin wrappers of interface 1 in v1, and of interfaces 2 and 3 in
// v2.
//
// Pointers are passed as guest-physical addresses: the objects they point to must be in identity-mapped memory, as
// all memory is at entry. For v1 on x86_64, the addresses must be below 4 GiB. Results are those of the monitor:
// negative values are errors (entry::uhyve::Errno).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/entry/uhyve_interface.hpp"

namespace hermitage::kernel {

namespace uhyve = entry::uhyve;

[[nodiscard]] inline auto gpa_of(const void* pointer) noexcept -> uhyve::Gpa {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

#if defined(__x86_64__) || defined(__aarch64__)
namespace v1 {

using uhyve::v1::Hypercall;

#if defined(__x86_64__)
using Argument = std::uint32_t;

inline void hypercall(Hypercall call, Argument value) noexcept {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(static_cast<std::uint16_t>(call)) : "memory");
}
#else
using Argument = std::uint64_t;

inline void hypercall(Hypercall call, Argument value) noexcept {
  asm volatile("str %0, [%1]" : : "r"(value), "r"(static_cast<std::uint64_t>(call)) : "memory");
}
#endif

template <class Params>
inline void hypercall(Hypercall call, Params& params) noexcept {
  hypercall(call, static_cast<Argument>(gpa_of(&params)));
}

// Ends the guest. Returns only if the monitor does not support the call.
inline void exit(std::int32_t code) noexcept {
  uhyve::v1::ExitParams params{.code = code};
  hypercall(Hypercall::exit, params);
}

inline void serial_write_byte(std::byte byte) noexcept {
  hypercall(Hypercall::uart, std::to_integer<std::uint32_t>(byte));
}

inline void serial_write(std::span<const std::byte> bytes) noexcept {
  uhyve::v1::SerialWriteBufferParams params{.buf = gpa_of(bytes.data()), .len = bytes.size()};
  hypercall(Hypercall::serial_write_buffer, params);
}

// Returns the file descriptor, or an error.
[[nodiscard]] inline auto open(const char* name, std::int32_t flags, std::int32_t mode) noexcept -> std::int32_t {
  uhyve::OpenParams params{.name = gpa_of(name), .flags = flags, .mode = mode, .ret = -1};
  hypercall(Hypercall::open, params);
  return params.ret;
}

[[nodiscard]] inline auto close(std::int32_t fd) noexcept -> std::int32_t {
  uhyve::CloseParams params{.fd = fd, .ret = -1};
  hypercall(Hypercall::close, params);
  return params.ret;
}

// Returns the number of bytes read, or an error.
[[nodiscard]] inline auto read(std::int32_t fd, std::span<std::byte> buffer) noexcept -> std::int64_t {
  uhyve::v1::ReadParams params{.fd = fd, .buf = gpa_of(buffer.data()), .len = buffer.size(), .ret = -1};
  hypercall(Hypercall::read, params);
  return params.ret;
}

// In this interface, the call has no result.
inline void write(std::int32_t fd, std::span<const std::byte> bytes) noexcept {
  uhyve::v1::WriteParams params{.fd = fd, .buf = gpa_of(bytes.data()), .len = bytes.size()};
  hypercall(Hypercall::write, params);
}

// Returns the new offset from the beginning, or a negative number.
[[nodiscard]] inline auto lseek(std::int32_t fd, std::int64_t offset, std::int32_t whence) noexcept -> std::int64_t {
  uhyve::v1::LseekParams params{.fd = fd, .offset = offset, .whence = whence};
  hypercall(Hypercall::lseek, params);
  return params.offset;
}

[[nodiscard]] inline auto unlink(const char* name) noexcept -> std::int32_t {
  uhyve::UnlinkParams params{.name = gpa_of(name), .ret = -1};
  hypercall(Hypercall::unlink, params);
  return params.ret;
}

}  // namespace v1
#endif

#if defined(__x86_64__) || defined(__aarch64__)
namespace v2 {

using uhyve::v2::Hypercall;

inline void hypercall(Hypercall call, std::uint64_t value) noexcept {
#if defined(__x86_64__)
  asm volatile("outl %%eax, %0" : : "Nd"(static_cast<std::uint16_t>(call)), "a"(0), "D"(value) : "memory");
#else
  asm volatile("str %0, [%1]" : : "r"(value), "r"(static_cast<std::uint64_t>(call)) : "memory");
#endif
}

template <class Params>
inline void hypercall(Hypercall call, Params& params) noexcept {
  hypercall(call, gpa_of(&params));
}

// Converts the error code of a tagged result to a negative number, the form of the other calls.
[[nodiscard]] inline auto result_of(uhyve::v2::ResultTag tag, std::int32_t error) noexcept -> std::int32_t {
  switch (tag) {
    case uhyve::v2::ResultTag::success: return 0;
    case uhyve::v2::ResultTag::error: return -error;
    default: return -1;
  }
}

// Ends the guest. Returns only if the monitor does not support the call.
inline void exit(std::int32_t code) noexcept {
  hypercall(Hypercall::exit, static_cast<std::uint32_t>(code));
}

inline void serial_write_byte(std::byte byte) noexcept {
  hypercall(Hypercall::serial_write_byte, std::to_integer<std::uint64_t>(byte));
}

inline void serial_write(std::span<const std::byte> bytes) noexcept {
  uhyve::v2::SerialWriteBufferParams params{.len = bytes.size(), .buf = gpa_of(bytes.data())};
  hypercall(Hypercall::serial_write_buffer, params);
}

// Returns the number of bytes read. Uhyve 0.10 does not support this call: the result is then 0.
[[nodiscard]] inline auto serial_read(std::span<std::byte> buffer) noexcept -> std::uint64_t {
  uhyve::v2::SerialReadBufferParams params{.maxlen = buffer.size(), .len = 0, .buf = gpa_of(buffer.data())};
  hypercall(Hypercall::serial_read_buffer, params);
  return params.len;
}

// Returns the file descriptor, or an error.
[[nodiscard]] inline auto open(const char* name, std::int32_t flags, std::int32_t mode) noexcept -> std::int32_t {
  uhyve::OpenParams params{.name = gpa_of(name), .flags = flags, .mode = mode, .ret = -1};
  hypercall(Hypercall::open, params);
  return params.ret;
}

[[nodiscard]] inline auto close(std::int32_t fd) noexcept -> std::int32_t {
  uhyve::CloseParams params{.fd = fd, .ret = -1};
  hypercall(Hypercall::close, params);
  return params.ret;
}

// Returns the number of bytes read, or an error.
[[nodiscard]] inline auto read(std::int32_t fd, std::span<std::byte> buffer) noexcept -> std::int64_t {
  uhyve::v2::ReadParams params{.len = buffer.size(), .ret = -1, .buf = gpa_of(buffer.data()), .fd = fd};
  hypercall(Hypercall::read, params);
  return params.ret;
}

// Returns the number of bytes written, or an error.
[[nodiscard]] inline auto write(std::int32_t fd, std::span<const std::byte> bytes) noexcept -> std::int64_t {
  uhyve::v2::WriteParams params{.len = bytes.size(), .ret = -1, .buf = gpa_of(bytes.data()), .fd = fd};
  hypercall(Hypercall::write, params);
  return params.ret;
}

// Returns the new offset from the beginning, or an error.
[[nodiscard]] inline auto lseek(std::int32_t fd, std::int64_t offset, std::int32_t whence) noexcept -> std::int64_t {
  uhyve::v2::LseekParams params{.offset = offset, .whence = static_cast<std::uint32_t>(whence), .fd = fd};
  hypercall(Hypercall::lseek, params);
  return params.offset;
}

[[nodiscard]] inline auto unlink(const char* name) noexcept -> std::int32_t {
  uhyve::UnlinkParams params{.name = gpa_of(name), .ret = -1};
  hypercall(Hypercall::unlink, params);
  return params.ret;
}

// Returns the number of bytes of uhyve::v2::Dirent records in `buffer`, 0 at the end of the directory, or an error.
[[nodiscard]] inline auto getdents(std::int32_t fd, std::span<std::byte> buffer) noexcept -> std::int64_t {
  using uhyve::v2::GetdentsTag;
  uhyve::v2::GetdentsParams params{
      .fd = fd, .buf = gpa_of(buffer.data()), .len = buffer.size(), .tag = GetdentsTag::none, .payload = 0};
  hypercall(Hypercall::getdents, params);
  switch (params.tag) {
    case GetdentsTag::success: return static_cast<std::int64_t>(params.payload);
    case GetdentsTag::end_of_directory: return 0;
    case GetdentsTag::error: return -params.error();
    default: return -1;
  }
}

// Returns 0, or an error.
[[nodiscard]] inline auto stat(const char* name, uhyve::v2::StatKind kind, uhyve::v2::FileAttr& attr) noexcept
    -> std::int32_t {
  uhyve::v2::StatParams params{
      .name = gpa_of(name), .kind = kind, .attr = gpa_of(&attr), .tag = uhyve::v2::ResultTag::none, .error = 0};
  hypercall(Hypercall::stat, params);
  return result_of(params.tag, params.error);
}

[[nodiscard]] inline auto fstat(std::int32_t fd, uhyve::v2::FileAttr& attr) noexcept -> std::int32_t {
  uhyve::v2::FstatParams params{.fd = fd, .attr = gpa_of(&attr), .tag = uhyve::v2::ResultTag::none, .error = 0};
  hypercall(Hypercall::fstat, params);
  return result_of(params.tag, params.error);
}

// `size` is the size of the path with its NUL.
[[nodiscard]] inline auto mkdir(const char* path, std::uint64_t size) noexcept -> std::int32_t {
  uhyve::v2::MkdirParams params{.path = gpa_of(path), .len = size, .tag = uhyve::v2::ResultTag::none, .error = 0};
  hypercall(Hypercall::mkdir, params);
  return result_of(params.tag, params.error);
}

}  // namespace v2
#endif

}  // namespace hermitage::kernel
