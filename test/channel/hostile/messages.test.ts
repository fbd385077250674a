import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, memory } from "./Attack.ts"
import * as Raw from "./Raw.ts"

const mib = 1024 * 1024

const v1 = Raw.handshake("/socket/websocket")

const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
const wide = (count: number) => `[${"{},".repeat(count)}{}]`

/** A message whose parts are JSON as they are written here. */
const written = (joinRef: string, ref: string, topic: string, event: string, payload: string) =>
  Raw.frame(1, `[${joinRef},${ref},${topic},${event},${payload}]`)

const of = ({
  event = '"echo"',
  joinRef = "null",
  payload = "{}",
  ref = '"2"',
  topic = '"room:1"'
}: Partial<Record<"event" | "joinRef" | "payload" | "ref" | "topic", string>>) =>
  written(joinRef, ref, topic, event, payload)

const long = JSON.stringify("x".repeat(256))

const undecodable: Readonly<Record<string, Uint8Array>> = {
  nothing: Raw.frame(1, ""),
  "a word": Raw.frame(1, "hello"),
  "half a message": Raw.frame(1, '[null,"2","room:1","echo"'),
  "two messages": Raw.frame(1, '[null,"2","room:1","echo",{}][null,"2","room:1","echo",{}]'),
  null: Raw.frame(1, "null"),
  "a number": Raw.frame(1, "5"),
  "an object": Raw.frame(1, "{}"),
  "no elements": Raw.frame(1, "[]"),
  "four elements": Raw.frame(1, '[null,"2","room:1","echo"]'),
  "a topic that is a number": of({ topic: "1" }),
  "a topic that is null": of({ topic: "null" }),
  "a topic that is an object": of({ topic: '{"toString":1}' }),
  "an event that is an array": of({ event: '["echo"]' }),
  "a ref that is an object": of({ ref: '{"__proto__":1}' }),
  "a ref that is an array": of({ ref: "[1]" }),
  "a ref that is true": of({ ref: "true" }),
  "a ref beyond all numbers": of({ ref: "1e999" }),
  "a join_ref that is an object": of({ joinRef: "{}" }),
  "a topic of 256 bytes": of({ topic: long }),
  "an event of 256 bytes": of({ event: long }),
  "a ref of 256 bytes": of({ ref: long }),
  "a join_ref of 256 bytes": of({ joinRef: long }),
  "a topic of 256 bytes in 86 characters": of({ topic: JSON.stringify(`${"€".repeat(85)}x`) }),
  "a payload of 65 arrays": of({ payload: deep(65) }),
  "a payload of 100,000 arrays": of({ payload: deep(100_000) }),
  "a payload of 100,000 arrays that never close": of({ payload: "[".repeat(100_000) }),
  "a join of 100,000 arrays": of({ event: '"phx_join"', payload: deep(100_000) }),
  "bytes that are empty": Raw.frame(2, ""),
  "bytes of the kind of a reply": Raw.frame(2, Buffer.from([1, 0, 0, 0, 0])),
  "bytes of the kind of a broadcast": Raw.frame(2, Buffer.from([2, 0, 0])),
  "bytes of an unknown kind": Raw.frame(2, Buffer.from([255, 0, 0, 0, 0])),
  "bytes that end in the sizes": Raw.frame(2, Buffer.from([0, 1, 1])),
  "bytes that end in a name": Raw.frame(2, Buffer.from([0, 0, 255, 255, 255, 120])),
  "bytes whose name is no UTF-8": Raw.frame(2, Buffer.from([0, 0, 0, 1, 0, 0xff]))
}

const undecodableV1: Readonly<Record<string, Uint8Array>> = {
  "an array": Raw.frame(1, '[null,"2","room:1","echo",{}]'),
  "no keys": Raw.frame(1, "{}"),
  "no payload": Raw.frame(1, '{"topic":"room:1","event":"echo","ref":"2"}'),
  "keys of the prototype": Raw.frame(1, '{"__proto__":{"topic":"room:1","event":"echo","ref":"2","payload":{}}}'),
  "bytes that are no UTF-8": Raw.frame(2, Buffer.from([0xff, 0xfe]))
}

const codes = (port: number, first: string, frames: Readonly<Record<string, Uint8Array>>) =>
  Effect.forEach(
    Object.entries(frames),
    ([what, bytes]) =>
      Effect.gen(function* () {
        const raw = yield* Raw.connecting(port, first)
        yield* raw.opened
        raw.send(bytes, Raw.push("room:1", "echo", "behind it", "3"))
        const code = yield* raw.ended
        assert.lengthOf(raw.messages(), 0, what)
        return [what, code]
      }),
    { concurrency: 8 }
  )

