// The hypercalls of the guest's own interface. Use them only under a monitor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "guests/runtime/guest.hpp"
#include "hermitage/kernel/hypercall.hpp"

#if defined(__x86_64__) || defined(__aarch64__)
#define GUEST_CAN_HAVE_MONITOR 1
#else
#define GUEST_CAN_HAVE_MONITOR 0
#endif

#if GUEST_CAN_HAVE_MONITOR
namespace guest::monitor {

namespace uhyve = hermitage::entry::uhyve;
namespace v1 = kernel::v1;
namespace v2 = kernel::v2;
// Calls `name` of the interface that the guest is linked for.
#define GUEST_CALL(name, ...) (interface == 1 ? v1::name(__VA_ARGS__) : v2::name(__VA_ARGS__))

inline void exit(int code) {
  GUEST_CALL(exit, code);
}
inline void serial_write(std::span<const std::byte> bytes) {
  GUEST_CALL(serial_write, bytes);
}
inline void serial_write_byte(std::byte byte) {
  GUEST_CALL(serial_write_byte, byte);
}
inline auto open(const char* name, int flags, int mode = 0644) {
  return GUEST_CALL(open, name, flags, mode);
}
inline auto close(int fd) {
  return GUEST_CALL(close, fd);
}
inline auto read(int fd, std::span<std::byte> buffer) {
  return GUEST_CALL(read, fd, buffer);
}
inline auto lseek(int fd, std::int64_t offset, int whence) {
  return GUEST_CALL(lseek, fd, offset, whence);
}
inline auto unlink(const char* name) {
  return GUEST_CALL(unlink, name);
}

// Returns the number of bytes written. Interface 1 does not report it: the function then returns the size of the
// buffer.
inline auto write(int fd, std::span<const std::byte> bytes) -> std::int64_t {
  if (interface == 1) {
    v1::write(fd, bytes);
    return static_cast<std::int64_t>(bytes.size());
  }
  return v2::write(fd, bytes);
}

#undef GUEST_CALL

}  // namespace guest::monitor
#endif
