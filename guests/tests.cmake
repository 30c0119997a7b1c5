if(HERMITAGE_BUILD_TOOLS)
  add_test(NAME guests_inspect COMMAND ${guest_room}/inspect_test.sh $<TARGET_FILE:hermitage_cli>
                                       ${guest_folder}/index.txt)
endif()

# Every guest runs on a bare machine in QEMU, for each architecture with an installed compiler. (The monitor's own
# tests run them under a monitor.) Without QEMU, the tests are reported as skipped. Sanitizers do not cover the
# guests.
if(HERMITAGE_SANITIZERS)
  return()
endif()

# The guest `net` in QEMU and in the monitor, and a program that uses it. All tests have the label `network`.
find_package(Python3 3.11 COMPONENTS Interpreter QUIET)
if(Python3_FOUND AND HERMITAGE_BUILD_TOOLS)
  foreach(case dhcp answers intx msix features queues bars static variables reset loop no_refill until errors many large tap aarch64
               aarch64_be riscv64 publish publish_early publish_ends publish_ipv6 publish_many monitor_ipv6 monitor_tap monitor_trouble)
    add_test(NAME net.${case} COMMAND ${Python3_EXECUTABLE} ${guest_room}/net_test.py $<TARGET_FILE:hermitage_cli>
                                      ${guest_folder} ${case})
    set_tests_properties(net.${case} PROPERTIES LABELS network SKIP_RETURN_CODE 77 TIMEOUT 300)
  endforeach()
endif()

set(bare_machine ${PROJECT_SOURCE_DIR}/testing/bare_machine)
set(image_address_x86_64 0x100000)
set(image_address_aarch64 0x40080000)
set(image_address_riscv64 0x80200000)

# guest_trampoline(ARCH MACHINE): builds the code before a guest's first instruction, as raw bytes without ELF
# headers.
macro(guest_trampoline arch machine)
  set(compiler ${guest_compiler_${arch}})
  set(arch_flags)  # machines start with little-endian data, whatever the guest has
  execute_process(COMMAND ${compiler} -print-prog-name=objcopy OUTPUT_VARIABLE objcopy OUTPUT_STRIP_TRAILING_WHITESPACE)
  guest_object(object ${arch} ${bare_machine}/trampoline_${machine}.S trampoline)
  set(trampoline ${guest_folder}/${arch}/trampoline)
  add_custom_command(
    OUTPUT ${trampoline}
    COMMAND ${compiler} -nostdlib -static -Wl,--build-id=none -Wl,-Ttext=${image_address_${machine}}
            ${object} -o ${trampoline}.elf
    COMMAND ${objcopy} -O binary -j .text ${trampoline}.elf ${trampoline}
    DEPENDS ${object}
    COMMENT "Linking trampoline for ${arch}"
    VERBATIM)
  list(APPEND trampolines ${trampoline})
endmacro()

# guest_test(ARCH GUEST [TEST-NAME] [OPTION…]): the options are those of testing/bare_machine/boot.
function(guest_test arch guest what)
  add_test(NAME bare.${arch}.${guest}${what}
           COMMAND ${bare_machine}/boot ${ARGN} ${arch} $<TARGET_FILE:bare_machine_image>
                   ${guest_folder}/${arch}/trampoline ${guest_folder}/${arch}/${guest})
  set_tests_properties(bare.${arch}.${guest}${what} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
endfunction()

foreach(arch ${guest_archs})
  string(REPLACE _be "" machine ${arch})
  guest_trampoline(${arch} ${machine})
  # The fixed guests of interface 3 for x86_64 are linked above 4 GiB, where Multiboot cannot load them.
  set(fixed if3)
  set(platform LinuxBoot)
  set(without_network "net: this machine has no PCI")
  set(cpu_lines --prints "CPU 0 of 2" --prints "CPU 1 of 2")
  if(arch STREQUAL x86_64)
    set(fixed if1)
    set(platform Multiboot)
    set(cpu_lines --prints "CPU 0 of 1")
    guest_test(${arch} if1/hello "" --prints "Hello from a Hermit kernel in C++")
    guest_test(${arch} if2/hello "" --prints "Hello from a Hermit kernel in C++")
    guest_test(${arch} if3/crash "" --code 1 --prints "crash needs a monitor")
    guest_test(${arch} if3/files "" --code 1 --prints "files needs a monitor")
    guest_test(${arch} if3/transfer "" --code 1 --prints "transfer needs a monitor")
    guest_test(${arch} if3/touch "" --code 1 --prints "touch needs a monitor")
    set(without_network "net: there is no virtio network device")
    guest_test(${arch} if3/hostile "" --code 1 --prints "hostile needs a monitor")
  endif()
  guest_test(${arch} if3/hello "" --prints "Hello from a Hermit kernel in C++")
  guest_test(${arch} ${fixed}/hello-fixed "" --prints "Hello from a Hermit kernel in C++")
  guest_test(${arch} if3/boot_info "" --args "-- some words" --prints "platform: ${platform}" --prints
             "    bootargs = \"-- some words\"")
  guest_test(${arch} ${fixed}/boot_info-fixed "" --prints "platform: ${platform}")
  guest_test(
    ${arch}
    if3/args_env
    ""
    --args
    "-freq 1000 env=KEY=value 'env=WORDS=two words' -- one 'two \"words\"' \"\" x\\ y"
    --prints
    "arguments: 4"
    --prints
    "argument 0: one"
    --prints
    "argument 1: two \"words\""
    --prints
    "argument 2: "
    --prints
    "argument 3: x y"
    --prints
    "variables: 2"
    --prints
    "variable 0: KEY=value"
    --prints
    "variable 1: WORDS=two words")
  guest_test(${arch} if3/args_env .none --prints "arguments: 0" --prints "variables: 0")
  guest_test(${arch} if3/exit_code .none)
  foreach(code 0 1 2 42 126)
    guest_test(${arch} if3/exit_code .${code} --args "-- ${code}" --code ${code})
  endforeach()
  guest_test(${arch} if3/exit_code .nonsense --args "-- x" --code 1 --prints "usage: exit_code [CODE]")
  guest_test(${arch} if3/relocations "" --prints "relative: ok" --prints "TLS template: ok")
  guest_test(${arch} ${fixed}/relocations-fixed "" --prints "relative: ok" --prints "TLS template: ok")
  if(GUEST_LLD OR arch STREQUAL x86_64)
    guest_test(${arch} if3/relocations-relr "" --prints "a table of relative ones: ok")
  endif()
  guest_test(${arch} if3/serial_echo "" --input "one line\\nand another\\n\\004" --prints "one line" --prints
             "and another" --prints "21 bytes")
  guest_test(${arch} if3/smp "" --cpus 2 ${cpu_lines})
  guest_test(${arch} if3/latency "" --args "-- 0 4096")
  guest_test(${arch} if3/workload "" --args "-- 2" --prints "round 1: 3372091949")
  guest_test(${arch} if3/net "" --code 1 --prints ${without_network})
endforeach()

add_custom_target(guest_trampolines ALL DEPENDS ${trampolines})
