/** Fairlead: endpoints without hooks, over iroh and in memory. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import type { BiStream, EndpointConnection, RecvStream } from "../../src/endpoint/EndpointConnection.ts"
import { Alpn, Endpoint, EndpointId } from "../../src/endpoint/index.ts"
import type { EndpointAddr, EndpointTransport } from "../../src/endpoint/index.ts"
import * as IrohTransport from "../../src/endpoint/iroh/IrohTransport.ts"
import { TestEndpoint } from "../../src/testing/endpoint.ts"
import { bind, checkEcho, chunk, message, protocol } from "./Contender.ts"
import type { Accept, Address, Dial, Dialer } from "./Contender.ts"

const alpn = Alpn.fromString(protocol)

/** An endpoint that lives as long as the process. */
const endpoint = (
  transport: Layer.Layer<EndpointTransport.EndpointTransport>,
  options: Endpoint.MakeOptions<never>
) => {
  const scope = Scope.makeUnsafe()
  return Effect.runPromise(
    Layer.buildWithScope(transport, scope).pipe(
      Effect.flatMap((context) => Effect.provide(Endpoint.make(options), context)),
      Effect.provideService(Scope.Scope, scope)
    )
  )
}

const echo = ({ recv, send }: BiStream) =>
  Effect.gen(function* () {
    for (let next = yield* recv.read(); Option.isSome(next); next = yield* recv.read()) yield* send.write(next.value)
    yield* send.finish
  })

/** How many bytes there are until the peer finishes. */
const drain = (recv: RecvStream) =>
  Effect.gen(function* () {
    let size = 0
    for (let next = yield* recv.read(); Option.isSome(next); next = yield* recv.read()) size += next.value.length
    return size
  })

/** As the promises of the raw binding begin. */
const atOnce = { startImmediately: true } as const

/** Each stream in a separate fiber and scope. */
const each = <A>(
  accept: Effect.Effect<A, unknown, Scope.Scope>,
  use: (stream: A) => Effect.Effect<unknown, unknown, Scope.Scope>
) =>
  Effect.forever(
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.flatMap(accept, (stream) =>
        Effect.forkDetach(
          Effect.onExit(use(stream), (exit) => Scope.close(scope, exit)),
          atOnce
        )
      ).pipe(Effect.provideService(Scope.Scope, scope))
    ),
    // Each accept waits anyway.
    { disableYield: true }
  )

const serve = (connection: EndpointConnection) =>
  Effect.raceFirst(
    each(connection.acceptBi, echo),
    each(connection.acceptUni, (recv) =>
      Effect.andThen(
        drain(recv),
        Effect.flatMap(connection.openUni, ({ write }) => write(message))
      )
    )
  )

const accepting = async (transport: Layer.Layer<EndpointTransport.EndpointTransport>): Promise<Address> => {
  const { addr, incoming } = await endpoint(transport, { alpns: [alpn] })
  Effect.runFork(Stream.runForEach(incoming, (connection) => Effect.forkDetach(serve(connection), atOnce)))
  return addr
}

const dialling = async (
  transport: Layer.Layer<EndpointTransport.EndpointTransport>,
  { addrs, id }: Address
): Promise<Dialer> => {
  const addr: EndpointAddr.EndpointAddr = { id: EndpointId.EndpointId.make(id), addrs }
  const connect = (await endpoint(transport, { alpns: [] })).connect(addr, alpn)
  const connection = await Effect.runPromise(Effect.provideService(connect, Scope.Scope, Scope.makeUnsafe()))

  const again = (work: Effect.Effect<unknown, unknown, Scope.Scope>, next: () => boolean): Promise<void> =>
    Effect.runPromise(Effect.whileLoop({ while: next, body: () => Effect.scoped(work), step: () => {} }))
  const stream = Effect.flatMap(connection.openBi, ({ recv, send }) =>
    Effect.andThen(send.write(message), Effect.andThen(send.finish, Effect.map(drain(recv), checkEcho)))
  )
  /** Reads the echo of one message, in one piece or more. */
  const back = (recv: RecvStream): Effect.Effect<void, unknown> => {
    const from = (size: number): Effect.Effect<void, unknown> =>
      Effect.flatMap(recv.read(), (bytes) => {
        const now = size + Option.getOrThrow(bytes).length
        return now < message.length ? from(now) : Effect.sync(() => checkEcho(now))
      })
    return from(0)
  }
  return {
    connect: (next) => again(connect, next),
    stream: (next) => again(stream, next),
    echo: (next) =>
      Effect.runPromise(
        Effect.scoped(
          Effect.flatMap(connection.openBi, ({ recv, send }) =>
            Effect.whileLoop({
              while: next,
              body: () => Effect.andThen(send.write(message), back(recv)),
              step: () => {}
            })
          )
        )
      ),
    bytes: (next) =>
      Effect.runPromise(
        Effect.scoped(
          Effect.gen(function* () {
            const { finish, write } = yield* connection.openUni
            while (next()) yield* write(chunk)
            yield* finish
            yield* drain(yield* connection.acceptUni)
          })
        )
      )
  }
}

const loopback = IrohTransport.layer({ bindAddresses: bind })

export const acceptOverIroh: Accept = () => accepting(loopback)
export const dialOverIroh: Dial = (to) => dialling(loopback, to)

const memory = TestEndpoint.layer()

/** Both in one process: the acceptor is made with the dialer. */
export const dialInMemory = async (): Promise<Dialer> => {
  const scope = Scope.makeUnsafe()
  const network = Layer.succeedContext(await Effect.runPromise(Layer.buildWithScope(memory, scope)))
  return dialling(network, await accepting(network))
}
