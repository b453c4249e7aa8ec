/** The verdict: what clients were told against what is in the files of all servers. */
import { areEqual, type PublicFiles } from '../test/e2e/support/files.ts'
import { assertOrder, compare, type Findings, type Operation, orderedLines } from '../test/e2e/support/history.ts'

export type Verdict = Findings & {
  /** Positions, sequence numbers, order or ids in a file that cannot be. */
  disorder: string[]
  equal: boolean
}

/** @param operations everything that anybody asked for @param files once the cluster is whole and quiet */
export function judge(operations: readonly Operation[], files: PublicFiles): Verdict {
  const verdict: Verdict = { lost: [], doubled: [], phantom: [], misplaced: [], disorder: [], equal: areEqual(files) }
  for (const server of Object.keys(files)) {
    const findings = compare(operations, 'everybody', orderedLines(files, server))
    for (const kind of ['lost', 'doubled', 'phantom', 'misplaced'] as const)
      verdict[kind].push(...findings[kind].map((what) => `${server}: ${what}`))
    try {
      assertOrder(files, server)
    } catch (error) {
      verdict.disorder.push((error as Error).message.split('\n')[0]!)
    }
  }
  return verdict
}

/** Whether nothing at all is wrong. */
export const isClean = ({ equal, ...findings }: Verdict): boolean =>
  equal && Object.values(findings).every((list) => list.length === 0)
