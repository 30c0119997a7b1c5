# Cross build for Linux on aarch64, on Debian. The libraries are in HERMITAGE_SYSROOT, which cmake/sysroot makes. qemu-aarch64
# runs programs of the build, such as the compiler of the system call filters and the unit tests.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(HERMITAGE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-arm64 CACHE PATH "Libraries of the cross build")
# CMake reads this file again for each small program with which it tests the compiler.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HERMITAGE_SYSROOT)
if(NOT EXISTS ${HERMITAGE_SYSROOT}/packages)
  message(FATAL_ERROR "${HERMITAGE_SYSROOT} has no libraries for aarch64: run `cmake/sysroot arm64 ${HERMITAGE_SYSROOT}`")
endif()
set(CMAKE_FIND_ROOT_PATH ${HERMITAGE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# For libraries that are linked by name.
set(CMAKE_EXE_LINKER_FLAGS_INIT -L${HERMITAGE_SYSROOT}/usr/lib/aarch64-linux-gnu)

# The compiler's C library, for programs that are linked dynamically.
find_program(QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
if(QEMU_AARCH64)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU_AARCH64} -L /usr/aarch64-linux-gnu)
endif()
