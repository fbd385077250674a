/** A cluster of three NATS servers of the tests' own. */
import { setTimeout as sleep } from "node:timers/promises"

import { connect } from "@nats-io/transport-node"

import { freePort } from "../../kit/Engines.ts"
import { Nats } from "./Nats.ts"

/** Three servers with JetStream. */
export class Cluster {
  readonly servers: ReadonlyArray<Nats>

  private constructor(servers: ReadonlyArray<Nats>) {
    this.servers = servers
  }

  get urls(): ReadonlyArray<string> {
    return this.servers.map(({ url }) => url)
  }

  /** Starts them. Succeeds when JetStream answers. */
  static async start(): Promise<Cluster> {
    const ports = [await freePort(), await freePort(), await freePort()]
    const route = (port: number) => `nats://127.0.0.1:${port}`
    const routes = ports.map(route).join(",")
    const servers = await Promise.all(
      ports.map((port, index) =>
        Nats.start(
          `-js --server_name s${index} --cluster_name chat --cluster ${route(port)} --routes ${routes}`.split(" ")
        )
      )
    )
    const cluster = new Cluster(servers)
    await cluster.healthy()
    return cluster
  }

  /** Succeeds when a stream of three replicas can be made and removed. */
  private async healthy(): Promise<void> {
    const client = await connect({ servers: [...this.urls] })
    const asked = async (operation: string, request: object): Promise<boolean> => {
      try {
        const answer = await client.request(`$JS.API.${operation}`, JSON.stringify(request), { timeout: 2000 })
        return answer.json<{ readonly error?: unknown }>().error === undefined
      } catch {
        return false
      }
    }
    const stream = { name: "probe", subjects: ["probe"], num_replicas: 3, storage: "memory" }
    for (let left = 200; !(await asked("STREAM.CREATE.probe", stream)); left--) {
      if (left === 0) throw new Error("The cluster does not come up")
      await sleep(100)
    }
    await asked("STREAM.DELETE.probe", {})
    await client.close()
  }

  async kill(): Promise<void> {
    for (const server of this.servers) await server.kill()
  }
}
