import { pollContract } from "../nodes/contract/PollContract.ts"
import { redisKind } from "./Redis.ts"

pollContract(redisKind)
