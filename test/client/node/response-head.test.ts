import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { RawHeaders } from "fairlead/client"
import type { ClientHandler } from "fairlead/client"
import { NodeTransport } from "fairlead/client/node"

import { observing } from "../../../src/client/node/ResponseHead.ts"

type Dispatch = Parameters<typeof observing>[0]
type Handler = Parameters<Dispatch>[1]
type Controller = Parameters<NonNullable<Handler["onResponseStart"]>>[0]

const controllerOf = (rawHeaders: Exclude<Controller["rawHeaders"], undefined>): Controller => ({
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders,
  abort: () => {},
  pause: () => {},
  resume: () => {}
})

/** A response that was made of a headers object. */
const responseOf = (headers: object): ClientHandler.Response =>
  Object.create(HttpClientResponse.fromWeb(HttpClientRequest.get("https://a.com"), new Response()), {
    source: { value: { headers } }
  })

/** What is remembered of a head, as seen from a response that was made of its headers. */
const remembered = (raw: Exclude<Controller["rawHeaders"], undefined>) => {
  const headers = {}
  observing((_, handler) => {
    handler.onResponseStart?.(controllerOf(raw), 200, headers)
    return true
  })({ path: "/", method: "GET" }, { onResponseStart: () => {} })
  return Option.getOrThrow(RawHeaders.of(responseOf(headers)))
}

describe("heads of responses", () => {
  it("client 11: the heads of HTTP/1.1, as bytes or text, and of HTTP/2, as a record, yield pairs", () => {
    const pairs: ReadonlyArray<RawHeaders.Pair> = [
      ["A", "1"],
      ["set-cookie", "x"],
      ["set-cookie", "é"]
    ]
    assert.deepStrictEqual(remembered(pairs.flat()), pairs)
    assert.deepStrictEqual(remembered(pairs.flat().map((text) => Buffer.from(text, "latin1"))), pairs)
    assert.deepStrictEqual(remembered({ A: "1", "set-cookie": ["x", "é"] }), pairs)
    assert.deepStrictEqual(remembered(null), [])
  })

  it("client 10: a server that goes on sending informational responses does not fill the memory: the first 32 are kept", () => {
    const headers = {}
    observing((_, handler) => {
      for (let hint = 0; hint < 1000; hint++) handler.onResponseStart?.(controllerOf(["n", String(hint)]), 103, {})
      handler.onResponseStart?.(controllerOf(null), 200, headers)
      return true
    })({ path: "/", method: "GET" }, { onResponseStart: () => {} })
    const given = NodeTransport.informationalResponses(responseOf(headers))
    assert.strictEqual(given.length, 32)
    assert.deepStrictEqual(given[31], { status: 103, headers: [["n", "31"]] })
  })

  it("client 10: every method that a handler has is called on the handler itself, and no other is made up", () => {
    const seen: Array<string> = []
    class Kept {
      readonly #name = "kept"
      onRequestStart(): void {
        seen.push(`start ${this.#name}`)
      }
      onResponseEnd(): void {
        seen.push(`end ${this.#name}`)
      }
    }
    observing((_, handler) => {
      handler.onRequestStart?.(controllerOf(null), undefined)
      handler.onResponseStart?.(controllerOf(null), 200, {})
      handler.onResponseEnd?.(controllerOf(null), {})
      assert.notProperty(handler, "onRequestUpgrade")
      return true
    })({ path: "/", method: "GET" }, new Kept())
    assert.deepStrictEqual(seen, ["start kept", "end kept"])
  })
})
