import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Broadcaster, ChannelServer } from "fairlead/channel"

import * as LongPoll from "../../src/channel/LongPoll.ts"
import { SessionTokens } from "../../src/channel/longpoll/SessionToken.ts"
import { hubOf } from "../../src/channel/MountedHub.ts"

const secret = "a secret of the server"

/** The handler of a server that polls, with tokens that are valid for an hour. */
const make = Effect.gen(function* () {
  const built = yield* Layer.build(Broadcaster.layer)
  const hub = yield* Effect.provideContext(hubOf(ChannelServer.make("tokens"), {}), built)
  const handle = yield* LongPoll.make(hub, {}, { window: "2 hours", maxAge: "1 hour", secret: Redacted.make(secret) })
  const poll = (token?: string) => {
    const url = `http://localhost/longpoll?vsn=2.0.0${token === undefined ? "" : `&token=${token}`}`
    return Effect.map(handle(HttpServerRequest.fromWeb(new Request(url))), ({ body }) => {
      const { body: bytes } = body as unknown as { readonly body: Uint8Array }
      return JSON.parse(new TextDecoder().decode(bytes)) as { readonly status: number; readonly token: string }
    })
  }
  return { hub, poll }
})

/** The session and the node of a token. */
const nameOf = (token: string): readonly [session: string, node: string] => {
  const [session = "", node = ""] = Buffer.from(token.split(".")[0]!, "base64url").toString().split(".")
  return [session, node]
}

describe("the token of a long-poll session", () => {
  it.effect("channel2 3: expires, and its client gets a new session", () =>
    Effect.gen(function* () {
      const { hub, poll } = yield* make
      const first = yield* poll()
      yield* TestClock.adjust("59 minutes")
      // A poll that is known waits for messages.
      const waiting = yield* Effect.forkScoped(poll(first.token))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(hub.sockets.size, 1)
      yield* TestClock.adjust("1 minute")
      const second = yield* poll(first.token)
      assert.strictEqual(second.status, 410)
      assert.notStrictEqual(second.token, first.token)
    })
  )

  it.effect("channel2 3: counts only with the server's signature, on its own node", () =>
    Effect.gen(function* () {
      const { poll } = yield* make
      const { token } = yield* poll()
      const [session, node] = nameOf(token)
      const forger = new SessionTokens(new TextEncoder().encode("another secret"), 3_600_000)
      const own = new SessionTokens(new TextEncoder().encode(secret), 3_600_000)
      const tokens = [
        yield* forger.sign({ session, node, issuedMillis: 0 }),
        yield* own.sign({ session, node: "another node", issuedMillis: 0 }),
        yield* own.sign({ session: "another session", node, issuedMillis: 0 }),
        `${Buffer.from(`${session}.${node}.1`).toString("base64url")}.${token.split(".")[1]}`,
        `${token}.more`,
        "x".repeat(2000)
      ]
      for (const each of tokens) assert.strictEqual((yield* poll(each)).status, 410, each)
      const real = yield* own.sign({ session, node, issuedMillis: 0 })
      assert.deepStrictEqual(yield* own.verify(real, 1), { session, node, issuedMillis: 0 })
      assert.isUndefined(yield* own.verify(real, 3_600_000))
    })
  )
})
