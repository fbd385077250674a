/**
 * The connections of a node to a Redis Cluster: to each server one for commands, and one for subscriptions where it has any. Internal to the Redis engine.
 *
 * 1. A command goes to the server that has the slot of its key. `MOVED` and `ASK` lead on. While a slot moves key by key, a script whose keys are not together waits.
 * 2. All servers are asked which has which slot, by every probe and after every failure. The newest view of a server that can serve is followed.
 * 3. Each slot has the run of its server. Another run may have lost the last acknowledged changes of that slot, and of no other.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

import * as Held from "../../../core/Held.ts"
import { answeredWithin, asked, ConnectionFault, createClient, peer } from "../Client.ts"
import type { Peer } from "../Client.ts"
import type { Connection, ConnectionOptions, ConnectionStatus } from "../Connection.ts"
import { prove } from "../Scripts.ts"
import type { Script } from "../Scripts.ts"
import { ClusterServer } from "./ClusterServer.ts"
import type { ServerReport } from "./ClusterServer.ts"
import { ClusterSubscriptions } from "./ClusterSubscriptions.ts"
import { addressText, bestView, redirectOf } from "./ClusterView.ts"
import type { ClusterView, Redirect, ServerAddress } from "./ClusterView.ts"
import { slotCount, slotOf, tagOf } from "./KeySlot.ts"
import { movedWhole } from "./MovedLog.ts"
import { ShardSubscriber } from "./ShardSubscriber.ts"
import { SlotRuns } from "./SlotRuns.ts"

/** Where a cluster is, and how its servers are reached. */
export interface ClusterAddress {
  /** The URLs of some servers. */
  readonly roots: ReadonlyArray<URL>
  /** The addresses that lead to servers, by the addresses that they have for one another. */
  readonly nodeAddressMap: Readonly<Record<string, ServerAddress>>
}

/** How a connection to a cluster runs. */
export interface ClusterOptions extends ConnectionOptions {
  readonly cluster: ClusterAddress
  /** How channels begin. */
  readonly prefix: string
  /** An id that no other connection has. */
  readonly id: () => string
}

const maxRedirects = 16

/** How long replicas may take for a mark. */
const replicasMillis = 1000

/** An answer, and its server. */
interface Served {
  readonly address: string
  readonly reply: unknown
}

/** How long a script waits for its keys to be together again. */
const tryAgainMillis = 25

/** The connections to a cluster. */
class ClusterConnection implements Connection {
  private readonly redis: Peer
  private readonly options: ClusterOptions
  private readonly fork: (work: Effect.Effect<void>) => void
  private readonly servers = new Map<string, ClusterServer>()
  private readonly subscriptions: ClusterSubscriptions
  private readonly probing = new Held.Flights<"probe", void>()
  private readonly listeners: Array<(status: ConnectionStatus) => void> = []
  private readonly digests = new Map<Script, string>()
  private readonly runs = new SlotRuns()
  private masters: Array<string | undefined> = Array.from({ length: slotCount })
  private faults: ReadonlyArray<string> = []
  private isDown = false
  private isProbeDue = false
  private isClosed = false

  constructor(redis: Peer, options: ClusterOptions, fork: (work: Effect.Effect<void>) => void) {
    this.redis = redis
    this.options = options
    this.fork = fork
    this.subscriptions = new ClusterSubscriptions({
      masterOf: (channel) => this.masters[slotOf(channel)],
      open: (address, owner) => {
        const echo = `${options.prefix}:${tagOf(this.masters.lastIndexOf(address))}:echo:${options.id()}`
        return new ShardSubscriber(address, echo, this.client(address, false), owner)
      },
      redirected: (redirect, from) => this.redirected(redirect, from),
      refresh: this.probe,
      connecting: answeredWithin(options.connectTimeout),
      answering: answeredWithin(options.commandTimeout),
      back: (channels) => this.tell({ _tag: "Up", isSameRun: true, covers: (key) => channels.has(key) }),
      changed: () => this.changed(),
      fork
    })
  }

