#compdef hermitage
# Completion of hermitage(1) for zsh.

_hermitage() {
  local curcontext=$curcontext state line ret=1
  local -A opt_args
  local -a help=('(- *)'{-h,--help}'[print help and exit]')

  _arguments -C $help \
    '(- *)--version[print the version and exit]' \
    '1: :((inspect\:"show what is in a Hermit kernel" load\:"load a Hermit kernel and look at the result"))' \
    '*:: :->arguments' && ret=0

  [[ $state == arguments ]] || return ret
  case $line[1] in
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
