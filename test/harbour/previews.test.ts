import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"

import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Fiber, Layer, Option, Schema } from "effect"
import { Broadcaster } from "fairlead/channel"
import { TestApp } from "fairlead/testing/app"
import { TestClient } from "fairlead/testing/client"

import { limits, MessageId, MemberName, MessageText, RoomName, StorageError } from "../../examples/harbour/Domain.ts"
import { harbour } from "../../examples/harbour/Harbour.ts"
import * as PageNetwork from "../../examples/harbour/PageNetwork.ts"
import { Pages } from "../../examples/harbour/Pages.ts"
import { Previews } from "../../examples/harbour/Previews.ts"
import * as SqliteStorage from "../../examples/harbour/SqliteStorage.ts"
import { Storage } from "../../examples/harbour/Storage.ts"
import { given } from "./Given.ts"
import { dataFile } from "./Process.ts"

const quay = Schema.decodeSync(RoomName)("quay")
const text = Schema.decodeSync(MessageText)("hello")
const seventh = Schema.decodeSync(MessageId)(7)
const said = (title: string) => Option.some({ title, description: "" })

const storageAt = (data: string) => SqliteStorage.layer.pipe(Layer.provide(given({ data })))

/** Previews over a storage and over pages that a test makes. */
const previewsOver = <E>(storage: Layer.Layer<Storage, E>, look: Pages["Service"]["look"]) =>
  Previews.layer.pipe(Layer.provideMerge(Layer.mergeAll(storage, Broadcaster.layer, Layer.succeed(Pages, { look }))))

/** Runs a test with previews over a file. */
const over = <A, E, R>(data: string, look: Pages["Service"]["look"], test: Effect.Effect<A, E, R>) =>
  Effect.provide(test, previewsOver(storageAt(data), look))

/** Posts messages with links, in a room and by a member who are made when they are missing. */
const poster = Effect.gen(function* () {
  const storage = yield* Storage
  const digest = new Uint8Array(32)
  const by = yield* Effect.flatMap(
    storage.member(digest),
    Option.match({
      onSome: Effect.succeed,
      onNone: () => storage.register(Schema.decodeSync(MemberName)("Ada"), digest)
    })
  )
  yield* Effect.ignore(storage.createRoom({ name: quay, topic: "" }, by))
  const { wake } = yield* Previews
  return (...links: ReadonlyArray<string>) => Effect.tap(storage.post(quay, text, by, links), wake)
})

/** The previews of each message, oldest first: `link=title`. */
const previews = Effect.gen(function* () {
  const storage = yield* Storage
  const { items } = yield* storage.messages(quay, { limit: 100 })
  return items.toReversed().map(({ previews }) => previews.map(({ title, url }) => `${url}=${title}`).join(" "))
})

/** The previews, once there are that many. */
const made = (count: number) =>
  Effect.repeat(Effect.tap(previews, Effect.yieldNow), {
    until: (lists) => lists.join(" ").split("=").length > count
  })

const work = Effect.flatMap(Previews, ({ work }) => work)

/** How many links wait in a file. */
const waiting = (data: string) => {
  const db = new DatabaseSync(data, { readOnly: true })
  const row = db.prepare("SELECT count(*) AS waiting FROM previews WHERE title IS NULL").get()
  db.close()
  return row?.["waiting"]
}

