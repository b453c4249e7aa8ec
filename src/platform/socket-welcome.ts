/**
 * Subscribing takes time, and ZeroMQ does not say when it is done. A subscriber that wants to know also subscribes to
 * `servers/welcome/<anything unique>`; the proxy answers that by publishing on exactly this topic. Topics that begin with
 * `servers` are nobody's name (protocol/names.ts), and as the last part is unique nobody else is disturbed.
 *
 * ZeroMQ's own welcome message would not do: it is one frame where all else has two, it goes to everyone whose prefix
 * matches (`servers`, or all), and it is sent when a connection opens, before its subscriptions are read.
 */
export const WELCOME_TOPIC = 'servers/welcome'
