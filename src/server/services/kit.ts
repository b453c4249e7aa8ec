/** What a plug-in is given to define its services with: it need not find Compasso or zod by itself. */
import { z } from 'zod'
import { quote, refuse } from '../../protocol/errors.ts'
import { readService, statelessService, writeService } from '../../protocol/service.ts'
import { name, number, page, pageOf, text, whole } from './schema.ts'

export const KIT = {
  /** The three ways to define a service. */
  statelessService,
  readService,
  writeService,
  /** Schemas of requests: zod, and the pieces that Compasso's own are made of. */
  ...{ z, name, text, number, whole, page, pageOf },
  /** A refusal, and text of somebody else made safe to show in it. */
  ...{ refuse, quote },
} as const

export type Kit = typeof KIT
