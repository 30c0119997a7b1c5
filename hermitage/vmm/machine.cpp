#include "hermitage/vmm/machine.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <limits>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/guest/timer.hpp"
#include "hermitage/vmm/device_tree.hpp"
#include "hermitage/vmm/kernel_loading.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"
#include "hermitage/vmm/kvm/x86_64/cpuid.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint16_t kPciAddressPort = 0xcf8;
constexpr std::uint16_t kPciDataPort = 0xcfc;
constexpr std::uint16_t kPciPorts = 4;  // bytes of each
constexpr std::uint16_t kUartPort = std::to_underlying(entry::uhyve::v1::Hypercall::uart);

// Where kernels look for the tables of multiprocessor machines, word by word; there are none.
constexpr std::array kBiosAreas{GuestRange{{0x9'f000}, {0xa'0000}}, GuestRange{{0xf'0000}, {0x10'0000}}};

// Output is on its way at most ten milliseconds after the guest wrote it.
constexpr milliseconds kFlushInterval{8};
// How often threads that have not come back are called again.
constexpr milliseconds kCallBackInterval{5};
// Kernels before 0.10 count on more than themselves being mapped.
constexpr std::uint64_t kLegacyMapping = std::uint64_t{1} << 30;
// Why a run was stopped, beside what Machine::stop() is told.
constexpr auto kTimeIsOver = std::numeric_limits<std::int64_t>::min();
// A guest does not flood its host's log.
constexpr std::size_t kMaxWarnings = 16;

// Calls processors back. The C library says as the program runs which it keeps for itself.
auto call_back_signal() -> int {
  return SIGRTMIN;
}

auto contains(GuestRange range, GuestAddress address) -> bool {
  return address >= range.start && address < range.end;
}

auto random_number() -> Result<std::uint64_t> {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) return system_failure("no random numbers", errno);
  return number;
}

auto check_options(const MachineOptions& options) -> Result<void> {
  if (auto checked = guest::check_memory_size(options.memory_size); !checked) {
    return fail(ErrorCode::configuration, std::move(checked.error()));
  }
  if (options.cpu_count == 0) return fail(ErrorCode::configuration, "a guest needs a processor");
  if (!options.affinity.empty() && options.affinity.size() != options.cpu_count) {
    return fail(ErrorCode::configuration, fmt::format("{} processors cannot be bound to a list of {}",
                                                      options.cpu_count, options.affinity.size()));
  }
  return {};
}

auto check_affinity(std::span<const unsigned> affinity) -> Result<void> {
  cpu_set_t available;
  if (affinity.empty() || ::sched_getaffinity(0, sizeof available, &available) != 0) return {};
  for (const auto cpu : affinity) {
    if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &available)) {
      return fail(ErrorCode::configuration, fmt::format("there is no processor {} here that may be used", cpu));
    }
  }
  return {};
}

