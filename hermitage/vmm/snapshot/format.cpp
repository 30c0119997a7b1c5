#include "hermitage/vmm/snapshot/format.hpp"

#include <algorithm>
#include <cstring>

#include "hermitage/vmm/snapshot/checksum.hpp"

namespace hermitage::vmm::snapshot {

void seal(std::span<std::byte> head) noexcept {
  Header header;
  std::memcpy(&header, head.data(), sizeof header);
  const auto size =
      std::min<std::uint64_t>(head.size() - kHeaderSize, rounded_to_page(header.description_size + header.tables_size));
  header.tables_checksum = checksum_of(head.subspan(kHeaderSize, size));
  header.header_checksum = 0;
  std::memcpy(head.data(), &header, sizeof header);
  header.header_checksum = checksum_of(head.first(kHeaderSize));
  std::memcpy(head.data(), &header, sizeof header);
}

}  // namespace hermitage::vmm::snapshot
