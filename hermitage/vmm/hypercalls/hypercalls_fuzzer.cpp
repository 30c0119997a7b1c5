// A guest that makes any hypercalls with any parameters, in a memory with any content, including page tables.
//
// The input is a script for that guest: bytes that select an action, and its parameters. A guest has one vCPU, or two
// that make their calls at the same time, on the same memory, files and limits.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

namespace {

using namespace hermitage::vmm;  // NOLINT(google-build-using-namespace): a program of its own
namespace fs = std::filesystem;
namespace uhyve = hermitage::entry::uhyve;

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kMemorySize = std::uint64_t{1} << 20;  // less than the size that Linux aligns to huge pages
constexpr std::uint64_t kTables = 0x10000;
constexpr std::uint64_t kTableCount = 8;
constexpr std::uint64_t kParams = 0x8000;
constexpr std::uint64_t kParamsSize = 0x800;  // two vCPUs use the same place or different places
constexpr std::uint64_t kVcpus = 2;
constexpr std::uint64_t kTexts = 0x20000;  // a few places for paths, so that calls find existing ones
constexpr std::uint64_t kTextSize = 0x100;
constexpr std::size_t kTextCount = 4;
constexpr int kMaxActions = 64;
constexpr int kPatience = 32;             // limit of the checks whether a call continues
constexpr rlim_t kLargestFile = 1 << 20;  // in bytes; a guest can write any number of bytes

// ThreadSanitizer would report races of two vCPUs on the same bytes of guest memory. Such races are permitted.
#ifdef HERMITAGE_THREAD_SANITIZER
constexpr bool kSharesMemory = false;
#else
constexpr bool kSharesMemory = true;
#endif

void require(bool condition) {
  if (!condition) std::abort();
}

// Only while this object exists, because libFuzzer writes files, too.
class LimitedFiles {
 public:
  LimitedFiles() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = kLargestFile, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  LimitedFiles(const LimitedFiles&) = delete;
  auto operator=(const LimitedFiles&) -> LimitedFiles& = delete;
  ~LimitedFiles() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

// Mapped files, and files beside them, which guests must not reach. The directory is removed at the end of the process.
class HostFiles {
 public:
  HostFiles() : path_{(fs::temp_directory_path() / "hermitage-fuzzer-XXXXXX").string()} {
    require(::mkdtemp(path_.data()) != nullptr);
    for (const auto* const name : {"mapped", "mapped/d", "read_only", "outside"}) fs::create_directory(path(name));
    std::ofstream{path("outside/file")} << kSecret;
    std::ofstream{path("read_only/file")} << kSecret;
    fs::create_symlink("../outside/file", path("read_only/out"));
    fs::create_symlink("/m/new", path("read_only/over"));
    fs::create_symlink("/proc/self/root/", path("read_only/magic"));
  }
  HostFiles(const HostFiles&) = delete;
  auto operator=(const HostFiles&) -> HostFiles& = delete;
  ~HostFiles() { fs::remove_all(path_); }

  [[nodiscard]] auto mappings() const -> std::vector<FileMapping> {
    return {{path("mapped"), "/m"}, {path("read_only"), "/m/r", true}, {path("read_only/file"), "/etc/f", true}};
  }

  // Restores the initial state for the next input, and checks that the other files are unchanged.
  void restore() const {
    fs::remove_all(path("mapped"));
    fs::create_directories(path("mapped/d"));
    fs::create_directory_symlink("../outside", path("mapped/up"));
    fs::create_symlink("/m/r/file", path("mapped/there"));
    for (const auto* const file : {"outside/file", "read_only/file"}) {
      std::ifstream content{path(file)};
      require(std::string{std::istreambuf_iterator<char>{content}, {}} == kSecret);
    }
    require(std::distance(fs::directory_iterator{path("outside")}, {}) == 1);
    require(std::distance(fs::directory_iterator{path("read_only")}, {}) == 4);
  }

 private:
  static constexpr std::string_view kSecret = "secret";

  [[nodiscard]] auto path(std::string_view name) const -> std::string { return path_ + "/" + std::string{name}; }

  std::string path_;
};

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