auto peak_memory() -> std::uint64_t {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

auto boot_time_now() -> entry::BootTime {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {.seconds = now.tv_sec, .nanoseconds = static_cast<std::uint32_t>(now.tv_nsec)};
}

// Blocks signals in this thread, and in those that it starts meanwhile. The host program's handlers run in threads of
// its own; processors get the one signal that calls them back, and those that a fault of this program itself raises.
class BlockedSignals {
 public:
  explicit BlockedSignals(int except) {
    sigset_t blocked;
    ::sigfillset(&blocked);
    for (const int signal : {except, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      ::sigdelset(&blocked, signal);
    }
    ::pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  auto operator=(const BlockedSignals&) -> BlockedSignals& = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// Lets a signal through in this thread.
class UnblockedSignal {
 public:
  explicit UnblockedSignal(int signal) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &one, &before_);
  }
  UnblockedSignal(const UnblockedSignal&) = delete;
  auto operator=(const UnblockedSignal&) -> UnblockedSignal& = delete;
  ~UnblockedSignal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// Where threads wait until all of them are ready, or one cannot be.
class StartingLine {
 public:
  explicit StartingLine(std::size_t count) : missing_{count} {}

  // Comes back when all have arrived; the first error that one came with is everybody's.
  [[nodiscard]] auto arrive(Result<void> outcome) -> Result<void> {
    std::unique_lock lock{mutex_};
    --missing_;
    if (!outcome && outcome_) outcome_ = std::move(outcome);
    if (missing_ == 0 || !outcome_) changed_.notify_all();
    changed_.wait(lock, [this] { return missing_ == 0 || !outcome_; });
    return outcome_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t missing_;
  Result<void> outcome_;
};

// Wakes the supervisor. Any thread and any signal handler may call wake().
class Wakeup {
 public:
  [[nodiscard]] static auto make() -> Result<Wakeup> {
    Descriptor event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!event.is_open()) return system_failure("eventfd", errno);
    return Wakeup{std::move(event)};
  }

  void wake() const noexcept {
    const eventfd_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
  }

  // Whether wake() was called within this time; a signal ends the waiting, too.
  [[nodiscard]] auto wait(std::optional<milliseconds> limit) const -> bool {
    pollfd woken{.fd = event_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&woken, 1, limit ? static_cast<int>(limit->count()) : -1) <= 0) return false;
    eventfd_t count = 0;
    ::eventfd_read(event_.get(), &count);
    return true;
  }

 private:
  explicit Wakeup(Descriptor event) noexcept : event_{std::move(event)} {}

  Descriptor event_;
};

// What a processor came back for, as a number that is quick to count, and as words.
enum class ExitKind : std::uint8_t {
  hypercall,
  pci_read,
  pci_write,
  port_read,
  port_write,
  memory_read,
  memory_write,
  halt,
  interruption,
  shutdown,
  failure,
};

auto words_of(ExitKind kind) -> std::string_view {
  switch (kind) {
    case ExitKind::hypercall: return "hypercall";
    case ExitKind::pci_read: return "pci read";
    case ExitKind::pci_write: return "pci write";
    case ExitKind::port_read: return "port read";
    case ExitKind::port_write: return "port write";
    case ExitKind::memory_read: return "memory read";
    case ExitKind::memory_write: return "memory write";
    case ExitKind::halt: return "halt";
    case ExitKind::interruption: return "interruption";
    case ExitKind::shutdown: return "shutdown";
    case ExitKind::failure: return "failure";
  }
  return {};
}

auto run_failure(int error_number) -> std::string {
  constexpr const char* kTruncated = "; a part of its memory is gone: the kernel's file may have been truncated";
  return fmt::format("KVM_RUN: {}{}", std::strerror(error_number), error_number == EFAULT ? kTruncated : "");
}

// A visitor made of several functions.
template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace

class Machine::State {
 public:
  State(MachineOptions options, GuestFiles files, GuestMemory memory, x86_64::MemoryLayout layout,
        entry::UhyveInterfaceVersion interface, ArgumentVectors vectors, Serial serial, Wakeup wakeup,
        Clock::time_point begin)
      : options_{std::move(options)},
        memory_{std::move(memory)},
        files_{std::move(files)},
        layout_{layout},
        interface_{interface},
        vectors_{std::move(vectors)},
        serial_{std::move(serial)},
        wakeup_{std::move(wakeup)},
        begin_{begin},
        hypercalls_{interface,
                    {.memory = memory_,
                     .files = files_,
                     .serial = serial_,
                     .arguments = vectors_,
                     .trace = options_.trace,
                     .is_stopping = [this] { return is_stopping(); }}} {
    serial_.set_on_pending([this] { wakeup_.wake(); });
  }
  State(const State&) = delete;
  auto operator=(const State&) -> State& = delete;
  ~State() = default;

  [[nodiscard]] auto layout() const -> const x86_64::MemoryLayout& { return layout_; }

  // Everything up to the first instruction.
  [[nodiscard]] auto prepare(const entry::KernelObject& kernel, int descriptor) -> Result<void>;
  [[nodiscard]] auto run() -> Result<RunResult>;

  // Calls only what a signal handler may call.
  void stop(std::int64_t reason) noexcept {
    std::int64_t none = 0;
    stop_reason_.compare_exchange_strong(none, reason);
    serial_.abandon();
    if (options_.on_stop) options_.on_stop();
    call_back_until_all_are_back();
  }

 private:
  struct Cpu {
    kvm::Vcpu vcpu;
    std::uint32_t number;
    std::map<std::uint32_t, std::uint64_t> exits = {};  // by kind, and port of a hypercall
    Clock::time_point entered = {};
    std::thread thread = {};
    std::atomic<pid_t> running_in = 0;  // its thread, by the kernel's number; 0: none
  };

  [[nodiscard]] auto place_image() -> Result<std::optional<GuestRange>>;
  [[nodiscard]] auto write_tables(const entry::KernelObject& kernel, GuestAddress mapped_end) -> Result<void>;
  [[nodiscard]] auto make_processors(GuestAddress entry_point) -> Result<void>;
  [[nodiscard]] auto write_device_tree(std::optional<GuestRange> image) -> Result<void>;
  [[nodiscard]] auto write_boot_info(const entry::LoadedKernel& loaded) -> Result<void>;
  [[nodiscard]] auto make_isolation() -> Result<void>;

  void run_cpu(Cpu& cpu);
  void run_guest(Cpu& cpu);
  void handle(Cpu& cpu, const kvm::Exit& exit);
  void write_port(Cpu& cpu, const kvm::PortWrite& write);
  void read_port(Cpu& cpu, const kvm::PortRead& read);
  void read_memory(Cpu& cpu, const kvm::MemoryRead& read);
  void hypercall(Cpu& cpu, std::uint16_t port, std::span<const std::byte> data);
  void drain_coalesced();
  void drain_coalesced_unless_busy();
  void handle_coalesced();

  void finish(Ending ending);
  void die(Cpu& cpu, std::string reason);
  void die_of_fault(Cpu& cpu, std::string reason);
  [[nodiscard]] auto forced_ending() const -> Ending;
  [[nodiscard]] auto is_stopping() const noexcept -> bool {
    return is_stopping_.load(std::memory_order_relaxed) || stop_reason_.load(std::memory_order_relaxed) != 0;
  }
  void call_back() noexcept;
  void call_back_until_all_are_back() noexcept;
  void on_timer() noexcept;
  [[nodiscard]] auto start_timer() -> Result<void>;
  void end_timer();
  [[nodiscard]] auto run_threads() -> Result<void>;
  [[nodiscard]] auto start() -> Result<void>;
  void join_threads();
  void supervise();
  void end_output();
  [[nodiscard]] auto statistics() const -> Statistics;

  static void count(Cpu& cpu, ExitKind kind, std::uint16_t port = 0) {
    ++cpu.exits[static_cast<std::uint32_t>(kind) << 16 | port];
  }
  void warn(const std::string& line);

  MachineOptions options_;
  GuestMemory memory_;
  GuestFiles files_;  // behind the memory, since they go first then: that leaves nothing behind on the host
  x86_64::MemoryLayout layout_;
  entry::UhyveInterfaceVersion interface_;
  ArgumentVectors vectors_;
  Serial serial_;
  Wakeup wakeup_;
  Clock::time_point begin_;
  Hypercalls hypercalls_;

  std::optional<kvm::Vm> vm_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::optional<std::uint32_t> tsc_khz_;

  std::mutex ports_mutex_;
  kvm::CoalescedWrites coalesced_;
  bool coalesces_uart_ = false;
  std::uint64_t coalesced_count_ = 0;
  std::atomic<std::uint32_t> pci_address_ = 0;

  std::mutex warnings_mutex_;
  std::set<std::string> warnings_;

  std::optional<Isolation> isolation_;
  std::optional<StartingLine> starting_line_;

  // Interrupts the supervisor's thread: at the deadline, and again and again while the run ends.
  std::optional<guest::Timer> timer_;
  std::atomic<bool> has_timer_ = false;  // timer_ may be set
  std::atomic<int> timer_users_ = 0;     // threads that set it just now
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point run_end_;

  std::mutex ending_mutex_;
  std::optional<Ending> ending_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<std::int64_t> stop_reason_ = 0;  // 0: none
};

auto Machine::State::prepare(const entry::KernelObject& kernel, int descriptor) -> Result<void> {
  const auto loaded = load_kernel(kernel, memory_, layout_.kernel.start, descriptor);
  if (!loaded) return std::unexpected{loaded.error()};
  const auto image = place_image();
  if (!image) return std::unexpected{image.error()};
  const auto mapped_end = image->value_or(layout_.kernel).end;
  if (auto written = write_tables(kernel, mapped_end); !written) return written;
  if (auto made = make_processors(loaded->entry_point); !made) return made;
  if (auto written = write_device_tree(*image); !written) return written;
  if (auto written = write_boot_info(*loaded); !written) return written;
  return make_isolation();
}

// The packed image lies on pages of its own behind the kernel.
auto Machine::State::place_image() -> Result<std::optional<GuestRange>> {
  if (options_.image.empty()) return std::nullopt;
  const GuestAddress start{(layout_.kernel.end.value + x86_64::kPageSize - 1) & ~(x86_64::kPageSize - 1)};
  const auto target = memory_.span(start, options_.image.size());
  if (!target) {
    return fail(ErrorCode::configuration,
                fmt::format("kernel and image do not fit into {} MiB of memory; give it more with --memory-size",
                            options_.memory_size >> 20));
  }
  memory_.populate({start, start + target->size()});
  std::memcpy(target->data(), options_.image.data(), target->size());
  return GuestRange{start, start + target->size()};
}

auto Machine::State::write_tables(const entry::KernelObject& kernel, GuestAddress mapped_end) -> Result<void> {
  auto end = mapped_end;
  if (!kernel.hermit_version()) {
    const GuestAddress region_end{(layout_.kernel.start.value / kLegacyMapping + 1) * kLegacyMapping};
    end = std::max(end, region_end);
  }
  // All of it lies together, so that the host provides it in one go.
  memory_.populate({layout_.page_map, layout_.page_map + 3 * x86_64::kPageSize});
  if (auto written =
          x86_64::write_identity_map(memory_, layout_.page_map, layout_.page_tables, {layout_.memory.start, end});
      !written) {
    return written;
  }
  if (!memory_.write(layout_.descriptor_table, x86_64::kDescriptorTable)) {
    return fail(ErrorCode::configuration, "the descriptor table lies outside of the memory");
  }
  return {};
}

auto Machine::State::make_processors(GuestAddress entry_point) -> Result<void> {
  const auto kvm = kvm::Kvm::open();
  if (!kvm) return std::unexpected{kvm.error()};
  if (options_.cpu_count > 1 && options_.cpu_count > kvm->max_vcpus()) {
    return fail(ErrorCode::configuration, fmt::format("KVM offers at most {} processors here", kvm->max_vcpus()));
  }
  auto vm = kvm->create_vm();
  if (!vm) return std::unexpected{vm.error()};
  vm_ = std::move(*vm);
  if (auto set = vm_->set_memory(memory_); !set) return set;
  // Of the kernels that look there, those of interface 1, some have their memory elsewhere.
  const bool has_bios_areas = memory_.base() < kBiosAreas.back().end;
  if (interface_.value == 1 && !has_bios_areas) {
    if (auto set = vm_->set_zeros(kBiosAreas); !set) return set;
  }
  const kvm::VmOptions devices{.timer = options_.timer, .manages_power = options_.manages_power};
  if (auto made = vm_->create_devices(*kvm, devices); !made) return made;

  auto cpuid = kvm->supported_cpuid();
  if (!cpuid) return std::unexpected{cpuid.error()};
  for (std::uint32_t number = 0; number < options_.cpu_count; ++number) {
    auto vcpu = vm_->create_vcpu(number);
    if (!vcpu) return std::unexpected{vcpu.error()};
    // Linux 6.12 takes long mode only of a processor that knows its features.
    kvm::adapt_cpuid(cpuid->entries(), number);
    if (auto set = vcpu->set_cpuid(*cpuid); !set) return set;
    if (auto set = vcpu->set_model_registers(); !set) return set;
    if (auto set = vcpu->set_entry_state({.rip = entry_point.value,
                                          .rdi = layout_.boot_info.value,
                                          .rsi = number,
                                          .rsp = layout_.boot_stack.value,
                                          .cr3 = layout_.page_map.value,
                                          .gdt = layout_.descriptor_table.value});
        !set) {
      return set;
    }
    // The first one is, when it is made.
    if (number > 0) {
      if (auto set = vcpu->set_runnable(); !set) return set;
    }
    cpus_.push_back(std::make_unique<Cpu>(std::move(*vcpu), number));
  }

  tsc_khz_ = cpus_.front()->vcpu.tsc_khz();
  // What interface 1 prints comes a byte at a time, and kernels scan the whole PCI bus, with a write before each read.
  // For interfaces 2 and 3, what counts is in a register, and not in what is written to the port.
  coalesces_uart_ = interface_.value == 1 && vm_->coalesce_port(kUartPort, 1);
  const bool coalesces_pci = vm_->coalesce_port(kPciAddressPort, kPciPorts);
  if (coalesces_uart_ || coalesces_pci) coalesced_ = vm_->coalesced_writes(cpus_.front()->vcpu);
  return {};
}

auto Machine::State::write_device_tree(std::optional<GuestRange> image) -> Result<void> {
  auto arguments = guest::boot_arguments(options_.arguments);
  if (!arguments) return fail(ErrorCode::configuration, std::move(arguments.error()));
  const auto tree = flatten({.memory = layout_.memory,
                             .cpu_count = options_.cpu_count,
                             .boot_arguments = std::move(*arguments),
                             .tsc_khz = tsc_khz_,
                             .image = image,
                             .mounts = options_.mounts},
                            x86_64::kDeviceTreeSize);
  if (!tree) return std::unexpected{tree.error()};
  const auto target = memory_.span(layout_.device_tree, tree->size());
  if (!target) return fail(ErrorCode::configuration, "the device tree lies outside of the memory");
  std::memcpy(target->data(), tree->data(), tree->size());
  return {};
}

auto Machine::State::write_boot_info(const entry::LoadedKernel& loaded) -> Result<void> {
  const auto serial_port =
      interface_.value == 1 ? kUartPort : std::to_underlying(entry::uhyve::v2::Hypercall::serial_write_buffer);
  const entry::BootInfo info{
      .hardware = {.phys_addr_range = layout_.memory,
                   .serial_port_base = serial_port,
                   .device_tree = layout_.device_tree},
      .load = {.kernel_image = loaded.image, .tls = loaded.tls},
      .platform = entry::UhyvePlatform{
          .has_pci = false, .num_cpus = options_.cpu_count, .cpu_freq_khz = tsc_khz_, .boot_time = boot_time_now()}};
  const auto raw = info.encode(entry::Arch::x86_64, entry::Endian::little);
  if (!raw) return fail(ErrorCode::image, std::string{raw.error().message().view()});
  if (!memory_.write(layout_.boot_info, *raw)) {
    return fail(ErrorCode::configuration, "the boot info lies outside of the memory");
  }
  return {};
}

auto Machine::State::make_isolation() -> Result<void> {
  // open_paths() makes the private directory, which an isolated process can no longer do.
  const bool isolates = options_.isolation.file_isolation != FileIsolation::none || options_.isolation.sandbox;
  auto made = Isolation::make(options_.isolation, isolates ? files_.open_paths() : std::vector<isolation::OpenPath>{});
  if (!made) return std::unexpected{made.error()};
  if (made->lacks_landlock()) {
    warn("this kernel has no Landlock to isolate files with; --file-isolation none says that this will do");
  }
  isolation_ = std::move(*made);
  return {};
}

auto Machine::State::run() -> Result<RunResult> {
  const UnblockedSignal interrupts{call_back_signal()};
  if (auto started = start_timer(); !started) return std::unexpected{started.error()};
  serial_.begin();
  auto ran = run_threads();
  if (ran) end_output();
  end_timer();
  if (!ran) return std::unexpected{ran.error()};
  return RunResult{.ending = std::move(*ending_),
                   .statistics = statistics(),
                   .output = serial_.take_buffer(),
                   .undelivered_output = serial_.undelivered()};
}

auto Machine::State::start_timer() -> Result<void> {
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;  // without SA_RESTART, so that it interrupts system calls
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    if (info->si_code == SI_TIMER) static_cast<State*>(info->si_value.sival_ptr)->on_timer();
  };
  ::sigaction(call_back_signal(), &action, nullptr);
  auto timer = guest::Timer::make(call_back_signal(), this);
  if (!timer) return system_failure("timer_create", timer.error());
  timer_.emplace(std::move(*timer));
  if (options_.timeout) {
    deadline_ = begin_ + std::min<Clock::duration>(*options_.timeout, Clock::time_point::max() - begin_);
    timer_->set(deadline_ - Clock::now(), kCallBackInterval);
  }
  has_timer_ = true;
  // What stop() was told before there was a timer.
  if (is_stopping()) timer_->set(kCallBackInterval, kCallBackInterval);
  return {};
}

// No signal of the timer comes after this.
void Machine::State::end_timer() {
  has_timer_ = false;
  while (timer_users_ != 0) ::poll(nullptr, 0, 1);
  timer_.reset();
}

// Called by a signal in the supervisor's thread.
void Machine::State::on_timer() noexcept {
  const int error = errno;  // the interrupted code goes on with its own
  // The limit holds for output, too, that is still delivered after the guest has ended by itself.
  if (stop_reason_ == 0 && Clock::now() >= deadline_) {
    stop(kTimeIsOver);
  } else if (is_stopping()) {
    call_back();
  }
  errno = error;
}

auto Machine::State::run_threads() -> Result<void> {
  auto started = start();
  if (started) supervise();
  join_threads();
  run_end_ = Clock::now();
  return started;
}

// Delivers what the guest has printed. Its reader may take its time, unless the run is ended from outside: if output is
// lost then, that is how the run ended.
void Machine::State::end_output() {
  drain_coalesced();
  serial_.flush();
  if (!std::holds_alternative<GuestExit>(*ending_)) return;
  if (serial_.write_error() != 0) {
    ending_ = OutputFailed{serial_.write_error()};
  } else if (serial_.undelivered() != 0) {
    ending_ = forced_ending();
  }
}

// Starts the vCPUs' threads. When it returns, the guest runs, and every thread is isolated.
auto Machine::State::start() -> Result<void> {
  starting_line_.emplace(cpus_.size() + 1);
  if (auto enclosed = isolation_->enclose_caller(); !enclosed) return enclosed;
  try {
    const BlockedSignals blocked{call_back_signal()};
    for (const auto& cpu : cpus_) cpu->thread = std::thread{[this, &cpu = *cpu] { run_cpu(cpu); }};
  } catch (const std::system_error& error) {
    return starting_line_->arrive(
        fail(ErrorCode::host_failed, fmt::format("no thread for a processor: {}", error.what())));
  }
  return starting_line_->arrive(isolation_->seal_caller());
}

void Machine::State::run_cpu(Cpu& cpu) {
  if (!options_.affinity.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options_.affinity[cpu.number], &set);
    if (::pthread_setaffinity_np(::pthread_self(), sizeof set, &set) != 0) {
      warn(fmt::format("processor {} cannot be bound to the host's {}", cpu.number, options_.affinity[cpu.number]));
    }
  }
  if (starting_line_->arrive(isolation_->enclose_vcpu())) run_guest(cpu);
}

