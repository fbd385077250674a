/** A Redis Cluster, for the tests of any broker. */
import { RedisBroadcaster } from "fairlead/channel/redis"

import type { BrokerKind, BrokerProxy } from "../../nodes/contract/NodesContract.ts"
import { Proxy } from "../../nodes/Proxy.ts"
import { missing, RedisCluster } from "./RedisCluster.ts"

/** The options of nodes, by the port that stands for a cluster. */
const ways = new Map<number, RedisBroadcaster.LayerOptions>()

/** A way to all servers of a cluster, each by a proxy. */
const proxyTo = async (cluster: RedisCluster): Promise<BrokerProxy> => {
  const proxies = await Promise.all(cluster.ports.map((port) => Proxy.start(port)))
  const places = cluster.ports.map((port, index) => [
    `127.0.0.1:${port}`,
    { host: "127.0.0.1", port: proxies[index]!.port }
  ])
  const [{ port }] = proxies as [Proxy]
  ways.set(port, {
    cluster: {
      rootNodes: proxies.map((proxy) => ({ url: `redis://127.0.0.1:${proxy.port}` })),
      nodeAddressMap: Object.fromEntries(places) as Record<string, { readonly host: string; readonly port: number }>
    }
  })
  return {
    port,
    get isOpen() {
      return proxies[0]!.isOpen
    },
    set isOpen(isOpen: boolean) {
      for (const proxy of proxies) proxy.isOpen = isOpen
    },
    cut: () => proxies.forEach((proxy) => proxy.cut()),
    stop: () => proxies.forEach((proxy) => proxy.stop())
  }
}

/** A cluster of three masters. */
export const clusterKind: BrokerKind = {
  name: "Redis Cluster",
  missing,
  async start() {
    const cluster = await RedisCluster.start()
    ways.set(cluster.port, cluster.options)
    return {
      port: cluster.port,
      kill: () => cluster.kill(),
      restart: () => cluster.restart(),
      signal: (signal) => cluster.ports.forEach((port) => cluster.signal(port, signal)),
      proxy: () => proxyTo(cluster)
    }
  },
  engine: (port, options) => RedisBroadcaster.layer({ ...ways.get(port), ...options })
}
