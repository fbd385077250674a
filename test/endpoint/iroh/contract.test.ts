/** iroh keeps the contract of transports, on this machine's loopback. */
import { contract } from "../contract/Contract.ts"
import { describeIroh, transport } from "./Iroh.ts"

describeIroh("over the loopback", () => contract("iroh", { transport, live: true }))
