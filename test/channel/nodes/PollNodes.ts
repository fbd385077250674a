/** Servers that clients poll, each a node over one broker in memory. */
import { Context, Effect, Fiber, Layer, Redacted, Schema } from "effect"
import type { Scope } from "effect"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Shutdown } from "fairlead"
import { ChannelApi, ChannelServer, Presence } from "fairlead/channel"

import type { Hub } from "../../../src/channel/engine/Hub.ts"
import * as LongPoll from "../../../src/channel/LongPoll.ts"
import { hubOf } from "../../../src/channel/MountedHub.ts"
import type { LongPollOptions } from "../../../src/channel/MountOptions.ts"
import { keepLogs } from "../../server/Logs.ts"
import type { Line } from "../../server/Logs.ts"
import type { MemoryLink, MemoryServer } from "./MemoryBroker.ts"
import { nodeOver } from "./Node.ts"

export const windowMillis = 10_000
/** How long a node may be silent. */
export const silenceMillis = 3000

class Hall extends ChannelApi.make("hall:{id}", {
  incoming: { say: { payload: ChannelApi.AnyPayload }, ask: { payload: ChannelApi.AnyPayload, reply: Schema.Json } },
  outgoing: { said: ChannelApi.AnyPayload }
}) {}

const HallLive = Hall.layer({
  join: () => Effect.void,
  on: { say: (payload, hall) => hall.broadcast("said", payload), ask: (payload) => Effect.succeed(payload as never) }
})

const server = ChannelServer.make("polled").mount(Hall)

export interface Answer {
  readonly status: number
  readonly token?: string
  readonly messages?: ReadonlyArray<string>
}

/** A client's request: a poll, or a message when it has a body. */
type Ask = (token?: string, body?: string) => Effect.Effect<Answer>

export interface PollNode {
  readonly ask: Ask
  readonly link: MemoryLink
  readonly hub: Hub
  readonly heartbeat: Effect.Effect<void>
  readonly shutdown: Effect.Effect<void>
  readonly logs: ReadonlyArray<Line>
}

export interface PollNodeOptions extends LongPollOptions {
  readonly path?: string
  /** Whether the server knows who is present. */
  readonly presence?: boolean
  /** Whether the node starts while the broker is away. */
  readonly isAway?: boolean
}

const readAnswer = (body: unknown, http: number): Answer => {
  const { body: bytes } = body as { readonly body?: Uint8Array }
  return bytes === undefined ? { status: http } : (JSON.parse(new TextDecoder().decode(bytes)) as Answer)
}

/** A node, until the scope closes. */
export const pollNode = (
  broker: MemoryServer,
  { isAway = false, path = "/socket", presence = true, ...options }: PollNodeOptions = {}
): Effect.Effect<PollNode, never, Scope.Scope> =>
  Effect.gen(function* () {
    const link = broker.link()
    if (isAway) link.cut()
    const node = yield* nodeOver(link)
    const kept = keepLogs()
    const built = yield* Layer.build(Layer.mergeAll(HallLive.pipe(Layer.provideMerge(node.layer)), kept.layer))
    const shutdown = yield* Shutdown.make
    const hubContext = presence ? built : (Context.omit(Presence.Presence)(built) as typeof built)
    const hub = yield* Effect.provideContext(hubOf(server, {}), hubContext)
    const polling = { window: windowMillis, secret: Redacted.make("of all nodes"), ...options }
    const handle = yield* LongPoll.make(hub, {}, polling, path).pipe(Effect.provideService(Shutdown.Shutdown, shutdown))
    const ask: Ask = (token, body) => {
      const url = `http://localhost${path}/longpoll?vsn=2.0.0${token === undefined ? "" : `&token=${token}`}`
      const init =
        body === undefined ? {} : { method: "POST", body, headers: { "content-type": "application/x-ndjson" } }
      return Effect.map(handle(HttpServerRequest.fromWeb(new Request(url, init))), ({ body, status }) =>
        readAnswer(body, status)
      )
    }
    return { ask, link, hub, heartbeat: node.presence.heartbeat, shutdown: shutdown.notify, logs: kept.lines }
  })

export type Frame = readonly [
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: unknown
]

const join = JSON.stringify(["1", "1", "hall:1", "phx_join", {}])
export const say = (payload: unknown): string => JSON.stringify(["1", null, "hall:1", "say", payload])

/** The payloads of the broadcasts in an answer. */
export const said = ({ messages = [] }: Answer): ReadonlyArray<unknown> =>
  messages
    .map((text) => JSON.parse(text) as Frame)
    .flatMap(([, , , event, payload]) => (event === "said" ? [payload] : []))

/** Lets everything run that waits for no time. Signatures are made by other threads: a digest that begins later ends after them. */
export const settle = Effect.promise(async () => {
  for (let turns = 4; turns > 0; turns--) {
    await globalThis.crypto.subtle.digest("SHA-256", new Uint8Array(64))
    await new Promise((resolve) => setImmediate(resolve))
  }
})

/** Runs to the end while time passes in small steps. */
export const passing = <A, E>(work: Effect.Effect<A, E>, stepMillis = 50): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(work)
    for (;;) {
      yield* settle
      if (fiber.pollUnsafe() !== undefined) return yield* Fiber.join(fiber)
      yield* TestClock.adjust(stepMillis)
    }
  })

/** A session that was opened on a node and has joined. */
export const joined = (node: PollNode): Effect.Effect<string> =>
  Effect.gen(function* () {
    const { token = "" } = yield* node.ask()
    yield* node.ask(token, join)
    yield* passing(node.ask(token))
    return token
  })
