/** The services as an OpenRPC document (https://spec.open-rpc.org), for programs that make clients of it. */
import { ERROR_CODES, isRetriable } from '../protocol/errors.ts'
import { RPC_ERROR_OF } from '../protocol/rpc-errors.ts'
import type { Method, Methods } from './methods.ts'

/** The oldest version that says what is said here, so that every tool can read it. */
const VERSION = '1.2.6'

/** @param version of this package */
export function openRpcOf(methods: Methods, version: string): Record<string, unknown> {
  return {
    openrpc: VERSION,
    info: {
      title: 'Compasso',
      version,
      description:
        'The services of the cluster. A batch, a notification, and an Idempotency-Key are as docs/http.md says.',
      license: { name: 'MIT' },
    },
    servers: [{ name: 'gateway', url: '/rpc' }],
    methods: [...methods.values()].map(methodObject),
  }
}

const methodObject = ({ name, summary, parameters }: Method) => ({
  name,
  summary,
  paramStructure: parameters.length === 0 ? 'by-name' : 'either',
  params: parameters.map(({ name, required, schema }) => ({
    ...{ name, required, schema },
    ...(typeof schema.description === 'string' && { description: schema.description }),
  })),
  result: { name: 'reply', schema: REPLY },
  errors: ERRORS,
})

/** What every reply has; each service adds its own. */
const REPLY = {
  type: 'object',
  required: ['timestamp', 'clock'],
  properties: {
    status: { type: 'string' },
    timestamp: { type: 'number', description: 'the time of the cluster, milliseconds since 1970' },
    clock: { type: 'integer', minimum: 0, description: 'Lamport time' },
  },
}

const ERRORS = ERROR_CODES.map((code) => ({
  ...RPC_ERROR_OF[code],
  data: { code, retriable: isRetriable(code) },
}))
