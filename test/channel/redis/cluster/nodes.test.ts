import { nodesContract } from "../../nodes/contract/NodesContract.ts"
import { clusterKind } from "./ClusterKind.ts"

nodesContract(clusterKind)
