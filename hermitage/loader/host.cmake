# The machine-independent parts of the loader, for their tests and fuzz targets.
add_library(
  hermitage_loader_parts STATIC
  boot.cpp
  command_line.cpp
  device_tree.cpp
  device_tree_writer.cpp
  failure.cpp
  fake_machine.cpp
  image/archive.cpp
  image/arguments.cpp
  image/boot_image.cpp
  image/gunzip.cpp
  image/image_config.cpp
  image/inflate.cpp
  image/tar.cpp
  image/toml.cpp
  kernel.cpp
  log.cpp
  memory_map.cpp
  page_tables.cpp
  protection.cpp
  platform/device_tree/boot_by_device_tree.cpp
  platform/device_tree/read_device_tree.cpp
  platform/linux_boot/linux_boot.cpp
  platform/multiboot/multiboot.cpp
  platform/pvh/pvh.cpp)
add_library(hermitage::loader_parts ALIAS hermitage_loader_parts)
target_link_libraries(hermitage_loader_parts PUBLIC hermitage::entry)
target_compile_definitions(hermitage_loader_parts PRIVATE HERMITAGE_VERSION="${PROJECT_VERSION}")
hermitage_compile_options(hermitage_loader_parts)
hermitage_optimize_for_tests(hermitage_loader_parts)

hermitage_test(
  loader_test
  SOURCES command_line_test.cpp
          device_tree_test.cpp
          kernel_test.cpp
          log_test.cpp
          memory_map_test.cpp
          page_tables_test.cpp
          protection_test.cpp
          image/archive_test.cpp
          image/arguments_test.cpp
          image/boot_image_test.cpp
          image/gunzip_test.cpp
          image/image_config_test.cpp
          image/inflate_test.cpp
          image/tar_test.cpp
          platform/device_tree/read_device_tree_test.cpp
          platform/linux_boot/linux_boot_test.cpp
          platform/multiboot/multiboot_test.cpp
          platform/pvh/pvh_test.cpp
  LINK hermitage::image hermitage::loader_parts hermitage::testing ZLIB::ZLIB ${LIBFDT})

hermitage_fuzzer(command_line LINK hermitage::loader_parts)
hermitage_fuzzer(device_tree LINK hermitage::loader_parts)
hermitage_fuzzer(image/image_config LINK hermitage::image hermitage::loader_parts)
hermitage_fuzzer(image/gunzip LINK hermitage::image hermitage::loader_parts hermitage::testing)
hermitage_fuzzer(image/boot_image LINK hermitage::base hermitage::image hermitage::loader_parts hermitage::testing)
hermitage_fuzzer(image/inflate LINK hermitage::loader_parts ZLIB::ZLIB)
foreach(platform linux_boot multiboot pvh)
  hermitage_fuzzer(platform/${platform}/${platform} LINK hermitage::loader_parts)
endforeach()