void Machine::State::run_guest(Cpu& cpu) {
  cpu.entered = Clock::now();
  cpu.running_in = ::gettid();
  while (!is_stopping()) {
    const auto exit = cpu.vcpu.run();
    if (!coalesced_.is_empty()) drain_coalesced();
    handle(cpu, exit);
    if (serial_.write_error() != 0) finish(OutputFailed{serial_.write_error()});
  }
  cpu.running_in = 0;
  if (stop_reason_.load() != 0) finish(forced_ending());
}

// Precondition: stop() was called.
auto Machine::State::forced_ending() const -> Ending {
  const auto reason = stop_reason_.load();
  if (reason == kTimeIsOver) return TimedOut{};
  return Stopped{static_cast<int>(reason)};
}

// Gets all vCPUs out of the guest, and out of system calls that wait for something. A vCPU that is just about to make
// such a call misses this.
void Machine::State::call_back() noexcept {
  wakeup_.wake();
  for (const auto& cpu : cpus_) {
    cpu->vcpu.request_exit();
    if (const auto thread = cpu->running_in.load(); thread != 0) ::tgkill(::getpid(), thread, call_back_signal());
  }
}

void Machine::State::call_back_until_all_are_back() noexcept {
  call_back();
  ++timer_users_;
  if (has_timer_) timer_->set(kCallBackInterval, kCallBackInterval);
  --timer_users_;
}

