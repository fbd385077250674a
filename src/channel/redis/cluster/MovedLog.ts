/**
 * The proof that a log has moved to another server of a Redis Cluster whole, so that its positions stay. Internal to the Redis engine.
 *
 * A log names the run of the server that wrote it. At a server of another run it has either moved, or the server has taken over and may lack the end.
 *
 * 1. The run of the log is that of another master now. Such a master has neither restarted nor been replaced since it wrote the log: nothing was lost until the log moved.
 * 2. The log is marked at its new server, and all replicas of that server have the mark, before anything is numbered in it. A replica that takes over later finds the mark of
 *    another run, or a newer run, and never that of the first master.
 *
 * Where either cannot be shown, the log may have lost its end, and its epoch changes.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { ConnectionFault } from "../Client.ts"
import type { ServerReport } from "./ClusterServer.ts"
import { bestView } from "./ClusterView.ts"

/** The cluster as the proof uses it. */
export interface MovedLogSettings {
  /** The reports of all servers, asked now. */
  readonly reports: Effect.Effect<ReadonlyMap<string, ServerReport>>
  /** The server that has the log, which may not have its slot yet. */
  readonly holder: Effect.Effect<string, ConnectionFault>
  /** Marks the log at this server; false where its run has changed. */
  readonly mark: (holder: string) => Effect.Effect<boolean, ConnectionFault>
  /** Waits until so many replicas have what a server has written; how many have. */
  readonly copied: (holder: string, replicas: number) => Effect.Effect<number, ConnectionFault>
}

/** Whether a log of this run has moved here whole; from then on it is marked. */
export const movedWhole = (
  logRun: string,
  { copied, holder: located, mark, reports }: MovedLogSettings
): Effect.Effect<boolean, ConnectionFault> =>
  Effect.gen(function* () {
    const holder = yield* located
    const found = yield* reports
    const own = found.get(holder)
    const view = bestView(Array.from(found.values(), (report) => report.view))
    if (view === undefined || own === undefined) return false
    const masters = new Set(view.masters)
    const isMarked = logRun === `~${own.run}`
    const isFromMaster = Array.from(found.values()).some(
      ({ address, run }) => run === logRun && address !== holder && masters.has(address)
    )
    if (!isMarked && !isFromMaster) return false
    if (!(yield* mark(holder))) return false
    const replicas = Math.max(view.replicas.get(holder) ?? 0, own.replicas)
    return (yield* copied(holder, replicas)) >= replicas
  })
