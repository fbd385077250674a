/**
 * The HTTP side of long-poll sessions, as Phoenix speaks it. Internal to the channel part.
 *
 * Every answer is HTTP 200 with a JSON body, whose `status` is the logical one: 410 with a token is a new session, 204 a poll without messages. A request for a session of another
 * node is forwarded to that node.
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
import { Forwarding } from "./longpoll/Forwarding.ts"
import { Session } from "./longpoll/Session.ts"
import { Sessions } from "./longpoll/Sessions.ts"
import type { Published } from "./longpoll/Sessions.ts"
import { SessionTokens } from "./longpoll/SessionToken.ts"
import type { SessionName } from "./longpoll/SessionToken.ts"
import type { HandshakeOptions, LongPollOptions } from "./MountOptions.ts"
import * as Origin from "./Origin.ts"
import { queryOf } from "./Query.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type PathParams = Readonly<Record<string, string | undefined>>

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

const hex = (count: number): string =>
  Array.from(globalThis.crypto.getRandomValues(new Uint8Array(count)), (byte) =>
    byte.toString(16).padStart(2, "0")
  ).join("")

const settingsOf = (options: LongPollOptions) => {
  const check = checkOptions("ChannelServer.layer")
  const { secret } = options
  const maxAgeMillis = Duration.toMillis(check.duration("longPoll.maxAge", options.maxAge ?? "14 days"))
  return {
    windowMillis: Duration.toMillis(check.duration("longPoll.window", options.window ?? "10 seconds")),
    maxBatch: check.integer("longPoll.maxBatch", options.maxBatch ?? 100),
    maxSessions: check.integer("longPoll.maxSessions", options.maxSessions ?? 10_000),
    onExcess: check.oneOf("longPoll.onExcess", options.onExcess ?? "reply", ["reply", "ignore"]),
    maxAgeMillis,
    tokens: new SessionTokens(
      new TextEncoder().encode(secret === undefined ? hex(32) : Redacted.value(secret)),
      maxAgeMillis
    )
  }
}

/** The answer to a request with messages. */
const publishedAnswer = (published: Published | "unknown" | undefined): Response =>
  published === "malformed" ? empty(500) : answer(published === "ok" ? 200 : published === undefined ? 410 : 408)

/** The largest body to forward, in characters: as much as Phoenix reads. */
const maxForwardedChars = 8 * 1024 * 1024

/** Makes the handler of the path where clients poll. Its sessions end with the scope. */
export const make = (
  hub: Hub,
  { allowedOrigins = "host", authToken = false, maxFrameBytes = 1024 * 1024 }: HandshakeOptions,
  options: LongPollOptions,
  path = ""
): Effect.Effect<(request: Request, pathParams?: PathParams) => Effect.Effect<Response>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const { maxAgeMillis, maxBatch, maxSessions, onExcess, tokens, windowMillis } = settingsOf(options)
    const node = hex(8)
    const sessions = new Sessions(hub, { windowMillis, maxBatch, onExcess, maxFrameBytes })
    const allowed = Origin.check(allowedOrigins)
    const now = () => hub.clock.currentTimeMillisUnsafe()
    const forwarding = yield* Forwarding.make({ hub, sessions, node, path, windowMillis, maxAgeMillis })

    const sweep = Effect.sync(() => sessions.sweep(now()))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(sweep, windowMillis * 1.5)))

    const begin = (request: Request, pathParams: PathParams): Effect.Effect<Response> =>
      Effect.gen(function* () {
        const { params, vsn } = queryOf(request.url)
        const wire = hub.negotiate(vsn)
        if (wire === undefined || hub.closed || sessions.size >= maxSessions) return answer(403)
        const token = authToken ? request.headers["x-phoenix-authtoken"] : undefined
        const given = { params: withoutToken(params), headers: request.headers, pathParams }
        const connect = connectRequest("longpoll", request, given, token)
        const id = hex(16)
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
            sessions.add({ session, wire })
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

    const find = (token: string | undefined): Effect.Effect<SessionName | undefined> =>
      token === undefined
        ? Effect.succeed(undefined)
        : Effect.map(tokens.verify(token, now()), (name) => {
            if (name === undefined) hub.hooks.fork(forwarding.unverified(token))
            return name
          })

    /** The messages for a poll; nothing where the session is gone. */
    const poll = (name: SessionName): Effect.Effect<ReadonlyArray<string> | undefined> => {
      if (name.node !== node) return forwarding.poll(name)
      const polled = sessions.find(name.session)
      return polled === undefined ? Effect.succeed(undefined) : polled.session.take(now(), windowMillis)
    }

    const publish = (request: Request, name: SessionName): Effect.Effect<Response> => {
      const contentType = request.headers["content-type"]
      const polled = name.node === node ? sessions.find(name.session) : undefined
      if (name.node === node && polled === undefined) return Effect.succeed(answer(410))
      return Effect.matchCauseEffect(request.text, {
        onFailure: () => Effect.succeed(answer(408)),
        onSuccess: (body) => {
          if (polled !== undefined) return Effect.succeed(publishedAnswer(sessions.publish(polled, contentType, body)))
          if (body.length > maxForwardedChars) return Effect.succeed(empty(413))
          return Effect.map(forwarding.publish(name, contentType, body), publishedAnswer)
        }
      })
    }

    return (request, pathParams = {}) => {
      const { headers, method } = request
      if (method === "OPTIONS") return Effect.succeed(preflight(headers))
      if (method !== "GET" && method !== "POST") return Effect.succeed(empty(400))
      const { host, origin } = headers
      if (!allowed(origin, host, request.protocol === "https")) return Effect.succeed(answer(403))
      const token = tokenOf(request)
      return Effect.flatMap(find(token), (name) => {
        if (method === "POST") return name === undefined ? Effect.succeed(answer(410)) : publish(request, name)
        if (name === undefined) return begin(request, pathParams)
        return Effect.flatMap(poll(name), (messages) =>
          messages === undefined
            ? begin(request, pathParams)
            : Effect.succeed(answer(messages.length === 0 ? 204 : 200, { token, messages }))
        )
      })
    }
  })

const tokenOf = (request: Request): string | undefined =>
  request.headers["x-phoenix-longpoll-token"] ?? queryOf(request.url).params.get("token")

const withoutToken = (params: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  params.has("token") ? new Map(Array.from(params).filter(([name]) => name !== "token")) : params