describe("previews", () => {
  it.live(
    "harbour: each message gets the previews of its links, in the order of its links, whenever they are made",
    () =>
      Effect.gen(function* () {
        const slow = yield* Deferred.make<void>()
        const look = (url: string) => Effect.as(url.endsWith("slow") ? Deferred.await(slow) : Effect.void, said(url))
        yield* over(
          yield* dataFile,
          look,
          Effect.gen(function* () {
            const post = yield* poster
            yield* post("http://a/1", "http://a/slow", "http://a/2")
            yield* Effect.forkChild(work)
            yield* post()
            yield* post("http://b/1")
            assert.deepStrictEqual(yield* made(3), [
              "http://a/1=http://a/1 http://a/2=http://a/2",
              "",
              "http://b/1=http://b/1"
            ])
            yield* Deferred.succeed(slow, undefined)
            assert.deepStrictEqual(
              (yield* made(4))[0],
              "http://a/1=http://a/1 http://a/slow=http://a/slow http://a/2=http://a/2"
            )
          })
        )
      })
  )

  it.live("harbour: pages that never answer take four workers and no message, and the others wait their turn", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      let looks = 0
      const look = (url: string) => {
        looks++
        return Effect.as(Deferred.await(go), said(url))
      }
      yield* over(
        yield* dataFile,
        look,
        Effect.gen(function* () {
          const post = yield* poster
          yield* Effect.forkChild(work)
          for (let n = 0; n < 20; n++) yield* post(`http://a/${n}`)
          yield* Effect.repeat(Effect.yieldNow, { until: () => looks === 4 })
          for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
          assert.strictEqual(looks, 4)
          yield* Deferred.succeed(go, undefined)
          yield* made(20)
          assert.strictEqual(looks, 20)
        })
      )
    })
  )

  it.live("harbour: a link posted at any moment of the work is seen without another signal", () =>
    Effect.gen(function* () {
      yield* over(
        yield* dataFile,
        (url) => Effect.succeed(said(url)),
        Effect.gen(function* () {
          const post = yield* poster
          yield* Effect.forkChild(work)
          for (let n = 0; n < 50; n++) {
            for (let turn = 0; turn < n % 7; turn++) yield* Effect.yieldNow
            yield* post(`http://a/${n}`)
            yield* made(n + 1)
          }
        })
      )
    })
  )

  it.live("harbour: while nothing waits, the storage is left alone", () =>
    Effect.gen(function* () {
      let asked = 0
      const counting = Layer.effect(
        Storage,
        Effect.map(Storage, (storage) =>
          Storage.of({
            ...storage,
            beginPreview: (after) => Effect.suspend(() => (asked++, storage.beginPreview(after)))
          })
        )
      ).pipe(Layer.provide(storageAt(yield* dataFile)))
      yield* Effect.gen(function* () {
        const post = yield* poster
        yield* Effect.forkChild(work)
        yield* post("http://a/1")
        yield* made(1)
        for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
        const before = asked
        for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
        assert.strictEqual(asked, before)
      }).pipe(Effect.provide(previewsOver(counting, (url) => Effect.succeed(said(url)))))
    })
  )

  it.live("harbour: a link whose page says nothing is forgotten, and the message is as it was", () =>
    Effect.gen(function* () {
      const data = yield* dataFile
      const looks: Array<string> = []
      const look = (url: string) => Effect.sync(() => (looks.push(url), Option.none()))
      yield* over(
        data,
        look,
        Effect.gen(function* () {
          const post = yield* poster
          yield* post("http://a/1")
          yield* Effect.forkChild(work)
          yield* Effect.repeat(Effect.yieldNow, { until: () => waiting(data) === 0 })
          assert.deepStrictEqual(yield* previews, [""])
        })
      )
      yield* over(data, look, Effect.andThen(Effect.forkChild(work), Effect.yieldNow))
      assert.deepStrictEqual(looks, ["http://a/1"])
    })
  )

  it.live("harbour: unfinished work at the end is begun again at the next start, three times in all", () =>
    Effect.gen(function* () {
      const data = yield* dataFile
      let looks = 0
      const stuck = () => {
        looks++
        return Effect.never
      }
      const start = Effect.gen(function* () {
        const before = looks
        const fiber = yield* Effect.forkChild(work)
        yield* Effect.repeat(Effect.yieldNow, { until: () => looks > before })
        yield* Fiber.interrupt(fiber)
      })
      yield* over(
        data,
        stuck,
        Effect.gen(function* () {
          const post = yield* poster
          yield* post("http://a/1")
          yield* start
        })
      )
      for (let n = 2; n <= limits.preview.tries; n++) yield* over(data, stuck, start)
      assert.strictEqual(looks, 3)
      assert.strictEqual(waiting(data), 1)
      yield* over(data, stuck, Effect.void)
      assert.strictEqual(waiting(data), 0)
    })
  )

  it.live("harbour: while too many links wait, messages are posted without previews", () =>
    Effect.gen(function* () {
      const data = yield* dataFile
      yield* over(
        data,
        (url) => Effect.succeed(said(url)),
        Effect.gen(function* () {
          const { endPreview, beginPreview } = yield* Storage
          const post = yield* poster
          yield* post(...Array.from({ length: limits.preview.backlog }, (_, n) => `http://a/${n}`))
          yield* post("http://b/1")
          assert.strictEqual(waiting(data), limits.preview.backlog)
          const first = yield* Effect.flatMap(beginPreview(0), Effect.fromOption)
          assert.strictEqual(first.url, "http://a/0")
          yield* endPreview(first.id, Option.none())
          yield* post("http://c/1")
          assert.strictEqual(waiting(data), limits.preview.backlog)
          const last = yield* Effect.flatMap(beginPreview(first.id + limits.preview.backlog - 1), Effect.fromOption)
          assert.strictEqual(last.url, "http://c/1")
        })
      )
    })
  )

  it.live("harbour: a storage that fails ends the work, which then goes on where it was", () =>
    Effect.gen(function* () {
      let broken = true
      const data = yield* dataFile
      const failing = Layer.effect(
        Storage,
        Effect.map(Storage, (storage) =>
          Storage.of({
            ...storage,
            endPreview: (id, preview) =>
              broken
                ? Effect.fail(new StorageError({ operation: "endPreview", cause: new Error("full") }))
                : storage.endPreview(id, preview)
          })
        )
      ).pipe(Layer.provide(storageAt(data)))
      yield* Effect.gen(function* () {
        const post = yield* poster
        yield* post("http://a/1", "http://a/2")
        assert.strictEqual((yield* Effect.flip(work)).operation, "endPreview")
        broken = false
        yield* Effect.forkChild(work)
        assert.deepStrictEqual(yield* made(2), ["http://a/1=http://a/1 http://a/2=http://a/2"])
      }).pipe(Effect.provide(previewsOver(failing, (url) => Effect.succeed(said(url)))))
    })
  )

  it.live("harbour: a file of the version before is brought up to date in place, with its messages", () =>
    Effect.gen(function* () {
      const data = yield* dataFile
      mkdirSync(dirname(data))
      const db = new DatabaseSync(data)
      db.exec(`
        CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE,
          token_digest BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;
        CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, topic TEXT NOT NULL,
          created_by INTEGER NOT NULL REFERENCES members (id), created_at INTEGER NOT NULL) STRICT;
        CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL REFERENCES rooms (id),
          author INTEGER NOT NULL REFERENCES members (id), text TEXT NOT NULL, posted_at INTEGER NOT NULL) STRICT;
        CREATE INDEX messages_by_room ON messages (room, id);
        INSERT INTO members VALUES (1, 'Ada', 'ada', zeroblob(32), 0);
        INSERT INTO rooms VALUES (1, 'quay', '', 1, 0);
        INSERT INTO messages VALUES (7, 1, 1, 'see http://old.example/', 0);
        PRAGMA user_version = 1`)
      db.close()
      yield* over(
        data,
        (url) => Effect.succeed(said(url)),
        Effect.gen(function* () {
          const storage = yield* Storage
          const post = yield* poster
          yield* Effect.forkChild(work)
          yield* post("http://new/")
          assert.deepStrictEqual(yield* made(1), ["", "http://new/=http://new/"])
          const old = yield* storage.message(quay, seventh)
          assert.deepStrictEqual([old.text as string, old.previews], ["see http://old.example/", []])
        })
      )
      const after = new DatabaseSync(data, { readOnly: true })
      assert.deepStrictEqual({ ...after.prepare("PRAGMA user_version").get() }, { user_version: 3 })
      after.close()
    })
  )
})

