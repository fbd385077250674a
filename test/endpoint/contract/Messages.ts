/** Whole reads, Effect's streams and sinks, messages with a schema and Effect RPC over a connection. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Option, Schema, Stream } from "effect"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { Socket, SocketServer } from "effect/socket"
import { Streams } from "fairlead/endpoint"
import type { EndpointConnection, EndpointError } from "fairlead/endpoint"

import { bytes, code, pair, reasonOf, text } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

/** What was wrong with a stream, or with its bytes. */
const faultOf = <A, R>(effect: Effect.Effect<A, EndpointError.StreamError | Streams.FramingError, R>) =>
  Effect.map(Effect.flip(effect), (error): { readonly _tag: string } => error.reason)

/** Sends bytes over a stream, in pieces, and finishes it. */
const sending = ({ openUni }: EndpointConnection.EndpointConnection, ...pieces: ReadonlyArray<Uint8Array>) =>
  Effect.scoped(Effect.flatMap(openUni, ({ write }) => Effect.forEach(pieces, write, { discard: true })))

const Chat = Streams.messages(Schema.Struct({ from: Schema.String, at: Schema.Date, text: Schema.String }), {
  maxBytes: 200
})

class Calculator extends RpcGroup.make(
  Rpc.make("Add", { payload: { a: Schema.Finite, b: Schema.Finite }, success: Schema.Finite }),
  Rpc.make("Divide", { payload: { a: Schema.Finite, b: Schema.Finite }, success: Schema.Finite, error: Schema.String }),
  Rpc.make("Count", { payload: { to: Schema.Finite }, success: Schema.Finite, stream: true })
) {}

const CalculatorLive = Calculator.toLayer({
  Add: ({ a, b }) => Effect.succeed(a + b),
  Divide: ({ a, b }) => (b === 0 ? Effect.fail("by zero") : Effect.succeed(a / b)),
  Count: ({ to }) => Stream.range(1, to)
})

