# Every loader boots every guest and every real image that it supports, in QEMU. Tests without QEMU, firmware or
# images are reported as skipped. All tests have the label `loader`.
set(boot ${PROJECT_SOURCE_DIR}/testing/loader/boot)
set(guests ${CMAKE_BINARY_DIR}/guests)
set(packer $<TARGET_FILE:hermitage_cli>)

# loader_test(PLATFORM LOADER IMAGE WHAT OPTION…): runs testing/loader/boot with these options. IMAGE is a guest of
# the architecture, or, with --real, the name of a real image.
function(loader_test platform loader image what)
  set(path ${guests}/${arch}/${image})
  if("--real" IN_LIST ARGN OR image STREQUAL "")
    set(path ${image})
  endif()
  set(name loader.${platform}.${image}${what})
  if(platform STREQUAL "linux")
    list(APPEND ARGN --linux-boot-image $<TARGET_FILE:linux_boot_image>)
  endif()
  add_test(NAME ${name} COMMAND ${boot} ${ARGN} ${platform} ${loader_output}/${loader} ${path})
  set_tests_properties(${name} PROPERTIES LABELS loader SKIP_RETURN_CODE 77 TIMEOUT 150)
endfunction()

# All guests of VARIANT: the relocatable ones, and those whose name ends with SUFFIX.
macro(loader_guest_tests platform loader variant suffix platform_name)
  set(hello "Hello from a Hermit kernel in C++")
  loader_test(${platform} ${loader} ${variant}/hello${suffix} "" --prints "${hello}")
  loader_test(${platform} ${loader} ${variant}/boot_info${suffix} "" --args "-- some words" --prints
              "platform: ${platform_name}" --contains "bootargs" --contains "-- some words")
  loader_test(
    ${platform}
    ${loader}
    ${variant}/args_env${suffix}
    ""
    --args
    "env=KEY=value 'env=WORDS=two words' -- one 'two \"words\"' x\\ y"
    --prints
    "arguments: 3"
    --prints
    "argument 0: one"
    --prints
    "argument 1: two \"words\""
    --prints
    "argument 2: x y"
    --prints
    "variables: 2"
    --prints
    "variable 0: KEY=value"
    --prints
    "variable 1: WORDS=two words")
  loader_test(${platform} ${loader} ${variant}/exit_code${suffix} "" --args "-- 42" --code 42)
  loader_test(${platform} ${loader} ${variant}/relocations${suffix} "" --prints "relative: ok" --prints
              "zeroed memory: ok" --prints "TLS template: ok")
  loader_test(${platform} ${loader} ${variant}/serial_echo${suffix} "" --input "one line\\n\\004" --prints "one line"
              --prints "9 bytes")
  loader_test(${platform} ${loader} ${variant}/latency${suffix} "" --args "-- 0 4096")
  if(arch STREQUAL "x86_64")
    loader_test(${platform} ${loader} ${variant}/smp${suffix} "" --cpus 4 --prints "CPU 0 of 1")
  else()
    loader_test(${platform} ${loader} ${variant}/smp${suffix} "" --cpus 4 --prints "CPU 0 of 4" --prints "CPU 3 of 4")
  endif()
endmacro()

macro(loader_platform_tests platform loader platform_name)
  loader_guest_tests(${platform} ${loader} if3 "" ${platform_name})
  loader_test(${platform} ${loader} if3/relocations-relr "" --prints "a table of relative ones: ok")
  loader_test(
    ${platform}
    ${loader}
    if3/args_env
    .packed
    --pack
    ${packer}
    --pack-options
    "--app-arg one --app-arg \"it's two\" --env KEY=value --memory 64M"
    --contains
    "Image unpacked to"
    --prints
    "arguments: 2"
    --prints
    "argument 1: it's two"
    --prints
    "variables: 1"
    --prints
    "variable 0: KEY=value")
  loader_test(${platform} ${loader} if3/boot_info .packed --pack ${packer} --contains "linux,initrd-start")
  loader_test(${platform} ${loader} if3/hello .tells-handover --args "hermitage.handover=00c0ffee" --prints
              "[LOADER][HANDOVER] 00c0ffee" --prints "${hello}")
  # Each failure prints a line.
  loader_test(${platform} ${loader} if3/hello .packed-too-little --pack ${packer} --pack-options "--memory 2G" --fails
              --contains "requires 2048 MiB")
  loader_test(${platform} ${loader} "" no-image --fails --contains "no image: ")
  loader_test(${platform} ${loader} if3/hello .truncated --truncate 1000 --fails)
  loader_test(${platform} ${loader} if3/hello .no-elf --truncate 0 --fails)
