/** What to do next after a refusal of the cluster; nothing for codes whose description says it. */
const HINTS: Readonly<Record<string, string>> = {
  unknown_channel: 'npx compasso channels lists them, npx compasso channel NAME creates one',
  unknown_user: 'npx compasso users lists them; whoever logs in exists',
  unknown_service: 'npx compasso call lists them',
  unavailable: 'no majority of the servers at this moment? npx compasso status',
  timeout: 'whether it was done is not known; npx compasso status shows who is there',
}

export const hintFor = (code: string): string | undefined => HINTS[code]
