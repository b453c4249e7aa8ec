/** Why a file or a directory cannot be used, in one line for whoever starts the process. */
import { StartError } from './role.ts'

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'is not readable and writable for this user',
  EPERM: 'is not readable and writable for this user',
  EROFS: 'is on a read-only file system',
  ENOSPC: 'is on a file system that is full',
  EDQUOT: 'is on a file system that is full for this user',
  EIO: 'is on a disk that fails (EIO)',
  ENOENT: 'cannot be made there',
  EEXIST: 'is a file, not a directory',
  ENOTDIR: 'is not a directory, or lies under a file',
  EISDIR: 'is a directory, not a file',
}

/** @param path what was to be used */
export function unusable(path: string, error: unknown): StartError {
  const { code, message } = error as NodeJS.ErrnoException
  return new StartError(`${path} ${REASONS[code ?? ''] ?? `cannot be used: ${message}`}`)
}
