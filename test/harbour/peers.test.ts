import { statSync } from "node:fs"

import { assert, it } from "@effect/vitest"
import { Duration, Effect, Schedule } from "effect"

import { describeIroh } from "../endpoint/iroh/Iroh.ts"
import { slowness } from "../kit/Slowness.ts"
import { follow } from "./Phoenix.ts"
import { dataFile, furnish, readAll, start } from "./Process.ts"
import type { Harbour } from "./Process.ts"

const loopback = "127.0.0.1:0"

/** Where the Harbour that is dialled listens, also after a restart: below the ports that the system gives away meanwhile. */
const harbourMouth = `127.0.0.1:${20_000 + (process.pid % 10_000)}`

/** How a Harbour that listens on IPv4 is named to a peer: `ID@ADDRESS`. */
const nameOf = (harbour: Harbour) =>
  Effect.map(harbour.wrote(/--peer \S+@127\S+\n/), (output) => {
    const [, id = "", address = ""] = /--peer (\S+)@(127\S+)\n/.exec(output) ?? []
    return { id, address, whole: `${id}@${address}` }
  })

/** Ends a Harbour the way an operator does. */
const stop = (harbour: Harbour) =>
  Effect.gen(function* () {
    yield* harbour.signal("SIGTERM")
    const [took, ended] = yield* Effect.timed(harbour.ended)
    assert.deepStrictEqual(ended, { code: 0, signal: null }, harbour.output())
    assert.isBelow(Duration.toMillis(took), 5000 * slowness())
  })

const post = (harbour: Harbour, token: string, room: string, text: string) =>
  Effect.map(harbour.call("POST", `/api/rooms/${room}/messages`, { token, body: { text } }), ({ status }) =>
    assert.strictEqual(status, 201)
  )

/** Asks until the answer is the one that is waited for; shows what the Harbour wrote when it never is. */
const untilAnswer = <A>(harbour: Harbour, asked: Effect.Effect<A>, is: (answer: A) => boolean) =>
  asked.pipe(
    Effect.repeat({ until: is, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({
      duration: "2 minutes",
      orElse: () => Effect.die(new Error(`It was never told:\n${harbour.output()}`))
    })
  )

const hasRoom = (harbour: Harbour, room: string) =>
  untilAnswer(harbour, harbour.call("GET", `/api/rooms/${room}`), ({ status }) => status === 200)

/** The texts of a room, oldest first, once there are that many. */
const texts = (harbour: Harbour, room: string, count: number) =>
  hasRoom(harbour, room).pipe(
    Effect.andThen(untilAnswer(harbour, readAll(harbour, room), (all) => all.length >= count)),
    Effect.map((all) => all.map(({ text }) => text).toReversed())
  )

describeIroh("peers", () => {
  it.live(
    "harbour: two Harbours share rooms both ways and live; an unknown peer is refused with a reason; restarts of either lose and double nothing",
    Effect.fn(function* () {
      const [north, south] = [yield* dataFile, yield* dataFile]

      // The north allows nobody yet. The south is refused, is told so once, and learns its own id.
      const closed = yield* start(north, "main", { HARBOUR_PEER_LISTEN: harbourMouth })
      const { address, id: northId } = yield* nameOf(closed)
      assert.strictEqual(address, harbourMouth)
      const listen = { HARBOUR_PEER_LISTEN: harbourMouth }
      const dialling = { HARBOUR_PEERS: `${northId}@${address}`, HARBOUR_PEER_LISTEN: loopback }
      const refused = yield* start(south, "main", dialling)
      const { id: southId } = yield* nameOf(refused)
      const output = yield* refused.wrote(/refuses the link/)
      assert.include(
        output,
        `The peer ${northId} refuses the link with code 403: not allowed. This Harbour is ${southId}`
      )
      assert.notMatch(closed.output(), /Linked/)
      for (const file of [north, south]) assert.strictEqual(statSync(`${file}.key`).mode & 0o777, 0o600)
      yield* stop(refused)

      // What was posted ahead of the first link is shared too.
      const keeper = yield* furnish(closed, "quay")
      yield* post(closed, keeper, "quay", "from the north, ahead of the link")
      yield* stop(closed)
      let [a, b] = [
        yield* start(north, "main", { ...listen, HARBOUR_PEERS: southId }),
        yield* start(south, "main", dialling)
      ]
      assert.strictEqual((yield* nameOf(a)).id, northId)
      for (const harbour of [a, b]) yield* harbour.wrote(/Linked with the peer/)
      assert.deepStrictEqual(yield* texts(b, "quay", 1), ["from the north, ahead of the link"])

      // Live, both ways, and a room that is made later.
      const sailor = yield* furnish(b, "pier")
      yield* hasRoom(a, "pier")
      const [listener, other] = [yield* follow(a, "pier"), yield* follow(b, "quay")]
      for (const client of [listener, other]) yield* client.payloads("joined", 1)
      yield* post(b, sailor, "pier", "from the south")
      yield* post(a, keeper, "quay", "from the north")
      const [heard] = yield* listener.payloads("posted", 1)
      assert.deepInclude(heard, { room: "pier", author: "Keeper of pier", text: "from the south" })
      const [heardToo] = yield* other.payloads("posted", 1)
      assert.deepInclude(heardToo, { room: "quay", author: "Keeper of quay", text: "from the north" })

      // The one that is dialled restarts, then the one that dials; each posts while the other is away.
      yield* stop(a)
      yield* b.wrote(/The link with the peer \w+ has ended/)
      yield* post(b, sailor, "quay", "while the north is away")
      a = yield* start(north, "main", { ...listen, HARBOUR_PEERS: southId })
      yield* texts(a, "quay", 3)
      yield* stop(b)
      yield* post(a, keeper, "quay", "while the south is away")
      b = yield* start(south, "main", dialling)
      yield* texts(b, "quay", 4)

      // And one that has no time to say good-bye.
      yield* Effect.andThen(b.signal("SIGKILL"), b.ended)
      yield* post(a, keeper, "quay", "while the south is down")
      b = yield* start(south, "main", dialling)
      yield* post(b, sailor, "quay", "and up again")
      for (const harbour of [a, b]) {
        const all = yield* texts(harbour, "quay", 6)
        assert.sameMembers(all, [
          "from the north, ahead of the link",
          "from the north",
          "while the north is away",
          "while the south is away",
          "while the south is down",
          "and up again"
        ])
        assert.deepStrictEqual(yield* texts(harbour, "pier", 1), ["from the south"])
        const { json } = yield* harbour.call("GET", "/api/rooms")
        assert.deepStrictEqual(
          json.items.map(({ name }: { readonly name: string }) => name),
          ["pier", "quay"]
        )
      }
      yield* Effect.all([stop(a), stop(b)], { concurrency: "unbounded" })
    })
  )

  it.live(
    "harbour: peers that can never be linked are reported at the start",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "main", { HARBOUR_PEERS: "ab".repeat(32) })
      yield* harbour.wrote(/No peer will be linked: none has an address to dial/)
    }, Effect.scoped)
  )
})
