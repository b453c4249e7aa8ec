/**
 * What a container runs: node container.mjs <role>, or compasso and its arguments.
 *
 * The data directory belongs to a person outside, who wants to read and delete what is in it. So this starts as root
 * only to take the user and group of whoever owns /data, and gives up everything else before any other code is loaded.
 * Where root owns it, root it stays: nobody else could write there. A role without data runs as the image's user.
 */
import { existsSync, statSync } from 'node:fs'

const DATA = '/data'
/** User `node` of the base image. */
const IMAGE_USER = { uid: 1000, gid: 1000 }

const role = process.argv[2] ?? ''
const path = role === 'compasso' ? 'cli/main.js' : `${role}/main.js`
const program = new URL(`../dist/src/${path}`, import.meta.url)
if (!/^[a-z]+$/.test(role) || !existsSync(program)) {
  process.stderr.write(
    `compasso: there is no role "${role}"; one of ref, broker, proxy, server, client, console, cluster, compasso\n`,
  )
  process.exit(1)
}
if (process.getuid() === 0) {
  const { uid, gid } = existsSync(DATA) ? statSync(DATA) : IMAGE_USER
  process.setgroups([gid])
  process.setgid(gid)
  process.setuid(uid)
}
process.title = program.pathname
process.argv.splice(1, 2, program.pathname)
await import(program.href)
