import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { dataFile, furnish, start } from "./Process.ts"

const problemType = "application/problem+json"

describe.concurrent("requests", () => {
  it.live(
    "harbour: a room is made, listed, posted to and read, newest message first, page by page",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const joined = yield* harbour.call("POST", "/api/tokens", { body: { name: "Ada" } })
      assert.strictEqual(joined.status, 201)
      assert.match(joined.json.token, /^hbr_[\w-]{43}$/)
      assert.strictEqual(joined.headers.get("cache-control"), "no-store")
      const token = joined.json.token

      const made = yield* harbour.call("POST", "/api/rooms", { token, body: { name: "quay", topic: "Arrivals" } })
      assert.strictEqual(made.status, 201)
      assert.strictEqual(made.headers.get("location"), "/api/rooms/quay")
      assert.include(made.json, { name: "quay", topic: "Arrivals", createdBy: "Ada" })
      assert.deepStrictEqual((yield* harbour.call("GET", "/api/rooms/quay")).json, made.json)
      assert.deepStrictEqual((yield* harbour.call("GET", "/api/rooms")).json, { items: [made.json], next: null })

      const posted: Array<unknown> = []
      for (const text of ["one", "two", "three\nlines ⚓"]) {
        const answer = yield* harbour.call("POST", "/api/rooms/quay/messages", { token, body: { text } })
        assert.strictEqual(answer.status, 201)
        assert.include(answer.json, { room: "quay", author: "Ada", text })
        const location = answer.headers.get("location") ?? ""
        assert.deepStrictEqual((yield* harbour.call("GET", location)).json, answer.json)
        posted.unshift(answer.json)
      }
      const first = yield* harbour.call("GET", "/api/rooms/quay/messages?limit=2")
      assert.deepStrictEqual(first.json.items, posted.slice(0, 2))
      const second = yield* harbour.call("GET", `/api/rooms/quay/messages?limit=2&before=${first.json.next}`)
      assert.deepStrictEqual(second.json, { items: posted.slice(2), next: null })
    })
  )

  it.live(
    "harbour: bad input is answered 400 with the path of each fault",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const faults = (method: string, path: string, body?: unknown) =>
        Effect.map(harbour.call(method, path, { token, body }), (answer) => {
          assert.strictEqual(answer.status, 400, answer.text)
          assert.strictEqual(answer.headers.get("content-type"), problemType)
          assert.strictEqual(answer.json.code, "InvalidRequest")
          return answer.json.errors.map((error: { readonly path: string; readonly message: string }) => error)
        })
      const paths = (errors: ReadonlyArray<{ readonly path: string }>) => errors.map((error) => error.path)

      const [syntax] = yield* faults("POST", "/api/rooms/quay/messages", '{"text": ')
      assert.strictEqual(syntax.path, "")
      assert.match(syntax.message, /^Expected JSON: /)
      assert.deepStrictEqual(paths(yield* faults("POST", "/api/rooms/quay/messages", "[]")), [""])
      assert.deepStrictEqual(paths(yield* faults("POST", "/api/rooms/quay/messages", {})), ["/text"])
      assert.deepStrictEqual(yield* faults("POST", "/api/rooms/quay/messages", { text: "x".repeat(4001) }), [
        { path: "/text", message: "Expected 1 to 4000 characters" }
      ])
      assert.deepStrictEqual(paths(yield* faults("POST", "/api/rooms/quay/messages", { text: " \n " })), ["/text"])
      assert.deepStrictEqual(paths(yield* faults("POST", "/api/rooms", { name: "No Room", topic: 7 })), [
        "/name",
        "/topic"
      ])
      assert.deepStrictEqual(paths(yield* faults("POST", "/api/tokens", { name: " Ada" })), ["/name"])
      assert.deepStrictEqual(paths(yield* faults("GET", "/api/rooms/quay/messages?limit=101&before=x")), [
        "/limit",
        "/before"
      ])
      assert.deepStrictEqual(paths(yield* faults("GET", "/api/rooms/NO")), ["/room"])
    })
  )

  it.live(
    "harbour: a missing item is answered 404, and a taken name 409, each as a problem with its code",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const refused = (method: string, path: string, body?: unknown) =>
        Effect.map(harbour.call(method, path, { token, body }), ({ headers, json, status }) => {
          assert.strictEqual(headers.get("content-type"), problemType)
          assert.strictEqual(json.status, status)
          return [status, json.code]
        })
      const gone = [404, "RoomNotFound"]
      assert.deepStrictEqual(yield* refused("GET", "/api/rooms/none"), gone)
      assert.deepStrictEqual(yield* refused("GET", "/api/rooms/none/messages"), gone)
      assert.deepStrictEqual(yield* refused("GET", "/api/rooms/none/messages/1"), gone)
      assert.deepStrictEqual(yield* refused("POST", "/api/rooms/none/messages", { text: "hello" }), gone)
      assert.deepStrictEqual(yield* refused("GET", "/api/rooms/quay/messages/1"), [404, "MessageNotFound"])
      assert.deepStrictEqual(yield* refused("GET", "/nowhere"), [404, "RouteNotFound"])
      assert.deepStrictEqual(yield* refused("POST", "/api/rooms", { name: "quay" }), [409, "RoomTaken"])
      assert.deepStrictEqual(yield* refused("POST", "/api/tokens", { name: "KEEPER of quay" }), [409, "NameTaken"])
    })
  )

  it.live(
    "harbour: a method that the path does not take is answered 405 with Allow",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const allow = (method: string, path: string) =>
        Effect.map(harbour.call(method, path), ({ headers, json, status }) => [status, json.code, headers.get("allow")])
      assert.deepStrictEqual(yield* allow("DELETE", "/api/rooms/quay"), [405, "MethodNotAllowed", "GET, HEAD"])
      assert.deepStrictEqual(yield* allow("PUT", "/api/rooms?limit=1"), [405, "MethodNotAllowed", "GET, HEAD, POST"])
      assert.deepStrictEqual(yield* allow("GET", "/api/tokens"), [405, "MethodNotAllowed", "POST"])
      assert.strictEqual((yield* harbour.call("HEAD", "/api/rooms")).status, 200)
    })
  )

  it.live(
    "harbour: a post without a token is answered 401 with WWW-Authenticate, and a read is not",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      yield* furnish(harbour, "quay")
      const post = yield* harbour.call("POST", "/api/rooms/quay/messages", { body: { text: "hello" } })
      assert.strictEqual(post.status, 401)
      assert.strictEqual(post.headers.get("content-type"), problemType)
      assert.match(post.headers.get("www-authenticate") ?? "", /^Bearer realm="harbour"/)
      assert.strictEqual((yield* harbour.call("POST", "/api/rooms", { body: { name: "pier" } })).status, 401)
      assert.deepStrictEqual((yield* harbour.call("GET", "/api/rooms/quay/messages")).json.items, [])
    })
  )

  it.live(
    "harbour: a wrong token is answered 401 on reads too",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = `hbr_${"A".repeat(43)}`
      const read = yield* harbour.call("GET", "/api/rooms", { token })
      assert.strictEqual(read.status, 401)
      assert.match(read.headers.get("www-authenticate") ?? "", /error="invalid_token"/)
      assert.notInclude(harbour.output(), token)
    })
  )

  it.live(
    "harbour: a body over 64 KiB is answered 413, whether it says its length or not, and the next request is served",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const large = JSON.stringify({ text: "x".repeat(64 * 1024) })
      const path = "/api/rooms/quay/messages"
      const said = yield* harbour.call("POST", path, { token, body: large })
      assert.deepStrictEqual([said.status, said.json.code], [413, "BodyTooLarge"])
      const chunked = yield* harbour.call("POST", path, { token, body: new Blob([large]).stream() })
      assert.deepStrictEqual([chunked.status, chunked.json.code], [413, "BodyTooLarge"])
      assert.strictEqual((yield* harbour.call("POST", path, { token, body: { text: "small" } })).status, 201)
    })
  )

  it.live(
    "harbour: the page has a separate strict policy, and every answer its security headers and request id",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const page = yield* harbour.call("GET", "/")
      assert.match(page.headers.get("content-type") ?? "", /^text\/html/)
      const policy = page.headers.get("content-security-policy") ?? ""
      assert.match(
        policy,
        /^default-src 'none'; style-src 'sha256-[^ ]+'; script-src 'self' 'sha256-[^ ]+'; connect-src 'self'; img-src data:;/
      )
      assert.notMatch(policy, /unsafe/)
      assert.notMatch(page.text, /(?:src|href)="(?:https?:)?\/\//)
      assert.notMatch(page.text, /\{\{/)
      for (const answer of [page, yield* harbour.call("GET", "/nowhere")]) {
        assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
        assert.match(answer.headers.get("x-request-id") ?? "", /.{8,}/)
        assert.match(answer.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/)
      }
    })
  )
})
