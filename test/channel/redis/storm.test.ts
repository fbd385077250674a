import { stormContract } from "../nodes/contract/StormContract.ts"
import { redisKind } from "./Redis.ts"

stormContract(redisKind)
