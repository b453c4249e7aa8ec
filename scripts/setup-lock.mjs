/** One setup at a time for a checkout: a file that names the process that is at it. */
import { createHash } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Outside the checkout, because `npm ci` empties node_modules and nothing else in it is ignored by git. */
const lockPath = (root) =>
  join(
    tmpdir(),
    `compasso-setup-${process.getuid?.() ?? 0}-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`,
  )

/**
 * Runs `work` while no other process does for the same checkout.
 * @param say told once when there is somebody to wait for
 */
export async function withSetupLock(root, say, work) {
  const path = lockPath(root)
  for (let waited = 0; !take(path); waited += 100) {
    const holder = holderOf(path)
    if (holder !== null && !isAlive(holder)) evict(path, holder)
    else if (waited === 2000) say(`waiting for another setup (process ${holder})`)
    await sleep(100)
  }
  const leave = () => rmSync(path, { force: true })
  process.once('exit', leave)
  try {
    return await work()
  } finally {
    process.off('exit', leave)
    leave()
  }
}

/** Writes our name first and links it into place, so that nobody ever reads an empty lock. */
function take(path) {
  const own = `${path}.${process.pid}`
  writeFileSync(own, String(process.pid))
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(own, { force: true })
  }
}

function holderOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Moves a dead process's lock away; when another one was faster and its lock is what moved, puts that back. */
function evict(path, holder) {
  const moved = `${path}.${process.pid}.old`
  try {
    renameSync(path, moved)
    if (holderOf(moved) !== holder) linkSync(moved, path)
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  }
  rmSync(moved, { force: true })
}
