/** Every limit of the wire, in one place. docs/protocol.md shows the same table. */
export const LIMITS = {
  /** Largest frame on any socket, bytes. */
  frameBytes: 1 << 20,
  /** Most envelopes in one batch. */
  batchEnvelopes: 1000,
  /** Deepest nesting of a MessagePack document. */
  depth: 16,
  /** Longest name of a user or channel, UTF-16 code units. */
  nameLength: 64,
  /** Longest message text, bytes of UTF-8. */
  messageBytes: 64 * 1024,
  /** Longest `id`, UTF-16 code units. */
  idLength: 64,
  /** A client whose clock is further ahead than this is answered but not merged. */
  clockLead: 2 ** 20,
  /** Most items in one page of `history`. */
  historyItems: 1000,
  /** Most numbers that `mean` takes. */
  meanValues: 10_000,
  /** Most playlists of one user, and tracks in one of them. */
  playlistsOfUser: 50,
  playlistTracks: 200,
  /** Longest `about` of a profile, UTF-16 code units. */
  aboutLength: 500,
  /** Largest body of a plug-in's event, bytes of JSON. */
  pluginEventBytes: 128 * 1024,
} as const