  run(script: Script, keys: ReadonlyArray<string>, values: ReadonlyArray<string>) {
    const [key = ""] = keys
    const rest = [String(keys.length), ...keys, ...values]
    const digest = this.digests.get(script)
    if (digest === undefined) {
      return Effect.flatMap(this.command(key, ["SCRIPT", "LOAD", script.clusterText]), (loaded) => {
        this.digests.set(script, String(loaded))
        return this.command(key, ["EVALSHA", String(loaded), ...rest])
      })
    }
    return Effect.catch(this.command(key, ["EVALSHA", digest, ...rest]), (fault) =>
      // Each server learns it once.
      fault.message.startsWith("NOSCRIPT")
        ? this.command(key, ["EVAL", script.clusterText, ...rest])
        : Effect.fail(fault)
    )
  }

  command(key: string, args: ReadonlyArray<string>): Effect.Effect<unknown, ConnectionFault> {
    return Effect.map(this.routed(key, args), ({ reply }) => reply)
  }

  private routed(key: string, args: ReadonlyArray<string>): Effect.Effect<Served, ConnectionFault> {
    const served = Effect.suspend(() => this.attempt(slotOf(key), args, undefined, 0))
    return answeredWithin(this.options.commandTimeout)(served)
  }

  subscribe(channel: string, listener: (message: string) => void): Effect.Effect<void, ConnectionFault> {
    return this.subscriptions.add(channel, listener)
  }

  unsubscribe(channel: string, listener: (message: string) => void): Effect.Effect<void> {
    return this.subscriptions.remove(channel, listener)
  }

  movedWhole(key: string, logRun: string): Effect.Effect<boolean, ConnectionFault> {
    const at = (address: string, args: ReadonlyArray<string>) =>
      answeredWithin(this.options.commandTimeout)(asked(() => this.serverAt(address).send(args, true)))
    return movedWhole(logRun, {
      reports: this.reports,
      holder: Effect.map(this.routed(key, ["EXISTS", key]), ({ address }) => address),
      mark: (holder) => Effect.map(at(holder, ["EVAL", prove.text, "1", key, logRun]), (reply) => Number(reply) === 1),
      copied: (holder, replicas) => Effect.map(at(holder, ["WAIT", `${replicas}`, `${replicasMillis}`]), Number)
    })
  }

  tagOf(key: string): string {
    return tagOf(slotOf(key))
  }

  listen(listener: (status: ConnectionStatus) => void): void {
    this.listeners.push(listener)
  }

  get probe(): Effect.Effect<void> {
    return Effect.suspend(() => this.probing.join("probe", this.asking))
  }

  /** Finds the servers; fails where no root answers. */
  get discover(): Effect.Effect<void, ConnectionFault> {
    const { connectTimeout } = this.options
    return Effect.flatMap(this.askRoots(connectTimeout), (view) => {
      if (view === undefined)
        return Effect.fail(new ConnectionFault({ message: "No root node answered as a cluster does" }))
      this.adopt(view)
      const connecting = Array.from(this.servers.values(), ({ connected }) =>
        // The probe reports a server that is away.
        Effect.ignore(answeredWithin(connectTimeout)(asked(() => connected)))
      )
      return Effect.andThen(Effect.all(connecting, { concurrency: "unbounded", discard: true }), this.probe)
    })
  }

  close(): void {
    this.isClosed = true
    this.subscriptions.close()
    for (const server of this.servers.values()) server.close()
    this.servers.clear()
  }

