/** A client of the cluster for as long as one command takes. */
import { userInfo } from 'node:os'
import { type Client, connect, type ReplyOf, type RequestOf, type ServiceName } from '../client/client.ts'
import { loadConfig } from '../platform/config.ts'
import { requireThere } from './probe.ts'

export type SessionOptions = {
  /** Whether it also subscribes. */
  proxy?: boolean
}

/**
 * Runs something with a client that is closed afterwards.
 * @throws {Failure} within two seconds when nobody is there
 */
export async function withClient<T>(use: (client: Client) => Promise<T>, options: SessionOptions = {}): Promise<T> {
  const { brokerUrls, proxyOutUrls } = loadConfig()
  await requireThere('broker', brokerUrls)
  if (options.proxy === true) await requireThere('proxy', proxyOutUrls)
  const client = connect({ broker: brokerUrls, ...(options.proxy === true && { proxy: proxyOutUrls }) })
  try {
    return await use(client)
  } finally {
    await client.close(0)
  }
}

/** One request to a service whose fields are known here. @throws {CallError} when it is refused or not answered */
export function request<Name extends ServiceName>(service: Name, data: RequestOf<Name>): Promise<ReplyOf<Name>> {
  return withClient((client) => client.call(service, data))
}

/** Who is asking when nobody says: the name of whoever is logged in on this machine. */
export function defaultUser(): string {
  try {
    return userInfo().username
  } catch {
    // An id without a name, in a container.
    return 'me'
  }
}