void Machine::State::join_threads() {
  for (const auto& cpu : cpus_) {
    if (cpu->thread.joinable()) cpu->thread.join();
  }
}

// Passes on output that has waited long enough.
void Machine::State::supervise() {
  while (!is_stopping()) {
    // KVM tells nobody that it has collected writes.
    const bool looks_again = coalesces_uart_ || serial_.has_pending();
    const bool was_woken = wakeup_.wait(looks_again ? std::optional{kFlushInterval} : std::nullopt);
    // Output that has only just begun to wait has its time still.
    if (was_woken) continue;
    drain_coalesced_unless_busy();
    serial_.flush_unless_busy();
    // A guest that computes or halts does not notice.
    if (serial_.write_error() != 0) finish(OutputFailed{serial_.write_error()});
  }
}

void Machine::State::handle(Cpu& cpu, const kvm::Exit& exit) {
  std::visit(Overloaded{
                 [&](const kvm::PortWrite& write) { write_port(cpu, write); },
                 [&](const kvm::PortRead& read) { read_port(cpu, read); },
                 [&](const kvm::MemoryRead& read) { read_memory(cpu, read); },
                 [&](const kvm::MemoryWrite& write) {
                   count(cpu, ExitKind::memory_write);
                   die(cpu, fmt::format("writes {} bytes at {:#x}, where it has no memory", write.data.size(),
                                        write.address.value));
                 },
                 [&](kvm::Halt) { count(cpu, ExitKind::halt); },
                 [&](kvm::Interrupted) { count(cpu, ExitKind::interruption); },
                 [&](kvm::Shutdown) {
                   count(cpu, ExitKind::shutdown);
                   die_of_fault(cpu, "a triple fault: an exception that it has no handler for");
                 },
                 [&](kvm::EntryFailure failure) {
                   count(cpu, ExitKind::failure);
                   die(cpu, fmt::format("the host's processor refuses to enter it (reason {:#x})", failure.reason));
                 },
                 [&](kvm::InternalError error) {
                   count(cpu, ExitKind::failure);
                   die_of_fault(cpu, error.suberror == KVM_INTERNAL_ERROR_EMULATION
                                         ? "an instruction that KVM would have to emulate, and cannot"
                                         : fmt::format("KVM gives up on it (internal error {})", error.suberror));
                 },
                 [&](kvm::UnknownExit unknown) {
                   count(cpu, ExitKind::failure);
                   die(cpu, fmt::format("KVM came back for a reason that is not known here ({})", unknown.reason));
                 },
                 [&](kvm::RunFailure failure) {
                   count(cpu, ExitKind::failure);
                   die(cpu, run_failure(failure.error_number));
                 },
             },
             exit);
}

