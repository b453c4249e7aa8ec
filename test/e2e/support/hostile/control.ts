/**
 * A folder of files that say how the launcher's processes are to be started. The launcher runs a shell script instead of
 * Node (preload.ts); the script waits as long as there is a file `<name>.hold`, then becomes Node, behind the command of
 * `<name>.prefix` if there is one. It stays the same process, so signals and channels are what they always are.
 */
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SCRIPT = `#!/bin/sh
case $1 in
  */server/main.js) name=$SERVER_NAME ;;
  *) name=\${1%/main.js}; name=\${name##*/} ;;
esac
while [ -e "$COMPASSO_TEST_CONTROL/$name.hold" ]; do sleep 0.05; done
prefix=
[ ! -e "$COMPASSO_TEST_CONTROL/$name.prefix" ] || read -r prefix <"$COMPASSO_TEST_CONTROL/$name.prefix"
exec $prefix "$COMPASSO_TEST_NODE" "$@"
`

export type Control = {
  /** For the launcher. */
  env: Record<string, string>
  preload: string
  /** A process that is started from now on waits until it is released. */
  hold(name: string): void
  release(name: string): void
  /** Puts a command in front of Node; its words must have no spaces in them. */
  prefix(name: string, command: readonly string[]): void
}

/** @param directory one that is nobody else's */
export function createControl(directory: string): Control {
  mkdirSync(directory, { recursive: true })
  const script = join(directory, 'start.sh')
  writeFileSync(script, SCRIPT)
  chmodSync(script, 0o755)
  const path = (name: string, what: string): string => join(directory, `${name}.${what}`)
  return {
    env: {
      COMPASSO_TEST_SCRIPT: script,
      COMPASSO_TEST_CONTROL: directory,
      COMPASSO_TEST_NODE: process.execPath,
    },
    preload: join(import.meta.dirname, 'preload.js'),
    hold: (name) => writeFileSync(path(name, 'hold'), ''),
    release: (name) => rmSync(path(name, 'hold'), { force: true }),
    prefix: (name, command) => replace(path(name, 'prefix'), `${command.join(' ')}\n`),
  }
}

/** So that whoever reads at this moment finds the old text or the new one. */
export function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}