  [[nodiscard]] auto is_empty() const -> bool { return bytes_.empty(); }
  [[nodiscard]] auto rest() const -> std::span<const std::uint8_t> { return bytes_; }
  auto take(std::size_t size) -> std::span<const std::uint8_t> {
    const auto taken = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  template <class Integer>
  auto number() -> Integer {
    const auto source = take(sizeof(Integer));
    Integer value{};
    if (!source.empty()) std::memcpy(&value, source.data(), source.size());
    return value;
  }
  auto choice(std::size_t count) -> std::size_t { return number<std::uint8_t>() % count; }

 private:
  std::span<const std::uint8_t> bytes_;
};

// The port of a call, and the fields of its parameters:
//   f file descriptor   g flags   i 32 bits   _ 32 bits of 0   p address   v virtual address   l length   o 64 bits
struct Call {
  std::uint16_t port;
  std::string_view fields;
};
constexpr std::array kCallsV1{Call{0x400, "fvl"}, Call{0x440, "pgi_"}, Call{0x480, "f_"}, Call{0x500, "fvl__"},
                              Call{0x540, "i"},   Call{0x580, "foi"},  Call{0x740, ""},   Call{0x780, "pp"},
                              Call{0x800, ""},    Call{0x840, "p_"},   Call{0x880, "pl"}};
constexpr std::array kCallsV2{Call{0x1010, ""},       Call{0x1020, ""},      Call{0x1030, "lp"},
                              Call{0x1040, ""},       Call{0x1050, "l__p"},  Call{0x1100, "l__pf"},
                              Call{0x1110, "pgi_"},   Call{0x1120, "f_"},    Call{0x1130, "l__pf"},
                              Call{0x1140, "oif"},    Call{0x1150, "p_"},    Call{0x1160, "f_pl____"},
                              Call{0x1170, "pi_p__"}, Call{0x1180, "f_p__"}, Call{0x1190, "pl__"}};

constexpr std::array<std::string_view, 26> kPaths{
    "/",          "/etc",   "/etc/digits", "/link/../x", "loop",         "/tmp/x",    "/tmp/a/b/c",
    "/tmp/a/..",  "",       "/deep/d",     "/dangling",  "/up",          "/m",        "/tmp/a/./y/",
    "/m/new",     "/m/d/x", "/m/up/file",  "/m/r/over",  "/m/r/out",     "/m/r/file", "/m/there",
    "/m/d/../..", "/m/r",   "/etc/f",      "/m/new/z",   "/etc/digits/z"};

// One memory for all inputs, followed by an inaccessible page.
auto memory_at(std::uint64_t base) -> GuestMemory {
  std::vector<GuestMemory> elsewhere;  // memory at places without space for the page
  for (;;) {
    // Linux allocates the memory in the free space before the page, unless another gap fits exactly.
    auto* const room = ::mmap(nullptr, kMemorySize + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(room != MAP_FAILED && ::munmap(room, kMemorySize) == 0);
    auto memory = GuestMemory::allocate({base}, kMemorySize, {});
    require(memory.has_value());
    if (memory->bytes().data() == room) return std::move(*memory);
    elsewhere.push_back(std::move(*memory));
  }
}

// A memory of zeros. `Number` distinguishes memories that exist at the same time.
template <int Number>
auto fresh_memory(std::uint32_t interface) -> const GuestMemory& {
  static const auto low = memory_at(x86_64::memory_bounds({1}).start.value);
  static const auto high = memory_at(x86_64::memory_bounds({3}).start.value);
  const auto& memory = interface == 1 ? low : high;
  ::madvise(memory.bytes().data(), memory.size(), MADV_DONTNEED);
  return memory;
}

// The number of times that the current call of this thread has checked whether to continue.
thread_local int questions = 0;

// The objects that all vCPUs of a guest share.
class Guest {
 public:
  Guest(std::uint32_t interface, const HostFiles& host, bool traces)
      : interface_{interface},
        traces_{traces},
        files_{GuestFileOptions{.temporary_parent = fs::temp_directory_path().string(), .temporary_limit = kPage}},
        serial_{std::move(Serial::open(OutputBuffer{.limit = kPage}).value())},
        arguments_{.arguments = {"program", "two words", ""}, .environment = {"A=1", ""}} {
    static const auto content = std::make_shared<std::byte[]>(2 * kPage);
    files_.add_file("/etc/digits", content, 2 * kPage, 0644);
    files_.add_file("/etc/none", {}, 0, 0);
    files_.add_directory("/tmp");
    files_.add_link("/link", "etc");
    files_.add_link("/loop", "loop");
    files_.add_link("/dangling", "/tmp/new/file");
    files_.add_link("/up", "../../..");
    files_.add_link("/deep", "tmp/d/d/d/d/d/d/d/d");
    require(files_.add_mappings(host.mappings()).has_value());
    std::ignore = files_.open("/etc/digits", uhyve::kOpenReadOnly, 0);
    std::ignore = files_.open("/etc", uhyve::kOpenDirectory, 0);
  }

  [[nodiscard]] auto interface() const -> std::uint32_t { return interface_; }
  auto environment(const GuestMemory& memory) -> Hypercalls::Environment {
    std::function<void(std::string_view)> trace;
    if (traces_) trace = [](std::string_view line) { require(!line.empty() && !line.contains('\n')); };
    return {.memory = memory,
            .files = files_,
            .serial = serial_,
            .arguments = arguments_,
            .trace = std::move(trace),
            .is_stopping = [] { return ++questions > kPatience; }};
  }

 private:
  std::uint32_t interface_;
  bool traces_;
  GuestFiles files_;
  Serial serial_;
  ArgumentVectors arguments_;
};

// A vCPU of the guest, which executes its input.
class Vcpu {
 public:
  Vcpu(Guest& guest, const GuestMemory& memory, std::span<const std::uint8_t> input)
      : input_{input},
        interface_{guest.interface()},
        memory_{memory},
        hypercalls_{{guest.interface()}, guest.environment(memory)} {}

  void run() {
    for (int actions = 0; actions < kMaxActions && !input_.is_empty(); ++actions) act();
  }

 private:
  void act() {
    switch (input_.choice(6)) {
      case 0: return poke();
      case 1: return put_path();
      case 2: return set_table_entry();
      case 3: {
        const auto port = input_.number<std::uint16_t>();
        require(hypercalls_.knows(port) == !Hypercalls::name({interface_}, port).empty());
        if (interface_ > 1 && hypercalls_.knows(port)) std::ignore = hypercalls_.read_port(port);
        return;
      }
      default: return call();
    }
  }

  auto base() const -> std::uint64_t { return memory_.base().value; }

  auto address() -> std::uint64_t {
    switch (input_.choice(4)) {
      case 0: return text();
      case 1: return base() + input_.number<std::uint16_t>() * 0x10ULL;
      case 2: return base() + kMemorySize - input_.number<std::uint8_t>();
      default: return input_.number<std::uint64_t>();
    }
  }

  auto text() -> std::uint64_t { return base() + kTexts + input_.choice(kTextCount) * kTextSize; }

  void put(std::uint64_t target, std::span<const std::uint8_t> bytes) {
    const auto place = memory_.span({target}, bytes.size());
    if (place && !bytes.empty()) std::memcpy(place->data(), bytes.data(), bytes.size());
  }

  void poke() {
    const auto target = address();
    put(target, input_.take(input_.number<std::uint8_t>()));
  }

  void put_path() {
    const auto target = text();
    const auto path = kPaths[input_.choice(kPaths.size())];
    const auto bytes = std::string{path};
    put(target, {reinterpret_cast<const std::uint8_t*>(bytes.c_str()), bytes.size() + 1});
  }

  // Sets an entry of one of a few tables to another table, or to a page.
  void set_table_entry() {
    const auto table = kTables + input_.choice(kTableCount) * kPage;
    const auto index = input_.number<std::uint8_t>() % 2 == 0 ? input_.choice(4) : 511 - input_.choice(4);
    const auto kind = input_.choice(4);
    const auto target = kind == 0   ? input_.number<std::uint64_t>()
                        : kind == 1 ? base() + kTables + input_.choice(kTableCount) * kPage
                                    : base() + input_.number<std::uint16_t>() % (kMemorySize / kPage) * kPage;
    const std::uint64_t flags = kind == 0 ? 0 : kind == 3 ? 0x81 : 1;
    require(memory_.write({base() + table + index * 8}, target | flags).has_value());
  }

  void field(char kind, std::span<std::uint8_t> room, std::size_t& size) {
    const auto append = [&](auto value) {
      require(size + sizeof value <= room.size());
      std::memcpy(room.data() + size, &value, sizeof value);
      size += sizeof value;
    };
    switch (kind) {
      case 'f': {
        const bool is_any = input_.choice(8) == 0;
        return append(is_any ? input_.number<std::int32_t>() : static_cast<std::int32_t>(input_.choice(8)));
      }
      case 'g': {
        constexpr auto kCreate = uhyve::kOpenReadWrite | uhyve::kOpenCreate;
        constexpr std::array kUsual{uhyve::kOpenReadOnly, uhyve::kOpenDirectory, kCreate,
                                    kCreate | uhyve::kOpenTruncate};
        const auto which = input_.choice(kUsual.size() + 1);
        return append(which < kUsual.size() ? kUsual[which] : input_.number<std::int32_t>());
      }
      case 'i': return append(input_.number<std::int32_t>());
      case '_': return append(std::uint32_t{0});
      case 'p': return append(address());
      case 'o': return append(input_.choice(4) == 0 ? input_.number<std::int64_t>() : input_.number<std::int8_t>());
      case 'l': {
        const bool is_large = input_.choice(8) == 0;
        return append(is_large ? input_.number<std::uint64_t>() : std::uint64_t{input_.number<std::uint16_t>()});
      }
      case 'v': {
        // An address in the first or last entries of every table.
        const auto high = input_.number<std::uint8_t>() % 2 == 0 ? 0 : ~std::uint64_t{0} << 14;
        return append(high | input_.number<std::uint16_t>());
      }
      default: require(false);
    }
  }

  void call() {
    const auto calls = interface_ == 1 ? std::span<const Call>{kCallsV1} : std::span<const Call>{kCallsV2};
    const auto& [port, fields] = calls[input_.choice(calls.size())];
    if (!hypercalls_.knows(port)) return;
    auto argument = base() + kParams + input_.choice(kVcpus) * kParamsSize;
    if (fields.empty() || input_.choice(8) == 0) argument = address();
    std::array<std::uint8_t, 64> params{};
    std::size_t size = 0;
    for (const char kind : fields) field(kind, params, size);
    put(argument, std::span{params}.first(size));

    const auto levels = input_.choice(8) == 0 ? 5 : 4;
    questions = 0;
    const auto outcome = hypercalls_.call(port, argument, [&] {
      return std::optional{x86_64::PagingState{.page_map = {base() + kTables}, .levels = levels}};
    });
    if (const auto* const bad = std::get_if<GuestFault>(&outcome)) require(!bad->reason.empty());
  }

  Input input_;
  std::uint32_t interface_;
  const GuestMemory& memory_;
  Hypercalls hypercalls_;
};

}  // namespace

extern "C" auto LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) -> int {  // NOLINT
  // Standard input is empty, so the results of an input are always the same.
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  require(nothing >= 0 && ::dup2(nothing, STDIN_FILENO) == STDIN_FILENO);
  ::signal(SIGXFSZ, SIG_IGN);  // makes write(2) fail instead, as in the program
  return 0;
}

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  Input input{{data, size}};
  const auto interface = static_cast<std::uint32_t>(input.choice(3) + 1);
  const auto kind = input.choice(8);
  const auto& memory = fresh_memory<0>(interface);
  static const HostFiles host;
  host.restore();
  const LimitedFiles limited;
  Guest guest{interface, host, kind % 4 == 0};
  const auto script = input.rest();
  if (kind < 4) {
    Vcpu{guest, memory, script}.run();
    return 0;
  }
  // Two vCPUs, each with half of the script. They start at the same time, or one after the other.
  const auto& other_memory = kSharesMemory ? memory : fresh_memory<1>(interface);
  const auto half = script.size() / 2;
  std::latch start{2};
  const auto run = [&](const GuestMemory& its_memory, std::span<const std::uint8_t> part) {
    start.arrive_and_wait();
    Vcpu{guest, its_memory, part}.run();
  };
  const std::jthread other{[&] { run(other_memory, script.subspan(half)); }};
  run(memory, script.first(half));
  return 0;
}