endmacro()

# Machines with other memory sizes, other addresses, and command lines of other lengths.
macro(loader_machine_tests platform loader)
  foreach(memory ${ARGN})
    loader_test(${platform} ${loader} if3/hello .${memory} --memory ${memory} --prints "${hello}")
  endforeach()
  string(REPEAT "0123456 " 500 long_line)
  loader_test(${platform} ${loader} if3/args_env .long-line --args "env=LONG='${long_line}' -- last" --contains
              "variable 0: LONG=0123456 0123456" --prints "argument 0: last")
  loader_test(
    ${platform}
    ${loader}
    if3/args_env
    .packed-own-words
    --pack
    ${packer}
    --pack-options
    "--kernel-arg none --app-arg none --env A=1 --env B=2"
    --args
    "hermitage.log=info env=A=0 -- own"
    --prints
    "arguments: 1"
    --prints
    "argument 0: own"
    --prints
    "variables: 2"
    --prints
    "variable 0: A=0"
    --prints
    "variable 1: B=2")
  loader_test(${platform} ${loader} if3/hello .packed-truncated --pack ${packer} --truncate 1000
              --fails)
  loader_test(${platform} ${loader} if3/args_env .no-line --prints "arguments: 0" --prints "variables: 0")
  loader_test(${platform} ${loader} if3/hello .debug --args "hermitage.log=debug -- x" --contains "[LOADER][INFO]"
              --prints "${hello}")
  loader_test(${platform} ${loader} if3/boot_info .quiet --args "hermitage.log=off a=b -- hermitage.log=x" --contains
              "a=b -- hermitage.log=x" --lacks "[LOADER]" --lacks "log=off")
  loader_test(
    ${platform}
    ${loader}
    if3/boot_info
    .handover
    --args
    "hermitage.log=off hermitage.handover=00c0ffee a=b"
    --prints
    "[LOADER][HANDOVER] 00c0ffee"
    --contains
    "a=b\""
    --lacks
    "hermitage.handover")
endmacro()

set(arch x86_64)
set(loader hermitage-loader-x86_64)
set(platforms multiboot pvh microvm)
if(TARGET linux_boot_image)
  list(APPEND platforms linux)
endif()
foreach(platform ${platforms})
  set(tag Multiboot)
  if(platform STREQUAL "linux")
    set(tag LinuxBootParams)
  endif()
  loader_platform_tests(${platform} ${loader} ${tag})
  loader_machine_tests(${platform} ${loader} 64M 4G)
  loader_guest_tests(${platform} ${loader} if1 -fixed ${tag})
  loader_test(${platform} ${loader} ../aarch64/if3/hello .wrong-machine --fails --contains "made for aarch64")
  loader_test(${platform} ${loader} x86_64-0.2.2-entry3-hello_world "" --real --fails --contains "entry version 3")
  foreach(image hello_world hello_c)
    loader_test(${platform} ${loader} x86_64-0.6.9-${image} "" --real --contains "shutting down with code 0")
  endforeach()
  # The application checks that its sleeps do not take too long.
  loader_test(${platform} ${loader} x86_64-0.6.9-rusty_demo "" --real --steady-time --contains
              "shutting down with code 0")
endforeach()
# The address is 4 GiB + 8 MiB. The page tables have pages of 2 MiB, or of 1 GiB.
loader_test(multiboot ${loader} if3/hello-fixed .above-4G --memory 6G --prints "${hello}")
loader_test(multiboot ${loader} if3/hello-fixed .above-4G-max --memory 6G --cpu max --prints "${hello}")
loader_test(multiboot ${loader} if3/hello-fixed .too-high --fails --contains "can only be loaded at")
loader_test(multiboot ${loader} if3/hello .8G --memory 8G --cpus 4 --prints "${hello}")
loader_test(multiboot ${loader} if2/hello "" --prints "${hello}")
loader_test(multiboot ${loader} if1/hello "" --prints "${hello}")
loader_test(multiboot ${loader} if3-low/hello-fixed "" --prints "${hello}")
loader_test(multiboot ${loader} if3/files "" --code 1 --prints "files needs a monitor")
loader_test(multiboot ${loader} if3/hostile "" --code 1 --prints "hostile needs a monitor")
loader_test(multiboot ${loader} x86_64-0.6.9-hello_world .2cpus --real --cpus 2 --memory 64M --contains
            "shutting down with code 0")