// A kernel's fault, as KVM reports it.
void Machine::State::die_of_fault(Cpu& cpu, std::string reason) {
  // Its only exit is this one.
  if (cpu.number > 0 && cpu.exits.size() == 1) {
    reason += fmt::format(
        " (vCPU {} had made no hypercall yet: a kernel that was built without SMP dies so; give the guest one vCPU, -c "
        "1)",
        cpu.number);
  }
  die(cpu, std::move(reason));
}

void Machine::State::write_port(Cpu& cpu, const kvm::PortWrite& write) {
  const auto size = write.data.size() / write.count;
  if (hypercalls_.knows(write.port)) {
    for (std::uint32_t i = 0; i < write.count && !is_stopping(); ++i) {
      hypercall(cpu, write.port, write.data.subspan(i * size, size));
    }
    return;
  }
  if (write.port == kPciAddressPort && size == sizeof(std::uint32_t)) {
    count(cpu, ExitKind::pci_write);
    pci_address_ = entry::read<std::uint32_t, entry::Endian::little>(write.data.last(size), 0);
    return;
  }
  const bool is_pci = write.port >= kPciAddressPort && write.port < kPciDataPort + kPciPorts;
  count(cpu, is_pci ? ExitKind::pci_write : ExitKind::port_write);
  if (!is_pci) warn(fmt::format("writes to I/O port {:#x}, where nothing is", write.port));
}

