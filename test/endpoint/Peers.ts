/** What tests of endpoints are written with. */
import { Effect, Option, Queue, Stream } from "effect"
import type { Scope } from "effect"
import { Alpn, CloseCode, Endpoint, EndpointError, EndpointHooks, HookChain } from "fairlead/endpoint"
import type { EndpointConnection } from "fairlead/endpoint"

export const echo = Alpn.fromString("echo/1")
export const chat = Alpn.fromString("chat/1")

export const code = CloseCode.make

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (chunk: Uint8Array): string => new TextDecoder().decode(chunk)

/** Reads a stream to its end. */
export const readAll = (recv: EndpointConnection.RecvStream): Effect.Effect<Uint8Array, EndpointError.StreamError> =>
  Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    let next = yield* recv.read()
    while (Option.isSome(next)) {
      chunks.push(next.value)
      next = yield* recv.read()
    }
    return Uint8Array.from(Buffer.concat(chunks))
  })

export const readText = (recv: EndpointConnection.RecvStream) => Effect.map(readAll(recv), text)

export const chainOf = (hooks: ReadonlyArray<EndpointHooks.EndpointHooks>): HookChain.HookChain<never> =>
  hooks.reduce((chain, next) => chain.use(next), HookChain.make("test"))

/** An endpoint that speaks `echo` and `chat`, with a queue of those who came in. */
export const peer = (...hooks: ReadonlyArray<EndpointHooks.EndpointHooks>) =>
  Effect.gen(function* () {
    const endpoint = yield* Endpoint.make({ alpns: [echo, chat], hooks: chainOf(hooks) })
    const incoming = yield* Queue.unbounded<EndpointConnection.EndpointConnection>()
    yield* Effect.forkScoped(Stream.runForEach(endpoint.incoming, (connection) => Queue.offer(incoming, connection)))
    return { ...endpoint, accept: Queue.take(incoming), waiting: Queue.size(incoming) }
  })

/** Two endpoints and a connection between them, seen from both sides. */
export const pair = Effect.gen(function* () {
  const [ada, bob] = [yield* peer(), yield* peer()]
  const here = yield* ada.connect(bob.addr, echo)
  const there = yield* bob.accept
  return { ada, bob, here, there }
})

/** Hooks that accept everything and write down what they saw. */
export const journal = (name: string, lines: Array<string>): EndpointHooks.EndpointHooks =>
  EndpointHooks.make(name, {
    beforeConnect: () => void lines.push(`${name} beforeConnect`),
    beforeAccept: () => {
      lines.push(`${name} beforeAccept`)
      return "accept"
    },
    afterHandshake: ({ side }) => void lines.push(`${name} afterHandshake ${side}`),
    onStreamOpen: ({ initiator, kind }) => void lines.push(`${name} onStreamOpen ${initiator} ${kind}`),
    onClose: ({ reason }) => void lines.push(`${name} onClose ${reason._tag}`)
  })

/** Hooks that reject at a point. */
export const rejecting = (name: string, point: "beforeConnect" | "afterHandshake" | "onStreamOpen") =>
  EndpointHooks.make(name, {
    [point]: () => Effect.fail(new EndpointHooks.Reject({ status: 418, reason: `${name} says no` }))
  })

/** A rejection by a hook, with what the other side is told. */
export interface Flat {
  readonly _tag: "Rejected"
  readonly stage: EndpointError.HookPoint
  readonly hook: string
  readonly code: bigint
  readonly text: string
}

/** The reason of the error that an effect fails with. */
export const reasonOf = <A, R, Reason>(
  effect: Effect.Effect<A, { readonly reason: Reason }, R>
): Effect.Effect<Exclude<Reason, EndpointError.Rejected> | Flat, A, R> =>
  Effect.map(Effect.flip(effect), ({ reason }) => {
    if (!(reason instanceof EndpointError.Rejected)) return reason as Exclude<Reason, EndpointError.Rejected>
    const { hook: stage, interceptor: hook, reject } = reason
    return { _tag: "Rejected", stage, hook, code: reject.closeCode ?? BigInt(reject.status), text: reject.reason }
  })

/** How much a scope has to release. */
export const held = ({ state }: Scope.Scope): number => {
  if (state._tag !== "Open") return 0
  return state.finalizers?.size ?? 1
}

/** Waits until something holds, without a clock. */
export const eventually = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.yieldNow, eventually(holds))))

/** How a connection ended: code and reason of an application's close, else the kind of the end. */
export const endOf = (connection: EndpointConnection.EndpointConnection) =>
  Effect.map(connection.closed, (reason) =>
    reason._tag === "ApplicationClosed" ? `${reason.code} ${reason.reason}` : reason._tag
  )
