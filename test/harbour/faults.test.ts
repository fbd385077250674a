import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"

import { dataFile, furnish, readAll, start } from "./Process.ts"

const path = "/api/rooms/quay/messages"
const count = (output: string, part: string) => output.split(part).length - 1

describe.concurrent("faults", () => {
  it.live(
    "harbour: a defect in a handler is answered 500 without details, logged once with its stage, and the next request is served",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "steered")
      const token = yield* furnish(harbour, "quay")
      const answer = yield* harbour.call("POST", path, { token, body: { text: "defect" } })
      assert.strictEqual(answer.status, 500)
      assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
      assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
      assert.notMatch(answer.text, /hull|steered|Error:/)
      assert.strictEqual((yield* harbour.call("POST", path, { token, body: { text: "next" } })).status, 201)
      const output = yield* harbour.wrote(/POST \S+ 201/)
      assert.strictEqual(count(output, "the hull is breached"), 1, output)
      const line = output.split("\n").find((line) => line.includes("the hull is breached")) ?? ""
      assert.match(line, /level=ERROR/)
      assert.match(line, /handler/)
    })
  )

  it.live(
    "harbour: a storage that fails is answered 503 without details, and its cause is logged",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "steered")
      const token = yield* furnish(harbour, "quay")
      const answer = yield* harbour.call("POST", path, { token, body: { text: "broken" } })
      assert.deepStrictEqual([answer.status, answer.json.code], [503, "StorageError"])
      assert.notMatch(answer.text, /secret|disk|"post"/)
      const lines = (yield* harbour.wrote(/ 503 /)).split("\n").filter((line) => line.includes("/secret"))
      assert.lengthOf(lines, 1)
      assert.match(lines[0]!, /level=ERROR .*the disk at \/secret is full/)
    })
  )

  it.live(
    "harbour: a client that goes away interrupts its handler, whose finalizers run and whose work is not done",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "steered")
      const token = yield* furnish(harbour, "quay")
      const client = yield* Effect.forkChild(harbour.call("POST", path, { token, body: { text: "wait" } }))
      assert.strictEqual(yield* harbour.heard, "held")
      yield* Fiber.interrupt(client)
      assert.strictEqual(yield* harbour.heard, "interrupted")
      yield* harbour.wrote(/POST \S+ 499/)

      const after = yield* Effect.forkChild(harbour.call("POST", path, { token, body: { text: "wait" } }))
      assert.strictEqual(yield* harbour.heard, "held")
      yield* harbour.tell("go")
      assert.strictEqual(yield* harbour.heard, "ended")
      assert.strictEqual((yield* Fiber.join(after)).status, 201)
      assert.strictEqual((yield* readAll(harbour, "quay")).length, 1)
    })
  )

  it.live(
    "harbour: a handler that takes longer than its deadline is interrupted and answered 503",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "steered")
      const token = yield* furnish(harbour, "quay")
      const call = yield* Effect.forkChild(harbour.call("POST", path, { token, body: { text: "stuck" } }))
      assert.strictEqual(yield* harbour.heard, "held")
      assert.strictEqual(yield* harbour.heard, "interrupted")
      const { json, status } = yield* Fiber.join(call)
      assert.deepStrictEqual([status, json.code], [503, "DeadlineExceeded"])
      assert.strictEqual((yield* harbour.call("POST", path, { token, body: { text: "next" } })).status, 201)
    })
  )
})
