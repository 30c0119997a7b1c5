// The page tables for a kernel of aarch64, and the maintenance of its caches.
#pragma once

#include <span>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/page_tables.hpp"
#include "hermitage/loader/protection.hpp"

namespace hermitage::loader::aarch64 {

// The guest-virtual address of the console for kernels. It is independent of the physical address.
inline constexpr GuestAddress kConsoleOfKernels{0x1000};

// Makes the kernel's page tables. All pages have 4 KiB, because kernels change entries of single pages. The tables
// map the memory that a kernel needs before it maps its memory: its own, the console, and `others` (data from the
// loader). Writable pages of the kernel are not executable. Read-only pages are executable, because kernels have
// their exception vectors there. Ends the machine if memory is insufficient.
auto make_kernel_tables(const LoadedImage& image, std::span<const ProtectedRange> others, GuestAddress console,
                        Arena& arena) noexcept -> const PageTable*;

// Makes data writes visible to instruction fetches.
void synchronize_caches(GuestRange code) noexcept;

}  // namespace hermitage::loader::aarch64
