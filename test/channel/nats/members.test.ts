import { membersContract } from "../nodes/contract/MembersContract.ts"
import { natsKind } from "./Nats.ts"

membersContract(natsKind)
