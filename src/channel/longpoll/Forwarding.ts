/**
 * Requests of long-poll clients that arrive at another node than that of their session. Internal to the channel part.
 *
 * 1. The token of a session names the mount that opened it. A request for it is a call to that mount, over the broadcaster.
 * 2. The messages of a poll belong to their session until this node has them whole: a client gets each once, or a new session.
 * 3. A poll whose client leaves is cancelled at the session.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import { Shutdown } from "../../core/Shutdown.ts"
import type { Hub } from "../engine/Hub.ts"
import type { CallFailed } from "../nodes/NodeCalls.ts"
import { NodeCalls } from "../nodes/NodeCalls.ts"
import type { Answered } from "../nodes/ReceivedCalls.ts"
import { Presence } from "../presence/Contract.ts"
import type { Published, Sessions } from "./Sessions.ts"
import { claimOf } from "./SessionToken.ts"
import type { SessionName } from "./SessionToken.ts"

/** A request, as nodes forward it. */
type Forwarded = { readonly path: string; readonly session: string } & (
  | { readonly _tag: "Poll"; readonly windowMillis: number }
  | { readonly _tag: "Publish"; readonly contentType: string | null; readonly body: string }
)

/** The answer of the session's node. */
type Reply =
  | { readonly _tag: "Gone" }
  | { readonly _tag: "Messages"; readonly messages: ReadonlyArray<string> }
  | { readonly _tag: "Published"; readonly published: Published }

/** How long a node may be silent before its sessions count as gone. */
const maxSilenceMillis = 3000

/** How long a poll may wait when this server is to stop. */
const lastWindowMillis = 500

/** The shortest time between two lookups of the node that an unverified token names. */
const lookupMillis = 10_000

/** The mount whose requests are forwarded. */
export interface ForwardingSettings {
  readonly hub: Hub
  readonly sessions: Sessions
  /** The address of this mount, and its path. */
  readonly node: string
  readonly path: string
  readonly windowMillis: number
  readonly maxAgeMillis: number
}

/** Forwards the requests of one mount, and answers those that other nodes forward to it. */
export class Forwarding {
  private readonly settings: ForwardingSettings
  private readonly calls: NodeCalls
  private isStopping = false
  private isWarned = false
  private lookupAtMillis = -Infinity

  private constructor(settings: ForwardingSettings, scope: Scope.Scope) {
    const { hub, node, windowMillis } = settings
    const { context } = hub.hooks
    this.settings = settings
    this.calls = new NodeCalls({
      broadcaster: hub.broadcaster,
      presence: Context.getOrUndefined(context as Context.Context<Presence>, Presence),
      address: node,
      silenceMillis: Math.min(maxSilenceMillis, windowMillis),
      now: () => hub.clock.currentTimeMillisUnsafe(),
      fork: (work) => Fiber.runIn(Effect.runForkWith(context)(work), scope),
      answer: (request) => this.answer(request as unknown as Forwarded)
    })
  }

  /** Begins to forward, until the scope closes. */
  static make(settings: ForwardingSettings): Effect.Effect<Forwarding, never, Scope.Scope> {
    return Effect.gen(function* () {
      const forwarding = new Forwarding(settings, yield* Effect.scope)
      const shutdown = yield* Shutdown
      yield* Effect.forkScoped(
        Effect.andThen(
          shutdown.await,
          Effect.sync(() => forwarding.stop())
        )
      )
      yield* forwarding.calls.open
      return forwarding
    })
  }

  /** Polls a session of another node: its messages, or nothing where the session is gone. */
  poll({ node, session }: SessionName): Effect.Effect<ReadonlyArray<string> | undefined> {
    const { path, windowMillis } = this.settings
    const window = this.isStopping ? Math.min(lastWindowMillis, windowMillis) : windowMillis
    const request: Forwarded = { _tag: "Poll", path, session, windowMillis: window }
    return Effect.match(this.call(node, request), {
      onSuccess: (reply) => (reply._tag === "Messages" ? reply.messages : undefined),
      // The messages are still at their session: the next poll gets them.
      onFailure: ({ reason }) => (reason === "taken back" ? [] : undefined)
    })
  }

  /** Hands the messages of a request to a session of another node. Nothing where the session is gone; `unknown` where they may have been handled. */
  publish(
    { node, session }: SessionName,
    contentType: string | undefined,
    body: string
  ): Effect.Effect<Published | "unknown" | undefined> {
    const { path } = this.settings
    const request: Forwarded = { _tag: "Publish", path, session, contentType: contentType ?? null, body }
    return Effect.match(this.call(node, request), {
      onSuccess: (reply) => (reply._tag === "Published" ? reply.published : undefined),
      onFailure: ({ reason }) => (reason === "gone" ? undefined : "unknown")
    })
  }

  /** Warns once when an unverified token names another mount, and this one is present. */
  unverified(token: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { hub, maxAgeMillis, node } = this.settings
      const now = hub.clock.currentTimeMillisUnsafe()
      const claim = claimOf(token)
      if (this.isWarned || claim === undefined || claim.node === node || claim.issuedMillis + maxAgeMillis <= now) {
        return Effect.void
      }
      // Anybody can send such tokens.
      if (this.lookupAtMillis + lookupMillis > now) return Effect.void
      this.lookupAtMillis = now
      return Effect.flatMap(this.calls.isPresent(claim.node), (isPresent) => {
        if (!isPresent || this.isWarned) return Effect.void
        this.isWarned = true
        return Effect.logWarning(
          `A long-poll token of another node does not verify on "${hub.name}": its client begins a new session. Set the same longPoll.secret on all nodes`
        )
      })
    })
  }

  private call(node: string, request: Forwarded): Effect.Effect<Reply, CallFailed> {
    return Effect.map(this.calls.call(node, request as Schema.JsonObject), (reply) => reply as unknown as Reply)
  }

  /** The polls that wait for other nodes end, so that the server can stop. */
  private stop(): void {
    this.isStopping = true
    this.calls.endWaiting()
  }

  private answer(request: Forwarded): Effect.Effect<Answered> {
    const { hub, path, sessions, windowMillis } = this.settings
    const final = (reply: Reply): Answered => ({ answer: reply, settle: undefined })
    const polled = request.path === path ? sessions.find(request.session) : undefined
    if (polled === undefined) return Effect.succeed(final({ _tag: "Gone" }))
    if (request._tag === "Publish") {
      const published = sessions.publish(polled, request.contentType ?? undefined, request.body)
      return Effect.succeed(final({ _tag: "Published", published }))
    }
    const window = Math.min(request.windowMillis, windowMillis)
    return Effect.map(polled.session.lend(hub.clock.currentTimeMillisUnsafe(), window), ({ messages, settle }) => {
      const reply: Reply = { _tag: "Messages", messages }
      return messages.length === 0 ? final(reply) : { ...final(reply), settle }
    })
  }
}
