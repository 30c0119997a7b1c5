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
    '1: :((image\:"pack, list, unpack and check images" inspect\:"show what is in a Hermit kernel" load\:"load a Hermit kernel and look at the result"))' \
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
  esac
  return ret
}

_hermitage "$@"
