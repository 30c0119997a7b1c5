// The guest's serial port: what it writes, and what it reads.
#pragma once

#include <sys/uio.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "hermitage/base/reader_limit.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/files/file_result.hpp"
#include "hermitage/vmm/pause_gate.hpp"

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

// Of all vCPUs together: every function may be called from any thread.
//
// Whole lines are passed on at once. The rest of a line waits for its end, for flush(), or until kCapacity bytes are
// together; the owner of the port flushes it at least every ten milliseconds while has_pending().
//
// Output waits for a slow reader until abandon(), and input waits until end(). Both wake the threads
// that wait in poll(2). A thread that waits in read(2) or write(2) itself, because another process was faster,
// comes back when it gets a signal whose handler has no SA_RESTART: the owner sends one, again and again, until all
// threads are back.
class Serial {
 public:
  static constexpr std::size_t kCapacity = base::kWriteSize;
  // How long output still waits for its reader after abandon().
  static constexpr std::chrono::milliseconds kGrace{150};

  // Fails with host_failed when a file cannot be made.
  [[nodiscard]] static auto open(const OutputTarget& target) -> Result<Serial>;

  Serial(Serial&& other) noexcept;
  auto operator=(Serial&&) -> Serial& = delete;
  ~Serial() = default;

  // Is called when something begins to wait, before anything is written.
  void set_on_pending(std::function<void()> on_pending) { on_pending_ = std::move(on_pending); }

  // Is called with all output that is passed on, in order, by one thread at a time; it must not call the serial port.
  void set_on_output(std::function<void(std::string_view)> on_output) { on_output_ = std::move(on_output); }

  // The vCPUs that wait for this port are at their guest's pauses; the gate must outlive the port's use.
  void set_pause_gate(PauseGate& gate) noexcept { gate_ = &gate; }

  // The guest begins: what an output file held before is gone from now on.
  void begin();
  void write(std::span<const std::byte> bytes);
  void flush();
  // Passes on what the reader takes without waiting for it. Does nothing while another thread passes output on.
  void flush_some();
  [[nodiscard]] auto has_pending() const noexcept -> bool { return has_pending_.load(std::memory_order_relaxed); }

  // The guest has ended: a write that is under way takes no further bytes, and no thread waits for input any longer.
  // What was taken before still waits for its reader. A signal handler may call it.
  void end() noexcept;
  // The guest is ended from outside: end(), and after kGrace no thread waits for a reader any longer. The first call
  // counts. A signal handler may call it.
  void abandon() noexcept;
  // The events that end() and abandon() signal.
  [[nodiscard]] auto events() const -> std::array<int, 2> {
    return {events_.ended.descriptor(), events_.abandoned.descriptor()};
  }
  // Bytes of output that abandon() has cost: neither delivered nor dropped because of write_error().
  [[nodiscard]] auto undelivered() const noexcept -> std::uint64_t { return undelivered_.load(); }

  // The error number of the first write that failed, or 0. What comes after it is dropped.
  [[nodiscard]] auto write_error() const noexcept -> int { return write_error_.load(std::memory_order_relaxed); }

  // What an OutputBuffer has gathered.
  [[nodiscard]] auto take_buffer() -> std::string;

  // Reads standard input, and waits until there is something, or its end (0). EINTR after end().
  [[nodiscard]] auto read(std::span<const iovec> buffers) -> FileResult<std::uint64_t>;
  // Reads what standard input has, without waiting: 0 bytes when there is nothing, no more, or another vCPU waits for
  // it.
  [[nodiscard]] auto read_available(std::span<std::byte> bytes) -> std::size_t;

 private:
  enum class Kind { descriptor, none, buffer };

  // Readable once the waiting is to end. Nobody reads it.
  struct Events {
    Event ended;
    Event abandoned;

    [[nodiscard]] static auto make() -> Result<Events>;
  };

  Serial(Kind kind, Events events, Descriptor owned, int descriptor) noexcept;

  void write_some(std::span<const std::byte> bytes);
  void pass_on(std::string_view text);
  // One write; false when the reader has had its time after abandon().
  [[nodiscard]] auto write_once(std::string_view& text) -> bool;
  [[nodiscard]] auto wait_for_input() const -> bool;
  void note_error(int error) noexcept { write_error_.store(error, std::memory_order_relaxed); }

  Kind kind_;
  Events events_;
  Descriptor owned_;
  int descriptor_;
  std::size_t buffer_limit_ = 0;
  PauseGate* gate_ = nullptr;
  std::function<void()> on_pending_;
  std::function<void(std::string_view)> on_output_;  // called with output_mutex_ held

  std::mutex output_mutex_;  // of pending_, and of the order of writes
  std::string pending_;      // or everything, of an OutputBuffer
  std::atomic<bool> has_pending_ = false;
  std::atomic<int> write_error_ = 0;
  base::ReaderLimit reader_limit_;
  std::atomic<std::uint64_t> undelivered_ = 0;
  std::atomic<bool> is_ended_ = false;
  std::atomic<bool> is_abandoned_ = false;

  std::mutex input_mutex_;  // from looking for input to reading it, so that nobody takes it in between
};

}  // namespace hermitage::vmm
