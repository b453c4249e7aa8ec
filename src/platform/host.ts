/** What the service `info` says of a server. */
import { release, type } from 'node:os'
import type { Host } from '../protocol/service.ts'
import { version } from './version.ts'

/** @param server the server's name */
export function describeHost(server: string): Host {
  const uptimeSeconds = (): number => Math.floor(process.uptime())
  return { server, version: version(), node: process.version, os: `${type()} ${release()}`, uptimeSeconds }
}
