import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { HttpClientRequest } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClient } from "fairlead/testing/client"

import { noNetwork, rooms, session, text, written } from "./Tape.ts"

const secret = "s3cr3t"

/** Records one exchange, and gives its entry, the text of the file, and what a replay answers. */
const recorded = (
  request: HttpClientRequest.HttpClientRequest,
  reply: TestClient.Reply = {},
  options: TestClient.CassetteOptions = {}
) =>
  Effect.gen(function* () {
    const network = TestClient.make(TestClient.always({}, reply))
    const live = yield* session({ ...options, mode: "record" }, network, (client) => text(client, request))
    const { json, text: file } = yield* written
    const replay = yield* session(options, noNetwork, (client) => text(client, request))
    return { ...json?.interactions[0], file, live, replay, sent: network.calls[0]! }
  }).pipe(Effect.provide(KeyValueStore.layerMemory))

describe("before anything is written", () => {
  it.effect("headers hide their values; schemes, names of cookies and their attributes are kept", () =>
    Effect.gen(function* () {
      const { file, request, response, sent } = yield* recorded(
        HttpClientRequest.get(rooms, {
          headers: {
            authorization: `Bearer ${secret}`,
            "proxy-authorization": secret,
            cookie: `sid=${secret}; theme=${secret}`,
            "x-api-key": secret,
            accept: "text/html"
          }
        }),
        {
          headers: [
            ["set-cookie", `sid=${secret}; Path=/; HttpOnly`],
            ["set-cookie", `other=${secret}`],
            ["location", `https://u:${secret}@api.test/?access_token=${secret}&page=2`]
          ]
        }
      )
      assert.deepStrictEqual(request.headers, {
        accept: "text/html",
        authorization: "Bearer [redacted]",
        cookie: "sid=[redacted]; theme=[redacted]",
        "proxy-authorization": "[redacted]",
        "x-api-key": "[redacted]"
      })
      assert.deepStrictEqual(response.headers, {
        location: "https://REDACTED:REDACTED@api.test/?access_token=REDACTED&page=2",
        "set-cookie": ["sid=[redacted]; Path=/; HttpOnly", "other=[redacted]"]
      })
      assert.notInclude(file, secret)
      assert.strictEqual(sent.headers["authorization"], `Bearer ${secret}`)
    })
  )

  it.effect("JSON hides its members at any depth, and the length follows; the live response does not change", () =>
    Effect.gen(function* () {
      const body = { user: { name: "Ada", password: secret }, grants: [{ access_token: secret, id: 1, token: null }] }
      const { file, live, replay, request, response } = yield* recorded(
        HttpClientRequest.post(rooms).pipe(HttpClientRequest.bodyJsonUnsafe(body)),
        { json: body, headers: { "content-length": String(JSON.stringify(body).length) } }
      )
      const redacted = {
        user: { name: "Ada", password: "[redacted]" },
        grants: [{ access_token: "[redacted]", id: 1, token: null }]
      }
      assert.deepStrictEqual(request.body, { json: redacted })
      assert.deepStrictEqual(response.body, { json: redacted })
      const length = String(JSON.stringify(redacted).length)
      assert.deepStrictEqual(
        [request.headers, response.headers].map((headers) => headers["content-length"]),
        [length, length]
      )
      assert.notInclude(file, secret)
      assert.deepStrictEqual([JSON.parse(live), JSON.parse(replay)], [body, redacted])
    })
  )

  it.effect("URLs and forms of both kinds hide their fields", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("name", "Ada")
      form.append("client_secret", `${secret}\r\n--${secret}\r\n\r\n${secret}`)
      form.append("last", "Grace")
      form.append("token", `${secret}\r\n--\r\n${secret}`)
      const multipart = yield* recorded(HttpClientRequest.post(rooms).pipe(HttpClientRequest.bodyFormData(form)))
      assert.notInclude(multipart.file, secret)
      const values = multipart.request.body.text.filter((line: string) => !/^(?:--|content-|\r)/.test(line))
      assert.deepStrictEqual(values, ["Ada\r\n", "[redacted]\r\n", "Grace\r\n", "[redacted]\r\n"])

      const encoded = yield* recorded(
        HttpClientRequest.post(`https://me:${secret}@api.test/?sig=${secret}&page=2`).pipe(
          HttpClientRequest.bodyUrlParams({ name: "Ada", password: secret })
        )
      )
      assert.notInclude(encoded.file, secret)
      assert.strictEqual(encoded.request.url, "https://REDACTED:REDACTED@api.test/?sig=REDACTED&page=2")
      assert.deepStrictEqual(encoded.request.body, { text: "name=Ada&password=REDACTED" })
    })
  )

  it.effect("a Redacted parameter hides its value, whatever its name", () =>
    Effect.gen(function* () {
      const { file, request } = yield* recorded(
        HttpClientRequest.get(rooms).pipe(HttpClientRequest.setUrlParams({ q: Redacted.make(secret), page: "2" }))
      )
      assert.notInclude(file, secret)
      assert.strictEqual(request.url, `${rooms}?q=REDACTED&page=2`)
    })
  )

  it.effect("own names and an own function hide more; names to keep are kept", () =>
    Effect.gen(function* () {
      const { request } = yield* recorded(
        HttpClientRequest.post(`${rooms}?code=${secret}&token=page-2`).pipe(
          HttpClientRequest.setHeader("x-tenant", secret),
          HttpClientRequest.bodyJsonUnsafe({ email: secret, note: `my ${secret}`, token: "page-2" })
        ),
        {},
        {
          redact: {
            headers: [/^x-ten/],
            query: ["code"],
            fields: ["email"],
            keep: ["token"],
            text: (text) => text.replaceAll(secret, "***")
          }
        }
      )
      assert.strictEqual(request.url, `${rooms}?code=REDACTED&token=page-2`)
      assert.strictEqual(request.headers["x-tenant"], "[redacted]")
      assert.deepStrictEqual(request.body, { json: { email: "[redacted]", note: "my ***", token: "page-2" } })
    })
  )

  it.effect("failures of the network and of bodies pass the own function", () =>
    Effect.gen(function* () {
      const redact = { text: (text: string) => text.replaceAll(secret, "***") }
      const network = TestClient.make(
        TestClient.once("GET /rooms", TestClient.fails(`to ${secret}`, new Error(`at ${secret}`)))
      )
      yield* session({ mode: "record", redact }, network, (client) => Effect.flip(text(client, rooms)))
      assert.deepStrictEqual((yield* written).json?.interactions[0].failure, { description: "to ***", cause: "at ***" })
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})
