import { pollContract } from "../nodes/contract/PollContract.ts"
import { natsKind } from "./Nats.ts"

pollContract(natsKind)
