# hermitage_start_order(TARGET): links the program TARGET a second time, with the code that starts a guest at one place. A page
# fault maps 64 KiB of a file, so this saves a quarter of the page faults of a start, and two thirds of its memory.
#
# The code is what the program of the first link, in build/…/start_order, executes to start guests of this build. Without KVM,
# all code stays where the linker places it (see start_order).
option(HERMITAGE_START_ORDER "Place the code that starts a guest at one place; OFF for a program that does not depend on the host"
       ON)

function(hermitage_start_order target)
  if(NOT HERMITAGE_START_ORDER OR NOT HERMITAGE_BUILD_GUESTS OR NOT HERMITAGE_BUILD_MONITOR OR NOT HERMITAGE_RUNS_PROGRAMS
     OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  find_package(Python3 3.11 COMPONENTS Interpreter QUIET)
  if(NOT Python3_FOUND)
    message(STATUS "No Python 3.11: a start of a guest needs more page faults")
    return()
  endif()
  set(here ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
  set(folder ${CMAKE_BINARY_DIR}/start_order)
  set(script ${folder}/start_order.ld)

  add_executable(trace_functions ${here}/trace_functions.c)
  target_compile_options(trace_functions PRIVATE ${HERMITAGE_WARNINGS})
  set_target_properties(trace_functions PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${folder})

  get_target_property(sources ${target} SOURCES)
  add_executable(${target}_unordered ${sources})
  foreach(property LINK_LIBRARIES LINK_OPTIONS COMPILE_OPTIONS COMPILE_FEATURES)
    get_target_property(value ${target} ${property})
    if(value)
      set_target_properties(${target}_unordered PROPERTIES ${property} "${value}")
    endif()
  endforeach()
  set_target_properties(${target}_unordered PROPERTIES OUTPUT_NAME hermitage RUNTIME_OUTPUT_DIRECTORY ${folder})
  target_link_options(${target}_unordered PRIVATE -Wl,-Map=${folder}/hermitage.map)

  add_custom_command(
    OUTPUT ${script}
    COMMAND ${Python3_EXECUTABLE} ${here}/start_order --program $<TARGET_FILE:${target}_unordered>
            --tracer $<TARGET_FILE:trace_functions> --guests ${CMAKE_BINARY_DIR}/guests/x86_64 --output ${script}
    DEPENDS ${target}_unordered trace_functions start_order_guests ${here}/start_order
    COMMENT "Tracing starts of guests"
    VERBATIM)
  add_custom_target(${target}_start_order DEPENDS ${script})
  add_dependencies(${target} ${target}_start_order)
  target_link_options(${target} PRIVATE -Wl,-T,${script})
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${script})
  if(HERMITAGE_BUILD_TESTS)
    add_test(NAME start_order COMMAND ${here}/start_order_test.sh $<TARGET_FILE:trace_functions> ${CMAKE_CXX_COMPILER})
  endif()
endfunction()