  private attempt(
    slot: number,
    args: ReadonlyArray<string>,
    askedAt: string | undefined,
    tries: number
  ): Effect.Effect<Served, ConnectionFault> {
    const address = askedAt ?? this.masters[slot]
    if (address === undefined) {
      this.probeSoon()
      return Effect.fail(new ConnectionFault({ message: `No server has slot ${slot}` }))
    }
    const server = this.serverAt(address)
    server.isUsed = true
    const served = Effect.map(
      asked(() => server.send(args, askedAt !== undefined)),
      (reply) => ({ address, reply })
    )
    return Effect.catch(served, (fault) => {
      const redirect = redirectOf(fault.message)
      if (redirect !== undefined && tries < maxRedirects) {
        const target = this.redirected(redirect, address)
        return this.attempt(slot, args, redirect.kind === "ASK" ? target : undefined, tries + 1)
      }
      if (fault.message.startsWith("TRYAGAIN")) {
        return Effect.andThen(
          Effect.sleep(tryAgainMillis),
          Effect.suspend(() => this.attempt(slot, args, undefined, tries))
        )
      }
      if (!fault.message.startsWith("NOSCRIPT")) this.probeSoon()
      return Effect.fail(fault)
    })
  }

  private redirected({ host, kind, port, slot }: Redirect, from: string): string {
    const target = this.translate(from)(host, port)
    if (kind === "MOVED") {
      this.masters[slot] = target
      this.probeSoon()
    }
    return target
  }

  /** Leads to the server at an address; without a host it is that of the server that named it. */
  private translate(from: string): (host: string, port: number) => string {
    return (host, port) => {
      const { hostname } = new URL(`redis://${from}`)
      const named = addressText({ host: host === "" || host === "?" ? hostname.replaceAll(/[[\]]/g, "") : host, port })
      const mapped = this.options.cluster.nodeAddressMap[named]
      return mapped === undefined ? named : addressText(mapped)
    }
  }

  private client(address: string, reconnects: boolean) {
    const url = new URL(this.options.cluster.roots[0]!)
    const { hostname, port } = new URL(`redis://${address}`)
    url.hostname = hostname
    url.port = port
    return createClient(this.redis, { url: url.href, connectTimeout: this.options.connectTimeout, reconnects })
  }

  private serverAt(address: string): ClusterServer {
    let server = this.servers.get(address)
    if (server === undefined) {
      server = new ClusterServer(address, this.client(address, true), () => this.probeSoon())
      this.servers.set(address, server)
    }
    return server
  }

  /** Follows a view: connects to new masters, and closes unused connections to former ones. */
  private adopt(view: ClusterView): void {
    this.masters = Array.from(view.masters)
    const masters = new Set(view.masters)
    for (const address of masters) if (address !== undefined) this.serverAt(address)
    for (const [address, server] of this.servers) {
      if (masters.has(address) || server.isUsed) continue
      server.close()
      this.servers.delete(address)
    }
    for (const server of this.servers.values()) server.isUsed = false
  }

  /** The reports of all servers, asked now. */
  private get reports(): Effect.Effect<ReadonlyMap<string, ServerReport>> {
    return Effect.map(
      Effect.forEach(Array.from(this.servers.values()), (server) => this.report(server), { concurrency: "unbounded" }),
      (all) => {
        const found = all.flatMap((report) => (report._tag === "Success" ? [report.success] : []))
        return new Map(found.map((report) => [report.address, report]))
      }
    )
  }

  private report(server: ClusterServer, timeout = this.options.commandTimeout) {
    const reported = server.report(this.translate(server.address))
    return Effect.result(answeredWithin(timeout)(reported))
  }

