/**
 * Configuration: environment variables, with `.env` in the working directory read first (the environment wins).
 * The only file that knows their names; `.env.example` lists them all.
 */
import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { parse } from 'dotenv'
import { z } from 'zod'
import { quote } from '../protocol/errors.ts'
import { PORTS } from '../protocol/ports.ts'
import { type PerRank, perRank } from './per-rank.ts'

export type Config = {
  /** Added to every port that has a number of its own. */
  portOffset: number
  bindHost: string
  /** The host that others are told to reach this process at. */
  advertiseHost: string
  brokerPort: number
  brokerBackPort: number
  proxyInPort: number
  proxyOutPort: number
  refPort: number
  /** 0: any free port; also the next two. */
  peerPort: number
  peerPubPort: number
  healthPort: number
  httpPort: number
  /** The one origin elsewhere whose pages may use the HTTP gateway. */
  httpCorsOrigin: string | null
  brokerUrls: string[]
  brokerBackUrls: string[]
  proxyInUrls: string[]
  proxyOutUrls: string[]
  refUrl: string
  /** Services with a back end of their own, and its port. */
  brokerRoutes: Map<string, number>
  redispatchMs: number
  requestTimeoutMs: number
  replicas: number
  bots: number
  /** Messages a second of each bot. */
  botRate: number
  /** Absolute. */
  dataDir: string
  /** Folder of a user's own services, absolute; null when there is none. */
  servicesDir: string | null
  name: string
  /** Makes clocks wrong on purpose: by so many ms, and by so many parts per million. */
  clockSkewMs: PerRank
  clockDriftPpm: PerRank
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  logFormat: 'pretty' | 'json'
}

/** A wrong value: one line that names the variable, what it got and what it takes. */
export class ConfigError extends Error {}

export type Environment = Record<string, string | undefined>

/**
 * Reads and checks the whole configuration.
 * @param env variables to read instead of the process's and `.env`'s
 * @throws {ConfigError}
 */
export function loadConfig(env: Environment = readEnvironment()): Config {
  // An empty variable counts as missing: compose files pass `${NAME:-}` on.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = VARIABLES.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const name = String(issue.path[0])
    throw new ConfigError(`${name} must be ${issue.message}, got ${quote(given[name])}`)
  }
  return assemble(parsed.data)
}

/** The process's variables over those of `.env`. @throws {ConfigError} when there is an `.env` that cannot be read */
export function readEnvironment(): Environment {
  const path = resolve('.env')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') return process.env
    throw new ConfigError(`${path} could not be read (${code})`)
  }
  return { ...parse(text), ...process.env }
}

// Each schema's message completes the sentence "NAME must be …".
const whole = (least: number, most: number, fallback: number) => {
  const takes = `a whole number from ${least} to ${most}`
  return z
    .string()
    .regex(/^\d{1,9}$/, takes)
    .transform(Number)
    .pipe(z.number().min(least, takes).max(most, takes))
    .default(fallback)
}
const port = (fallback: number) => whole(1, 65535, fallback)
const portOrAny = (fallback: number) => whole(0, 65535, fallback)

const URL_FORM = /^tcp:\/\/[A-Za-z0-9._-]+:\d{1,5}$/
const url = z.string().regex(URL_FORM, 'tcp://host:port')
const urls = z
  .string()
  .transform((text) => text.split(',').map((one) => one.trim()))
  .refine((all) => all.every((one) => URL_FORM.test(one)), 'tcp://host:port, several separated by commas')

// As browsers write it: lower case, no path.
const ORIGIN_FORM = /^https?:\/\/[a-z0-9.-]+(:\d{1,5})?$/
const ROUTES_FORM = /^[^=,\s]{1,64}=\d{1,5}(,[^=,\s]{1,64}=\d{1,5})*$/
const routes = z
  .string()
  .regex(ROUTES_FORM, 'service=port, several separated by commas')
  .transform((text) => text.split(',').map((one) => one.split('=') as [string, string]))
  .default([])

const DAY_MS = 86_400_000
/** Slewing at 500 ppm still makes that good, beside what machines' clocks are wrong anyway. */
const MOST_DRIFT_PPM = 400

