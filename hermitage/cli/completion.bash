# Completion of hermitage(1) for bash. Where it offers nothing, readline goes on to complete file names.

_hermitage_without_files() {
  compopt +o default 2>/dev/null || true # fails when it is a test that calls
}

_hermitage() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  # To bash, --option=value is three words.
  [[ $before == '=' ]] && before=${COMP_WORDS[COMP_CWORD - 2]}

  local command='' index offers
  for ((index = 1; index < COMP_CWORD; ++index)); do
    [[ ${COMP_WORDS[index]} == -* ]] && continue
    command+=${command:+ }${COMP_WORDS[index]}
    [[ $command == image ]] || break
  done

  COMPREPLY=()
  case $command in
    '')
      _hermitage_without_files
      offers='doctor image inspect load run --version --help -h'
      ;;
    image)
      _hermitage_without_files
      offers='create list extract check --help -h'
      ;;
    'image create')
      case $before in
        --output | -o | --config | --kernel) return ;;
        --kernel-arg | --app-arg | --env | --memory | --cpus | --max-size) _hermitage_without_files && return ;;
      esac
      offers='--output -o --config --kernel --kernel-arg --app-arg --env --memory --cpus --force --max-size --help -h'
      ;;
    'image list')
      [[ $before == --max-size ]] && _hermitage_without_files && return
      offers='--json --max-size --help -h'
      ;;
    'image extract' | 'image check')
      [[ $before == --max-size ]] && _hermitage_without_files && return
      offers='--max-size --help -h'
      ;;
    inspect)
      case $before in --svg | --kernel-path | -i) return ;; esac
      offers='--json --all --segments --notes --relocations --symbols --svg --kernel-path -i --help -h'
      ;;
    load)
      case $before in
        --output | -o) return ;;
        --start-addr) _hermitage_without_files && return ;;
      esac
      offers='--start-addr --output -o --json --help -h'
      ;;
    doctor) offers='--json --help -h' ;;
    run)
      # Behind the image, words are the guest's.
      ((index < COMP_CWORD)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} != -* && $index -lt $((COMP_CWORD - 1)) && $word != -* ]] && return
      case $before in
        --output | -o | --config | --stats-file | --tempdir | --file-mapping | --loader) return ;;
        --engine) _hermitage_without_files && mapfile -t COMPREPLY < <(compgen -W 'auto kvm qemu' -- "$word") && return ;;
        --hermit-image-mode) _hermitage_without_files && mapfile -t COMPREPLY < <(compgen -W 'external internal' -- "$word") && return ;;
        --file-isolation) _hermitage_without_files && mapfile -t COMPREPLY < <(compgen -W 'none normal strict' -- "$word") && return ;;
        --sandbox) _hermitage_without_files && mapfile -t COMPREPLY < <(compgen -W 'none normal' -- "$word") && return ;;
        --io-mode) _hermitage_without_files && mapfile -t COMPREPLY < <(compgen -W 'host=direct host=sync host=direct,sync' -- "$word") && return ;;
        --kernel-arg | --qemu-arg | --temp-limit | --memory-size | -m | --cpu-count | -c | --affinity | -a | --env-vars | -e | --timeout) _hermitage_without_files && return ;;
      esac
      offers='--memory-size -m --cpu-count -c --affinity -a --env-vars -e --kernel-arg --output -o --timeout --engine --qemu-arg --loader --dry-run --no-aslr --thp --ksm
        --pit --cpu-pm --hermit-image-mode --file-mapping --io-mode --tempdir --temp-limit --file-isolation --sandbox --config --stats --stats-file --trace --verbose --help -h'
      ;;
    *) return ;;
  esac
  [[ -n $command && $command != image && $word != -* ]] || mapfile -t COMPREPLY < <(compgen -W "$offers" -- "$word")
}

complete -o default -F _hermitage hermitage
