# What find_package(hermitage) reads. hermitage::entry and hermitage::capi stand alone. hermitage::image is for those
# who ask for it, find_package(hermitage COMPONENTS image), and have the libraries that it is linked with.
include(CMakeFindDependencyMacro)
include("${CMAKE_CURRENT_LIST_DIR}/hermitageTargets.cmake")
if("image" IN_LIST hermitage_FIND_COMPONENTS OR "vmm" IN_LIST hermitage_FIND_COMPONENTS)
  include("${CMAKE_CURRENT_LIST_DIR}/hermitageBaseTargets.cmake")
endif()
if("image" IN_LIST hermitage_FIND_COMPONENTS)
  find_dependency(LibArchive)
  find_dependency(ZLIB)
  include("${CMAKE_CURRENT_LIST_DIR}/hermitageImageTargets.cmake")
endif()
# hermitage::vmm likewise, find_package(hermitage COMPONENTS vmm), where it was built: on Linux on x86_64.
if("vmm" IN_LIST hermitage_FIND_COMPONENTS)
  find_dependency(fmt)
  include("${CMAKE_CURRENT_LIST_DIR}/hermitageVmmTargets.cmake")
endif()
