/** Topics of the proxy. A user or channel name is its own topic; these two families are the cluster's. */

/** Everything one server sends to the others: `replica/<rank>`. */
export const replicaTopic = (rank: number): string => `replica/${rank}`

/** Announcements about the servers (the coordinator). */
export const SERVERS_TOPIC = 'servers'
