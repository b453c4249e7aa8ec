/**
 * `compasso completion`: scripts that complete commands, subcommands and options in a shell, made from the commands as
 * they are defined.
 */
import { Argument, type Command } from 'commander'
import { serviceNames } from './fields.ts'
import { print } from './output.ts'

const HELP = `
Install it, once:
  bash   npx compasso completion bash > ~/.compasso-completion.bash
         echo 'source ~/.compasso-completion.bash' >> ~/.bashrc
  zsh    npx compasso completion zsh > ~/.zsh/_compasso      (a folder of your fpath, before compinit)
  fish   npx compasso completion fish > ~/.config/fish/completions/compasso.fish

It completes "compasso" and "npx compasso". Try it in this shell only:
  source <(npx compasso completion bash)
`

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript }
type Shell = keyof typeof SHELLS

/** The script for a shell. */
export const completionScript = (shell: Shell, program: Command): string => SHELLS[shell](program)

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a completion script for a shell.')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .addHelpText('after', HELP)
    .action((shell: Shell) => print(completionScript(shell, program)))
}

/** What may follow the words of a command. */
export type Candidates = { path: string; words: readonly { word: string; about: string }[] }

/** For every command of the tree, `''` being the program: its subcommands, options, and the values that it takes by name. */
export function candidatesOf(program: Command): Candidates[] {
  const visit = (command: Command, path: readonly string[]): Candidates[] => {
    const help = command.createHelp()
    const subcommands = help
      .visibleCommands(command)
      .filter((one) => one.name() !== 'help' || path.length === 0)
      .map((one) => ({ word: one.name(), about: one.description() }))
    const options = help
      .visibleOptions(command)
      .flatMap(({ long, description }) =>
        long === undefined || long === null ? [] : [{ word: long, about: description }],
      )
    const own = { path: path.join(' '), words: [...subcommands, ...valuesOf(command, path), ...options] }
    return [own, ...command.commands.flatMap((one) => visit(one, [...path, one.name()]))]
  }
  return visit(program, [])
}

function valuesOf(command: Command, path: readonly string[]): { word: string; about: string }[] {
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])
  const services = path.join(' ') === 'call' ? serviceNames() : []
  return [...choices, ...services].map((word) => ({ word, about: '' }))
}

/** The longest run of words that is a command decides; files complete where a command names nothing. */
function bashScript(program: Command): string {
  const cases = candidatesOf(program).map(
    ({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`,
  )
  return `# compasso completion for bash
_compasso() {
  local words path='' next word i
  local current="\${COMP_WORDS[COMP_CWORD]}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -* ]] && continue
    next="\${path:+$path }$word"
    _compasso_words "$next" && path="$next"
  done
  _compasso_words "$path"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
_compasso_words() {
  case "$1" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
_compasso_npx() {
  if [[ "\${COMP_WORDS[1]}" == compasso && COMP_CWORD -gt 1 ]]; then _compasso; fi
}
complete -o default -F _compasso compasso
complete -o default -F _compasso_npx npx`
}

const inQuotes = (text: string): string => text.replaceAll("'", "'\\''")

function zshScript(program: Command): string {
  const cases = candidatesOf(program).map(({ path, words }) => {
    const described = words.map(({ word, about }) => `'${inQuotes(word)}:${inQuotes(about)}'`)
    return `    '${path}') found=(${described.join(' ')}) ;;`
  })
  return `#compdef compasso
# compasso completion for zsh
_compasso_words() {
  case "$1" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
_compasso() {
  local path_='' next word i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    [[ "$word" == -* ]] && continue
    next="\${path_:+$path_ }$word"
    _compasso_words "$next" && path_="$next"
  done
  _compasso_words "$path_"
  _describe 'compasso' found
  _files
}
if [[ "\${funcstack[1]}" == _compasso ]]; then _compasso "$@"; else compdef _compasso compasso; fi`
}

function fishScript(program: Command): string {
  const lines = candidatesOf(program).flatMap(({ path, words }) =>
    words.map(({ word, about }) => {
      const what = word.startsWith('--') ? `-l '${word.slice(2)}'` : `-a '${word}'`
      return `complete -c compasso -n "test (__compasso_path) = '${path}'" ${what} -d '${about.replaceAll("'", "\\'")}'`
    }),
  )
  const paths = candidatesOf(program).map(({ path }) => `'${path}'`)
  return `# compasso completion for fish
function __compasso_path
  set -l known ${paths.join(' ')}
  set -l path ''
  set -l tokens (commandline -opc)
  for word in $tokens[2..-1]
    string match -q -- '-*' $word; and continue
    set -l next (string trim -- "$path $word")
    contains -- $next $known; and set path $next
  end
  echo -- "$path"
end
${lines.join('\n')}`
}
