/** The public files of a data directory, as bytes, and the promise about them. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Per server folder (`server-1` …), per public file (`publications.jsonl` …), its bytes. */
export type PublicFiles = Record<string, Record<string, Buffer>>

export function publicFilesIn(dataDir: string): PublicFiles {
  if (!existsSync(dataDir)) return {}
  const servers = readdirSync(dataDir).filter((name) => /^server-\d+$/.test(name))
  return Object.fromEntries(servers.sort().map((server) => [server, filesOf(join(dataDir, server))]))
}

/** The public files in one server's folder. */
export function filesOf(folder: string): Record<string, Buffer> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.jsonl') && !name.startsWith('journal-'))
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name))]))
}

/** Every server's file is a prefix of the longest one. */
export function assertPrefixes(files: PublicFiles): void {
  for (const name of fileNames(files)) {
    const all = Object.entries(files).map(([server, of]) => ({ server, bytes: of[name] ?? Buffer.alloc(0) }))
    const longest = all.reduce((best, next) => (next.bytes.length > best.bytes.length ? next : best))
    for (const { server, bytes } of all)
      assert.ok(
        bytes.equals(longest.bytes.subarray(0, bytes.length)),
        `${name} of ${server} (${bytes.length} bytes) is no prefix of ${longest.server}'s (${longest.bytes.length} bytes)`,
      )
  }
}

/** Whether all servers have the same files with the same bytes. */
export function areEqual(files: PublicFiles): boolean {
  const [first, ...others] = Object.values(files)
  if (first === undefined) return false
  return fileNames(files).every((name) => others.every((of) => first[name] && of[name]?.equals(first[name])))
}

/** Whole lines of one file of one server, parsed. */
export function linesOf(files: PublicFiles, server: string, name: string): Record<string, unknown>[] {
  const text = files[server]?.[name]?.toString('utf8') ?? ''
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

const fileNames = (files: PublicFiles): string[] => [...new Set(Object.values(files).flatMap(Object.keys))].sort()
