/** Admit only peers on a list, by the ids that their handshakes prove. */
import { Console, Effect, Layer } from "effect"
import { Alpn, Endpoint, HookChain, ProtocolRouter } from "fairlead/endpoint"
import type { EndpointAddr, EndpointId } from "fairlead/endpoint"
import { idList } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

const notes = Alpn.fromString("notes/1")
const allowed = new Set<EndpointId.EndpointId>()
const peers = HookChain.make("peers").use(idList({ allow: allowed }))

const router = ProtocolRouter.make("notes").route(notes, (connection) =>
  Effect.gen(function* () {
    const stream = yield* connection.openUni
    yield* stream.write(new TextEncoder().encode("your notes"))
  }).pipe(Effect.orDie)
)

const ask = (name: string, endpoint: Endpoint.Endpoint["Service"], peer: EndpointAddr.EndpointAddr) =>
  Effect.gen(function* () {
    const connection = yield* endpoint.connect(peer, notes)
    yield* connection.acceptUni
    yield* Console.log(`${name} is admitted`)
  }).pipe(
    Effect.scoped,
    Effect.catch(() => Console.log(`${name} is rejected`))
  )

const program = Effect.gen(function* () {
  const { addr } = yield* Endpoint.Endpoint
  const ada = yield* Endpoint.make({ alpns: [] })
  const eve = yield* Endpoint.make({ alpns: [] })
  allowed.add(ada.id)
  yield* ask("Ada", ada, addr)
  yield* ask("Eve", eve, addr)
})

// In a program: IrohTransport.layer() of fairlead/endpoint/iroh.
const server = ProtocolRouter.layer(router, { hooks: peers })
await program.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(server, TestEndpoint.layer())), Effect.runPromise)
