/** Limits of the gateway; docs/http.md shows the same table. Those of bodies and batches are the wire's. */
export const HTTP_LIMITS = {
  connections: 1024,
  /** Event streams at a time. */
  streams: 256,
  /** Requests to /rpc in progress, also those of which only notifications are left. */
  requests: 512,
  /** Calls in progress, notifications included. */
  calls: 10_000,
  /** Bodies in progress, all together, bytes. */
  bodyBytes: 16 << 20,
  /** Values in these bodies, all together: each takes up to a hundred bytes of memory, of maybe two of text. */
  values: 1_000_000,
  /** Results that wait to leave, all together and of one batch, characters. */
  replies: 16 << 20,
  batchReplies: 4 << 20,
  /** Pages of history in hand at a time, half a megabyte each: for event streams that are behind. */
  streamPages: 16,
  /** For calls, all together and of one request. */
  callPages: 8,
  callPagesOfRequest: 2,
  /** A result of up to so many characters always finds room. */
  smallReply: 4096,
  /** Longest idempotency key; `.999` behind it is the last request of a batch. */
  keyLength: 60,
  headersMs: 5000,
  /** For the whole request to arrive. */
  requestMs: 10_000,
  /** For anything to happen on a connection that is not idle; longer than a call takes, and than between two keep-alives. */
  silenceMs: 30_000,
  /** For the next request on a connection. */
  idleMs: 5000,
} as const