void Machine::State::read_port(Cpu& cpu, const kvm::PortRead& read) {
  if (interface_.value > 1 && hypercalls_.knows(read.port)) {
    count(cpu, ExitKind::hypercall, read.port);
    std::ranges::fill(read.data, static_cast<std::byte>(hypercalls_.read_port(read.port)));
    return;
  }
  if (read.port == kPciAddressPort && read.data.size() == sizeof(std::uint32_t)) {
    count(cpu, ExitKind::pci_read);
    entry::write<std::uint32_t, entry::Endian::little>(read.data, 0, pci_address_);
    return;
  }
  // No device answers: the bus floats.
  std::ranges::fill(read.data, std::byte{0xff});
  const bool is_pci = read.port >= kPciAddressPort && read.port < kPciDataPort + kPciPorts;
  count(cpu, is_pci ? ExitKind::pci_read : ExitKind::port_read);
  if (!is_pci) warn(fmt::format("reads from I/O port {:#x}, where nothing is", read.port));
}

void Machine::State::read_memory(Cpu& cpu, const kvm::MemoryRead& read) {
  count(cpu, ExitKind::memory_read);
  if (std::ranges::any_of(kBiosAreas, [&](GuestRange area) { return contains(area, read.address); })) {
    std::ranges::fill(read.data, std::byte{});
    return;
  }
  die(cpu, fmt::format("reads {} bytes at {:#x}, where it has no memory", read.data.size(), read.address.value));
}

