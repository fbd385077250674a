/** Long-poll on several nodes over a broker in memory: a request may arrive at any node. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"

import { SessionTokens } from "../../../src/channel/longpoll/SessionToken.ts"
import { MemoryServer } from "./MemoryBroker.ts"
import { joined, passing, pollNode, said, say, settle, silenceMillis, windowMillis } from "./PollNodes.ts"
import type { PollNode, PollNodeOptions } from "./PollNodes.ts"

const twoNodes = (options: PollNodeOptions = {}) =>
  Effect.gen(function* () {
    const server = new MemoryServer()
    const owner = yield* pollNode(server, options)
    const other = yield* pollNode(server, options)
    const token = yield* joined(owner)
    return { server, owner, other, token }
  })

/** How long an Effect takes by the test's clock. */
const timed = <A>(work: Effect.Effect<A>) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clockWith(Effect.succeed)
    const began = clock.currentTimeMillisUnsafe()
    const result = yield* passing(work)
    return [result, clock.currentTimeMillisUnsafe() - began] as const
  })

/** Which message of a call a broker loses: one, or all. */
const losing = (server: MemoryServer, tag: string, count: number): void => {
  let left = count
  server.drops = (body) => body.includes(`"_tag":"${tag}"`) && left-- > 0
}

describe("long-poll on several nodes", () => {
  it.effect("nodes 1: any node answers the polls and messages of a session, in order", () =>
    Effect.gen(function* () {
      const { other, owner, server, token } = yield* twoNodes()
      const third = yield* pollNode(server)
      const all: Array<unknown> = []
      for (const [index, node] of [other, owner, third, other, third, owner].entries()) {
        assert.strictEqual((yield* passing(node.ask(token, `${say(index)}\n${say(`and ${index}`)}`))).status, 200)
        const answer = yield* passing([other, third, owner][index % 3]!.ask(token))
        assert.strictEqual(answer.token, token)
        all.push(...said(answer))
      }
      assert.deepStrictEqual(
        all,
        [0, 1, 2, 3, 4, 5].flatMap((index) => [index, `and ${index}`])
      )
      assert.strictEqual(owner.hub.sockets.size, 1)
      assert.strictEqual(other.hub.sockets.size, 0)
    })
  )

  it.effect("nodes 1: a forwarded poll waits for a message, and is 204 at the end of its window", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes()
      const [empty, millis] = yield* timed(other.ask(token))
      assert.deepStrictEqual([empty.status, empty.token], [204, token])
      assert.isAtLeast(millis, windowMillis)
      assert.isAtMost(millis, windowMillis + 500)
      const waiting = yield* Effect.forkChild(other.ask(token))
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* owner.ask(token, say("now"))
      const [answer, waited] = yield* timed(Fiber.join(waiting))
      assert.deepStrictEqual(said(answer), ["now"])
      assert.isAtMost(waited, 50)
    })
  )

  it.effect("nodes 1: large messages and answers go over the broker in parts", () =>
    Effect.gen(function* () {
      const { other, server, token } = yield* twoNodes()
      let largest = 0
      server.drops = (body) => {
        largest = Math.max(largest, Buffer.byteLength(body))
        return false
      }
      const text = `"\\😀é`.repeat(50_000)
      const ask = JSON.stringify(["1", "7", "hall:1", "ask", text])
      assert.strictEqual((yield* passing(other.ask(token, ask))).status, 200)
      const { messages = [] } = yield* passing(other.ask(token))
      assert.deepStrictEqual(JSON.parse(messages[0]!)[4], { status: "ok", response: text })
      assert.isBelow(largest, 512 * 1024)
    })
  )

  it.effect.each(["Call", "Working", "Answer", "Taken", "Settled"])(
    "nodes 1: a lost %s loses and doubles nothing",
    (tag) =>
      Effect.gen(function* () {
        const { other, owner, server, token } = yield* twoNodes()
        losing(server, tag, 2)
        const polling = yield* Effect.forkChild(other.ask(token))
        yield* settle
        yield* owner.ask(token, say("once"))
        assert.deepStrictEqual(said(yield* passing(Fiber.join(polling))), ["once"])
        losing(server, tag, 1)
        assert.strictEqual((yield* passing(other.ask(token, say("twice")))).status, 200)
        assert.deepStrictEqual(said(yield* passing(owner.ask(token))), ["twice"])
        assert.strictEqual((yield* passing(owner.ask(token))).status, 204)
      })
  )

  it.effect.each(["Answer", "Taken", "Settled"])(
    "nodes 1: a client whose messages may be lost with every %s gets a new session",
    (tag) =>
      Effect.gen(function* () {
        const { other, owner, server, token } = yield* twoNodes()
        yield* owner.ask(token, say("first"))
        losing(server, tag, Infinity)
        const answer = yield* passing(other.ask(token))
        assert.strictEqual(answer.status, 410)
        assert.notStrictEqual(answer.token, token)
        // Where the session still owns the message, its next poll gets it.
        server.drops = () => false
        yield* passing(Effect.sleep(silenceMillis * 3))
        assert.deepStrictEqual(said(yield* passing(owner.ask(token))), tag === "Settled" ? [] : ["first"])
      })
  )

  it.effect("nodes 1: a client that leaves cancels its poll at the session, and the next poll gets the messages", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes()
      const left = yield* Effect.forkChild(other.ask(token))
      yield* settle
      yield* Fiber.interrupt(left)
      yield* settle
      const next = yield* Effect.forkChild(other.ask(token))
      yield* settle
      yield* owner.ask(token, say(1))
      assert.deepStrictEqual(said(yield* passing(Fiber.join(next))), [1])
    })
  )

  it.effect(
    "nodes 1: messages on their way to a client that leaves are delivered by the next poll, in their order",
    () =>
      Effect.gen(function* () {
        const { other, owner, server, token } = yield* twoNodes()
        losing(server, "Answer", 1)
        const left = yield* Effect.forkChild(other.ask(token))
        yield* settle
        yield* owner.ask(token, say(1))
        yield* settle
        const next = yield* Effect.forkChild(owner.ask(token))
        yield* settle
        yield* owner.ask(token, say(2))
        yield* settle
        // The later message waits for the earlier one.
        assert.isUndefined(next.pollUnsafe())
        yield* Fiber.interrupt(left)
        assert.deepStrictEqual(said(yield* passing(Fiber.join(next))), [1, 2])
      })
  )

  it.effect("nodes 1: of two polls at once on two nodes the newer gets the messages, and the older none", () =>
    Effect.gen(function* () {
      const { other, owner, server, token } = yield* twoNodes()
      const third = yield* pollNode(server)
      const older = yield* Effect.forkChild(other.ask(token))
      yield* settle
      const newer = yield* Effect.forkChild(third.ask(token))
      yield* settle
      yield* owner.ask(token, say("news"))
      assert.deepStrictEqual(said(yield* passing(Fiber.join(newer))), ["news"])
      assert.strictEqual((yield* passing(Fiber.join(older))).status, 204)
    })
  )

  it.effect(
    "nodes 1: a session ends with its node: at once where the lease is over, else after 3 seconds of silence",
    () =>
      Effect.gen(function* () {
        const { other, owner, server, token } = yield* twoNodes()
        yield* passing(owner.ask(token, say("unheard")))
        owner.link.cut()
        const [sent, toSend] = yield* timed(other.ask(token, say("unknown")))
        assert.deepStrictEqual([sent.status, toSend >= silenceMillis, toSend < silenceMillis + 500], [408, true, true])
        const [polled, toPoll] = yield* timed(other.ask(token))
        assert.deepStrictEqual([polled.status, toPoll < silenceMillis + 500], [410, true])
        server.now += 11_000
        yield* other.heartbeat
        const [gone, toGo] = yield* timed(other.ask(token, say("late")))
        assert.deepStrictEqual([gone.status, toGo < 500], [410, true])
        assert.strictEqual((yield* passing(other.ask(polled.token, say("new session")))).status, 200)
      })
  )

  it.effect("nodes 1: a waiting poll learns within 3 seconds that the session's node is gone", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes()
      const waiting = yield* Effect.forkChild(other.ask(token))
      yield* settle
      owner.link.cut()
      const [answer, millis] = yield* timed(Fiber.join(waiting))
      assert.strictEqual(answer.status, 410)
      assert.isAtMost(millis, silenceMillis + 500)
    })
  )

  it.effect("nodes 1: a session that ends answers its forwarded poll at once", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes()
      const waiting = yield* Effect.forkChild(other.ask(token))
      yield* settle
      for (const socket of owner.hub.sockets) socket.drain()
      const [answer, millis] = yield* timed(Fiber.join(waiting))
      assert.include([200, 204], answer.status)
      assert.isAtMost(millis, 50)
      assert.strictEqual((yield* passing(other.ask(token))).status, 410)
    })
  )

  it.effect("nodes 1: a client of a slow node gets a new session, and the old one keeps its messages", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes()
      yield* passing(owner.ask(token, say("kept")))
      owner.link.isSlow = true
      assert.strictEqual((yield* passing(other.ask(token))).status, 410)
      owner.link.isSlow = false
      owner.link.pump()
      yield* settle
      assert.deepStrictEqual(said(yield* passing(owner.ask(token))), ["kept"])
    })
  )

  it.effect("nodes 1: while the broker is away, a client of another node gets a new session", () =>
    Effect.gen(function* () {
      const { other, token } = yield* twoNodes()
      other.link.cut()
      const [answer, millis] = yield* timed(other.ask(token))
      assert.strictEqual(answer.status, 410)
      assert.isAtMost(millis, silenceMillis + 500)
    })
  )

  it.effect("nodes 1: a stopping server ends the polls that it forwards, and their messages stay", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes()
      const waiting = yield* Effect.forkChild(other.ask(token))
      yield* settle
      yield* other.shutdown
      const [answer, millis] = yield* timed(Fiber.join(waiting))
      assert.strictEqual(answer.status, 204)
      assert.isAtMost(millis, 50)
      const [last, short] = yield* timed(other.ask(token))
      assert.deepStrictEqual([last.status, short <= 1000], [204, true])
      yield* owner.ask(token, say("for later"))
      assert.deepStrictEqual(said(yield* passing(other.ask(token))), ["for later"])
    })
  )

  it.effect("nodes 1: works without presence, where only silence shows that a node has left", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes({ presence: false })
      yield* owner.ask(token, say(1))
      assert.deepStrictEqual(said(yield* passing(other.ask(token))), [1])
      owner.link.cut()
      const [answer, millis] = yield* timed(other.ask(token))
      assert.deepStrictEqual([answer.status, millis >= silenceMillis], [410, true])
    })
  )

  it.effect("nodes 1: a node that starts while the broker is away is reached when the broker is back", () =>
    Effect.gen(function* () {
      const server = new MemoryServer()
      const scope = yield* Scope.make()
      const other = yield* pollNode(server)
      const owner = yield* Effect.provideService(pollNode(server, { isAway: true }), Scope.Scope, scope)
      const { token } = yield* owner.ask()
      assert.strictEqual((yield* passing(other.ask(token))).status, 410)
      owner.link.mend()
      yield* passing(Effect.sleep(3000))
      assert.strictEqual((yield* passing(other.ask(token))).status, 204)
      yield* Scope.close(scope, Exit.void)
      const [answer, millis] = yield* timed(other.ask(token))
      assert.deepStrictEqual([answer.status, millis < 500], [410, true])
    })
  )
})