  private askRoots(timeout: Duration.Duration): Effect.Effect<ClusterView | undefined> {
    const askRoot = (root: URL) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const address = `${root.hostname}:${root.port === "" ? "6379" : root.port}`
          return new ClusterServer(address, this.client(address, true), () => {})
        }),
        (server) => this.report(server, timeout),
        (server) => Effect.sync(() => server.close())
      )
    return Effect.map(Effect.forEach(this.options.cluster.roots, askRoot, { concurrency: "unbounded" }), (reports) =>
      bestView(reports.flatMap((report) => (report._tag === "Success" ? [report.success.view] : [])))
    )
  }

  private get asking(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (this.isClosed) return
      const reports = new Map<string, ServerReport>()
      const problems = new Map<string, string>()
      const ask = (servers: Iterable<ClusterServer>) =>
        Effect.forEach(
          Array.from(servers),
          (server) =>
            Effect.map(this.report(server), (report) => {
              if (report._tag === "Success") reports.set(server.address, report.success)
              else problems.set(server.address, report.failure.message)
            }),
          { concurrency: "unbounded", discard: true }
        )
      yield* ask(this.servers.values())
      const view =
        bestView(Array.from(reports.values(), ({ view: seen }) => seen)) ??
        (yield* this.askRoots(this.options.commandTimeout))
      if (this.isClosed) return
      if (view !== undefined) this.adopt(view)
      yield* ask(
        Array.from(this.servers.values()).filter(({ address }) => !reports.has(address) && !problems.has(address))
      )
      if (this.isClosed) return
      const runs = this.masters.map((address) => {
        const report = address === undefined ? undefined : reports.get(address)
        return report?.view.isServing === true ? report.run : undefined
      })
      this.faults = this.faultsOf(reports, problems)
      for (const { isSameRun, slots } of this.runs.become(runs)) {
        this.tell({ _tag: "Up", isSameRun, covers: (key) => slots.has(slotOf(key)) })
      }
      this.changed()
      this.subscriptions.follow()
      yield* Effect.forEach(this.subscriptions.open, (subscriber) => this.prove(subscriber), {
        concurrency: "unbounded",
        discard: true
      })
    })
  }

  private faultsOf(reports: ReadonlyMap<string, ServerReport>, problems: ReadonlyMap<string, string>) {
    const faults: Array<string> = []
    for (const address of new Set(this.masters)) {
      if (address === undefined) faults.push("some slots have no server")
      else if (reports.get(address)?.view.isServing === false) faults.push(`${address} says that the cluster is down`)
      else if (!reports.has(address)) faults.push(`${address}: ${problems.get(address) ?? "it was not asked"}`)
    }
    return faults
  }

  /** Looks whether a connection for subscriptions lives. Where its server does not take commands, the probe has said so. */
  private prove(subscriber: ShardSubscriber): Effect.Effect<void> {
    const server = this.servers.get(subscriber.address)
    if (server === undefined) return Effect.void
    const { commandTimeout } = this.options
    const send = (message: string) =>
      answeredWithin(commandTimeout)(asked(() => server.send(["SPUBLISH", subscriber.echo, message])))
    return Effect.ignore(subscriber.prove(send, commandTimeout))
  }

  /** Says how the cluster is, where that has changed; again after a part has come back, which says nothing of the others. */
  private changed(): void {
    const { waiting } = this.subscriptions
    const faults = waiting === 0 ? this.faults : [...this.faults, `${waiting} topics are not subscribed to`]
    if (faults.length === 0) {
      if (!this.isDown) return
      this.isDown = false
      return this.send({ _tag: "Up", isSameRun: true, covers: () => false })
    }
    this.isDown = true
    this.send({ _tag: "Down", description: faults.join("; "), isPartial: !this.runs.areAllAway })
  }

  private tell(status: ConnectionStatus): void {
    this.send(status)
    if (this.isDown) this.changed()
  }

  private send(status: ConnectionStatus): void {
    for (const listener of this.listeners) listener(status)
  }

  private probeSoon(): void {
    if (this.isProbeDue || this.isClosed) return
    this.isProbeDue = true
    const due = Effect.andThen(
      Effect.sync(() => void (this.isProbeDue = false)),
      this.probe
    )
    this.fork(Effect.andThen(Effect.sleep(tryAgainMillis), due))
  }
}

/** Connects to a cluster, for as long as the scope is open. Fails where no root node answers. */
export const connectCluster = (options: ClusterOptions, fork: (work: Effect.Effect<void>) => void) =>
  Effect.gen(function* () {
    const redis = yield* peer
    const connection = yield* Effect.acquireRelease(
      Effect.sync(() => new ClusterConnection(redis, options, fork)),
      (opened) => Effect.sync(() => opened.close())
    )
    yield* connection.discover
    return connection
  })
