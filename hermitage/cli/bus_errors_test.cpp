#include "hermitage/cli/bus_errors.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"
#include "hermitage/vmm/net/inherited.hpp"
#include "hermitage/vmm/net/wrapped_backend.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::cli {
namespace {

constexpr std::size_t kPage = 4096;

std::atomic<int> count = 0;

// A page of a file that has none any more.
class LostPage {
 public:
  LostPage() {
    const std::string content(2 * kPage, 'x');
    EXPECT_EQ(::write(file_.get(), content.data(), content.size()), 2 * kPage);
    bytes_ = static_cast<char*>(::mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE, file_.get(), 0));
    EXPECT_EQ(::ftruncate(file_.get(), kPage), 0);
  }
  LostPage(const LostPage&) = delete;
  auto operator=(const LostPage&) -> LostPage& = delete;
  ~LostPage() { ::munmap(bytes_, 2 * kPage); }

  [[nodiscard]] auto kept() const -> const volatile char* { return bytes_; }
  [[nodiscard]] auto lost() const -> const volatile char* { return bytes_ + kPage; }

 private:
  base::Descriptor file_{::memfd_create("file", MFD_CLOEXEC)};
  char* bytes_ = nullptr;
};

TEST(BusErrors, FindZerosWhereAFileWasTruncated) {
  const LostPage page;
  const BusErrors errors{[] { ++count; }};
  count = 0;
  EXPECT_FALSE(BusErrors::take());
  EXPECT_EQ(page.lost()[100], '\0');
  EXPECT_EQ(page.lost()[101], '\0');
  EXPECT_EQ(page.kept()[100], 'x');
  EXPECT_EQ(count, 1) << "once for a page";
  EXPECT_TRUE(BusErrors::take());
  EXPECT_FALSE(BusErrors::take());
}

TEST(BusErrors, OfAnotherKindEndTheProcess) {
  const auto child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    const BusErrors errors{[] {}};
    ::raise(SIGBUS);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGBUS);
}

#if defined(__x86_64__) && !defined(HERMITAGE_HAS_SANITIZERS)  // sanitizers make system calls that a filter forbids
// Reads a lost page for each frame, as if its bytes were in the mapped file of a kernel.
class LosingBackend final : public vmm::net::WrappedBackend {
 public:
  using WrappedBackend::WrappedBackend;

  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, vmm::net::Closed> override {
    [[maybe_unused]] const char byte = page_.lost()[0];
    return WrappedBackend::receive(buffer);
  }

 private:
  LostPage page_;
};

constexpr int kNoGuest = 77;

std::atomic<vmm::Machine*> machine_to_stop = nullptr;

// Ends a run of the guest `net`, isolated, when the thread of its card reads the lost page. Returns 0 if it ended so.
auto end_in_the_thread_of_a_card(const std::string& directory) -> int {
  std::array<int, 2> wire{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wire.data()) != 0) return 1;
  auto backend = vmm::net::open_inherited(wire[1]);
  const auto file = vmm::MappedFile::open(HERMITAGE_GUESTS "/x86_64/if3/net");
  if (!backend || !file) return kNoGuest;
  vmm::MachineOptions options{
      .arguments = {.program = "net", .kernel = {}, .application = {"ip=10.0.5.3/24"}, .environment = {}},
      .output = vmm::NoOutput{},
      .timeout = std::chrono::seconds{20},
      .isolation = {.file_isolation = vmm::FileIsolation::normal, .sandbox = true, .around_caller = true}};
  options.network = vmm::NetworkOptions{.backend = std::make_unique<LosingBackend>(*std::move(backend)),
                                        .card = {.mac = {2, 0, 0, 0, 0, 5}}};
  auto machine = vmm::Machine::create({.elf = file->bytes()}, std::move(options), vmm::GuestFiles{directory});
  if (!machine) return kNoGuest;
  machine_to_stop = &*machine;
  const BusErrors errors{[] { machine_to_stop.load()->stop(SIGBUS); }};
  const std::array<std::byte, 60> frame{};
  if (::send(wire[0], frame.data(), frame.size(), 0) < 0) return 2;
  const auto result = machine->run();
  if (!result) return 3;
  const auto* const stopped = std::get_if<vmm::Stopped>(&result->ending);
  if (stopped == nullptr || stopped->reason != SIGBUS) return 4;
  return BusErrors::take() ? 0 : 5;
}

// Its filter allows what the handler does, and stopping the guest.
TEST(BusErrors, AreHandledInTheThreadOfANetworkCard) {
  const testing::TemporaryDirectory directory;
  const auto child = ::fork();
  if (child == 0) ::_exit(end_in_the_thread_of_a_card(directory.path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
  if (WEXITSTATUS(status) == kNoGuest) GTEST_SKIP() << "no guest, or no KVM for it";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif

}  // namespace
}  // namespace hermitage::cli
