// The guest's serial port: what it writes, and what it reads.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// Where the guest's output goes.
struct StandardOutput {};
struct NoOutput {};
struct OutputFile {
  std::string path;  // made anew
};
struct OutputBuffer {                         // kept in memory, for Serial::take_buffer()
  std::size_t limit = std::size_t{64} << 20;  // bytes; what goes beyond is an error (EFBIG)
};
using OutputTarget = std::variant<StandardOutput, NoOutput, OutputFile, OutputBuffer>;

// Of all processors together: every function may be called from any thread.
//
// Whole lines are passed on at once. The rest of a line waits for its end, for flush(), or until kCapacity bytes are
// together; whoever owns the port flushes it at least every ten milliseconds while has_pending().
class Serial {
 public:
  static constexpr std::size_t kCapacity = 4096;

  // `stop` is a descriptor that becomes readable when the guest is to end, so that nobody waits for a reader any longer
  // without noticing; or -1. Fails with host_failed when a file cannot be made.
  [[nodiscard]] static auto open(const OutputTarget& target, int stop = -1) -> Result<Serial>;

  Serial(Serial&& other) noexcept;
  auto operator=(Serial&&) -> Serial& = delete;
  ~Serial() = default;

  // Is called when something begins to wait, before anything is written.
  void set_on_pending(std::function<void()> on_pending) { on_pending_ = std::move(on_pending); }

  // The guest begins: what an output file held before is gone from now on.
  void begin();
  void write(std::span<const std::byte> bytes);
  void flush();
  [[nodiscard]] auto has_pending() const noexcept -> bool { return has_pending_.load(std::memory_order_relaxed); }

  // From now on, waits for nobody who does not read: the guest is to be stopped, and must not be held up by that.
  void abandon() noexcept { is_abandoned_.store(true, std::memory_order_relaxed); }

  // The error number of the first write that failed, or 0. What comes after it is dropped.
  [[nodiscard]] auto write_error() const noexcept -> int { return write_error_.load(std::memory_order_relaxed); }

  // What an OutputBuffer has gathered.
  [[nodiscard]] auto take_buffer() -> std::string;

  // Reads what standard input has, without waiting for it: 0 bytes when there is nothing, or no more.
  [[nodiscard]] static auto read_available(std::span<std::byte> bytes) -> std::size_t;
  // Waits until standard input has something, or its end. False when the guest is to end first.
  [[nodiscard]] auto wait_for_input() const -> bool;

 private:
  enum class Kind { descriptor, none, buffer };

  Serial(Kind kind, Descriptor owned, int descriptor, int stop);

  void write_some(std::span<const std::byte> bytes);
  void pass_on(std::string_view text);
  [[nodiscard]] auto can_write() const -> bool;
  void note_error(int error) noexcept { write_error_.store(error, std::memory_order_relaxed); }

  Kind kind_;
  Descriptor owned_;
  int descriptor_;
  int stop_;
  std::size_t buffer_limit_ = 0;
  std::function<void()> on_pending_;
  std::mutex mutex_;
  std::string pending_;  // or everything, of an OutputBuffer
  std::atomic<bool> has_pending_ = false;
  std::atomic<int> write_error_ = 0;
  std::atomic<bool> is_abandoned_ = false;
};

}  // namespace hermitage::vmm
