/**
 * A small real disk for each server: an ext4 file system of its own in a file, mounted where the server's directory is.
 * It can be filled, and its power can be cut: whatever was not fsynced is then gone as the file system sees fit
 * (EXT4_IOC_SHUTDOWN without flushing the log, which is how file systems are tested for just that).
 */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../wait.ts'
import { tool } from './tools.ts'

export type Disks = {
  /** Leaves no byte free. @returns how many bytes that took */
  fill(name: string): Promise<number>
  /** Takes away what `fill` wrote. */
  free(name: string): void
  /** As if the machine had lost its power now: nothing can be read or written until it is mounted again. */
  cutPower(name: string): Promise<void>
  /** Mounts it again, as a machine does that starts; nobody may have files open on it. */
  remount(name: string): Promise<void>
  /** Unmounts all. */
  close(): void
}

/** Room for the journals of a server, with some to spare; the file takes only what is written. */
const DISK_BYTES = 320 << 20
const FILLER = 'filler'
/** The file system's own needs, which `fallocate` cannot have. */
const PIECE_BYTES = 64 << 10
/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. Node has no ioctl; Perl is on every Debian. */
const SHUTDOWN = 'open(my $f, "<", $ARGV[0]) or die $!; my $how = pack("L", 2); ioctl($f, 0x8004587d, $how) or die $!'

/** @param images where the files with the disks go @param dataDir where they are mounted */
export async function createDisks(images: string, dataDir: string, names: readonly string[]): Promise<Disks> {
  const mounted = new Set<string>()
  const image = (name: string): string => join(images, `${name}.ext4`)
  const mount = async (name: string): Promise<void> => {
    await tool('mount', '-o', 'loop', image(name), join(dataDir, name))
    mounted.add(name)
  }
  const unmountAll = (): void => {
    for (const name of mounted) execFileSync('umount', [join(dataDir, name)], { stdio: 'ignore' })
    mounted.clear()
  }
  // Even a test that fails leaves no mount behind; what is still open keeps it until it ends.
  process.once('exit', () => {
    for (const name of mounted) execFileSync('umount', ['-l', join(dataDir, name)], { stdio: 'ignore' })
  })
  for (const name of names) {
    closeSync(openSync(image(name), 'w'))
    truncateSync(image(name), DISK_BYTES)
    await tool('mkfs.ext4', '-q', '-F', '-m', '0', image(name))
    mkdirSync(join(dataDir, name), { recursive: true })
    await mount(name)
    rmSync(join(dataDir, name, 'lost+found'), { recursive: true })
  }
  return {
    async fill(name) {
      const folder = join(dataDir, name)
      const before = freeBytes(folder)
      const most = Math.max(0, before - PIECE_BYTES)
      // Fails when it finds less than was free a moment ago; the rest is the same.
      if (most > 0) await tool('fallocate', '-l', String(most), join(folder, FILLER)).catch(() => {})
      writeUntilFull(join(folder, FILLER))
      return before - freeBytes(folder)
    },
    free: (name) => rmSync(join(dataDir, name, FILLER), { force: true }),
    cutPower: async (name) => void (await tool('perl', '-e', SHUTDOWN, join(dataDir, name))),
    async remount(name) {
      // Who made a mount namespace meanwhile (a container that starts) may hold on to the dead file system for a moment;
      // then the same one comes back.
      const mountAlive = async (): Promise<boolean> => {
        if (mounted.has(name)) await tool('umount', join(dataDir, name))
        mounted.delete(name)
        await mount(name)
        return isAlive(join(dataDir, name))
      }
      await waitFor(() => mountAlive().catch(() => false), `the disk of ${name} to be mounted again`)
    },
    close: unmountAll,
  }
}

const freeBytes = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** Whether it can be written to. */
function isAlive(folder: string): boolean {
  const probe = join(folder, 'probe')
  try {
    writeFileSync(probe, '')
    rmSync(probe)
    return true
  } catch {
    return false
  }
}

function writeUntilFull(path: string): void {
  const file = openSync(path, 'a')
  const piece = Buffer.alloc(4096)
  try {
    for (;;) writeSync(file, piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}
