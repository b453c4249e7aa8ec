/** `npm start`: the whole cluster on one machine. */
import { Command } from 'commander'
import { addStart } from './start.ts'

const program = new Command('npm start --').showSuggestionAfterError(false)
await addStart(program).parseAsync()
