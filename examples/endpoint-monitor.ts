/** A monitor reports which connections come and go, how they ended and how much they carried, independently of the application. */
import { Console, Effect, Fiber, Option, Stream } from "effect"
import { Interceptor } from "fairlead"
import { Alpn, Endpoint, HookChain, ProtocolRouter } from "fairlead/endpoint"
import { connectionLimit, monitor } from "fairlead/endpoint/hooks"
import { IrohTransport } from "fairlead/endpoint/iroh"
import { TestEndpoint } from "fairlead/testing/endpoint"

/** In memory, or with `--iroh` over QUIC on this machine's loopback: the rest is the same. */
const transport = process.argv.includes("--iroh")
  ? IrohTransport.layer({ bindAddresses: ["127.0.0.1:0", "[::1]:0"] })
  : TestEndpoint.layer()

const echo = Alpn.fromString("echo/1")

const router = ProtocolRouter.make("peers").route(echo, (connection) =>
  Effect.gen(function* () {
    const { recv, send } = yield* connection.acceptBi
    for (let next = yield* recv.read(); Option.isSome(next); next = yield* recv.read()) yield* send.write(next.value)
  }).pipe(Effect.orDie)
)

const program = Effect.gen(function* () {
  const watch = yield* monitor()
  const hooks = HookChain.make("watched")
    .use(connectionLimit({ maxPerPeer: 2 }))
    .use(watch.hooks)
  yield* Console.log(Interceptor.toText(hooks))

  const watching = yield* watch.events.pipe(
    Stream.take(4),
    Stream.runForEach((event) => {
      const { alpn, remoteAddress } = event.connection
      const who = `${Alpn.format(alpn)} from ${remoteAddress}`
      if (event._tag === "Opened") return Console.log(`+ ${who}`)
      const { bytesReceived, bytesSent } = event.stats
      return Console.log(`- ${who}: ${event.reason._tag}, ${bytesReceived} bytes in, ${bytesSent} out`)
    }),
    Effect.forkScoped({ startImmediately: true })
  )

  yield* Effect.gen(function* () {
    const peers = yield* Endpoint.Endpoint
    const ada = yield* Endpoint.make({ alpns: [] })
    for (const word of ["hello", "world"]) {
      const connection = yield* ada.connect(peers.addr, echo)
      const { recv, send } = yield* connection.openBi
      yield* send.write(new TextEncoder().encode(word))
      yield* send.finish
      yield* recv.read()
    }
    const third = yield* ada.connect(peers.addr, echo)
    const reason = yield* third.closed
    if (reason._tag === "ApplicationClosed")
      yield* Console.log(`the third is closed with ${reason.code}: ${reason.reason}`)
  }).pipe(Effect.scoped, Effect.provide(ProtocolRouter.layer(router, { hooks, grace: 0 })))
  yield* Fiber.join(watching)
})

await Effect.runPromise(program.pipe(Effect.provide(transport), Effect.scoped))
