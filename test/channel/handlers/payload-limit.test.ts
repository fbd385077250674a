import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { payloadLimit } from "fairlead/channel/handlers"
import type { PayloadLimitOptions } from "fairlead/channel/handlers"
import * as fc from "fast-check"

import { joined, serverOf } from "../engine/Room.ts"
import type { Payload } from "../engine/Room.ts"

const tooLarge = (max: number) => ({ status: "error", response: { max_bytes: max, reason: "payload too large" } })

const setup = (options: PayloadLimitOptions) => Effect.flatMap(serverOf({}, [payloadLimit(options)]), joined)

describe("payloadLimit", () => {
  it.effect("refuses a too large message, bytes or JSON, and the channel goes on", () =>
    Effect.gen(function* () {
      const client = yield* setup({ maxBytes: 10 })
      assert.strictEqual((yield* client.push("room:1", "ask", new Uint8Array(10))).status, "ok")
      assert.deepStrictEqual(yield* client.push("room:1", "ask", new Uint8Array(11)), tooLarge(10))
      assert.strictEqual((yield* client.push("room:1", "ask", "12345678")).status, "ok")
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "123456789"), tooLarge(10))
      // Four characters, ten bytes with the quotes.
      assert.strictEqual((yield* client.push("room:1", "ask", "ééüü")).status, "ok")
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "ééüüa"), tooLarge(10))
    })
  )

  it.effect("refuses a too large join", () =>
    Effect.gen(function* () {
      const client = yield* setup({ rules: [{ event: "phx_join", maxBytes: 10 }] })
      assert.deepStrictEqual(yield* client.join("room:2", { name: "too long" }), tooLarge(10))
      assert.strictEqual((yield* client.push("room:1", "ask", "1".repeat(20))).status, "ok")
    })
  )

  it.effect("lets the first rule decide that fits the topic and the event, and has 64 KiB for the others", () =>
    Effect.gen(function* () {
      const client = yield* setup({
        rules: [
          { topic: "room:1", event: "as*", maxBytes: 5 },
          { topic: "room:*", event: "ask", maxBytes: 8 },
          { topic: "room:3", maxBytes: 3 }
        ]
      })
      yield* client.join("room:2")
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "1234"), tooLarge(5))
      assert.deepStrictEqual(yield* client.push("room:2", "ask", "1234567"), tooLarge(8))
      assert.strictEqual((yield* client.push("room:2", "ask", "1234")).status, "ok")
      assert.deepStrictEqual(yield* client.join("room:3", "12"), tooLarge(3))
      assert.deepStrictEqual(yield* client.join("room:4", "1".repeat(65_535)), tooLarge(65_536))
      assert.strictEqual((yield* client.join("room:4", "1".repeat(65_534))).status, "ok")
    })
  )

  it.effect("counts JSON as it is without spaces", () =>
    Effect.gen(function* () {
      const values = fc.sample(fc.jsonValue({ maxDepth: 4 }), 200) as ReadonlyArray<Payload>
      const bytes = values.map((value) => new TextEncoder().encode(JSON.stringify(value)).length)
      const rules = bytes.flatMap((maxBytes, index) => [
        { topic: `room:exact ${index}`, event: "ask", maxBytes },
        { topic: `room:short ${index}`, event: "ask", maxBytes: maxBytes - 1 }
      ])
      const client = yield* (yield* serverOf({}, [payloadLimit({ rules })], { maxChannels: 400 })).connect()
      for (const [index, value] of values.entries()) {
        for (const [fit, status] of [
          ["exact", "ok"],
          ["short", "error"]
        ]) {
          yield* client.join(`room:${fit} ${index}`)
          const reply = yield* client.push(`room:${fit} ${index}`, "ask", value)
          assert.strictEqual(reply.status, status, JSON.stringify(value))
        }
      }
    })
  )
})
