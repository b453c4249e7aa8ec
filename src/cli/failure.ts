/** How a command ends when it cannot do what it was asked: one line for a person, an exit code for a program. */

/** docs/cli.md and `--help` say the same. */
export const EXIT = {
  ok: 0,
  /** Refused, or something is wrong with what was looked at. */
  failed: 1,
  /** The command line or a variable is wrong; nothing was tried. */
  usage: 2,
  /** Nobody is there, or no answer came in time: the same again may succeed. */
  unreachable: 3,
  /** Ctrl-C. */
  interrupted: 130,
} as const

/** Why a command ends without success. The message is one line that says what was wrong, and what to do next if it can. */
export class Failure extends Error {
  readonly exitCode: number

  /** @param exitCode one of EXIT */
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message)
    this.exitCode = exitCode
  }
}
