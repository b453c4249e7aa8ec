#!/usr/bin/env node
// The command line. In a checkout it first makes sure that what runs is what the sources say.
import { setup } from '../scripts/setup.mjs'

await setup()
await import('../dist/src/cli/main.js')
