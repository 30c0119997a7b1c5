# Functions that make targets, so that all targets have the same options.

set(HERMITAGE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # libstdc++ 12 implements std::stable_sort with a function that it deprecates itself.
  list(APPEND HERMITAGE_WARNINGS -Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False warning: "text" + std::string is reported as a copy onto itself (GCC bug 105651).
  list(APPEND HERMITAGE_WARNINGS -Wno-restrict)
  if(HERMITAGE_SANITIZERS STREQUAL thread)
    # False warning: copies and moves of short strings are reported as accesses out of bounds.
    list(APPEND HERMITAGE_WARNINGS -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endif()
if(HERMITAGE_WARNINGS_AS_ERRORS)
  list(APPEND HERMITAGE_WARNINGS -Werror)
endif()

# The flags of guests and boot loaders, which custom commands compile for machines without an operating system.
set(HERMITAGE_BARE_FLAGS
    -std=c++23
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wconversion
    -ffreestanding
    -fno-exceptions
    -fno-rtti
    -fno-stack-protector
    -fno-asynchronous-unwind-tables
    -fno-unwind-tables
    -fno-threadsafe-statics
    -ffunction-sections
    -fdata-sections
    -fvisibility=hidden
    -I${PROJECT_SOURCE_DIR})
if(HERMITAGE_WARNINGS_AS_ERRORS)
  list(APPEND HERMITAGE_BARE_FLAGS -Werror)
endif()

function(hermitage_compile_options target)
  target_compile_options(${target} PRIVATE ${HERMITAGE_WARNINGS})
  if(HERMITAGE_SANITIZERS)
    target_compile_options(${target} PRIVATE -fsanitize=${HERMITAGE_SANITIZERS} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${HERMITAGE_SANITIZERS})
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      # This check opens a pipe to test whether an object is readable, which the seccomp filters do not allow.
      target_compile_options(${target} PRIVATE -fno-sanitize=vptr)
    endif()
  endif()
endfunction()

# hermitage_optimize_for_tests(TARGET): optimizes a library whose tests read many thousands of inputs. With sanitizers and
# without optimization, these tests take minutes.
function(hermitage_optimize_for_tests target)
  if(HERMITAGE_SANITIZERS AND CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(${target} PRIVATE -O1)
  endif()
endfunction()

# hermitage_program_options(TARGET): options of a program that may run a virtual machine.
function(hermitage_program_options target)
  hermitage_compile_options(${target})
  if(HERMITAGE_SANITIZERS MATCHES address)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/testing/sanitizer_options.cpp)
  endif()
endfunction()

# choose_fmt(): sets HERMITAGE_FMT to the library that targets with {fmt} link with. For a static program, this is a library
# of this build, or the header-only variant for versions that fmt.cpp does not know. Installed libraries need Debian's library.
macro(choose_fmt)
  set(HERMITAGE_FMT fmt::fmt)
  if(HERMITAGE_STATIC_PROGRAM AND fmt_VERSION VERSION_LESS 10)
    if(NOT TARGET hermitage_fmt)
      add_library(hermitage_fmt STATIC ${PROJECT_SOURCE_DIR}/cmake/fmt.cpp)
      target_include_directories(hermitage_fmt SYSTEM PUBLIC
                                 $<TARGET_PROPERTY:fmt::fmt-header-only,INTERFACE_INCLUDE_DIRECTORIES>)
    endif()
    set(HERMITAGE_FMT $<BUILD_INTERFACE:hermitage_fmt> $<INSTALL_INTERFACE:fmt::fmt>)
  elseif(HERMITAGE_STATIC_PROGRAM)
    set(HERMITAGE_FMT fmt::fmt-header-only)
  endif()
endmacro()

# The headers of the standard library that most sources include. The compiler reads them once for each target, which
# halves the time of builds without optimization. The preset `release` has none, so that it notices a missing include.
set(HERMITAGE_COMMON_HEADERS algorithm array chrono cstdint cstring expected functional map memory optional span string
                             string_view utility vector)

# hermitage_precompile(TARGET [HEADER…]): precompiles these headers and the common ones, if
# HERMITAGE_PRECOMPILED_HEADERS is set.
function(hermitage_precompile target)
  if(NOT HERMITAGE_PRECOMPILED_HEADERS)
    return()
  endif()
  foreach(header IN LISTS HERMITAGE_COMMON_HEADERS ARGN)
    target_precompile_headers(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:<${header}$<ANGLE-R>>")
  endforeach()
endfunction()

# hermitage_unite(TARGET SOURCE…): compiles the sources of each directory together, if HERMITAGE_UNITED_SOURCES is set.
# Therefore, names in a directory must be unique, also those in unnamed namespaces. The preset `release` compiles each
# source by itself, so that it notices a missing include.
function(hermitage_unite target)
  if(NOT HERMITAGE_UNITED_SOURCES)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # A local variable may have the name of a function of another source, and a class of one source may have members of a
  # type in its unnamed namespace: g++ takes all but the first source for headers.
  target_compile_options(${target} PRIVATE -Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  foreach(source IN LISTS ARGN)
    get_filename_component(directory ${source} DIRECTORY)
    string(REPLACE / _ directory "${directory}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP "sources_${directory}")
  endforeach()
endfunction()

# hermitage_library(NAME SOURCES … [LINK …] [PRIVATE_LINK …]): the module hermitage/NAME as hermitage::NAME.
function(hermitage_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PRIVATE_LINK")
  add_library(hermitage_${name} STATIC ${arg_SOURCES})
  add_library(hermitage::${name} ALIAS hermitage_${name})
  set_target_properties(hermitage_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(hermitage_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(hermitage_${name} PUBLIC cxx_std_23)
  target_link_libraries(hermitage_${name} PUBLIC ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
  hermitage_compile_options(hermitage_${name})
  list(LENGTH arg_SOURCES count)
  hermitage_unite(hermitage_${name} ${arg_SOURCES})
  if(count GREATER 3 AND NOT HERMITAGE_UNITED_SOURCES)
    hermitage_precompile(hermitage_${name})
  endif()
endfunction()

# hermitage_test(NAME SOURCES … LINK …): a GoogleTest program. Each of its cases is one test of CTest, or
# HERMITAGE_TEST_SHARDS processes share them, because an instrumented program starts more slowly than most cases run. The
# libraries are optimized like the installed ones. The cases are not: compiling them would take twice as long.
function(hermitage_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  if(NOT HERMITAGE_BUILD_TESTS)
    return()
  endif()
  include(GoogleTest)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} hermitage::testing GTest::gtest_main)
  hermitage_program_options(${name})
  hermitage_precompile(${name} gtest/gtest.h)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${name} PRIVATE -O0)
  endif()
  if(HERMITAGE_TEST_SHARDS EQUAL 0)
    gtest_discover_tests(${name} NO_PRETTY_VALUES PROPERTIES TIMEOUT 600 DISCOVERY_TIMEOUT 60)
    return()
  endif()
  foreach(shard RANGE 1 ${HERMITAGE_TEST_SHARDS})
    math(EXPR index "${shard} - 1")
    add_test(NAME ${name}.${shard} COMMAND ${name})
    set_tests_properties(${name}.${shard} PROPERTIES TIMEOUT 900
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${HERMITAGE_TEST_SHARDS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# The fuzz targets, which testing/fuzz runs, and the programs that write their seeds.
if(HERMITAGE_BUILD_FUZZERS)
  add_custom_target(fuzzers)
  add_dependencies(fuzzers write_archives write_device_trees write_kernels write_line_tables)
endif()

# hermitage_fuzzer(STEM LINK …): STEM_fuzzer.cpp, of this module or a directory in it, as a libFuzzer program.
function(hermitage_fuzzer stem)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
  if(NOT HERMITAGE_BUILD_FUZZERS)
    return()
  endif()
  get_filename_component(name ${stem} NAME)
  add_executable(${name}_fuzzer ${stem}_fuzzer.cpp)
  target_link_libraries(${name}_fuzzer PRIVATE ${arg_LINK})
  target_link_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
  hermitage_compile_options(${name}_fuzzer)
  set_target_properties(${name}_fuzzer PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzzers)
  add_dependencies(fuzzers ${name}_fuzzer)
endfunction()

# Flags for bare machines (guests and loaders). Without them, the compiler would recognize memcpy in its own loop, and call it
# there.
set(HERMITAGE_NO_CALLS_OF_ITSELF -fno-tree-loop-distribute-patterns)

# find_x86_64_compiler(): the compiler for bare x86_64 machines. Sets `compiler` (empty if none is installed),
# `compiler_is_clang`, `x86_64_flags` and `no_calls_of_itself`.
macro(find_x86_64_compiler)
  set(compiler_is_clang FALSE)
  set(x86_64_flags -mgeneral-regs-only -mno-red-zone)
  set(no_calls_of_itself ${HERMITAGE_NO_CALLS_OF_ITSELF})
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(compiler ${CMAKE_CXX_COMPILER})
  else()
    find_program(X86_64_CXX x86_64-linux-gnu-g++)
    set(compiler ${X86_64_CXX})
  endif()
  if(compiler STREQUAL CMAKE_CXX_COMPILER AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
    set(compiler_is_clang TRUE)
    # With -mgeneral-regs-only, it refuses even declarations with `long double` in a header.
    set(x86_64_flags -mno-mmx -mno-sse -mno-red-zone)
    set(no_calls_of_itself -fno-builtin)
  endif()
endmacro()
