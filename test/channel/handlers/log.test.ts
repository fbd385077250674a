import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, References } from "effect"
import { TestClock } from "effect/testing"
import { ChannelHandler } from "fairlead/channel"
import { log } from "fairlead/channel/handlers"
import type { LogOptions } from "fairlead/channel/handlers"

import { keepLogs, shown } from "../../server/Logs.ts"
import type { Line } from "../../server/Logs.ts"
import { Failed, joined, serverOf } from "../engine/Room.ts"
import type { Parts } from "../engine/Room.ts"

const setup = (
  parts: Parts = {},
  { level = "Info", ...options }: LogOptions & { readonly level?: "Info" | "Debug" } = {},
  ...more: ReadonlyArray<ChannelHandler.ChannelHandler>
) => {
  const { layer, lines } = keepLogs()
  const server = serverOf(parts, [log(options), ...more]).pipe(
    Effect.provide(layer),
    Effect.provideService(References.MinimumLogLevel, level)
  )
  return Effect.map(server, (server) => ({ server, lines }))
}

const told = (lines: ReadonlyArray<Line>) => lines.map(({ level, message }) => `${level} ${message}`)

describe("log", () => {
  it.effect("writes the life of a socket at Info, and no payload or parameter", () =>
    Effect.gen(function* () {
      const { lines, server } = yield* setup({ join: () => Effect.as(Effect.sleep(20), "hidden reply") })
      const client = yield* server.connect({ params: { name: "hidden parameter" }, token: "hidden token" })
      yield* client.notify("room:1", "phx_join", "hidden join")
      yield* TestClock.adjust(20)
      yield* client.next()
      yield* client.push("room:1", "ask", "hidden payload")
      yield* TestClock.adjust(1000)
      yield* client.leave("room:1")
      yield* client.close(1001)
      yield* client.released
      assert.deepStrictEqual(told(lines), [
        "Info connect over memory",
        `Info join of "room:1" after 20ms`,
        `Info end of "room:1": left after 1000ms`,
        "Info disconnect with 1001 after 1020ms"
      ])
      assert.notInclude(lines.map(shown).join(), "hidden")
      assert.isTrue(lines.every(({ annotations }) => annotations["fairlead.channel.socket_id"] === 1))
    })
  )

  it.effect("writes refusals with their reasons, and a crash at Warn", () =>
    Effect.gen(function* () {
      const guard = ChannelHandler.make("guard", {
        connect: ({ params }) =>
          params.has("ban") ? Effect.fail(new ChannelHandler.Reject({ reason: "banned\nand gone" })) : undefined,
        join: ({ topic }) =>
          topic === "room:9" ? Effect.fail(new ChannelHandler.Reject({ reason: "x".repeat(500) })) : undefined
      })
      const { lines, server } = yield* setup(
        {
          join: ({ params }) => (params.id === "8" ? Effect.fail(new Failed({ why: "hidden" })) : Effect.succeed({})),
          tell: () => Effect.die("oh")
        },
        {},
        guard
      )
      yield* Effect.exit(server.connect({ params: { ban: "1" } }))
      const client = yield* joined(server)
      yield* client.join("room:9")
      yield* client.join("room:8")
      yield* client.push("nowhere", "ask")
      yield* client.notify("room:1", "tell")
      yield* client.next("phx_error")
      const own = told(lines).filter((line) => !line.startsWith("Error"))
      assert.deepStrictEqual(own, [
        "Info connect over memory",
        `Info connect refused: "banned\\nand gone"`,
        "Info connect over memory",
        `Info join of "room:1" after 0ms`,
        `Info join of "room:9" refused: "${"x".repeat(200)}" after 0ms`,
        `Info join of "room:8" refused: without a reason after 0ms`,
        `Warn end of "room:1": crashed after 0ms`
      ])
    })
  )

  it.effect("writes messages at Debug, without secrets at any depth, and no more than the options ask for", () =>
    Effect.gen(function* () {
      const { lines, server } = yield* setup({}, { level: "Debug", maxPayloadChars: 60, redact: ["IBAN", /^pin$/] })
      const client = yield* server.connect({ params: { access_token: "hidden", room: "a" } })
      yield* client.join("room:1", { list: [{ Password: "hidden", iban: "hidden", pin: "hidden", pinned: 1 }] })
      yield* client.push("room:1", "ask", "y".repeat(100))
      yield* client.push("room:1", "ask", Uint8Array.of(1, 2))
      const texts = lines.map(
        ({ annotations, message }) =>
          `${message} ${JSON.stringify(annotations["fairlead.channel.payload"] ?? annotations["fairlead.channel.params"])}`
      )
      assert.deepStrictEqual(texts.slice(1, 3), [
        `connect with parameters {"access_token":"[redacted]","room":"a"}`,
        `join "room:1" ${JSON.stringify(`{"list":[{"Password":"[redacted]","iban":"[redacted]","pin":… (86)`)}`
      ])
      assert.include(texts, `in "room:1" "ask" "\\"${"y".repeat(59)}… (102)"`)
      assert.include(texts, `in "room:1" "ask" "2 bytes"`)
      assert.include(texts, `out reply "room:1" "ok" "2 bytes"`)
      assert.notInclude(lines.map(shown).join(), "hidden")
    })
  )

  it.effect("writes a connect that died or was left by its client", () =>
    Effect.gen(function* () {
      const asked = yield* Latch.make()
      const slow = ChannelHandler.make("slow", {
        connect: ({ params }) => (params.has("die") ? Effect.die("oh") : Effect.andThen(asked.open, Effect.never))
      })
      const { lines, server } = yield* setup({}, {}, slow)
      yield* Effect.exit(server.connect({ params: { die: "1" } }))
      const connecting = yield* Effect.forkChild(server.connect())
      yield* asked.await
      yield* Fiber.interrupt(connecting)
      const own = told(lines).filter((line) => line.includes("connect refused"))
      assert.deepStrictEqual(own, ["Info connect refused: it died", "Info connect refused: the client was gone"])
    })
  )
})
