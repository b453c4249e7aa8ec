/** Default TCP ports; PORT_OFFSET is added to each. */
export const PORTS = {
  brokerFront: 5555,
  brokerBack: 5556,
  proxyIn: 5557,
  proxyOut: 5558,
  ref: 5559,
  peer: 5560,
  peerPub: 5561,
  http: 8080,
  health: 9100,
} as const
