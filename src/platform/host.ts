/** What the service `info` says of a server. */
import { readFileSync } from 'node:fs'
import { release, type } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../protocol/service.ts'

/** @param server the server's name */
export function describeHost(server: string): Host {
  const uptimeSeconds = (): number => Math.floor(process.uptime())
  return { server, version: readVersion(), node: process.version, os: `${type()} ${release()}`, uptimeSeconds }
}

/** The version of the package that this file is part of: it runs as source or, compiled, from dist/. */
function readVersion(): string {
  const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
  return JSON.parse(readFileSync(join(import.meta.dirname, root, 'package.json'), 'utf8')).version
}