describe("messages", () => {
  it.live("channel 1.2: an invalid message closes its own socket with 1011, and nothing after it is handled", () =>
    attacked(({ port }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(
          yield* codes(port, Raw.handshake(), undecodable),
          Object.keys(undecodable).map((what) => [what, 1011])
        )
        assert.deepStrictEqual(
          yield* codes(port, v1, undecodableV1),
          Object.keys(undecodableV1).map((what) => [what, 1011])
        )
      })
    )
  )

  it.live("channel 1.2: names of the language are names like others: topics, events, refs and keys", () =>
    attacked(({ port }) =>
      Effect.gen(function* () {
        const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "then", ""]
        const raw = yield* Raw.joined(port, "room:1")
        for (const name of names) {
          const quoted = JSON.stringify(name)
          raw.send(of({ topic: quoted, ref: '"topic"' }))
          assert.deepStrictEqual(yield* raw.answer("topic"), {
            status: "error",
            response: { reason: "unmatched topic" }
          })
          raw.send(of({ event: quoted, ref: '"event"' }))
          assert.deepStrictEqual(yield* raw.answer("event"), { status: "error", response: { reason: "unknown event" } })
          raw.send(of({ ref: quoted, payload: "1" }))
          assert.deepStrictEqual(yield* raw.answer(name), { status: "ok", response: 1 })
          raw.send(of({ ref: '"key"', payload: `{${quoted}:{"polluted":true}}` }))
          const { response } = yield* raw.answer("key")
          assert.strictEqual(JSON.stringify(response), `{${quoted}:{"polluted":true}}`)
          raw.send(Raw.join(`room:${name}x`, {}, `${name}join`))
          assert.strictEqual((yield* raw.answer(`${name}join`)).status, "ok")
          yield* raw.forget
        }
        assert.notProperty({}, "polluted")
      })
    )
  )

  it.live("channel 1.2: events of the protocol that a client may not send are unknown events", () =>
    attacked(({ port }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        for (const event of ["phx_reply", "phx_close", "phx_error", "heartbeat", "disconnect", "presence_diff"]) {
          raw.send(Raw.push("room:1", event, {}, event))
          assert.strictEqual((yield* raw.answer(event)).response.reason, "unknown event")
        }
        raw.send(Raw.join("phoenix", {}, "j"), Raw.push("phoenix", "disconnect", {}, "d"))
        assert.strictEqual((yield* raw.answer("j")).response.reason, "unmatched topic")
        assert.strictEqual((yield* raw.answer("d")).response.reason, "unmatched topic")
      })
    )
  )

  it.live("channel 1.2: a client cannot close others by their id, nor hear what is sent to it", () =>
    attacked(({ counts, port, works }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        for (const id of [...counts.topics.keys()].filter((topic) => topic.startsWith("socket:"))) {
          raw.send(Raw.join(id, {}, "3"), Raw.push(id, "disconnect", {}, "4"))
          assert.strictEqual((yield* raw.answer("3")).response.reason, "unmatched topic")
          assert.strictEqual((yield* raw.answer("4")).response.reason, "unmatched topic")
          yield* raw.forget
        }
        yield* works
      })
    )
  )

  it.live("channel 1.2: numbers and texts at the edge of JSON come back as they were", () =>
    attacked(({ port }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        const edges = [
          "1e308",
          "-0.5",
          "5e-324",
          "9007199254740991",
          '"\\ud800"',
          '"\\udfff\\ud800"',
          '"\\u0000"',
          "null"
        ]
        for (const [index, payload] of edges.entries()) {
          raw.send(of({ ref: `"${index}e"`, payload }))
          const { response } = yield* raw.answer(`${index}e`)
          assert.deepStrictEqual(response, JSON.parse(payload))
        }
        // What JSON cannot say is said as JSON says it.
        raw.send(of({ ref: '"inf"', payload: "[1e999]" }))
        assert.deepStrictEqual((yield* raw.answer("inf")).response, [null])
        raw.send(of({ ref: "7", payload: "1" }))
        yield* raw.until(() => raw.messages().some((message) => message[1] === 7), "the answer to a number")
        raw.send(of({ ref: '"deep"', payload: deep(64) }))
        assert.strictEqual((yield* raw.answer("deep")).status, "ok")
      })
    )
  )

  it.live("channel 0.1: a payload with 300,000 faults is answered shortly, and costs little", () =>
    attacked(({ port, works }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        const before = memory()
        raw.send(of({ event: '"strict"', payload: `{"numbers":${wide(300_000)}}` }))
        const { response, status } = yield* raw.answer("2")
        assert.strictEqual(status, "error")
        assert.strictEqual(response.reason, "invalid payload")
        // To look for all of them took seconds, in which nobody else was served.
        assert.lengthOf(response.issues, 1)
        raw.send(of({ event: '"strict"', ref: '"few"', payload: `{"numbers":${wide(2)}}` }))
        assert.lengthOf((yield* raw.answer("few")).response.issues, 3)
        assert.isBelow(JSON.stringify(response).length, 10_000)
        yield* works
        assert.isBelow(memory() - before, 8 * mib)
      })
    )
  )

  it.live("channel 0.1: the content of a refused payload is not sent back at length", () =>
    attacked(({ port }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        const key = "k".repeat(100_000)
        raw.send(of({ event: '"strict"', payload: `{"numbers":{"${key}":"${key}"},"${key}":"${key}"}` }))
        assert.isBelow(JSON.stringify((yield* raw.answer("2")).response).length, 10_000)
      })
    )
  )
})
