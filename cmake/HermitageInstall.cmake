# What `cmake --install` installs. Install components:
#   runtime      programs, manual pages, completions, examples, and the licences
#   loaders      the boot loaders that `hermitage run` and QEMU start guests with
#   development  libraries, headers, CMake package, pkg-config files
# The target `installed` builds only what is installed.
include(CMakePackageConfigHelpers)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
add_custom_target(installed)

# install_library(EXPORT TARGET…): the libraries, and the file that describes them to CMake.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hermitage)
function(install_library export)
  install(TARGETS ${ARGN} EXPORT ${export})
  install(EXPORT ${export} NAMESPACE hermitage:: DESTINATION ${package_dir})
  foreach(target ${ARGN})
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
      add_dependencies(installed ${target})
    endif()
  endforeach()
endfunction()

# note_headers(KIND FILE…): appends headers to the property HERMITAGE_KIND_HEADERS, for the reference (docs/reference).
# PUBLIC: the paths of all installed headers. NAMED: those that programs include, by their name in #include.
function(note_headers kind)
  set_property(GLOBAL APPEND PROPERTY HERMITAGE_${kind}_HEADERS ${ARGN})
endfunction()

# install_headers(MODULE STEM…): installs public headers of a module, and the other headers of the module that they include.
function(install_headers module)
  foreach(stem ${ARGN})
    note_headers(NAMED hermitage/${module}/${stem}.hpp)
  endforeach()
  set(waiting ${ARGN})
  set(done)
  while(waiting)
    list(POP_FRONT waiting stem)
    if(stem IN_LIST done)
      continue()
    endif()
    list(APPEND done ${stem})
    set(header ${PROJECT_SOURCE_DIR}/hermitage/${module}/${stem}.hpp)
    note_headers(PUBLIC ${header})
    get_filename_component(directory ${module}/${stem} DIRECTORY)
    install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage/${directory})
    file(STRINGS ${header} includes REGEX "^#include \"hermitage/${module}/")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^#include \"hermitage/${module}/([^\"]*)\\.hpp\".*" "\\1" included "${include}")
      list(APPEND waiting ${included})
    endforeach()
  endwhile()
endfunction()

# note_directory(MODULE): notes all headers of a module, which installs all of them.
function(note_directory module)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/hermitage/${module}/*.hpp
       ${PROJECT_SOURCE_DIR}/hermitage/${module}/*.h)
  note_headers(PUBLIC ${headers})
  foreach(header IN LISTS headers)
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${header})
    note_headers(NAMED ${name})
  endforeach()
endfunction()

install_library(hermitageTargets hermitage_entry hermitage_capi hermitage_kernel)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/hermitage/entry ${PROJECT_SOURCE_DIR}/hermitage/capi
                  ${PROJECT_SOURCE_DIR}/hermitage/kernel
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h" PATTERN "*.ld" PATTERN "*_test*" EXCLUDE)
install(FILES ${PROJECT_BINARY_DIR}/generated/hermitage/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage)
note_directory(entry)
note_directory(capi)
note_directory(kernel)
note_headers(PUBLIC ${PROJECT_BINARY_DIR}/generated/hermitage/version.h)
note_headers(NAMED hermitage/version.h)

install(FILES ${CMAKE_CURRENT_LIST_DIR}/hermitageConfig.cmake DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/hermitageConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hermitageConfigVersion.cmake DESTINATION ${package_dir})

# Relative, so that it is valid with any `cmake --install --prefix` and DESTDIR.
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
function(install_pkgconfig package)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${package}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${package}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
install_pkgconfig(hermitage)

# The library that image, launch and vmm share.
if(TARGET hermitage_base)
  install_library(hermitageBaseTargets hermitage_base)
  note_directory(base)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/hermitage/base DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage
          FILES_MATCHING PATTERN "*.hpp")
endif()

if(TARGET hermitage_image)
  install_library(hermitageImageTargets hermitage_image hermitage_capi_image)
  install_pkgconfig(hermitage-image)
  install_pkgconfig(hermitage-image-c)
  install_headers(image config extract image pack problem tar_writer)
endif()

if(TARGET hermitage_vmm)
  install_library(hermitageVmmTargets hermitage_vmm)
  install_pkgconfig(hermitage-vmm)
  install_headers(
    vmm
    control_options
    ending
    error
    files/guest_files
    host
    isolation/isolation
    machine
    machine_options
    memory/mapped_file
    net/backend
    net/inherited
    net/passt
    net/pcap
    net/socket
    net/tap
    network_options
    pause_gate
    snapshot/description
    snapshot/snapshot
    snapshot/snapshot_options
    statistics
    warnings)
endif()

if(TARGET hermitage_launch)
  # The library qemu has no installed headers, because programs use it through launch only.
  install_library(hermitageLaunchTargets hermitage_launch hermitage_qemu)
  install_headers(launch config_file engine failure file_error in_qemu kernel_source launch_options launch_spec monitor
                  monitor_host run run_report run_request)
  set(launch_vmm_libraries)
  set(launch_vmm_dependencies)
  if(TARGET hermitage_vmm)
    set(launch_vmm_libraries -lhermitage_vmm)
    set(launch_vmm_dependencies -lfdt)
  endif()
  install_pkgconfig(hermitage-launch)
endif()

install(FILES LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

if(HERMITAGE_BUILD_TOOLS)
  install(TARGETS hermitage_cli COMPONENT runtime)
  add_dependencies(installed hermitage_cli)
  foreach(target hermitage_oci hermitage_texts example_images)
    if(TARGET ${target})
      add_dependencies(installed ${target})
    endif()
  endforeach()
endif()

if(HERMITAGE_BUILD_LOADER)
  get_property(loaders GLOBAL PROPERTY HERMITAGE_LOADERS)
  install(FILES ${loaders} DESTINATION ${CMAKE_INSTALL_DATADIR}/hermitage COMPONENT loaders)
  add_dependencies(installed loaders)
endif()