void Machine::State::hypercall(Cpu& cpu, std::uint16_t port, std::span<const std::byte> data) {
  count(cpu, ExitKind::hypercall, port);
  std::uint64_t argument = 0;
  if (interface_.value == 1) {
    std::memcpy(&argument, data.data(), std::min(data.size(), sizeof argument));
  } else {
    argument = cpu.vcpu.rdi();
  }
  auto outcome = hypercalls_.call(port, argument, [&] { return std::optional{cpu.vcpu.paging()}; });
  if (const auto* const exit = std::get_if<GuestExit>(&outcome)) return finish(*exit);
  if (const auto* const bad = std::get_if<BadHypercall>(&outcome)) {
    die(cpu, fmt::format("a hypercall {} that makes no sense: {}", Hypercalls::name(interface_, port), bad->reason));
  }
}

// In a vCPU's thread: what the guest wrote before comes before what it asks for now.
void Machine::State::drain_coalesced() {
  const std::scoped_lock lock{ports_mutex_};
  handle_coalesced();
}

// In the supervisor's thread, which waits for no vCPU: one that drains may itself wait for a reader.
void Machine::State::drain_coalesced_unless_busy() {
  const std::unique_lock lock{ports_mutex_, std::try_to_lock};
  if (lock) handle_coalesced();
}

