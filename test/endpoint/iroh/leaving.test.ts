/** The end of connections while their endpoint is closed, over a binding by hand. */
import { assert, describe, it } from "@effect/vitest"
import type * as Iroh from "@number0/iroh"
import { Effect } from "effect"

import { NativeConnection } from "../../../src/endpoint/iroh/NativeConnection.ts"
import { echo } from "../Peers.ts"
import { other } from "../Scripted.ts"

const connectionOf = (closed: () => Promise<string>) =>
  new NativeConnection(
    { closed, closeReason: () => null } as unknown as Iroh.Connection,
    { remoteId: () => other.id, alpn: () => echo, side: "dialer", address: undefined },
    new Set()
  )

const gone = () => Promise.reject(new Error("the runtime is gone"))

describe("a connection whose endpoint is being closed", () => {
  it.effect("endpoint 5: was closed here, where the binding is gone before it says how the connection ended", () =>
    Effect.promise(async () => {
      const connection = connectionOf(gone)
      connection.leave()
      assert.strictEqual((await connection.watched)._tag, "LocallyClosed")
      assert.strictEqual((await connectionOf(gone).watched)._tag, "TransportError")
    })
  )

  it.effect("endpoint 5: was closed by its peer, where the binding says so", () =>
    Effect.promise(async () => {
      const connection = connectionOf(() => Promise.resolve("closed by peer: 7"))
      connection.leave()
      assert.deepInclude(await connection.watched, { _tag: "ApplicationClosed" })
    })
  )
})
