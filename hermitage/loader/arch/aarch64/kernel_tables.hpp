// The page tables that a kernel of aarch64 is entered with, and what else its processor must see.
#pragma once

#include <span>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/page_tables.hpp"
#include "hermitage/loader/protection.hpp"

namespace hermitage::loader::aarch64 {

// Where kernels have the console, whatever its physical address.
inline constexpr GuestAddress kConsoleOfKernels{0x1000};

// Kernels change entries of single pages, so that there are no larger ones. Mapped is what a kernel needs before it
// maps its memory: itself, the console, and `others`, what the loader leaves to it. Of the kernel nothing that is
// written is executed; what is only read may be: kernels have their exception vectors there. What has no room ends the
// machine.
auto make_kernel_tables(const LoadedImage& image, std::span<const ProtectedRange> others, GuestAddress console,
                        Arena& arena) noexcept -> const PageTable*;

// What was written as data is to be executed.
void synchronize_caches(GuestRange code) noexcept;

}  // namespace hermitage::loader::aarch64