// Precondition: ports_mutex_ is held.
void Machine::State::handle_coalesced() {
  coalesced_.drain([this](const kvm::CoalescedWrites::Write& write) {
    ++coalesced_count_;
    if (write.port == kUartPort && coalesces_uart_) {
      [[maybe_unused]] const auto outcome =
          hypercalls_.call(write.port, std::to_integer<std::uint64_t>(write.data.front()), {});
    } else if (write.port == kPciAddressPort && write.data.size() == sizeof(std::uint32_t)) {
      pci_address_ = entry::read<std::uint32_t, entry::Endian::little>(write.data, 0);
    }
  });
}

void Machine::State::finish(Ending ending) {
  {
    const std::scoped_lock lock{ending_mutex_};
    if (!ending_) ending_ = std::move(ending);
  }
  is_stopping_ = true;
  serial_.end();
  call_back_until_all_are_back();
}

void Machine::State::die(Cpu& cpu, std::string reason) {
  finish(GuestDeath{.reason = std::move(reason), .cpu = cpu.number, .registers = cpu.vcpu.registers()});
}

void Machine::State::warn(const std::string& line) {
  if (!options_.warn) return;
  const std::scoped_lock lock{warnings_mutex_};
  if (warnings_.size() < kMaxWarnings && warnings_.insert(line).second) options_.warn(line);
}

auto Machine::State::statistics() const -> Statistics {
  Statistics result;
  for (const auto& cpu : cpus_) {
    for (const auto& [key, count] : cpu->exits) {
      const auto kind = static_cast<ExitKind>(key >> 16);
      auto words = std::string{words_of(kind)};
      if (kind == ExitKind::hypercall) {
        words += fmt::format(" {}", Hypercalls::name(interface_, static_cast<std::uint16_t>(key)));
      }
      auto& counts = result.exits[words];
      counts.resize(cpus_.size());
      counts[cpu->number] += count;
    }
  }
  result.coalesced_writes = coalesced_count_;
  result.preparation = cpus_.front()->entered - begin_;
  result.run_time = run_end_ - cpus_.front()->entered;
  result.peak_memory = peak_memory();
  return result;
}

auto Machine::create(const KernelSource& source, MachineOptions options, GuestFiles files) -> Result<Machine> {
  const auto begin = Clock::now();
  if (auto checked = check_options(options); !checked) return std::unexpected{checked.error()};
  if (auto checked = check_affinity(options.affinity); !checked) return std::unexpected{checked.error()};
  const auto kernel = parse_kernel(source.elf);
  if (!kernel) return std::unexpected{kernel.error()};
  const auto interface = kernel->uhyve_interface_version();
  if (interface.value == 1 && !options.arguments.kernel.empty() && options.warn) {
    options.warn("speaks Uhyve interface 1, which has no arguments for the kernel; they are dropped");
  }
  auto vectors = interface.value == 1 ? argument_vectors(options.arguments) : Result<ArgumentVectors>{};
  if (!vectors) return std::unexpected{vectors.error()};

  std::optional<std::uint64_t> random;
  if (options.randomizes_addresses && kernel->is_relocatable()) {
    const auto number = random_number();
    if (!number) return std::unexpected{number.error()};
    random = *number;
  }
  const auto layout = x86_64::plan_memory({.interface = interface,
                                           .kernel_size = kernel->mem_size(),
                                           .kernel_start = kernel->start_addr(),
                                           .memory_size = options.memory_size},
                                          random);
  if (!layout) return std::unexpected{layout.error()};
  auto memory = GuestMemory::allocate(layout->memory.start, options.memory_size,
                                      {.huge_pages = options.huge_pages, .mergeable = options.merges_pages});
  if (!memory) return std::unexpected{memory.error()};

  auto wakeup = Wakeup::make();
  if (!wakeup) return std::unexpected{wakeup.error()};
  auto serial = Serial::open(options.output);
  if (!serial) return std::unexpected{serial.error()};
  serial->set_on_output(std::move(options.on_output));

  auto state = std::make_unique<State>(std::move(options), std::move(files), std::move(*memory), *layout, interface,
                                       std::move(*vectors), std::move(*serial), std::move(*wakeup), begin);
  if (auto prepared = state->prepare(*kernel, source.descriptor); !prepared) return std::unexpected{prepared.error()};
  return Machine{std::move(state)};
}

Machine::Machine(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
Machine::Machine(Machine&&) noexcept = default;
Machine::~Machine() = default;

auto Machine::layout() const noexcept -> const x86_64::MemoryLayout& {
  return state_->layout();
}

auto Machine::run() -> Result<RunResult> {
  return state_->run();
}

void Machine::stop(int reason) noexcept {
  state_->stop(reason);
}

}  // namespace hermitage::vmm
