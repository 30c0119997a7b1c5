#!/usr/bin/env bash
# Checks that the completions and manual pages of a build contain every command and every option in the program's
# help.
# usage: testing/completion_test.sh PROGRAM SHARE
# SHARE is the directory share/ of the build.
# Exit status: 0 if they do; 1 if not, after printing the missing ones; 2 wrong usage.
set -euo pipefail
(( $# == 2 )) || { echo "usage: $0 PROGRAM SHARE" >&2; exit 2; }
program=$1
share=$2
missing=0

# The entries of a section of --help: the words with a dash, or the one word without a dash, at the beginning of each
# entry.
listed() { # SECTION [COMMAND [SUBCOMMAND]]
  "$program" "${@:2}" --help | awk -v section="$1:" '
    /^[^ ]/ { inside = tolower($0) == section }
    inside && /^  [^ ]/ {
      gsub(",", " ")
      print $1
      for (i = 2; $i ~ /^-/; ++i) print $i
    }'
}

offered_by_bash() { # WORD…
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _hermitage
  printf '%s\n' "${COMPREPLY[@]}"
}

has_word() { # WORD, in standard input
  grep -qE -- "(^|[^-[:alnum:]])$1([^-[:alnum:]]|\$)"
}

expect() { # WHAT WORD: reports the word when standard input does not have it
  has_word "$2" && return
  echo "$1 does not have $2"
  missing=1
}

# mdoc writes options as "Fl h" and "Fl -help".
manual() { sed 's/Fl /-/g' "$share/man/man1/$1.1"; }

# shellcheck source=/dev/null
source "$share/bash-completion/completions/hermitage"
zsh_completion=$share/zsh/site-functions/_hermitage

# The function for one command.
offered_by_zsh() { # COMMAND [SUBCOMMAND]
  sed -n "/^_hermitage_$(IFS=_; echo "$*")() {/,/^}/p" "$zsh_completion"
}

fish_completion=$share/fish/vendor_completions.d/hermitage.fish

# The words of the lines for one command, with their dashes.
offered_by_fish() { # [COMMAND [SUBCOMMAND]]
  grep -E "_(at|before_operand) \"$*\"" "$fish_completion" | sed -E "s/^[^']*'[^']*'//; s/ -s (.)/ -\1 /; s/ -l / --/"
}

if command -v zsh >/dev/null && ! zsh -n "$zsh_completion"; then missing=1; fi
if command -v fish >/dev/null && ! fish --no-execute "$fish_completion"; then missing=1; fi

commands=$(listed commands)
[[ -n $commands ]] || { echo "$program --help lists no commands"; exit 1; }
for word in $commands $(listed options); do
  expect "the bash completion of hermitage" "$word" < <(offered_by_bash hermitage "$word")
  expect "the zsh completion of hermitage" "$word" <"$zsh_completion"
  expect "the fish completion of hermitage" "$word" < <(offered_by_fish)
  expect "hermitage(1)" "$word" < <(manual hermitage)
done

# The options of a command, and its subcommands, if any.
check() { # COMMAND [SUBCOMMAND]
  local word options
  options=$(listed options "$@")
  [[ $options == *--help* ]] || { echo "hermitage $* --help lists no options"; missing=1; }
  for word in $options $(listed commands "$@"); do
    expect "the bash completion of hermitage $*" "$word" < <(offered_by_bash hermitage "$@" "$word")
    expect "the zsh completion of hermitage $*" "$word" < <(offered_by_zsh "$@")
    expect "the fish completion of hermitage $*" "$word" < <(offered_by_fish "$@")
    expect "hermitage-$1(1)" "$word" < <(manual "hermitage-$1")
  done
}

for command in $commands; do
  # `help` has no options of its own, and hermitage(1) describes it.
  [[ $command == help ]] && continue
  if [[ ! -f $share/man/man1/hermitage-$command.1 ]]; then
    echo "there is no manual page hermitage-$command(1)"
    missing=1
    continue
  fi
  check "$command"
  for subcommand in $(listed commands "$command"); do check "$command" "$subcommand"; done
done
exit "$missing"
