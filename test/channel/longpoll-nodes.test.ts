/** Long-poll on two servers of one process over one broadcaster: a session lives in the server that opened it, and both answer for it. */
import { Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { serve } from "./Conformance.ts"
import type { Served } from "./Conformance.ts"

class Room extends ChannelApi.make("room:{id}", {
  incoming: { say: { payload: ChannelApi.AnyPayload } },
  outgoing: { said: ChannelApi.AnyPayload }
}) {}

const RoomLive = Room.layer({
  join: () => Effect.void,
  on: { say: (payload, room) => room.broadcast("said", payload) }
})

type Frame = readonly [joinRef: string | null, ref: string | null, topic: string, event: string, payload: unknown]

interface Answer {
  readonly status: number
  readonly token?: string
  readonly messages?: ReadonlyArray<string>
}

describe("long-poll on two servers", () => {
  const scope = Effect.runSync(Scope.make())
  const servers: Array<Served> = []

  beforeAll(async () => {
    const engine = await Effect.runPromise(Layer.buildWithScope(Broadcaster.layer, scope))
    const shared = Layer.succeedContext(Context.pick(Broadcaster.Broadcaster)(engine))
    const chat = ChannelServer.make("chat").mount(Room)
    // The first two accept each other's signatures.
    for (const secret of ["a secret of both", "a secret of both", "a secret of one"]) {
      const longPoll = { secret: Redacted.make(secret) }
      const routes = ChannelServer.layer(chat, { path: "/socket", longPoll }).pipe(Layer.provide([RoomLive, shared]))
      servers.push(await serve(NodeUpgrade.layer, routes))
    }
  })
  afterAll(async () => {
    for (const server of servers) await server.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  const ask = async (server: Served, token?: string, ...frames: ReadonlyArray<Frame>): Promise<Answer> => {
    const query = token === undefined ? "" : `&token=${encodeURIComponent(token)}`
    const body = frames.map((frame) => JSON.stringify(frame)).join("\n")
    const init =
      frames.length === 0 ? {} : { method: "POST", body, headers: { "content-type": "application/x-ndjson" } }
    const response = await fetch(`${server.http}/socket/longpoll?vsn=2.0.0${query}`, init)
    assert.strictEqual(response.status, 200)
    return (await response.json()) as Answer
  }

  /** Polls until an event is there, and returns its payload. */
  const next = async (server: Served, token: string, event: string): Promise<unknown> => {
    for (;;) {
      const { messages = [], status } = await ask(server, token)
      assert.include([200, 204], status)
      const frame = messages.map((text) => JSON.parse(text) as Frame).find(([, , , name]) => name === event)
      if (frame !== undefined) return frame[4]
    }
  }

  const join: Frame = ["1", "1", "room:1", "phx_join", {}]
  const say = (payload: unknown): Frame => ["1", "2", "room:1", "say", payload]
  const joined = { status: "ok", response: {} }

  it("nodes 1: another server with the same secret answers the polls and messages of a session", async () => {
    const [one, other] = servers as [Served, Served]
    const token = (await ask(one)).token!
    assert.strictEqual((await ask(other, token, join)).status, 200)
    assert.deepStrictEqual(await next(one, token, "phx_reply"), joined)
    assert.strictEqual((await ask(one, token, say("from one"))).status, 200)
    assert.strictEqual(await next(other, token, "said"), "from one")
    assert.strictEqual((await ask(other, token, say("from the other"))).status, 200)
    assert.strictEqual(await next(one, token, "said"), "from the other")
  })

  it("nodes 1: a server with another secret answers with 410; the new session joins again there", async () => {
    const [one, , stranger] = servers as [Served, Served, Served]
    const token = (await ask(one)).token!
    assert.strictEqual((await ask(one, token, join)).status, 200)
    assert.deepStrictEqual(await next(one, token, "phx_reply"), joined)

    assert.strictEqual((await ask(stranger, token, say("lost"))).status, 410)
    const moved = await ask(stranger, token)
    assert.strictEqual(moved.status, 410)
    assert.isString(moved.token)
    assert.notStrictEqual(moved.token, token)

    // The new session is in no topic before it joins.
    assert.strictEqual((await ask(stranger, moved.token, join)).status, 200)
    assert.deepStrictEqual(await next(stranger, moved.token!, "phx_reply"), joined)
    // The first session is still there: its own server answers it, and one broadcaster reaches both.
    assert.strictEqual((await ask(one, token, say("to both"))).status, 200)
    assert.strictEqual(await next(one, token, "said"), "to both")
    assert.strictEqual(await next(stranger, moved.token!, "said"), "to both")
  })
})
