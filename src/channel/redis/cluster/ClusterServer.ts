/**
 * A connection for commands to one server of a Redis Cluster. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import { asked, destroyClient } from "../Client.ts"
import type { Client, ConnectionFault } from "../Client.ts"
import { runOf } from "../SingleConnection.ts"
import { readView } from "./ClusterView.ts"
import type { ClusterView } from "./ClusterView.ts"

/** The state of a server by its own account. */
export interface ServerReport {
  readonly address: string
  readonly view: ClusterView
  /** The run of the server. */
  readonly run: string
  /** How many replicas follow it. */
  readonly replicas: number
}

/** A connection for commands. */
export class ClusterServer {
  readonly address: string
  /** Whether a command was sent since the last time that servers were asked for reports. */
  isUsed = true
  private readonly client: Client
  /** Ends when it has connected for the first time. */
  readonly connected: Promise<unknown>

  constructor(address: string, client: Client, failed: () => void) {
    this.address = address
    this.client = client
    client.on("error", failed)
    // It tries again until it is closed.
    this.connected = client.connect()
    this.connected.catch(failed)
  }

  /** Sends a command; with `ASKING` before it, the server answers for a slot that it is about to get. */
  async send(args: ReadonlyArray<string>, isAsking = false): Promise<unknown> {
    if (!this.client.isReady) await this.connected
    if (isAsking) this.client.sendCommand(["ASKING"]).catch(() => {})
    return await this.client.sendCommand(args)
  }

  /** Asks for its view of the cluster, and for its run. `translate` leads to the server at an address. */
  report(translate: (host: string, port: number) => string): Effect.Effect<ServerReport, ConnectionFault> {
    const all = [
      ["CLUSTER", "INFO"],
      ["CLUSTER", "SLOTS"],
      ["INFO", "replication"]
    ]
    return Effect.map(
      asked(() => Promise.all(all.map((args) => this.send(args)))),
      ([info, slots, replication]) => ({
        address: this.address,
        view: readView(String(info), slots, translate),
        run: runOf(String(replication)),
        replicas: Number(/^connected_slaves:(\d+)/m.exec(String(replication))?.[1] ?? 0)
      })
    )
  }

  close(): void {
    destroyClient(this.client)
  }
}
