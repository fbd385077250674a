import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, eventually } from "./Attack.ts"
import * as Raw from "./Raw.ts"

describe("the first sign of the end", () => {
  it.live("channel2 1.4: channels end at the Close frame, though the client keeps the connection open", () =>
    attacked(({ counts, port, works }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.connecting(port, Raw.handshake(), { ignoresClose: true })
        yield* raw.opened
        raw.send(Raw.join("room:1", {}, "1"))
        yield* raw.answer("1")
        assert.strictEqual(counts.members, 2)
        const since = performance.now()
        raw.send(Raw.frame(8, Buffer.from([0x03, 0xe8])))
        yield* eventually(
          Effect.sync(() => counts.members),
          (members) => members === 1
        )
        // The connection itself is cut off by ws after five seconds.
        assert.isBelow(performance.now() - since, 2500)
        yield* works
      })
    )
  )

  it.live("channel2 1.4: a client that closes while its handler hangs is gone at once", () =>
    attacked(({ counts, port }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        raw.send(...Array.from({ length: 30 }, (_, n) => Raw.push("room:1", "stuck", {}, `s${n}`)))
        yield* eventually(
          Effect.sync(() => counts.begun),
          (begun) => begun === 1
        )
        raw.send(Raw.frame(8, Buffer.from([0x03, 0xe8])))
        yield* eventually(
          Effect.sync(() => counts.members),
          (members) => members === 1
        )
      })
    )
  )
})
