import { membersContract } from "../nodes/contract/MembersContract.ts"
import { redisKind } from "./Redis.ts"

membersContract(redisKind)
