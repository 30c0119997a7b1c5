#include "hermitage/vmm/debug/core_file.hpp"

#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace hermitage::vmm::debug {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kPageSize = 4096;
// The guest memory begins after the page with the ELF header.
constexpr std::uint64_t kMemoryOffset = kPageSize;
constexpr std::uint64_t kStackSize = std::uint64_t{256} << 10;
// A guest with 512 GiB in pages of 4 KiB has about as many tables.
constexpr std::uint64_t kMaxTables = std::uint64_t{1} << 18;
// A program header for each range, below PN_XNUM.
constexpr std::size_t kMaxRanges = 32'768;
// The only type of a note "Hermitage". It differs from the types of notes "CORE".
constexpr std::uint32_t kNoteType = 0x4845'524d;
constexpr std::size_t kMaxNoteText = std::size_t{1} << 20;

// elf_prstatus and elf_prpsinfo of Linux: sizes, and offsets of what is set.
constexpr std::size_t kStatusStart = 112;
constexpr std::size_t kStatusEnd = 8;
constexpr std::size_t kStatusSignal = 12;
constexpr std::size_t kStatusProcess = 32;
constexpr std::size_t kInfoSize = 136;
constexpr std::size_t kInfoName = 40;
constexpr std::size_t kInfoNameSize = 16;
constexpr std::size_t kInfoArguments = 56;
constexpr std::size_t kInfoArgumentsSize = 80;

