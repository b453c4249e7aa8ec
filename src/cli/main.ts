/** `npx compasso`: runs the command that was typed, and says in one line why when it could not. */
import { type Command, CommanderError } from 'commander'
import { CallError } from '../client/error.ts'
import { ConfigError } from '../platform/config.ts'
import { escapeControls } from '../platform/pretty.ts'
import { EXIT, Failure, fileError } from './failure.ts'
import { hintFor } from './hints.ts'
import { say } from './output.ts'
import { createProgram } from './program.ts'
import { endOnClosedOutput } from './signals.ts'

endOnClosedOutput()
const program = await createProgram(process.argv[2])
try {
  await program.parseAsync()
} catch (error) {
  const { line, exitCode } = explain(error)
  if (line !== '') say(line)
  process.exitCode = exitCode
}

function explain(error: unknown): { line: string; exitCode: number } {
  if (error instanceof CommanderError) return explainUsage(error)
  if (error instanceof ConfigError) return { line: error.message, exitCode: EXIT.usage }
  if (error instanceof Failure) return { line: escapeControls(error.message), exitCode: error.exitCode }
  if (error instanceof CallError) return explainCall(error)
  const { code, message, stack } = error as NodeJS.ErrnoException
  // What the file system refuses needs no stack; anything else is a bug and shows where.
  const refused = escapeControls(fileError(error as NodeJS.ErrnoException) ?? message)
  return { line: code === undefined ? String(stack) : refused, exitCode: EXIT.failed }
}

function explainCall({ code, message, retriable }: CallError): { line: string; exitCode: number } {
  const hint = hintFor(code)
  const line = escapeControls(hint === undefined ? message : `${message} — ${hint}`)
  return { line, exitCode: retriable ? EXIT.unreachable : EXIT.failed }
}

/** Help that was asked for is no error, and was printed. */
function explainUsage({ exitCode, code, message }: CommanderError): { line: string; exitCode: number } {
  if (exitCode === 0) return { line: '', exitCode: EXIT.ok }
  if (code === 'commander.help') return { line: '', exitCode: EXIT.usage }
  const command = ['npx compasso', ...typedCommand(program, process.argv.slice(2)), '--help'].join(' ')
  const what = message.replace(/^error: /, '').replace(/\n(?=\(Did you mean)/, ' ')
  return { line: `${escapeControls(what)} — ${command}`, exitCode: EXIT.usage }
}

/** The names of the command that was meant, as far as there is one. */
function typedCommand(parent: Command, words: readonly string[]): string[] {
  const command = parent.commands.find((one) => one.name() === words[0])
  return command === undefined ? [] : [command.name(), ...typedCommand(command, words.slice(1))]
}
