import { stormContract } from "../nodes/contract/StormContract.ts"
import { natsKind } from "./Nats.ts"

stormContract(natsKind)
