/** The example file-drop, in memory: who may leave a file, and what the sender is told otherwise. */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { EndpointId } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { Inbox } from "../../examples/file-drop/Inbox.ts"
import { receiver } from "../../examples/file-drop/Receiver.ts"
import type { ReceiverOptions } from "../../examples/file-drop/Receiver.ts"
import { drop, sender } from "../../examples/file-drop/Sender.ts"
import { limiter } from "../kit/Limiter.ts"

const token = Redacted.make("open sesame")

const fileOf = (name: string, ...chunks: ReadonlyArray<string>) => {
  const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk))
  return { name, size: bytes.reduce((sum, { length }) => sum + length, 0), content: Stream.fromIterable(bytes) }
}

/** A receiver, a friend of it with the token, and what has come in. */
const made = (options: Partial<ReceiverOptions> = {}) =>
  Effect.gen(function* () {
    const friends = new Set<EndpointId.EndpointId>()
    const { endpoint, watch } = yield* receiver({ friends, token, ...options })
    const ada = yield* sender(token)
    friends.add(ada.id)
    return { ada, bob: endpoint, friends, watch }
  })

const run = <A, E>(test: (files: Map<string, Uint8Array>) => Effect.Effect<A, E, any>, inbox?: Layer.Layer<Inbox>) => {
  const files = new Map<string, Uint8Array>()
  return test(files).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(TestEndpoint.layer(), inbox ?? Inbox.layerMemory(files), limiter))
  ) as Effect.Effect<A, E>
}

const reasonOf = <A, E>(dropping: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(dropping), (error) => (error as { readonly reason: { readonly _tag: string } }).reason._tag)

it.effect("file-drop: a friend with the token drops a file, and has a receipt of it", () =>
  run((files) =>
    Effect.gen(function* () {
      const { ada, bob, watch } = yield* made()
      const receipt = yield* drop(ada, bob.addr, fileOf("poem.txt", "roses ", "are red"))
      assert.strictEqual(receipt.size, 13)
      assert.strictEqual(new TextDecoder().decode(files.get("poem.txt")), "roses are red")
      assert.match(receipt.sha256, /^[\da-f]{64}$/)
      assert.strictEqual((yield* drop(ada, bob.addr, fileOf("empty.txt"))).size, 0)
      while ((yield* watch.open).length > 0) yield* TestClock.adjust("1 second")
    })
  )
)

it.effect("file-drop: a stranger, a wrong token and too many connections get the reason, and store nothing", () =>
  run((files) =>
    Effect.gen(function* () {
      const { ada, bob, friends } = yield* made({ perMinute: 3 })
      const eve = yield* sender(token)
      assert.strictEqual(yield* reasonOf(drop(eve, bob.addr, fileOf("a", "x"))), "NotAllowed")
      const mallory = yield* sender(Redacted.make("open barley"))
      friends.add(mallory.id)
      assert.strictEqual(yield* reasonOf(drop(mallory, bob.addr, fileOf("a", "x"))), "NotAuthenticated")
      // The first connection of three is the one that shows the token.
      yield* drop(ada, bob.addr, fileOf("1", "x"))
      yield* drop(ada, bob.addr, fileOf("2", "x"))
      assert.strictEqual(yield* reasonOf(drop(ada, bob.addr, fileOf("3", "x"))), "TooOften")
      yield* TestClock.adjust("1 minute")
      yield* drop(ada, bob.addr, fileOf("3", "x"))
      assert.deepStrictEqual([...files.keys()], ["1", "2", "3"])
    })
  )
)

it.effect("file-drop: a revoked friend drops no more", () =>
  run(() =>
    Effect.gen(function* () {
      const { ada, bob, friends } = yield* made()
      yield* drop(ada, bob.addr, fileOf("a", "x"))
      friends.delete(ada.id)
      assert.strictEqual(yield* reasonOf(drop(ada, bob.addr, fileOf("b", "x"))), "NotAllowed")
    })
  )
)

it.effect("file-drop: a too large file, or one with the name of another, is refused while it is sent", () =>
  run((files) =>
    Effect.gen(function* () {
      const { ada, bob } = yield* made({ maxFileBytes: 1000 })
      let sent = 0
      const endless = Stream.tap(Stream.forever(Stream.make(new Uint8Array(4096))), () =>
        Effect.sync(() => void sent++)
      )
      const large = { name: "film", size: 1 << 30, content: endless }
      assert.strictEqual(yield* reasonOf(drop(ada, bob.addr, large)), "TooLarge")
      assert.isBelow(sent, 100)
      yield* drop(ada, bob.addr, fileOf("a", "x"))
      assert.strictEqual(yield* reasonOf(drop(ada, bob.addr, fileOf("a", "y"))), "NameTaken")
      assert.deepStrictEqual([...files.keys()], ["a"])
    })
  )
)

it.effect("file-drop: more or fewer bytes than were offered, and a path for a name, are no file", () =>
  run((files) =>
    Effect.gen(function* () {
      const { ada, bob } = yield* made()
      for (const size of [1, 3]) {
        assert.strictEqual(yield* reasonOf(drop(ada, bob.addr, { ...fileOf("a", "xy"), size })), "Undelivered")
      }
      for (const name of ["../a", "a/b", ".hidden", "", "a\u0000"]) {
        assert.strictEqual(yield* reasonOf(drop(ada, bob.addr, fileOf(name, "x"))), "Undelivered")
      }
      assert.isEmpty([...files.keys()])
    })
  )
)

it.effect("file-drop: a sender whose file fails, or who is interrupted, leaves half a file nowhere", () => {
  const folder = mkdtempSync(join(tmpdir(), "file-drop-"))
  return run(
    () =>
      Effect.gen(function* () {
        const { ada, bob } = yield* made()
        const broken = Stream.concat(Stream.make(new Uint8Array(10)), Stream.fail("the disk is gone"))
        const failure = yield* Effect.flip(drop(ada, bob.addr, { name: "broken", size: 20, content: broken }))
        assert.strictEqual(failure, "the disk is gone")
        const hanging = Stream.concat(Stream.make(new Uint8Array(10)), Stream.never)
        const dropping = yield* Effect.forkScoped(drop(ada, bob.addr, { name: "cut", size: 20, content: hanging }))
        for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(dropping)
        yield* drop(ada, bob.addr, fileOf("whole", "x"))
        yield* bob.close
        assert.deepStrictEqual(
          readdirSync(folder).filter((name) => !name.startsWith(".")),
          ["whole"]
        )
        assert.strictEqual(readFileSync(join(folder, "whole"), "utf8"), "x")
      }),
    Inbox.layerFolder(folder)
  )
})
