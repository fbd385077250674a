import { presenceContract } from "../../nodes/contract/PresenceContract.ts"
import { clusterKind } from "./ClusterKind.ts"

presenceContract(clusterKind)
