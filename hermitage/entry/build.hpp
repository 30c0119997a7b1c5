// Features that HERMITAGE_FOR_BOOT_LOADER removes from the core to keep a boot loader small. A boot loader starts
// only kernels of its own architecture, and prints errors only.
#pragma once

namespace hermitage::entry {

#if defined(HERMITAGE_FOR_BOOT_LOADER)
inline constexpr bool kIsForBootLoader = true;
#else
inline constexpr bool kIsForBootLoader = false;
#endif

// Whether the core reads files of both byte orders. If not, it reads every file in the byte order of the machine, and
// its caller must refuse files of the other order first.
inline constexpr bool kHasBothByteOrders = !kIsForBootLoader;

// Whether warnings and infos have messages.
inline constexpr bool kHasWordsForOddities = !kIsForBootLoader;

}  // namespace hermitage::entry
