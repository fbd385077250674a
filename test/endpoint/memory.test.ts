/** The memory network keeps the contract of transports. */
import { TestEndpoint } from "fairlead/testing/endpoint"

import { contract } from "./contract/Contract.ts"

contract("memory", { transport: TestEndpoint.layer(), live: false })
contract("memory, with latency and small windows", {
  transport: TestEndpoint.layer({ latency: "1 millis", jitter: "2 millis", window: 16_384 }),
  live: true
})
