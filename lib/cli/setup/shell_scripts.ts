/** The shells that there are completions for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
/** One of them. */
export type Shell = typeof SHELLS[number];

/**
 * What makes a shell complete the words after `furu`.
 *
 * @param ask The command that is given the words, quoted for the shell: it prints candidates, one a line,
 * each with a tab and a description behind it.
 */
export function completionScript(shell: Shell, ask: string): string {
  return SCRIPTS[shell].replaceAll("@{", "${").replaceAll("ASK", () => ask);
}

// In these '@{' stands for '${', which would be TypeScript's own.
const BASH = String.raw`# Completions of furu for bash: eval "$(furu completions bash)" in ~/.bashrc
_furu() {
  local words=() i word last=-1 cur prefix="" value
  # Bash takes words apart at '=' and ':', which are parts of them here.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=@{COMP_WORDS[i]}
    if ((last >= 0)) && { [[ $word == [=:]* ]] || [[ @{words[last]} == *[=:] && -n $word ]]; }; then
      words[last]+=$word
    else
      words+=("$word")
      last=$((last + 1))
    fi
  done
  ((last >= 0)) || return 0
  cur=@{words[last]//\\/}
  if [[ $cur == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then prefix=@{cur%"@{cur##*[=:]}"}; fi
  COMPREPLY=()
  while IFS=$'\t' read -r value _; do
    COMPREPLY+=("$(printf %q "@{value#"$prefix"}")")
  done < <(ASK complete -- "@{words[@]//\\/}" 2>/dev/null </dev/null)
  case "@{COMPREPLY[0]-}" in
    */ | *=) ((@{#COMPREPLY[@]} == 1)) && compopt -o nospace 2>/dev/null ;;
  esac
  return 0
}
complete -F _furu furu
`;

const ZSH = String.raw`#compdef furu
# Completions of furu for zsh: eval "$(furu completions zsh)" in ~/.zshrc, after compinit;
# or in a file _furu in a folder of $fpath.
_furu() {
  local -a lines whole begun whole_shown begun_shown
  local line value shown
  lines=("@{(@f)$(ASK complete -- "@{(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
  for line in $lines; do
    value=@{line%%$'\t'*}
    shown=$value
    [[ $line == *$'\t'?* ]] && shown="$value  -- @{line#*$'\t'}"
    if [[ $value == *[/=] ]]; then
      begun+=("$value")
      begun_shown+=("$shown")
    elif [[ -n $value ]]; then
      whole+=("$value")
      whole_shown+=("$shown")
    fi
  done
  (($#begun)) && compadd -S '' -d begun_shown -a begun
  (($#whole)) && compadd -d whole_shown -a whole
  return 0
}
if [[ "@{funcstack[1]-}" == _furu ]]; then _furu "$@"; else compdef _furu furu; fi
`;

const FISH = String
  .raw`# Completions of furu for fish: furu completions fish > ~/.config/fish/completions/furu.fish
function __furu_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    ASK complete -- $words[2..-1] "$current" 2>/dev/null </dev/null
end
complete -c furu -f -a '(__furu_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
