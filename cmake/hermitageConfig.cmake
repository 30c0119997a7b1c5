# What find_package(hermitage) reads. hermitage::entry and hermitage::capi stand alone. The others are for those who ask
# for them, and have the libraries that they are linked with:
#   find_package(hermitage COMPONENTS image)   hermitage::image: LibArchive, zlib
#   find_package(hermitage COMPONENTS launch)  hermitage::launch, and hermitage::image: {fmt}
#   find_package(hermitage COMPONENTS vmm)     hermitage::vmm, where it was built, on Linux on x86_64: {fmt}
include(CMakeFindDependencyMacro)
include("${CMAKE_CURRENT_LIST_DIR}/hermitageTargets.cmake")
set(hermitage_parts ${hermitage_FIND_COMPONENTS})
if("launch" IN_LIST hermitage_parts)
  list(APPEND hermitage_parts image)
endif()
if(hermitage_parts)
  include("${CMAKE_CURRENT_LIST_DIR}/hermitageBaseTargets.cmake")
endif()
if("image" IN_LIST hermitage_parts)
  find_dependency(LibArchive)
  find_dependency(ZLIB)
  include("${CMAKE_CURRENT_LIST_DIR}/hermitageImageTargets.cmake")
endif()
if("launch" IN_LIST hermitage_parts)
  find_dependency(fmt)
  include("${CMAKE_CURRENT_LIST_DIR}/hermitageLaunchTargets.cmake")
endif()
if("vmm" IN_LIST hermitage_parts)
  find_dependency(fmt)
  include("${CMAKE_CURRENT_LIST_DIR}/hermitageVmmTargets.cmake")
endif()
