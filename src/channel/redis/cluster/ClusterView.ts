/**
 * Which server has which slot, as one server of a Redis Cluster sees it. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import { slotCount } from "./KeySlot.ts"

/** Where a server of a cluster is reached. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** Which server has which slot. */
export interface ClusterView {
  /** By slot; nothing where no server has it. */
  readonly masters: ReadonlyArray<string | undefined>
  /** How many replicas each of them has. */
  readonly replicas: ReadonlyMap<string, number>
  /** Whether the server can serve its slots. */
  readonly isServing: boolean
  /** Views with a higher number are newer. */
  readonly version: number
}

type SlotNode = readonly [host: unknown, port: unknown]

/** An address as a text. An address of IP version 6 is in brackets. */
export const addressText = ({ host, port }: ServerAddress): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`

/** Reads `CLUSTER INFO` and `CLUSTER SLOTS`. `translate` leads to the server at an address; without a host it is that of the asked server. */
export const readView = (
  info: string,
  slots: unknown,
  translate: (host: string, port: number) => string
): ClusterView => {
  const masters = Array.from<string | undefined>({ length: slotCount })
  const replicas = new Map<string, number>()
  for (const [from, to, ...nodes] of slots as ReadonlyArray<readonly [number, number, ...ReadonlyArray<SlotNode>]>) {
    const [host, port] = nodes[0]!
    const master = translate(typeof host === "string" ? host : "", Number(port))
    masters.fill(master, from, to + 1)
    replicas.set(master, nodes.length - 1)
  }
  return {
    masters,
    replicas,
    isServing: info.includes("cluster_state:ok"),
    version: Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0)
  }
}

/** The view to follow: that of a server that can serve, and the newest of these. */
export const bestView = (views: ReadonlyArray<ClusterView>): ClusterView | undefined =>
  views.toSorted((a, b) => Number(b.isServing) - Number(a.isServing) || b.version - a.version)[0]

/** Where another server has the key, as `MOVED` or `ASK` says it. */
export interface Redirect {
  readonly kind: "MOVED" | "ASK"
  readonly slot: number
  readonly host: string
  readonly port: number
}

/** The redirect of an error, if it is one. */
export const redirectOf = (message: string): Redirect | undefined => {
  const [, kind, slot, host, port] = /^(MOVED|ASK) (\d+) (.*):(\d+)/.exec(message) ?? []
  if (kind === undefined || host === undefined) return undefined
  return { kind: kind === "ASK" ? "ASK" : "MOVED", slot: Number(slot), host, port: Number(port) }
}
