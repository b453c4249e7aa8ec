/** `npx compasso`: every command of a person who runs a cluster. */
import { Command } from 'commander'
import { ConfigError, loadConfig } from '../platform/config.ts'
import { AskError } from './ask.ts'
import { addForget } from './forget.ts'
import { addStart } from './start.ts'
import { addStatus } from './status.ts'
import { addVerify } from './verify.ts'

const program = new Command('compasso')
  .description('A replicated messaging and RPC cluster on ZeroMQ.')
  .showSuggestionAfterError(false)
addStart(program.command('start'))
addStatus(program)
addVerify(program)
addForget(program)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`compasso: ${explain(error)}\n`)
  process.exitCode = 1
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (error instanceof AskError) {
    const { refUrl } = loadConfig()
    return error.message.startsWith(`no answer from ${refUrl} `)
      ? `no ref at ${refUrl}; is the cluster running? npm start`
      : error.message
  }
  const { code, message } = error as NodeJS.ErrnoException
  // What the file system refuses needs no stack; anything else is a bug and shows where.
  return code === undefined ? String((error as Error).stack) : message
}
