/**
 * The HTTP side of long-poll sessions, as Phoenix speaks it. Internal to the channel part.
 *
 * Every answer is HTTP 200 with a JSON body, whose `status` is the logical one: 410 with a token is a new session, 204 a poll without messages.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"

import { checkOptions } from "../core/Options.ts"
import { connectRequest } from "./Connecting.ts"
import type { Hub } from "./engine/Hub.ts"
import { serve } from "./engine/Socket.ts"
import { batchOf } from "./longpoll/Batch.ts"
import { Session } from "./longpoll/Session.ts"
import { SessionTokens } from "./longpoll/SessionToken.ts"
import type { HandshakeOptions, LongPollOptions } from "./MountOptions.ts"
import * as Origin from "./Origin.ts"
import type { Frame } from "./Payload.ts"
import { queryOf } from "./Query.ts"
import { Undecodable } from "./wire/Message.ts"
import type { Wire } from "./wire/Message.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type PathParams = Readonly<Record<string, string | undefined>>

interface Polled {
  readonly session: Session
  readonly wire: Wire
}

const answer = (status: number, more: object = {}): Response =>
  HttpServerResponse.setHeader(HttpServerResponse.jsonUnsafe({ status, ...more }), "access-control-allow-origin", "*")

const preflight = (headers: Headers.Headers): Response =>
  HttpServerResponse.empty({
    status: 200,
    headers: {
      "access-control-allow-origin": "*",
      "access-control-allow-headers": headers["access-control-request-headers"] ?? "",
      "access-control-allow-methods": "get, post, options",
      "access-control-max-age": "3600"
    }
  })

const empty = (status: number): Response =>
  HttpServerResponse.empty({ status, headers: { "access-control-allow-origin": "*" } })

const randomBytes = (count: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(count))

const settingsOf = (options: LongPollOptions) => {
  const check = checkOptions("ChannelServer.layer")
  const { secret } = options
  return {
    windowMillis: Duration.toMillis(check.duration("longPoll.window", options.window ?? "10 seconds")),
    maxBatch: check.integer("longPoll.maxBatch", options.maxBatch ?? 100),
    maxSessions: check.integer("longPoll.maxSessions", options.maxSessions ?? 10_000),
    onExcess: check.oneOf("longPoll.onExcess", options.onExcess ?? "reply", ["reply", "ignore"]),
    tokens: new SessionTokens(
      secret === undefined ? randomBytes(32) : new TextEncoder().encode(Redacted.value(secret)),
      Duration.toMillis(check.duration("longPoll.maxAge", options.maxAge ?? "14 days"))
    )
  }
}

/** Makes the handler of the path where clients poll. Its sessions end with the scope. */
export const make = (
  hub: Hub,
  { allowedOrigins = "host", authToken = false, maxFrameBytes = 1024 * 1024 }: HandshakeOptions,
  options: LongPollOptions
): Effect.Effect<(request: Request, pathParams?: PathParams) => Effect.Effect<Response>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const { maxBatch, maxSessions, onExcess, tokens, windowMillis } = settingsOf(options)
    const node = Array.from(randomBytes(8), (byte) => byte.toString(16).padStart(2, "0")).join("")
    const sessions = new Map<string, Polled>()
    const allowed = Origin.check(allowedOrigins)
    const now = () => hub.clock.currentTimeMillisUnsafe()

    const sweep = Effect.sync(() => {
      for (const { session } of sessions.values()) {
        if (session.lastPollMillis + windowMillis * 1.5 <= now()) session.close(1001)
      }
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(sweep, windowMillis * 1.5)))

    const begin = (request: Request, pathParams: PathParams): Effect.Effect<Response> =>
      Effect.gen(function* () {
        const { params, vsn } = queryOf(request.url)
        const wire = hub.negotiate(vsn)
        if (wire === undefined || hub.closed || sessions.size >= maxSessions) return answer(403)
        const token = authToken ? request.headers["x-phoenix-authtoken"] : undefined
        const given = { params: withoutToken(params), headers: request.headers, pathParams }
        const connect = connectRequest("longpoll", request, given, token)
        const id = Array.from(randomBytes(16), (byte) => byte.toString(16).padStart(2, "0")).join("")
        const opened = yield* Deferred.make<Session | undefined>()
        const carried = serve(hub, wire, connect, (open) =>
          Effect.callback<void>((resume) => {
            const session = new Session(
              id,
              now(),
              () => hub.hooks.fork(Effect.logWarning(`A message with bytes was dropped for a client that polls`)),
              () => {
                sessions.delete(id)
                resume(Effect.void)
              }
            )
            sessions.set(id, { session, wire })
            session.open(open(session))
            Deferred.doneUnsafe(opened, Effect.succeed(session))
            return Effect.sync(() => session.close(1012))
          })
        )
        const refused = Deferred.succeed(opened, undefined)
        yield* Effect.forkIn(
          Effect.catchCause(carried, () => refused),
          scope
        )
        const session = yield* Deferred.await(opened)
        if (session === undefined) return answer(403)
        return answer(410, { token: yield* tokens.sign({ session: id, node, issuedMillis: now() }), messages: [] })
      })

    const find = (request: Request): Effect.Effect<Polled | undefined> => {
      const token = request.headers["x-phoenix-longpoll-token"] ?? queryOf(request.url).params.get("token")
      if (token === undefined) return Effect.succeed(undefined)
      return Effect.map(tokens.verify(token, now()), (name) =>
        name === undefined || name.node !== node ? undefined : sessions.get(name.session)
      )
    }

    const poll = (request: Request, { session }: Polled): Effect.Effect<Response> =>
      Effect.map(session.take(now(), windowMillis), (messages) =>
        answer(messages.length === 0 ? 204 : 200, { token: tokenOf(request), messages })
      )

    const refuseExcess = ({ session, wire }: Polled, frame: Frame): void => {
      const message = wire.decode(frame, hub.settings.wire)
      if (message instanceof Undecodable || message.ref === null || onExcess === "ignore") return
      const { joinRef, ref, topic } = message
      const reply = wire.reply(joinRef, ref, topic, "error", { reason: "batch too large" })
      if (reply !== undefined) session.write(reply)
    }

    const publish = (request: Request, polled: Polled): Effect.Effect<Response> =>
      Effect.matchCause(request.text, {
        onFailure: () => answer(408),
        onSuccess: (body) => {
          const batch = batchOf(request.headers["content-type"], body, maxBatch)
          if (batch === undefined) return empty(500)
          for (const frame of batch.frames) {
            if (frame.length > maxFrameBytes) polled.session.close(1009)
            else polled.session.receive(frame)
            if (!polled.session.isOpen) return answer(408)
          }
          for (const frame of batch.excess) refuseExcess(polled, frame)
          return answer(200)
        }
      })

    return (request, pathParams = {}) => {
      const { headers, method } = request
      if (method === "OPTIONS") return Effect.succeed(preflight(headers))
      if (method !== "GET" && method !== "POST") return Effect.succeed(empty(400))
      const { host, origin } = headers
      if (!allowed(origin, host, request.protocol === "https")) return Effect.succeed(answer(403))
      return Effect.flatMap(find(request), (polled) => {
        if (method === "POST") return polled === undefined ? Effect.succeed(answer(410)) : publish(request, polled)
        return polled === undefined ? begin(request, pathParams) : poll(request, polled)
      })
    }
  })

const tokenOf = (request: Request): string | undefined =>
  request.headers["x-phoenix-longpoll-token"] ?? queryOf(request.url).params.get("token")

const withoutToken = (params: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  params.has("token") ? new Map(Array.from(params).filter(([name]) => name !== "token")) : params