describe("tokens on several nodes", () => {
  const signed = (token: string, change: (name: { session: string; node: string; issuedMillis: number }) => object) =>
    Effect.gen(function* () {
      const [session = "", node = "", issued] = Buffer.from(token.split(".")[0]!, "base64url").toString().split(".")
      const tokens = new SessionTokens(new TextEncoder().encode("of all nodes"), 3_600_000)
      const name = { session, node, issuedMillis: Number(issued) }
      return yield* tokens.sign({ ...name, ...change(name) })
    })

  const isRefused = (node: PollNode, token: string) =>
    Effect.gen(function* () {
      const [polled, millis] = yield* timed(node.ask(token))
      assert.deepStrictEqual([polled.status, millis < 500], [410, true])
      assert.strictEqual((yield* passing(node.ask(token, say(1)))).status, 410)
    })

  it.effect(
    "nodes 1: a token of no node, of no session, of another path, and a forged one are new sessions at once",
    () =>
      Effect.gen(function* () {
        const { other, owner, server, token } = yield* twoNodes()
        yield* isRefused(other, yield* signed(token, () => ({ node: "never there" })))
        yield* isRefused(other, yield* signed(token, () => ({ session: "never there" })))
        yield* isRefused(yield* pollNode(server, { path: "/elsewhere" }), token)
        const [body = "", signature = ""] = token.split(".")
        for (const forged of [`${body}.${signature.toLowerCase()}`, `${body}.`, body, "x".repeat(5000)]) {
          yield* isRefused(other, forged)
        }
        assert.strictEqual(owner.hub.sockets.size, 1)
      })
  )

  it.effect("nodes 1: a node with another secret begins a new session, and says once what to set", () =>
    Effect.gen(function* () {
      const { server, token } = yield* twoNodes()
      const stranger = yield* pollNode(server, { secret: Redacted.make("of one node") })
      yield* isRefused(stranger, "forged.token")
      yield* isRefused(stranger, yield* signed(token, () => ({ node: "never there" })))
      assert.isEmpty(stranger.logs)
      yield* passing(Effect.sleep(10_000))
      for (const _ of [1, 2, 3]) {
        yield* isRefused(stranger, token)
        yield* passing(Effect.sleep(10_000))
      }
      assert.lengthOf(stranger.logs, 1)
      assert.deepInclude(stranger.logs[0], { level: "Warn" })
      assert.include(stranger.logs[0]!.message, "Set the same longPoll.secret on all nodes")
    })
  )

  it.effect("nodes 1: a message beyond 8 MiB is not forwarded, and a frame beyond the limit ends its session", () =>
    Effect.gen(function* () {
      const { other, owner, token } = yield* twoNodes()
      assert.strictEqual((yield* passing(other.ask(token, "x".repeat(8 * 1024 * 1024 + 1)))).status, 413)
      assert.strictEqual((yield* passing(other.ask(token, "no base64!"))).status, 500)
      assert.strictEqual(owner.hub.sockets.size, 1)
      assert.strictEqual((yield* passing(other.ask(token, say("x".repeat(1024 * 1024))))).status, 408)
      assert.strictEqual(owner.hub.sockets.size, 0)
      yield* isRefused(other, token)
    })
  )
})
