#compdef hermitage
# Completion of hermitage(1) for zsh.

_hermitage_image() {
  local -a help=('(- *)'{-h,--help}'[print help and exit]')
  local limit='--max-size=[refuse an image that unpacks to more]:size (such as 4G):'
  case $1 in
    create)
      _arguments $help $limit \
        '(-o --output)'{-o,--output=}'[write the image to a file]:image:_files' \
        '(--kernel)--config=[the configuration]:configuration:_files -g "*.toml"' \
        '(--config)--kernel=[the kernel]:kernel:_files' \
        '*--kernel-arg=[an argument of the kernel]:argument:' \
        '*--app-arg=[an argument of the application]:argument:' \
        '*--env=[a variable of the environment]:KEY=VALUE:' \
        '--memory=[the least memory]:size (such as 64M):' \
        '--cpus=[the least number of processors]:number:' \
        '--force[pack a kernel that cannot be loaded, too]' \
        '*:directory:_files -/'
      ;;
    list) _arguments $help $limit '--json[print JSON]' '1:image:_files' ;;
    extract) _arguments $help $limit '1:image:_files' '2:directory:_files -/' ;;
    check) _arguments $help $limit '1:image:_files' ;;
  esac
}

_hermitage() {
  local curcontext=$curcontext state line ret=1
  local -A opt_args
  local -a help=('(- *)'{-h,--help}'[print help and exit]')

  _arguments -C $help \
    '(- *)--version[print the version and exit]' \
    '1: :((doctor\:"say what works on this host" image\:"pack, list, unpack and check images" inspect\:"show what is in a Hermit kernel" load\:"load a Hermit kernel and look at the result" run\:"run a Hermit kernel or image"))' \
    '*:: :->arguments' && ret=0

  [[ $state == arguments ]] || return ret
  case $line[1] in
    image)
      _arguments -C $help \
        '1: :((create\:"pack an image" list\:"list what is in an image" extract\:"unpack an image" check\:"check an image"))' \
        '*:: :->image' && ret=0
      [[ $state == image ]] || return ret
      _hermitage_image "$line[1]" && ret=0
      ;;
    inspect)
      _arguments $help \
        '*'{-i,--kernel-path=}'[another way to name a kernel]:kernel:_files' \
        '--json[print JSON]' \
        '--all[show everything, long lists, too]' \
        '--segments[show only the segments]' \
        '--notes[show only the notes, in full]' \
        '--relocations[show only the relocations, each]' \
        '--symbols[show only the symbols, each]' \
        '--svg=[draw the memory map, too]:picture:_files -g "*.svg"' \
        '*:kernel:_files' && ret=0
      ;;
    load)
      _arguments $help \
        '--start-addr=[where the guest finds the kernel]:address (0x…, decimal, or with K, M, G):' \
        '(-o --output)'{-o,--output=}'[write the loaded memory to a file]:memory:_files' \
        '--json[print JSON]' \
        '1:kernel:_files' && ret=0
      ;;
    doctor) _arguments $help '--json[print JSON]' && ret=0 ;;
    run)
      _arguments -A '-*' $help \
        '(-m --memory-size)'{-m,--memory-size=}'[the guest'"'"'s memory]:size (such as 64M):' \
        '(-c --cpu-count)'{-c,--cpu-count=}'[the guest'"'"'s processors]:number:' \
        '(-a --affinity)'{-a,--affinity=}'[the host'"'"'s processor for each]:list (such as 0-1,3):' \
        '*'{-e,--env-vars=}'[an environment variable, or host]:KEY=VALUE:' \
        '*--kernel-arg=[an argument of the kernel]:argument:' \
        '(-o --output)'{-o,--output=}'[where output goes]:file, or none:_files' \
        '--timeout=[stop the guest after this time, from the start of the program]:seconds:' \
        '--engine=[what runs the guest]:engine:(auto kvm qemu)' \
        '*--qemu-arg=[one more word for QEMU]:word:' \
        '--loader=[the boot loader for QEMU]:loader:_files' \
        '--dry-run[print the command line of QEMU]' \
        '--no-aslr[no random address]' \
        '--thp[transparent huge pages]' \
        '--ksm[let the host merge pages]' \
        '--pit[an i8254 timer]' \
        '--cpu-pm[wait without telling the host]' \
        '--hermit-image-mode=[a packed image'"'"'s files]:mode:(external internal)' \
        '*--file-mapping=[show the guest a file or directory]:HOST\:GUEST[\:ro]:_files' \
        '--io-mode=[how the guest'"'"'s files are opened]:mode:(host=direct host=sync host=direct,sync)' \
        '--tempdir=[where the guest'"'"'s files are kept]:directory:_files -/' \
        '--temp-limit=[how much these may hold]:size (such as 64M):' \
        '--file-isolation=[keep the host'"'"'s files out of reach]:mode:(none normal strict)' \
        '--sandbox=[give up system calls and privileges]:mode:(none normal)' \
        '--config=[options from a file]:configuration:_files -g "*.toml"' \
        '--stats[say what it took]' \
        '--stats-file=[write that as JSON]:file:_files' \
        '--trace[show every hypercall]' \
        '--verbose[show all registers of a guest that died]' \
        '1:image:_files' && ret=0
      ;;
  esac
  return ret
}

_hermitage "$@"
