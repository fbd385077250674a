import { presenceContract } from "../nodes/contract/PresenceContract.ts"
import { natsKind } from "./Nats.ts"

presenceContract(natsKind)
