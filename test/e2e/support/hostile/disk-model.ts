/**
 * A disk that promises no more than POSIX does. What was written and not fsynced may be there after a power cut or not,
 * sector by sector and in any mixture; a file may have grown without its bytes; names that were not made durable by an
 * fsync of their folder may be missing, the newest first. Real file systems lose less.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { FileEvent } from './trace.ts'

const SECTOR = 512

type Change = { ended: number; at: number; bytes: Buffer } | { ended: number; length: number }
type File = { durable: Content; volatile: Change[]; length: number }
type Names = Map<string, File>
type Folder = { durable: Names; volatile: { ended: number; apply(names: Names): void }[]; current: Names }

export class DiskModel {
  readonly #folders = new Map<string, Folder>()
  readonly #open = new Map<string, { at: number; append: boolean }>()

  /** @param crash the line of the trace before which the power goes */
  constructor(events: readonly FileEvent[], crash: number) {
    const inOrder = [...events].sort((a, b) => a.ended - b.ended)
    for (const event of inOrder) {
      if (event.ended < crash) this.#take(event)
      // Under way when the power went: some of it may have arrived.
      else if (event.started < crash && event.kind === 'write') this.#take(event)
    }
  }

  /**
   * Writes what is left into a folder.
   * @param survives asked for each piece that nobody made durable
   */
  writeTo(root: string, folder: string, survives: () => boolean): void {
    for (const [path, content] of this.#folders) {
      const names = new Map(content.durable)
      for (const change of content.volatile) {
        if (!survives()) break
        change.apply(names)
      }
      const target = join(root, path.slice(folder.length))
      mkdirSync(target, { recursive: true })
      for (const [name, file] of names) writeFileSync(join(target, name), leftOf(file, survives))
    }
  }

  #folder(path: string): Folder {
    let folder = this.#folders.get(path)
    if (folder === undefined) {
      folder = { durable: new Map(), volatile: [], current: new Map() }
      this.#folders.set(path, folder)
    }
    return folder
  }

  #file(path: string): File | undefined {
    return this.#folder(dirname(path)).current.get(basename(path))
  }

  #name(path: string, ended: number, apply: (names: Names) => void): void {
    const folder = this.#folder(dirname(path))
    apply(folder.current)
    folder.volatile.push({ ended, apply })
  }

  #take(event: FileEvent): void {
    const { ended, path } = event
    if (event.kind === 'open') return this.#opened(event)
    if (event.kind === 'sync') return this.#synced(path, event.started)
    if (event.kind === 'unlink') return this.#name(path, ended, (names) => void names.delete(basename(path)))
    if (event.kind === 'rename') {
      const file = this.#file(path)!
      return this.#name(path, ended, (names) => {
        names.delete(basename(path))
        names.set(basename(event.to), file)
      })
    }
    const file = this.#file(path)
    if (file === undefined) throw new Error(`${path} was written to and never opened`)
    if (event.kind === 'size') return resize(file, ended, event.length)
    const descriptor = this.#open.get(event.descriptor)!
    const at = event.at ?? (descriptor.append ? file.length : descriptor.at)
    if (event.at === null) descriptor.at = at + event.bytes.length
    file.volatile.push({ ended, at, bytes: event.bytes })
    file.length = Math.max(file.length, at + event.bytes.length)
  }

  #opened({ ended, path, descriptor, create, truncate, append }: FileEvent & { kind: 'open' }): void {
    this.#open.set(descriptor, { at: 0, append })
    const file = this.#file(path)
    if (file !== undefined && truncate) resize(file, ended, 0)
    if (file !== undefined || !create) return
    const made: File = { durable: new Content(), volatile: [], length: 0 }
    this.#name(path, ended, (names) => void names.set(basename(path), made))
  }

  /** What had ended before the fsync began is durable when it has ended. */
  #synced(path: string, started: number): void {
    const folder = this.#folders.get(path)
    if (folder !== undefined) {
      const durable = folder.volatile.filter(({ ended }) => ended < started)
      for (const { apply } of durable) apply(folder.durable)
      folder.volatile = folder.volatile.filter(({ ended }) => ended >= started)
      return
    }
    const file = this.#file(path)
    if (file === undefined) return
    for (const change of file.volatile) if (change.ended < started) file.durable.change(change)
    file.volatile = file.volatile.filter(({ ended }) => ended >= started)
  }
}

function resize(file: File, ended: number, length: number): void {
  file.volatile.push({ ended, length })
  file.length = length
}

/** A file's bytes, changed in place. */
class Content {
  #buffer = Buffer.alloc(0)
  #length = 0

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Longer by zeros, or shorter. */
  resize(length: number): void {
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#buffer.length))
      this.bytes.copy(larger)
      this.#buffer = larger
    } else if (length < this.#length) this.#buffer.fill(0, length, this.#length)
    this.#length = length
  }

  change(change: Change): void {
    if ('length' in change) return this.resize(change.length)
    const { at, bytes } = change
    if (at + bytes.length > this.#length) this.resize(at + bytes.length)
    bytes.copy(this.#buffer, at)
  }

  copy(): Content {
    const copy = new Content()
    copy.change({ ended: 0, at: 0, bytes: this.bytes })
    return copy
  }
}

function leftOf({ durable, volatile }: File, survives: () => boolean): Buffer {
  const content = durable.copy()
  for (const change of volatile) {
    if ('length' in change) {
      if (survives()) content.change(change)
      continue
    }
    const { at, bytes } = change
    const end = at + bytes.length
    // A file may have its new length without what is in it.
    if (survives() && end > content.bytes.length) content.resize(end)
    for (let from = at; from < end; ) {
      const to = Math.min(end, from - (from % SECTOR) + SECTOR)
      if (survives()) content.change({ ended: 0, at: from, bytes: bytes.subarray(from - at, to - at) })
      from = to
    }
  }
  return content.bytes
}
