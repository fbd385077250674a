import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpServerRespondable, HttpServerResponse } from "effect/http"
import { Reject } from "fairlead"

const responseOf = (reject: Reject) =>
  Effect.gen(function* () {
    const response = HttpServerResponse.toWeb(yield* HttpServerRespondable.toResponse(reject))
    const text = yield* Effect.promise(() => response.text())
    return { status: response.status, type: response.headers.get("content-type"), text, headers: response.headers }
  })

describe("Reject", () => {
  it("has a word and status 403, and shows nothing by default", () => {
    const { closeCode, details, expose, message, reason, status } = new Reject()
    assert.deepStrictEqual([reason, status, expose, closeCode, details], ["rejected", 403, false, undefined, undefined])
    assert.strictEqual(message, "Rejected with status 403: rejected")
  })

  it.effect("responds with its status and an empty body", () =>
    Effect.gen(function* () {
      const reject = new Reject({ reason: "secret", status: 409, details: { limit: 8 }, cause: new Error("db") })
      const { status, text } = yield* responseOf(reject)
      assert.deepStrictEqual([status, text], [409, ""])
    })
  )

  it.effect("responds with reason and details as a problem when it is exposed, and never with the cause", () =>
    Effect.gen(function* () {
      const details = { limit: 8, status: 200 }
      const reject = new Reject({ reason: "room is full", status: 409, details, expose: true, cause: "db" })
      const { status, text, type } = yield* responseOf(reject)
      assert.deepStrictEqual([status, type], [409, "application/problem+json"])
      assert.deepStrictEqual(JSON.parse(text), { type: "about:blank", status: 409, detail: "room is full", limit: 8 })
    })
  )

  it.effect("responds with Retry-After in whole seconds, rounded up", () =>
    Effect.gen(function* () {
      for (const expose of [false, true]) {
        const reject = new Reject({ status: 429, details: { retry_after_ms: 1001 }, expose })
        assert.strictEqual((yield* responseOf(reject)).headers.get("retry-after"), "2")
      }
      assert.isNull((yield* responseOf(new Reject({ status: 429 }))).headers.get("retry-after"))
    })
  )

  it("takes only statuses of errors, and close codes of QUIC", () => {
    for (const status of [200, 399, 600, Number.NaN]) assert.throws(() => new Reject({ status }))
    for (const closeCode of [-1n, 2n ** 62n]) assert.throws(() => new Reject({ closeCode }))
    assert.strictEqual(new Reject({ closeCode: 2n ** 62n - 1n }).closeCode, 2n ** 62n - 1n)
  })

  it("is a schema", () => {
    const reject = new Reject({ reason: "no", closeCode: 7n })
    assert.deepStrictEqual(Schema.decodeUnknownSync(Reject)(Schema.encodeSync(Reject)(reject)), reject)
  })
})
