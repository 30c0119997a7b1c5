#include "hermitage/vmm/memory/page_map.hpp"

#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hermitage/base/page.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm {
namespace {

const auto kPage = base::host_page_size();

TEST(PageMap, FindsTouchedPages) {
  const auto memory = GuestMemory::allocate({0}, 8 * kPage, {}).value();
  memory.bytes()[kPage] = std::byte{1};
  memory.bytes()[6 * kPage] = std::byte{0};  // touched, although it is zeros
  EXPECT_EQ(PageMap::open().existing(memory.bytes()),
            (std::vector<bool>{false, true, false, false, false, false, true, false}));
  EXPECT_EQ(PageMap::open().existing(memory.bytes().subspan(6 * kPage, kPage)), std::vector<bool>{true});
}

TEST(PageMap, FindsAllPagesIfItCannotRead) {
  const auto memory = GuestMemory::allocate({0}, 2 * kPage, {}).value();
  const std::vector<bool> all{true, true};
  EXPECT_EQ(PageMap{Descriptor{}}.existing(memory.bytes()), all);
  // An empty file.
  EXPECT_EQ(PageMap{Descriptor{::memfd_create("empty", MFD_CLOEXEC)}}.existing(memory.bytes()), all);
}

}  // namespace
}  // namespace hermitage::vmm
