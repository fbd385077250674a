/**
 * The side that receives files. Its hooks decide in this order: friends only, so many connections a minute from each, and only with the token. Admitted connections are watched.
 */
import { createHash, timingSafeEqual } from "node:crypto"

import { Context, Effect, Layer, Option, Redacted } from "effect"
import type { Scope } from "effect"
import type { RateLimiter } from "effect/persistence"
import { Endpoint, EndpointHooks, HookChain, ProtocolRouter, Streams } from "fairlead/endpoint"
import type { EndpointConnection, EndpointError, EndpointId, EndpointTransport } from "fairlead/endpoint"
import { idList, monitor, preAuthAcceptor, rateLimit } from "fairlead/endpoint/hooks"
import type { Monitor } from "fairlead/endpoint/hooks"

import { Inbox } from "./Inbox.ts"
import { offers, protocol, receipts } from "./Protocol.ts"

export interface ReceiverOptions {
  /** The peers that may drop files. The set may be changed while the receiver runs. */
  readonly friends: ReadonlySet<EndpointId.EndpointId>
  readonly token: Redacted.Redacted
  /** Connections of one peer a minute; one to show the token is among them. Default: 30. */
  readonly perMinute?: number
  /** The largest file. Default: 64 MiB. */
  readonly maxFileBytes?: number
}

const reject = (status: number, reason: string) => Effect.fail(new EndpointHooks.Reject({ status, reason }))

const hashOf = (token: Redacted.Redacted): Buffer => createHash("sha256").update(Redacted.value(token)).digest()

/** Takes one file over a connection. */
const receive = (connection: EndpointConnection.EndpointConnection, maxFileBytes: number) =>
  Effect.gen(function* () {
    const inbox = yield* Inbox
    const { recv, send } = yield* connection.acceptBi
    const offer = yield* offers.read(recv)
    if (Option.isNone(offer)) return yield* reject(400, "no offer")
    const { name, size } = offer.value
    if (size > maxFileBytes) return yield* reject(413, "too large")
    if (yield* inbox.has(name)) return yield* reject(409, "there is a file of that name")
    const receipt = yield* inbox.store(offer.value, Streams.toStream(recv))
    yield* receipts.write(send, receipt)
    return yield* send.finish
  }).pipe(
    Effect.catchTags({
      // The sender has left.
      StreamError: () => Effect.void,
      FramingError: ({ message }) => reject(400, message),
      SchemaError: Effect.die
    })
  )

/** Receives files until the scope ends. */
export const receiver = (
  options: ReceiverOptions
): Effect.Effect<
  { readonly endpoint: Endpoint.Endpoint["Service"]; readonly watch: Monitor },
  EndpointError.BindError,
  EndpointTransport.EndpointTransport | Inbox | RateLimiter.RateLimiter | Scope.Scope
> =>
  Effect.gen(function* () {
    const { friends, maxFileBytes = 64 * 1024 * 1024, perMinute = 30, token } = options
    const watch = yield* monitor()
    const expected = hashOf(token)
    const auth = preAuthAcceptor({ verify: (shown) => timingSafeEqual(hashOf(shown), expected) })
    const router = ProtocolRouter.make("file-drop")
      .route(auth.alpn, auth.handler)
      .route(protocol, (connection) => receive(connection, maxFileBytes))
    const hooks = HookChain.make("file-drop")
      .use(idList({ allow: friends }))
      .use(rateLimit({ key: "id", limit: perMinute, window: "1 minute" }))
      .use(auth.hooks)
      .use(watch.hooks)
    const built = yield* Layer.build(ProtocolRouter.layer(router, { hooks }))
    return { endpoint: Context.get(built, Endpoint.Endpoint), watch }
  })
