import { membersContract } from "../../nodes/contract/MembersContract.ts"
import { clusterKind } from "./ClusterKind.ts"

membersContract(clusterKind)
