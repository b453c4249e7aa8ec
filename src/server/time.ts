/** The cluster's time as this server knows it: the only place that reads the wall clock for what others see. */

export type ClusterTime = {
  /** Milliseconds since 1970, an integer. */
  now(): number
}

export const createTime = (): ClusterTime => ({ now: () => Date.now() })
