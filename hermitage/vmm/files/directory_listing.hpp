// Lists the names in a directory for a guest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/files/file_result.hpp"
#include "hermitage/vmm/files/file_table.hpp"

namespace hermitage::vmm {

// Implement GuestFiles::getdents and GuestFiles::lseek. Precondition of both: the caller holds the lock of the
// directory.
[[nodiscard]] auto list_directory(const GuestTree& tree, OpenFile& directory, std::span<std::byte> buffer)
    -> FileResult<std::uint64_t>;
[[nodiscard]] auto rewind_directory(OpenFile& directory, std::int64_t offset, std::int32_t whence)
    -> FileResult<std::int64_t>;

}  // namespace hermitage::vmm