const VARIABLES = z.object({
  PORT_OFFSET: whole(0, 55_000, 0),
  BIND_HOST: z.string().refine(isIPv4, 'an IPv4 address').default('127.0.0.1'),
  ADVERTISE_HOST: z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/, 'a host name or IPv4 address')
    .optional(),
  BROKER_PORT: port(PORTS.brokerFront),
  BROKER_BACK_PORT: port(PORTS.brokerBack),
  PROXY_IN_PORT: port(PORTS.proxyIn),
  PROXY_OUT_PORT: port(PORTS.proxyOut),
  REF_PORT: port(PORTS.ref),
  PEER_PORT: portOrAny(PORTS.peer),
  PEER_PUB_PORT: portOrAny(PORTS.peerPub),
  HEALTH_PORT: portOrAny(PORTS.health),
  HTTP_PORT: port(PORTS.http),
  HTTP_CORS_ORIGIN: z.string().regex(ORIGIN_FORM, 'one origin, as http://host or https://host:port').optional(),
  BROKER_URL: urls.optional(),
  BROKER_BACK_URL: urls.optional(),
  PROXY_IN_URL: urls.optional(),
  PROXY_OUT_URL: urls.optional(),
  REF_URL: url.optional(),
  BROKER_ROUTES: routes,
  REDISPATCH_MS: whole(10, 600_000, 500),
  REQUEST_TIMEOUT_MS: whole(10, 600_000, 5000),
  REPLICAS: whole(1, 99, 3),
  BOTS: whole(0, 99, 2),
  BOT_RATE: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,6})?$/, 'a number of messages a second above 0, at most 1000')
    .transform(Number)
    .pipe(
      z
        .number()
        .gt(0, 'a number of messages a second above 0, at most 1000')
        .max(1000, 'at most 1000 messages a second'),
    )
    .default(1),
  DATA_DIR: z.string().default('data'),
  SERVICES_DIR: z.string().optional(),
  SERVER_NAME: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'a name of 1 to 64 letters, digits, dots, hyphens and underscores')
    .optional(),
  CLOCK_SKEW_MS: perRank('milliseconds', DAY_MS),
  CLOCK_DRIFT_PPM: perRank('parts per million', MOST_DRIFT_PPM),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error'], 'debug, info, warn or error').default('info'),
  LOG_FORMAT: z.enum(['pretty', 'json'], 'pretty or json').optional(),
})

/** Every variable there is. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(VARIABLES.shape)

function assemble(given: z.infer<typeof VARIABLES>): Config {
  const at = (name: keyof typeof given & `${string}_PORT`): number => shifted(name, given[name], given.PORT_OFFSET)
  const local = (number: number): string => `tcp://127.0.0.1:${number}`
  const brokerPort = at('BROKER_PORT')
  const brokerBackPort = at('BROKER_BACK_PORT')
  const proxyInPort = at('PROXY_IN_PORT')
  const proxyOutPort = at('PROXY_OUT_PORT')
  const refPort = at('REF_PORT')
  return {
    portOffset: given.PORT_OFFSET,
    bindHost: given.BIND_HOST,
    // Every interface is no address to tell others: in a container its host name is.
    advertiseHost: given.ADVERTISE_HOST ?? (given.BIND_HOST === '0.0.0.0' ? hostname() : given.BIND_HOST),
    brokerPort,
    brokerBackPort,
    proxyInPort,
    proxyOutPort,
    refPort,
    peerPort: at('PEER_PORT'),
    peerPubPort: at('PEER_PUB_PORT'),
    healthPort: at('HEALTH_PORT'),
    httpPort: at('HTTP_PORT'),
    httpCorsOrigin: given.HTTP_CORS_ORIGIN ?? null,
    brokerUrls: given.BROKER_URL ?? [local(brokerPort)],
    brokerBackUrls: given.BROKER_BACK_URL ?? [local(brokerBackPort)],
    proxyInUrls: given.PROXY_IN_URL ?? [local(proxyInPort)],
    proxyOutUrls: given.PROXY_OUT_URL ?? [local(proxyOutPort)],
    refUrl: given.REF_URL ?? local(refPort),
    brokerRoutes: new Map(
      given.BROKER_ROUTES.map(([service, number]) => [
        service,
        shifted('BROKER_ROUTES', Number(number), given.PORT_OFFSET),
      ]),
    ),
    redispatchMs: given.REDISPATCH_MS,
    requestTimeoutMs: given.REQUEST_TIMEOUT_MS,
    replicas: given.REPLICAS,
    bots: given.BOTS,
    botRate: given.BOT_RATE,
    dataDir: resolve(given.DATA_DIR),
    servicesDir: given.SERVICES_DIR === undefined ? null : resolve(given.SERVICES_DIR),
    name: given.SERVER_NAME ?? hostname(),
    clockSkewMs: given.CLOCK_SKEW_MS,
    clockDriftPpm: given.CLOCK_DRIFT_PPM,
    logLevel: given.LOG_LEVEL,
    logFormat: given.LOG_FORMAT ?? (process.stdout.isTTY ? 'pretty' : 'json'),
  }
}

/** A port with the offset; 0 stays "any". */
function shifted(name: string, number: number, offset: number): number {
  if (number === 0) return 0
  if (number + offset > 65_535)
    throw new ConfigError(`${name} must be at most 65535 with PORT_OFFSET ${offset} added, got ${number}`)
  return number + offset
}