# Images with fixed kernels, with kernels for other architectures, and real ones.
foreach(guest if3/hello-fixed if1/hello-fixed)
  loader_test(multiboot ${loader} ${guest} .packed --pack ${packer} --memory 6G --prints "${hello}")
endforeach()
loader_test(multiboot ${loader} ../aarch64/if3/hello .packed-wrong-machine --pack ${packer} --fails
            --contains "made for aarch64")
loader_test(pvh ${loader} x86_64-0.6.9-hello_c .packed --real --pack ${packer} --pack-options "--app-arg packed"
            --contains "packed" --contains "shutting down with code 0")

set(loader hermitage-loader-x86_64.efi)
loader_platform_tests(uefi-x86_64 ${loader} Fdt)
loader_test(uefi-x86_64 ${loader} if1/hello-fixed "" --fails --contains "can only be loaded at")
loader_test(uefi-x86_64 ${loader} x86_64-0.6.9-hello_world "" --real --fails --contains "before 0.10")
loader_test(uefi-x86_64-direct ${loader} if3/args_env "" --args "env=A=b -- x" --prints "argument 0: x" --prints
            "variable 0: A=b")

foreach(target aarch64 aarch64_be)
  set(arch ${target})
  set(loader hermitage-loader-${target})
  loader_platform_tests(${target} ${loader} LinuxBoot)
  loader_machine_tests(${target} ${loader} 256M 8G)
  loader_guest_tests(${target} ${loader} if3 -fixed LinuxBoot)
  loader_test(${target}-below ${loader} if3/hello "" --prints "${hello}")
  loader_test(${target} ${loader} ../x86_64/if3/hello .wrong-machine --fails --contains "made for x86_64")
endforeach()
set(arch aarch64)
loader_test(aarch64 hermitage-loader-aarch64 aarch64-0.11.0-hello_world "" --real --contains "Hello, world!")
loader_platform_tests(uefi-aarch64 hermitage-loader-aarch64.efi Fdt)
loader_test(uefi-aarch64 hermitage-loader-aarch64.efi aarch64-0.11.0-hello_world "" --real --contains "Hello, world!")
loader_test(aarch64 hermitage-loader-aarch64 aarch64-0.11.0-hello_world .packed --real --pack ${packer} --contains "Hello, world!")
loader_test(aarch64-el2 hermitage-loader-aarch64 if3/hello "" --prints "${hello}")
loader_test(aarch64-el3 hermitage-loader-aarch64 if3/hello "" --prints "${hello}")
loader_test(aarch64 hermitage-loader-aarch64 ../aarch64_be/if3/hello .wrong-order --fails --contains "big endian")

set(arch riscv64)
loader_platform_tests(riscv64 hermitage-loader-riscv64 LinuxBoot)
loader_machine_tests(riscv64 hermitage-loader-riscv64 64M 8G)
loader_guest_tests(riscv64 hermitage-loader-riscv64 if3 -fixed LinuxBoot)
loader_test(riscv64 hermitage-loader-riscv64 ../x86_64/if3/hello .wrong-machine --fails --contains "made for x86_64")

# An invalid instruction replaces one that a loader executes: rep movsq, dc cvau, fence.i.
set(arch x86_64)
loader_test(multiboot hermitage-loader-x86_64 if3/hello .exception --fails --contains "exception 6" --patch
            "\\xf3\\x48\\xa5" "\\x0f\\x0b\\x90")
set(arch aarch64)
loader_test(aarch64 hermitage-loader-aarch64 if3/hello .exception --fails --contains "exception (syndrome 0x2000000)"
            --patch "[\\x20-\\x3f]\\x7b\\x0b\\xd5" "\\0\\0\\0\\0")
set(arch riscv64)
loader_test(riscv64 hermitage-loader-riscv64 if3/hello .exception --fails --contains "exception 2" --patch
            "\\x0f\\x10\\0\\0" "\\0\\0\\0\\0")

# No loader is larger than 64 KiB.
add_test(NAME loader.size COMMAND ${PROJECT_SOURCE_DIR}/testing/loader/size ${loader_output})
set_tests_properties(loader.size PROPERTIES LABELS loader)
