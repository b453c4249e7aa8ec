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

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not do that',
  EISDIR: 'that is a folder, not a file',
  ENOTDIR: 'what should be a folder is a file',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
}

/** What the file system refused, in words; null for other errors. */
export function fileError({ code, path }: NodeJS.ErrnoException): string | null {
  const why = FILE_ERRORS[code ?? '']
  return why === undefined || path === undefined ? null : `${path}: ${why}`
}