export const messages = (it: Rule): void => {
  it("endpoint2 2.5: readExact reads its number of bytes, and reports how many are missing at an early end", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      yield* sending(here, bytes("ab"), bytes("cd"), bytes("ef"))
      const recv = yield* there.acceptUni
      assert.strictEqual(text(yield* Streams.readExact(recv, 3)), "abc")
      assert.strictEqual(text(yield* Streams.readExact(recv, 0)), "")
      const missing = yield* faultOf(Streams.readExact(recv, 5))
      assert.deepInclude<object>(missing, { _tag: "UnexpectedEnd", expectedBytes: 5, receivedBytes: 3 })
    }))

  it("endpoint2 2.5: readToEnd reads all up to its bound, and no more than that", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      yield* sending(here, bytes("abc"), bytes("def"))
      assert.strictEqual(
        text(yield* Effect.scoped(Effect.flatMap(there.acceptUni, (recv) => Streams.readToEnd(recv, 6)))),
        "abcdef"
      )
      yield* sending(here, bytes("abc"), bytes("def"))
      const tooMany = yield* faultOf(
        Effect.scoped(Effect.flatMap(there.acceptUni, (recv) => Streams.readToEnd(recv, "5 B")))
      )
      assert.deepInclude<object>(tooMany, { _tag: "TooManyBytes", maxBytes: 5 })
      yield* sending(here)
      assert.strictEqual(
        (yield* Effect.scoped(Effect.flatMap(there.acceptUni, (recv) => Streams.readToEnd(recv, 0)))).length,
        0
      )
    }))

  it("endpoint2 2.5: toStream and toSink carry a Stream whole, past what a stream holds", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const pieces = Stream.map(Stream.range(0, 255), (byte) => new Uint8Array(4096).fill(byte))
      yield* Effect.forkScoped(
        Effect.scoped(Effect.flatMap(here.openUni, (send) => Stream.run(pieces, Streams.toSink(send))))
      )
      const size = yield* Effect.scoped(
        Effect.flatMap(there.acceptUni, (recv) =>
          Stream.runFold(
            Streams.toStream(recv),
            () => 0,
            (sum, chunk) => sum + chunk.length
          )
        )
      )
      assert.strictEqual(size, 256 * 4096)
    }))

  it("endpoint2 2.5: a partly read Stream stops the peer; a sink's Stream that fails resets", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const send = yield* here.openUni
      yield* send.write(bytes("x"))
      yield* Effect.scoped(Effect.flatMap(there.acceptUni, (recv) => Stream.runHead(Streams.toStream(recv))))
      const endless = Effect.forever(Effect.andThen(send.write(new Uint8Array(1024)), Effect.yieldNow))
      assert.strictEqual((yield* reasonOf(endless))._tag, "StreamStopped")

      const broken = Stream.concat(Stream.make(bytes("x")), Stream.fail("broken"))
      yield* Effect.flip(Effect.scoped(Effect.flatMap(here.openUni, (out) => Stream.run(broken, Streams.toSink(out)))))
      const cut = yield* faultOf(Effect.scoped(Effect.flatMap(there.acceptUni, (recv) => Streams.readToEnd(recv, 10))))
      assert.strictEqual(cut._tag, "StreamReset")
    }))

  it("endpoint2 2.5: messages arrive one by one, as what their schema says, until the peer finishes", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const said = ["hello", "", "größe ✓"].map((words, index) => ({ from: "ada", at: new Date(index), text: words }))
      yield* Effect.scoped(
        Effect.flatMap(here.openUni, (send) => Stream.run(Stream.fromIterable(said), Chat.writeAll(send)))
      )
      const heard = yield* Effect.scoped(
        Effect.flatMap(there.acceptUni, (recv) => Stream.runCollect(Chat.readAll(recv)))
      )
      assert.deepStrictEqual(heard, said)

      yield* Effect.scoped(Effect.flatMap(here.openUni, (send) => Chat.write(send, said[0]!)))
      const recv = yield* there.acceptUni
      assert.deepStrictEqual(yield* Chat.read(recv), Option.some(said[0]!))
      assert.deepStrictEqual(yield* Chat.read(recv), Option.none())
    }))

  it("endpoint2 2.5: an invalid, too long or truncated message is a FramingError that says so", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const framed = (size: number, body: string) => Uint8Array.of(0, 0, size >> 8, size & 255, ...bytes(body))
      const reading = (...pieces: ReadonlyArray<Uint8Array>) =>
        Effect.andThen(
          sending(here, ...pieces),
          faultOf(Effect.scoped(Effect.flatMap(there.acceptUni, (recv) => Chat.read(recv))))
        )
      assert.strictEqual((yield* reading(framed(4, "true")))._tag, "InvalidMessage")
      assert.strictEqual((yield* reading(framed(3, "{no")))._tag, "InvalidMessage")
      assert.deepInclude<object>(yield* reading(framed(201, "x")), { _tag: "TooManyBytes", maxBytes: 200 })
      assert.deepInclude<object>(yield* reading(framed(9, "{")), {
        _tag: "UnexpectedEnd",
        expectedBytes: 9,
        receivedBytes: 1
      })
      assert.deepInclude<object>(yield* reading(Uint8Array.of(0, 0)), { _tag: "UnexpectedEnd", expectedBytes: 4 })
    }))

  it("endpoint2 2.5: Effect RPC runs over a connection, with its errors and its streams", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const serialization = RpcSerialization.layerNdjson
      const server = RpcServer.layer(Calculator).pipe(
        Layer.provide(CalculatorLive),
        Layer.provide(RpcServer.layerProtocolSocketServer),
        Layer.provide(Layer.succeed(SocketServer.SocketServer, Streams.socketServer(there))),
        Layer.provide(serialization)
      )
      yield* Layer.build(server)
      const protocol = RpcClient.layerProtocolSocket().pipe(
        Layer.provide(Layer.succeed(Socket.Socket, Streams.socket(here))),
        Layer.provide(serialization)
      )
      const client = yield* Effect.provideContext(RpcClient.make(Calculator), yield* Layer.build(protocol))
      assert.strictEqual(yield* client.Add({ a: 2, b: 3 }), 5)
      assert.strictEqual(yield* Effect.flip(client.Divide({ a: 1, b: 0 })), "by zero")
      assert.deepStrictEqual(yield* Stream.runCollect(client.Count({ to: 4 })), [1, 2, 3, 4])
      const sums = yield* Effect.forEach([1, 2, 3], (a) => client.Add({ a, b: a }), { concurrency: "unbounded" })
      assert.deepStrictEqual(sums, [2, 4, 6])
      yield* here.close(code(0), "")
    }))
}
