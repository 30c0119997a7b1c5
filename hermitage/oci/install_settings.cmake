# Copies settings to /etc, for an installation in a usual place. Files that exist there are the administrator's.
# examples: the directory of the files, below CMAKE_INSTALL_PREFIX
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/?$")
  set(etc "$ENV{DESTDIR}/etc")
  set(from "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/${examples}")
  foreach(target hermitage/oci.toml containers/containers.conf.d/hermitage.conf)
    if(NOT EXISTS "${etc}/${target}")
      get_filename_component(name "${target}" NAME)
      get_filename_component(directory "${etc}/${target}" DIRECTORY)
      message(STATUS "Installing: ${etc}/${target}")
      file(COPY "${from}/${name}" DESTINATION "${directory}")
    endif()
  endforeach()
endif()