auto is_zero(std::span<const std::byte> page) -> bool {
  return page.front() == std::byte{} && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

// Notes in the order in which they were added.
class Notes {
 public:
  void add(std::string_view name, std::uint32_t type, std::span<const std::byte> content) {
    const Elf64_Nhdr header{.n_namesz = static_cast<Elf64_Word>(name.size() + 1),
                            .n_descsz = static_cast<Elf64_Word>(content.size()),
                            .n_type = type};
    append(std::as_bytes(std::span{&header, 1}));
    append(std::as_bytes(std::span{name}));
    append(std::array{std::byte{}});
    align();
    append(content);
    align();
  }
  [[nodiscard]] auto bytes() const -> std::span<const std::byte> { return bytes_; }

 private:
  void append(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void align() { bytes_.resize((bytes_.size() + 3) / 4 * 4); }

  std::vector<std::byte> bytes_;
};

template <class T>
void put(std::span<std::byte> bytes, std::size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}
void put_text(std::span<std::byte> bytes, std::size_t offset, std::size_t size, std::string_view text) {
  std::memcpy(bytes.data() + offset, text.data(), std::min(text.size(), size - 1));
}

// A thread has the number of its vCPU plus 1: there is no thread 0.
auto status_of(const CoreContent::Vcpu& vcpu, int signal) -> std::vector<std::byte> {
  const auto registers = arch::core_registers(vcpu.state);
  std::vector<std::byte> status(kStatusStart + sizeof registers + kStatusEnd);
  put(status, 0, signal);
  put(status, kStatusSignal, static_cast<std::int16_t>(signal));
  put(status, kStatusProcess, static_cast<std::int32_t>(vcpu.number + 1));
  put(status, kStatusStart, registers);
  put(status, kStatusStart + sizeof registers, std::int32_t{1});  // there are floating-point registers
  return status;
}

auto information_of(std::string_view image) -> std::array<std::byte, kInfoSize> {
  std::array<std::byte, kInfoSize> information{};
  put_text(information, kInfoName, kInfoNameSize, image.substr(image.rfind('/') + 1));
  put_text(information, kInfoArguments, kInfoArgumentsSize, image);
  return information;
}

auto notes_of(const CoreContent& content) -> Notes {
  Notes notes;
  for (const auto& vcpu : content.vcpus) {
    notes.add("CORE", NT_PRSTATUS, status_of(vcpu, content.signal));
    if (&vcpu == content.vcpus.data()) {
      notes.add("CORE", NT_PRPSINFO, information_of(content.image));
      const std::array<std::uint64_t, 4> auxiliary{AT_ENTRY, content.entry_point, AT_NULL, 0};
      notes.add("CORE", NT_AUXV, std::as_bytes(std::span{auxiliary}));
    }
    notes.add("CORE", NT_FPREGSET, arch::core_floats(vcpu.state));
  }
  notes.add("Hermitage", kNoteType, std::as_bytes(std::span{content.note.substr(0, kMaxNoteText)}));
  return notes;
}

class CoreWriter {
 public:
  CoreWriter(int descriptor, const CoreContent& content, const CoreLimits& limits,
             const std::function<bool()>& is_stopping)
      : descriptor_{descriptor},
        content_{content},
        limits_{limits},
        is_stopping_{is_stopping},
        end_{Clock::now() + limits.time},
        pages_(content.memory.size() / kPageSize) {}

  [[nodiscard]] auto write() -> Result<CoreSummary> {
    if (::ftruncate(descriptor_, 0) != 0) return system_failure("ftruncate", errno);
    if (auto written = write_memory(); !written) return std::unexpected{written.error()};
    if (auto written = write_headers(); !written) return std::unexpected{written.error()};
    return CoreSummary{.size = size_, .is_complete = is_complete_};
  }

 private:
  enum class Page : std::uint8_t { unmapped, mapped, stored, left_out };

  [[nodiscard]] auto visit(const std::function<bool(const arch::MappedRange&)>& visitor) -> bool {
    return arch::visit_mapped(content_.memory, content_.paging, kMaxTables, visitor);
  }
  [[nodiscard]] auto index_of(GuestAddress address) const -> std::size_t {
    return static_cast<std::size_t>((address.value - content_.memory.base().value) / kPageSize);
  }

  [[nodiscard]] auto write_memory() -> Result<void> {
    std::size_t ranges = 0;
    const bool saw_all = visit([&](const arch::MappedRange& range) {
      const auto first = index_of(range.address);
      std::fill_n(pages_.begin() + static_cast<std::ptrdiff_t>(first), range.size / kPageSize, Page::mapped);
      return ++ranges < kMaxRanges && !is_late();
    });
    is_complete_ = saw_all;
    for (const auto& vcpu : content_.vcpus) {
      if (auto written = write_stack(arch::stack_pointer(arch::general_registers(vcpu.state))); !written)
        return written;
    }
    const auto memory = content_.memory.range();
    const GuestRange kernel{std::max(content_.kernel.start, memory.start), std::min(content_.kernel.end, memory.end)};
    if (kernel.start < kernel.end) {
      if (auto written = write_pages(index_of(kernel.start), index_of(kernel.end)); !written) return written;
    }
    return write_pages(0, pages_.size());
  }

  [[nodiscard]] auto write_stack(std::uint64_t stack_pointer) -> Result<void> {
    for (std::uint64_t offset = 0; offset < kStackSize; offset += kPageSize) {
      const auto at = arch::translate(content_.memory, content_.paging, {stack_pointer + offset});
      if (!at || !content_.memory.span(at->address, 1)) continue;
      const auto index = index_of(at->address);
      if (auto written = write_pages(index, index + 1); !written) return written;
    }
    return {};
  }

  // Writes the mapped pages of [first, end) that are not written yet, in runs.
  [[nodiscard]] auto write_pages(std::size_t first, std::size_t end) -> Result<void> {
    std::size_t run = first;                // [run, index) is to be written
    constexpr std::size_t kChecked = 4096;  // pages between two looks at the time
    for (std::size_t index = first; index < end; ++index) {
      if (index % kChecked == 0 && is_late()) return too_late();
      if (wants(index)) continue;
      if (auto written = write_run(run, index); !written) return written;
      run = index + 1;
    }
    return run < end ? write_run(run, end) : Result<void>{};
  }

  // Decides whether the page is to be written.
  [[nodiscard]] auto wants(std::size_t index) -> bool {
    auto& page = pages_[index];
    if (page != Page::mapped) return false;
    page = Page::stored;
    if (is_zero(bytes_of(index, 1))) return false;
    if (limits_.size - size_ < kPageSize) {
      page = Page::left_out;
      is_complete_ = false;
      return false;
    }
    size_ += kPageSize;
    return true;
  }

  [[nodiscard]] auto write_run(std::size_t first, std::size_t end) -> Result<void> {
    constexpr std::size_t kMaxRun = 1024;  // pages in one call
    for (; first < end; first += kMaxRun) {
      const auto count = std::min(kMaxRun, end - first);
      if (auto written = write_at(kMemoryOffset + first * kPageSize, bytes_of(first, count)); !written) return written;
    }
    return is_late() ? too_late() : Result<void>{};
  }

  [[nodiscard]] auto bytes_of(std::size_t first, std::size_t count) const -> std::span<const std::byte> {
    return content_.memory.bytes().subspan(first * kPageSize, count * kPageSize);
  }

  // The program headers and the notes after the memory, and then the ELF header.
  [[nodiscard]] auto write_headers() -> Result<void> {
    const auto notes = notes_of(content_);
    const auto notes_at = kMemoryOffset + pages_.size() * kPageSize;
    const auto table_at = (notes_at + notes.bytes().size() + 7) / 8 * 8;
    std::vector<Elf64_Phdr> table{{.p_type = PT_NOTE,
                                   .p_flags = 0,
                                   .p_offset = notes_at,
                                   .p_vaddr = 0,
                                   .p_paddr = 0,
                                   .p_filesz = notes.bytes().size(),
                                   .p_memsz = 0,
                                   .p_align = 4}};
    const bool saw_all = visit([&](const arch::MappedRange& range) { return add_stored(range, table) && !is_late(); });
    is_complete_ = is_complete_ && saw_all;
    if (is_late()) return too_late();
    if (auto written = write_at(notes_at, notes.bytes()); !written) return written;
    if (auto written = write_at(table_at, std::as_bytes(std::span{table})); !written) return written;
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = arch::kCoreMachine;
    header.e_version = EV_CURRENT;
    header.e_phoff = table_at;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(table.size());
    return write_at(0, std::as_bytes(std::span{&header, 1}));
  }

  // Adds the parts of the range that are in the file. Returns false if there are too many.
  [[nodiscard]] auto add_stored(const arch::MappedRange& range, std::vector<Elf64_Phdr>& table) const -> bool {
    const auto first = index_of(range.address);
    const auto end = first + range.size / kPageSize;
    const auto is_stored = [this](std::size_t index) { return pages_[index] == Page::stored; };
    for (auto index = first; index < end;) {
      if (!is_stored(index)) {
        ++index;
        continue;
      }
      const auto begin = index;
      while (index < end && is_stored(index)) ++index;
      if (table.size() > kMaxRanges) return false;
      const auto size = (index - begin) * kPageSize;
      table.push_back(
          {.p_type = PT_LOAD,
           .p_flags = PF_R | (range.is_writable ? unsigned{PF_W} : 0) | (range.is_executable ? unsigned{PF_X} : 0),
           .p_offset = kMemoryOffset + begin * kPageSize,
           .p_vaddr = range.start.value + (begin - first) * kPageSize,
           .p_paddr = content_.memory.base().value + begin * kPageSize,
           .p_filesz = size,
           .p_memsz = size,
           .p_align = kPageSize});
    }
    return true;
  }

  [[nodiscard]] auto write_at(std::uint64_t offset, std::span<const std::byte> bytes) const -> Result<void> {
    if (::lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0) return system_failure("lseek", errno);
    while (!bytes.empty()) {
      const auto written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) return system_failure("write", errno);
      if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
      if (is_late()) return too_late();
    }
    return {};
  }

  [[nodiscard]] auto is_late() const -> bool { return (is_stopping_ && is_stopping_()) || Clock::now() >= end_; }
  [[nodiscard]] auto too_late() const -> std::unexpected<Error> {
    return fail(ErrorCode::host_failed,
                is_stopping_ && is_stopping_()
                    ? "stopped while it was written"
                    : fmt::format("not written within {} s",
                                  std::chrono::duration_cast<std::chrono::seconds>(limits_.time).count()));
  }

  int descriptor_;
  const CoreContent& content_;
  const CoreLimits& limits_;
  const std::function<bool()>& is_stopping_;
  Clock::time_point end_;
  std::vector<Page> pages_;  // of the guest memory
  std::uint64_t size_ = 0;   // bytes of memory written
  bool is_complete_ = false;
};

}  // namespace

auto open_core(const std::string& path) -> Result<Descriptor> {
  Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600)};
  if (!file.is_open()) return system_failure(path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure(path, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::configuration, path + ": not a regular file");
  return file;
}

auto write_core(int descriptor, const CoreContent& content, const CoreLimits& limits,
                const std::function<bool()>& is_stopping) -> Result<CoreSummary> {
  auto written = CoreWriter{descriptor, content, limits, is_stopping}.write();
  if (!written) [[maybe_unused]]
    const int truncated = ::ftruncate(descriptor, 0);
  return written;
}

}  // namespace hermitage::vmm::debug
