/** The memory network keeps the contract of transports. */
import { layer } from "fairlead/testing/endpoint"

import { contract } from "./contract/Contract.ts"

contract("memory", { transport: layer(), live: false })
contract("memory, with latency and small windows", {
  transport: layer({ latency: "1 millis", jitter: "2 millis", window: 16_384 }),
  live: true
})
