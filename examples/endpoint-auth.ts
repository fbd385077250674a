/** Two endpoints and a token: who has not shown it reaches no protocol, and the protocols know nothing of it. */
import { Console, Effect, Layer, Option, Redacted } from "effect"
import { Alpn, Endpoint, HookChain, ProtocolRouter } from "fairlead/endpoint"
import type { EndpointAddr } from "fairlead/endpoint"
import { preAuthAcceptor, preAuthDialer } from "fairlead/endpoint/hooks"
import { IrohTransport } from "fairlead/endpoint/iroh"
import { TestEndpoint } from "fairlead/testing/endpoint"

/** In memory, or with `--iroh` over QUIC on this machine's loopback: the rest is the same. */
const transport = process.argv.includes("--iroh")
  ? IrohTransport.layer({ bindAddresses: ["127.0.0.1:0", "[::1]:0"] })
  : TestEndpoint.layer()

const greet = Alpn.fromString("greet/1")

const auth = preAuthAcceptor({ verify: (token) => Redacted.value(token) === "open sesame" })

const router = ProtocolRouter.make("greeter")
  .route(auth.alpn, auth.handler)
  .route(greet, (connection) =>
    Effect.gen(function* () {
      const stream = yield* connection.openUni
      yield* stream.write(new TextEncoder().encode("welcome"))
    }).pipe(Effect.orDie)
  )

const greeter = ProtocolRouter.layer(router, { hooks: HookChain.make("door").use(auth.hooks) })

/** An endpoint with a token asks for a greeting. */
const ask = (name: string, peer: EndpointAddr.EndpointAddr, hooks: HookChain.HookChain<never>) =>
  Effect.gen(function* () {
    const endpoint = yield* Endpoint.make({ alpns: [], hooks })
    const connection = yield* endpoint.connect(peer, greet)
    const stream = yield* connection.acceptUni
    const bytes = Option.getOrThrow(yield* stream.read())
    yield* Console.log(`${name} is told: ${new TextDecoder().decode(bytes)}`)
  }).pipe(
    Effect.scoped,
    Effect.catch((error) => Console.log(`${name} is not: ${error.message}`))
  )

const program = Effect.gen(function* () {
  const { addr } = yield* Endpoint.Endpoint
  const showing = (token: string) => HookChain.make("dials").use(preAuthDialer({ token: Redacted.make(token) }))
  yield* ask("Ada", addr, showing("open sesame"))
  yield* ask("Bob", addr, showing("open barley"))
  yield* ask("Eve", addr, HookChain.make("none"))
})

await Effect.runPromise(program.pipe(Effect.provide(Layer.provideMerge(greeter, transport))))