describe("the whole of Harbour over a scripted network", () => {
  it.live(
    "harbour: a message is answered without previews, and has them in the list and by itself as soon as they are made",
    () =>
      Effect.gen(function* () {
        const go = yield* Deferred.make<void>()
        const page = { headers: { "content-type": "text/html" }, body: `<title>A <b>&amp;amp;</b></title>` }
        const network = TestClient.make(
          TestClient.once("GET http://a.example/x", Effect.as(Deferred.await(go), page)),
          TestClient.once("GET http://b.example/", { status: 404 })
        )
        const environment = ConfigProvider.layer(ConfigProvider.fromUnknown({ HARBOUR_DATA: yield* dataFile }))
        const app = yield* TestApp.make(harbour.override(PageNetwork.transport, network.layer), environment)
        const joined = (yield* app.post("/api/tokens", { json: { name: "Ada" } })).json() as { readonly token: string }
        const headers = { authorization: `Bearer ${joined.token}` }
        yield* app.post("/api/rooms", { headers, json: { name: "quay" } })
        const posted = yield* app.post("/api/rooms/quay/messages", {
          headers,
          json: { text: "see http://b.example, http://a.example/x, http://127.0.0.1/" }
        })
        TestApp.expect(posted, { status: 201 })
        assert.deepStrictEqual((posted.json() as { readonly previews: unknown }).previews, [])
        yield* Deferred.succeed(go, undefined)
        const expected = [{ url: "http://a.example/x", title: "A <b>&amp;</b>", description: "" }]
        const shown = yield* app.get(posted.headers.get("location") ?? "").pipe(
          Effect.map(({ json }) => json() as { readonly previews: ReadonlyArray<unknown> }),
          Effect.repeat({ until: ({ previews }) => previews.length > 0 })
        )
        assert.deepStrictEqual(shown.previews, expected)
        const list = yield* app.get("/api/rooms/quay/messages")
        assert.deepStrictEqual(list.json(), { items: [shown], next: null })
        yield* network.verify
        yield* app.terminate
      })
  )
})
