/** `GET /`: what is here, for who comes with a browser or curl. */

/** @param base the address under which it was asked for, `http://host:port` */
export function frontPage(base: string): string {
  return `Compasso: the HTTP gateway of a replicated messaging and RPC cluster.

POST /rpc                       JSON-RPC 2.0: method = service, params = its data
GET  /events?channel=NAME       server-sent events; also user=NAME, from=POSITION
GET  /openrpc.json              the services and their parameters
GET  /healthz                   whether requests would succeed

curl -s ${base}/rpc -H 'content-type: application/json' \\
  -d '{"jsonrpc":"2.0","method":"login","params":{"user":"rita"},"id":1}'
curl -s ${base}/rpc -H 'content-type: application/json' \\
  -d '{"jsonrpc":"2.0","method":"channel","params":["choro"],"id":2}'
curl -s ${base}/rpc -H 'content-type: application/json' \\
  -d '[{"jsonrpc":"2.0","method":"publish","params":["rita","choro","Good evening"],"id":3},
       {"jsonrpc":"2.0","method":"users","id":4}]'
curl -sN '${base}/events?channel=choro&from=0'

All of it: docs/http.md
`
}

/** The same for a browser; nothing in it comes from elsewhere. */
export const asHtml = (text: string): string =>
  `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Compasso</title><pre>${escapeHtml(text)}</pre></html>\n`

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => ENTITIES[character]!)
