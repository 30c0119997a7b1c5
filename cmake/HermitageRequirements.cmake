# Finds every library that the build needs, before any target is made. Sets:
#   HERMITAGE_HAS_IMAGE     the library for images is built, because an option needs it
#   HERMITAGE_HAS_MONITOR   the monitor is built
#   HERMITAGE_RUNS_PROGRAMS programs of this build can run on this host, as generators do
#   HERMITAGE_MISSING       one line for each missing library: its Debian package, and the options that do without it
# A cross build turns off what needs to run programs of the build. Each part that is left out is reported, with the reason.

set(HERMITAGE_RUNS_PROGRAMS TRUE)
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  set(HERMITAGE_RUNS_PROGRAMS FALSE)
endif()
set(target "${CMAKE_SYSTEM_NAME} on ${CMAKE_SYSTEM_PROCESSOR}")
set(no_emulator "this host cannot run programs for ${target} (CMAKE_CROSSCOMPILING_EMULATOR is not set)")

if(HERMITAGE_BUILD_TESTS AND NOT HERMITAGE_RUNS_PROGRAMS)
  set(HERMITAGE_BUILD_TESTS OFF)
  message(STATUS "Left out: the tests; ${no_emulator}")
endif()
set(HERMITAGE_HAS_MONITOR FALSE)
if(HERMITAGE_BUILD_TOOLS AND HERMITAGE_BUILD_MONITOR)
  if(NOT (CMAKE_SYSTEM_NAME STREQUAL Linux AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|aarch64)$"))
    message(STATUS "Left out: the monitor and hermitage-oci, which are for Linux on x86_64 and aarch64; this build is for "
                   "${target}. `hermitage run` runs guests in QEMU")
  elseif(NOT HERMITAGE_RUNS_PROGRAMS)
    message(STATUS "Left out: the monitor and hermitage-oci, whose system call filters a program of the build compiles; "
                   "${no_emulator}")
  else()
    set(HERMITAGE_HAS_MONITOR TRUE)
  endif()
endif()
if(HERMITAGE_BUILD_TOOLS AND NOT HERMITAGE_RUNS_PROGRAMS)
  message(STATUS "Left out: completions, generated manual pages and example images, which programs of the build write; "
                 "${no_emulator}")
endif()

set(HERMITAGE_MISSING "")
# need(WHAT PACKAGE OPTION… FOUND VALUE…): adds WHAT to the list of missing libraries, unless all VALUEs are true.
macro(need what package)
  cmake_parse_arguments(need "" "" "FOUND" ${ARGN})
  set(missing FALSE)
  foreach(value IN LISTS need_FOUND)
    if(NOT ${value})
      set(missing TRUE)
    endif()
  endforeach()
  if(missing)
    set(without "")
    foreach(option IN LISTS need_UNPARSED_ARGUMENTS)
      if(${option})
        string(APPEND without " -D${option}=OFF")
      endif()
    endforeach()
    set(architecture "")
    if(CMAKE_CROSSCOMPILING)
      set(architecture " for ${target}")
    endif()
    # CMake does not wrap a line that starts with a space.
    string(APPEND HERMITAGE_MISSING
           "  ${what} is missing: install ${package}${architecture}, or configure with${without}\n")
  endif()
endmacro()

set(HERMITAGE_HAS_IMAGE FALSE)
if(HERMITAGE_BUILD_IMAGE OR HERMITAGE_BUILD_TOOLS OR HERMITAGE_BUILD_TESTS OR HERMITAGE_BUILD_BENCHMARKS
   OR HERMITAGE_BUILD_FUZZERS)
  set(HERMITAGE_HAS_IMAGE TRUE)
  set(options HERMITAGE_BUILD_IMAGE HERMITAGE_BUILD_TOOLS HERMITAGE_BUILD_TESTS HERMITAGE_BUILD_BENCHMARKS
              HERMITAGE_BUILD_FUZZERS)
  if(HERMITAGE_STATIC_PROGRAM)
    # Of libarchive.a, only what reads tar archives is linked, which needs no library but zlib.
    list(PREPEND CMAKE_FIND_LIBRARY_SUFFIXES .a)
  endif()
  find_package(LibArchive QUIET)
  need(libarchive libarchive-dev ${options} FOUND LibArchive_FOUND)
  find_package(ZLIB QUIET)
  need(zlib zlib1g-dev ${options} FOUND ZLIB_FOUND)
  find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h)
  need(toml++ libtomlplusplus-dev ${options} FOUND TOMLPLUSPLUS_INCLUDE)
endif()

if(HERMITAGE_BUILD_TOOLS OR HERMITAGE_BUILD_BENCHMARKS)
  find_package(fmt QUIET)
  need({fmt} libfmt-dev HERMITAGE_BUILD_TOOLS HERMITAGE_BUILD_BENCHMARKS FOUND fmt_FOUND)
endif()
if(HERMITAGE_BUILD_TOOLS)
  find_package(nlohmann_json QUIET)
  need(nlohmann_json nlohmann-json3-dev HERMITAGE_BUILD_TOOLS FOUND nlohmann_json_FOUND)
  # For container images.
  find_library(NETTLE nettle)
  find_path(NETTLE_INCLUDE nettle/sha2.h)
  need(nettle nettle-dev HERMITAGE_BUILD_TOOLS FOUND NETTLE NETTLE_INCLUDE)
  find_library(ZSTD zstd)
  find_path(ZSTD_INCLUDE zstd.h)
  need(zstd libzstd-dev HERMITAGE_BUILD_TOOLS FOUND ZSTD ZSTD_INCLUDE)
  find_library(LIBIBERTY iberty)
  need(libiberty libiberty-dev HERMITAGE_BUILD_TOOLS FOUND LIBIBERTY)
endif()

if(HERMITAGE_HAS_MONITOR OR HERMITAGE_BUILD_TESTS OR HERMITAGE_BUILD_FUZZERS)
  set(options HERMITAGE_BUILD_TESTS HERMITAGE_BUILD_FUZZERS)
  if(HERMITAGE_HAS_MONITOR)
    list(APPEND options HERMITAGE_BUILD_MONITOR)
  endif()
  find_library(LIBFDT fdt)
  find_path(LIBFDT_INCLUDE libfdt.h)
  need(libfdt libfdt-dev ${options} FOUND LIBFDT LIBFDT_INCLUDE)
endif()

if(HERMITAGE_HAS_MONITOR)
  find_library(LIBSECCOMP seccomp)
  find_path(LIBSECCOMP_INCLUDE seccomp.h)
  need(libseccomp libseccomp-dev HERMITAGE_BUILD_MONITOR FOUND LIBSECCOMP LIBSECCOMP_INCLUDE)
  # For hermitage-oci.
  find_path(LIBNL_INCLUDE netlink/netlink.h PATH_SUFFIXES libnl3)
  find_library(LIBNL nl-3)
  find_library(LIBNL_ROUTE nl-route-3)
  need(libnl "libnl-route-3-dev" HERMITAGE_BUILD_MONITOR FOUND LIBNL_INCLUDE LIBNL LIBNL_ROUTE)
endif()

if(HERMITAGE_BUILD_TESTS)
  find_package(GTest QUIET)
  need(GoogleTest libgtest-dev HERMITAGE_BUILD_TESTS FOUND GTest_FOUND)
endif()
