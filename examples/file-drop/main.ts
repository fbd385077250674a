/**
 * A file drop between peers: friends with the token may leave files. In memory, or with `--iroh` over QUIC on this machine's loopback; with a folder as an argument the files
 * are kept there.
 */
import { Console, Effect, Layer, Redacted, Stream } from "effect"
import { RateLimiter } from "effect/persistence"
import type { EndpointId } from "fairlead/endpoint"
import { IrohTransport } from "fairlead/endpoint/iroh"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { Inbox } from "./Inbox.ts"
import { receiver } from "./Receiver.ts"
import { drop, sender } from "./Sender.ts"

const args = process.argv.slice(2)
const transport = args.includes("--iroh")
  ? IrohTransport.layer({ bindAddresses: ["127.0.0.1:0", "[::1]:0"] })
  : TestEndpoint.layer()
const folder = args.find((arg) => !arg.startsWith("--"))
const inbox = folder === undefined ? Inbox.layerMemory(new Map()) : Inbox.layerFolder(folder)
const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))

const token = Redacted.make("open sesame")

const file = (name: string, size: number) => ({ name, size, content: Stream.make(new Uint8Array(size).fill(97)) })

const program = Effect.gen(function* () {
  const friends = new Set<EndpointId.EndpointId>()
  const { endpoint, watch } = yield* receiver({ friends, token, perMinute: 6, maxFileBytes: 1_000_000 })
  let admitted = 0
  yield* Effect.forkScoped(
    Stream.runForEach(watch.events, ({ _tag }) =>
      Effect.sync(() => {
        if (_tag === "Opened") admitted++
      })
    ),
    { startImmediately: true }
  )

  const [ada, bob, eve] = yield* Effect.all([sender(token), sender(Redacted.make("open barley")), sender(token)])
  friends.add(ada.id).add(bob.id)
  const attempt = (who: string, from: typeof ada, name: string, size: number) =>
    drop(from, endpoint.addr, file(name, size)).pipe(
      Effect.match({
        onFailure: ({ reason }) => `${who} may not drop ${name}: ${reason._tag}`,
        onSuccess: ({ sha256 }) => `${who} has dropped ${name}, ${sha256.slice(0, 8)}…`
      }),
      Effect.flatMap(Console.log)
    )
  yield* attempt("Ada", ada, "poem.txt", 5000)
  yield* attempt("Ada", ada, "poem.txt", 200)
  yield* attempt("Ada", ada, "film.mp4", 2_000_000)
  yield* attempt("Bob", bob, "letter.txt", 200)
  yield* attempt("Eve", eve, "letter.txt", 200)
  yield* attempt("Ada", ada, "letter.txt", 200)
  yield* attempt("Ada", ada, "more.txt", 200)
  yield* attempt("Ada", ada, "most.txt", 200)
  yield* Console.log(`${admitted} connections were admitted`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([transport, inbox, limiter])))
