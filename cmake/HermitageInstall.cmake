# What `cmake --install` leaves behind: program, libraries, headers, CMake package, pkg-config file, manuals.
include(CMakePackageConfigHelpers)

install(TARGETS hermitage_entry hermitage_capi hermitage_kernel EXPORT hermitageTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/hermitage/entry ${PROJECT_SOURCE_DIR}/hermitage/capi
                  ${PROJECT_SOURCE_DIR}/hermitage/kernel
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h" PATTERN "*.ld" PATTERN "*_test*" EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hermitage)
install(EXPORT hermitageTargets NAMESPACE hermitage:: DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/hermitageConfig.cmake DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/hermitageConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hermitageConfigVersion.cmake DESTINATION ${package_dir})

# Relative, so that it holds wherever `cmake --install --prefix` or DESTDIR put it.
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
function(install_pkgconfig package)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${package}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${package}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
install_pkgconfig(hermitage)

# What image, launch and vmm are built on.
if(TARGET hermitage_base)
  install(TARGETS hermitage_base EXPORT hermitageBaseTargets)
  install(EXPORT hermitageBaseTargets NAMESPACE hermitage:: DESTINATION ${package_dir})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/hermitage/base DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage
          FILES_MATCHING PATTERN "*.hpp")
endif()

if(TARGET hermitage_image)
  install(TARGETS hermitage_image EXPORT hermitageImageTargets)
  install(EXPORT hermitageImageTargets NAMESPACE hermitage:: DESTINATION ${package_dir})
  install_pkgconfig(hermitage-image)
  # The headers that this module is used by; the others are its own.
  foreach(header config extract image pack problem tar_writer)
    install(FILES ${PROJECT_SOURCE_DIR}/hermitage/image/${header}.hpp
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage/image)
  endforeach()
endif()

if(TARGET hermitage_vmm)
  install(TARGETS hermitage_vmm EXPORT hermitageVmmTargets)
  install(EXPORT hermitageVmmTargets NAMESPACE hermitage:: DESTINATION ${package_dir})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/hermitage/vmm
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage
          FILES_MATCHING PATTERN "*.hpp" PATTERN kvm EXCLUDE PATTERN none EXCLUDE)
endif()

if(TARGET hermitage_launch)
  # The library qemu is linked with, and is used through launch only: it has no headers there.
  install(TARGETS hermitage_launch hermitage_qemu EXPORT hermitageLaunchTargets)
  install(EXPORT hermitageLaunchTargets NAMESPACE hermitage:: DESTINATION ${package_dir})
  # The headers that this module is used by; the others are its own.
  foreach(header config_file engine failure in_qemu kernel_source launch_options launch_spec monitor monitor_host run
                 run_report run_request)
    install(FILES ${PROJECT_SOURCE_DIR}/hermitage/launch/${header}.hpp
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hermitage/launch)
  endforeach()
  set(launch_vmm_libraries)
  set(launch_vmm_dependencies)
  if(TARGET hermitage_vmm)
    set(launch_vmm_libraries -lhermitage_vmm)
    set(launch_vmm_dependencies -lfdt)
  endif()
  install_pkgconfig(hermitage-launch)
endif()

install(FILES LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(HERMITAGE_BUILD_TOOLS)
  install(TARGETS hermitage_cli)
endif()

if(HERMITAGE_BUILD_LOADER)
  get_property(loaders GLOBAL PROPERTY HERMITAGE_LOADERS)
  install(FILES ${loaders} DESTINATION ${CMAKE_INSTALL_DATADIR}/hermitage)
endif()
