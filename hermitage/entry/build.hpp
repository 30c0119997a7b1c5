// What a build of the core leaves out. A boot loader starts kernels of its own machine, has no words for what is odd
// but no error, and is to be small: compiled with HERMITAGE_FOR_BOOT_LOADER, the core is.
#pragma once

namespace hermitage::entry {

#if defined(HERMITAGE_FOR_BOOT_LOADER)
inline constexpr bool kIsForBootLoader = true;
#else
inline constexpr bool kIsForBootLoader = false;
#endif

// Whether files of both byte orders are read. If not, all is taken for the order of the machine, and files of the other
// one must be turned away before the core sees them.
inline constexpr bool kHasBothByteOrders = !kIsForBootLoader;

// Whether problems that are no errors have messages.
inline constexpr bool kHasWordsForOddities = !kIsForBootLoader;

}  // namespace hermitage::entry
