// The guest's serial port: its output and its input.
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

// The target of the guest's output.
struct StandardOutput {};
struct NoOutput {};
struct OutputFile {
  std::string path;  // created or emptied
};
struct OutputBuffer {                         // in memory, for Serial::take_buffer()
  std::size_t limit = std::size_t{64} << 20;  // in bytes; more output is an error (EFBIG)
};
using OutputTarget = std::variant<StandardOutput, NoOutput, OutputFile, OutputBuffer>;

// One port for all vCPUs. Any thread can call any function.
//
// Complete lines are passed on at once. The rest of a line is kept until its end, flush(), or kCapacity bytes. The
// owner of the port must flush it at least every ten milliseconds while has_pending().
//
// Output waits for a slow reader until abandon(), and input waits until end(). Both wake threads that wait in poll(2).
// If another process was faster, a thread can also block in read(2) or write(2). It returns after a signal whose
// handler has no SA_RESTART. The owner must send such a signal repeatedly until all threads have returned.
class Serial {
 public:
  static constexpr std::size_t kCapacity = base::kWriteSize;
  // The time that output still waits for its reader after abandon().
  static constexpr std::chrono::milliseconds kGrace{150};

  // Fails with host_failed if a file cannot be created.
  [[nodiscard]] static auto open(const OutputTarget& target) -> Result<Serial>;

  Serial(Serial&& other) noexcept;
  auto operator=(Serial&&) -> Serial& = delete;
  ~Serial() = default;

  // Is called when output starts to be pending, before anything is written.
  void set_on_pending(std::function<void()> on_pending) { on_pending_ = std::move(on_pending); }

  // Is called with all output that is passed on, in order, by one thread at a time. It must not call the serial port.
  void set_on_output(std::function<void(std::string_view)> on_output) { on_output_ = std::move(on_output); }

  // Makes vCPUs that wait for this port count as stopped for pauses. The gate must outlive the use of the port.
  void set_pause_gate(PauseGate& gate) noexcept { gate_ = &gate; }

  // The guest starts: empties the output file.
  void begin();
  void write(std::span<const std::byte> bytes);
  void flush();
  // Passes on as much as the reader accepts without waiting. Does nothing while another thread passes output on.
  void flush_some();
  [[nodiscard]] auto has_pending() const noexcept -> bool { return has_pending_.load(std::memory_order_relaxed); }

  // The guest has ended: a current write accepts no more bytes, and no thread waits for input. Bytes that were accepted
  // before still wait for the reader. A signal handler can call it.
  void end() noexcept;
  // The guest is ended from outside: calls end(), and after kGrace no thread waits for a reader. The first call counts.
  // A signal handler can call it.
  void abandon() noexcept;
  // The events that end() and abandon() signal.
  [[nodiscard]] auto events() const -> std::array<int, 2> {
    return {events_.ended.descriptor(), events_.abandoned.descriptor()};
  }
  // The number of output bytes lost because of abandon(): neither delivered nor dropped because of write_error().
  [[nodiscard]] auto undelivered() const noexcept -> std::uint64_t { return undelivered_.load(); }

  // The error number of the first failed write, or 0. Later output is dropped.
  [[nodiscard]] auto write_error() const noexcept -> int { return write_error_.load(std::memory_order_relaxed); }

  // Returns and removes the content of an OutputBuffer.
  [[nodiscard]] auto take_buffer() -> std::string;

  // Reads standard input. Waits for data or the end of input (0 bytes). EINTR after end().
  [[nodiscard]] auto read(std::span<const iovec> buffers) -> FileResult<std::uint64_t>;
  // Reads standard input without waiting. Returns 0 bytes if there is no data, at the end of input, or if another vCPU
  // waits for it.
  [[nodiscard]] auto read_available(std::span<std::byte> bytes) -> std::size_t;

 private:
  enum class Kind { descriptor, none, buffer };

  // Readable when waiting must end. No thread reads them.
  struct Events {
    Event ended;
    Event abandoned;

    [[nodiscard]] static auto make() -> Result<Events>;
  };

  Serial(Kind kind, Events events, Descriptor owned, int descriptor) noexcept;

  void write_some(std::span<const std::byte> bytes);
  void pass_on(std::string_view text);
  // Makes one write. Returns false if the time of the reader after abandon() is over.
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

  std::mutex output_mutex_;  // protects pending_ and the order of writes
  std::string pending_;      // or all output, of an OutputBuffer
  std::atomic<bool> has_pending_ = false;
  std::atomic<int> write_error_ = 0;
  base::ReaderLimit reader_limit_;
  std::atomic<std::uint64_t> undelivered_ = 0;
  std::atomic<bool> is_ended_ = false;
  std::atomic<bool> is_abandoned_ = false;

  std::mutex input_mutex_;  // held from waiting for input to reading it, so that no other vCPU reads it in between
};

}  // namespace hermitage::vmm
