import { execFile } from "node:child_process"
import { promisify } from "node:util"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { bodyLimit, RequestInput, validation } from "fairlead/server/middleware"
import type { ValidationOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { serving } from "../Socket.ts"

class Any extends RequestInput<Any>()("test/Any", { body: Schema.Unknown }) {}

/** The body as the schema got it; a file as its name, type and bytes. */
const shown = async (value: unknown): Promise<unknown> => {
  if (value instanceof File) {
    return [value.name, value.type, Buffer.from(await value.arrayBuffer()).toString("latin1")]
  }
  if (Array.isArray(value)) return Promise.all(value.map(shown))
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(async ([name, one]) => [name, await shown(one)] as const)
  return Object.fromEntries(await Promise.all(entries))
}

const anyForm = (options: ValidationOptions = {}) =>
  Pipeline.make("any")
    .before(validation(Any, { bodyTypes: ["multipart"], ...options }))
    .handle(
      Effect.flatMap(Any, ({ body }) =>
        Effect.map(
          Effect.promise(() => shown(body)),
          (value) => HttpServerResponse.jsonUnsafe(value)
        )
      )
    )
    .respond()

type App = Pipeline.Closed<never, never, never>

const send = (app: App, body: BodyInit, headers: Record<string, string> = {}) =>
  Effect.flatMap(TestServer.make(app), (server) => server.post("/", { body: body as string, headers }))

const typed = { "content-type": "multipart/form-data; boundary=xx" }

/** A form of these parts: the head of each, and its content. */
const formOf = (...parts: ReadonlyArray<readonly [head: string, content: string]>): string =>
  `${parts.map(([head, content]) => `--xx\r\n${head}\r\n\r\n${content}\r\n`).join("")}--xx--\r\n`

const field = (name: string) => `Content-Disposition: form-data; name="${name}"`
const file = (name: string, filename: string) => `${field(name)}; filename="${filename}"\r\nContent-Type: image/png`

/** The bytes of a text whose characters are bytes. */
const bytesOf = (text: string): BodyInit => Uint8Array.from(text, (character) => character.charCodeAt(0))

const read = (text: string, options: ValidationOptions = {}, headers: Record<string, string> = typed) =>
  Effect.map(send(anyForm(options), bytesOf(text), headers), (reply) => ({
    ...reply,
    body: reply.status === 200 ? (JSON.parse(reply.text) as unknown) : undefined
  }))

class Profile extends RequestInput<Profile>()("test/Profile", {
  body: Schema.Struct({
    name: Schema.NonEmptyString,
    age: Schema.FiniteFromString,
    tags: Schema.ArrayEnsure(Schema.Literals(["a", "b"])),
    photo: Schema.File.check(Schema.makeFilter(({ type }) => type === "image/png" || "Expected a PNG")),
    attachments: Schema.optionalKey(Schema.ArrayEnsure(Schema.File))
  })
}) {}

const profiles = Pipeline.make("profiles")
  .before(validation(Profile, { bodyTypes: ["form", "multipart"] }))
  .handle(
    Effect.map(Profile, ({ body: { age, attachments = [], name, photo, tags } }) =>
      HttpServerResponse.jsonUnsafe([name, age, tags, photo.size, attachments.map((each) => each.name)])
    )
  )
  .respond()

const profile = (changes: Readonly<Record<string, ReadonlyArray<string | File>>> = {}): FormData => {
  const form = new FormData()
  const photo = new File(["\u0089PNG"], "me.png", { type: "image/png" })
  const values: Readonly<Record<string, ReadonlyArray<string | File>>> = {
    name: ["Ada"],
    age: ["36"],
    tags: ["a", "b"],
    photo: [photo],
    ...changes
  }
  for (const [name, list] of Object.entries(values)) for (const value of list) form.append(name, value)
  return form
}

const faultsOf = (text: string): ReadonlyArray<string> =>
  (JSON.parse(text) as { errors: ReadonlyArray<{ in: string; pointer: string }> }).errors.map(
    (fault) => `${fault.in} ${fault.pointer}`
  )

describe("validation of multipart forms", () => {
  it.effect("provides fields as texts and files as File, a list where a name comes twice", () =>
    Effect.gen(function* () {
      const attachments = [new File(["one"], "1.txt"), new File(["two"], "2.txt")]
      const reply = yield* send(profiles, profile({ attachments }))
      assert.deepStrictEqual(JSON.parse(reply.text), ["Ada", 36, ["a", "b"], 5, ["1.txt", "2.txt"]])
    })
  )

  it.effect(
    "lists every fault with its path, a text in the place of a file and a file in the place of a text too",
    () =>
      Effect.gen(function* () {
        const reply = yield* send(
          profiles,
          profile({ name: [new File(["x"], "x")], age: ["old"], tags: ["a", "secret"], photo: ["no file"] })
        )
        assert.strictEqual(reply.status, 422)
        assert.deepStrictEqual(faultsOf(reply.text), ["body #/name", "body #/age", "body #/tags/1", "body #/photo"])
        assert.notInclude(reply.text, "secret")
        const gif = yield* send(profiles, profile({ photo: [new File(["GIF"], "me.gif", { type: "image/gif" })] }))
        assert.deepStrictEqual([gif.status, faultsOf(gif.text)], [422, ["body #/photo"]])
        assert.include(gif.text, "Expected a PNG")
      })
  )

  it.effect("lists all faults of a form with a large file, which no schema walks through", () =>
    Effect.gen(function* () {
      const photo = [new File(["x".repeat(100_000)], "me.png", { type: "image/png" })]
      const reply = yield* send(profiles, profile({ name: [""], age: ["old"], photo }))
      assert.deepStrictEqual(faultsOf(reply.text), ["body #/name", "body #/age"])
    })
  )

  it.effect("keeps types (415), syntax (400), size (413) and meaning (422) apart", () =>
    Effect.gen(function* () {
      const good = formOf([field("a"), "1"])
      const multipart = "multipart/form-data"
      for (const [type, body, status] of [
        [`${multipart}; boundary=xx`, good, 200],
        [`Multipart/Form-Data;Boundary="xx"`, good, 200],
        [`${multipart}; charset=utf-8; boundary=xx;`, good, 200],
        [`${multipart}; charset=utf-16; boundary=xx`, good, 415],
        ["multipart/mixed; boundary=xx", good, 415],
        ["multipart/form-datax; boundary=xx", good, 415],
        ["application/json", "{}", 415],
        ["", good, 415],
        [multipart, good, 400],
        [`${multipart};`, good, 400],
        [`${multipart}; boundary=`, good, 400],
        [`${multipart}; boundary=""`, good, 400],
        [`${multipart}; boundary=xx; boundary=yy`, good, 400],
        [`${multipart}; boundary=${"x".repeat(71)}`, good, 400],
        [`${multipart}; boundary="x\\"x"`, good, 400],
        [`${multipart}; boundary=yy`, good, 400],
        [`${multipart}; boundary=xx`, "", 400],
        [`${multipart}; boundary=xx`, "a=1", 400],
        [`${multipart}; boundary=xx`, good.slice(0, -4), 400],
        [`${multipart}; boundary=xx`, good.replaceAll("\r\n", "\n"), 400],
        [`${multipart}; boundary=xx`, formOf(["Content-Type: text/plain", "1"]), 400],
        [`${multipart}; boundary=xx`, formOf(["Content-Disposition: form-data", "1"]), 400],
        [`${multipart}; boundary=xx`, formOf(['Content-Disposition: attachment; name="a"', "1"]), 400],
        [`${multipart}; boundary=xx`, formOf([`${field("a")}; name="b"`, "1"]), 400],
        [`${multipart}; boundary=xx`, formOf([`${field("a")}\r\n${field("b")}`, "1"]), 400],
        [`${multipart}; boundary=xx`, formOf([field("a\0b"), "1"]), 400],
        [`${multipart}; boundary=xx`, formOf([field("a"), "\u00ff"]), 400],
        [`${multipart}; boundary=xx`, formOf([`${field("a")}\r\nContent-Type: text/plain; charset=utf-16`, "1"]), 415],
        [`${multipart}; boundary=xx`, formOf([`${field("a")}\r\nContent-Transfer-Encoding: base64`, "MQ=="]), 415],
        [`${multipart}; boundary=xx`, formOf([`${field("a")}\r\nContent-Transfer-Encoding: 8bit`, "1"]), 200],
        [`${multipart}; boundary=xx`, formOf([field("a"), "x".repeat(1024 * 1024)]), 413]
      ] as const) {
        const reply = yield* read(body, {}, { "content-type": type })
        assert.strictEqual(reply.status, status, `${type.slice(0, 60)} ${body.slice(0, 120)}`)
        if (status === 415 && !body.includes("base64")) {
          assert.strictEqual(reply.headers.get("accept"), multipart)
        }
        assert.notInclude(reply.text, "MQ==")
      }
      assert.strictEqual((yield* send(profiles, bytesOf(formOf([field("name"), "Ada"])), typed)).status, 422)
      const accepted = yield* send(profiles, "{}", { "content-type": "application/json" })
      assert.strictEqual(accepted.headers.get("accept"), "application/x-www-form-urlencoded, multipart/form-data")
    })
  )

  it.effect("limits parts, files and bytes of a part: 413, and as many as the limit pass", () =>
    Effect.gen(function* () {
      const files = (count: number) =>
        formOf(...Array.from({ length: count }, (_, at) => [file(`f${at}`, "f.png"), "x"] as const))
      const fields = (count: number) =>
        formOf(...Array.from({ length: count }, (_, at) => [field(`f${at}`), ""] as const))
      const status = (body: string, options?: ValidationOptions) => Effect.map(read(body, options), (it) => it.status)
      assert.deepStrictEqual([yield* status(files(10)), yield* status(files(11))], [200, 413])
      assert.deepStrictEqual([yield* status(fields(1000)), yield* status(fields(1001))], [200, 413])
      const limits = { maxParts: 3, maxFiles: 1, maxPartBytes: 4 }
      assert.deepStrictEqual([yield* status(fields(3), limits), yield* status(fields(4), limits)], [200, 413])
      assert.deepStrictEqual([yield* status(files(1), limits), yield* status(files(2), limits)], [200, 413])
      for (const head of [field("a"), file("a", "a.png")]) {
        assert.strictEqual(yield* status(formOf([head, "four"]), limits), 200)
        assert.strictEqual(yield* status(formOf([head, "fives"]), limits), 413)
      }
      assert.strictEqual(yield* status(files(1), { maxFiles: 0 }), 413)
      // The limit of the whole body holds too.
      const small = Pipeline.make("small")
        .before(bodyLimit({ maxBytes: 100 }))
        .before(validation(Any, { bodyTypes: ["multipart"] }))
        .handle(HttpServerResponse.empty())
        .respond()
      assert.strictEqual((yield* send(small, bytesOf(formOf([field("a"), "x".repeat(100)])), typed)).status, 413)
    })
  )

  it.effect("leaves out an input without a file, and the folders of a file's name", () =>
    Effect.gen(function* () {
      const reply = yield* read(
        formOf(
          [`${field("none")}; filename=""\r\nContent-Type: application/octet-stream`, ""],
          [file("unix", "../../etc/passwd"), "1"],
          [file("windows", "C:\\temp\\me.png"), "2"],
          [`${field("bytes")}\r\nContent-Type: application/octet-stream`, "3"],
          [`${field("unnamed")}; filename=""`, "4"]
        )
      )
      assert.deepStrictEqual(reply.body, {
        unix: ["passwd", "image/png", "1"],
        windows: ["me.png", "image/png", "2"],
        bytes: ["", "application/octet-stream", "3"],
        unnamed: ["", "application/octet-stream", "4"]
      })
    })
  )

  it.effect("still leaves the body to the handler", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("twice")
        .before(validation(Any, { bodyTypes: ["multipart"] }))
        .before(validation(Any, { bodyTypes: ["multipart"] }))
        .handle(
          Effect.map(
            Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text),
            HttpServerResponse.text
          )
        )
        .respond()
      const body = formOf([field("a"), "1"])
      assert.strictEqual((yield* send(app, bytesOf(body), typed)).text, body)
    })
  )
})

describe("validation of hostile forms", () => {
  it.effect("changes no prototype, keeps names flat, and keeps NUL and line breaks in values", () =>
    Effect.gen(function* () {
      const reply = yield* read(
        formOf(
          [field("__proto__"), "1"],
          [field("constructor"), "2"],
          [field("constructor"), "3"],
          [field("a[b][c]"), "4"],
          [field("nul"), "a\0b\r\n--x"]
        )
      )
      assert.strictEqual(
        reply.text,
        JSON.stringify(
          Object.fromEntries([
            ["__proto__", "1"],
            ["constructor", ["2", "3"]],
            ["a[b][c]", "4"],
            ["nul", "a\0b\r\n--x"]
          ])
        )
      )
      assert.isUndefined(({} as { a?: unknown }).a)
    })
  )

  it.effect("ignores the preamble, and everything after the last boundary", () =>
    Effect.gen(function* () {
      const smuggled = `preamble\r\n${formOf([field("a"), "1"])}${formOf([field("a"), "2"], [field("b"), "3"])}`
      assert.deepStrictEqual((yield* read(smuggled)).body, { a: "1" })
      assert.deepStrictEqual((yield* read(`${formOf([field("a"), "1"])}--xx\r\nbad head`)).body, { a: "1" })
      assert.deepStrictEqual((yield* read("--xx--")).body, {})
    })
  )

  it.effect("refuses huge, numerous and malformed heads of parts, and reads nothing after one", () =>
    Effect.gen(function* () {
      const head = (lines: ReadonlyArray<string>) =>
        formOf([[field("a"), ...lines].join("\r\n"), "1"], [field("b"), "2"])
      for (const lines of [
        [`X-Long: ${"x".repeat(17 * 1024)}`],
        Array.from({ length: 101 }, (_, at) => `X-${at}: 1`),
        ["no colon"],
        [": no name"],
        ["X Y: a space"],
        [" folded: line"]
      ]) {
        assert.strictEqual((yield* read(head(lines))).status, 400, lines[0]!.slice(0, 30))
      }
      assert.strictEqual((yield* read(head([`X-Long: ${"x".repeat(10 * 1024)}`]))).status, 200)
    })
  )

  it.effect("leaves a form within a form as it came", () =>
    Effect.gen(function* () {
      const inner = formOf([field("c"), "3"]).replaceAll("--xx", "--yy")
      const reply = yield* read(formOf([`${field("a")}\r\nContent-Type: multipart/mixed; boundary=yy`, inner]))
      assert.deepStrictEqual(reply.body, { a: inner })
    })
  )

  it.effect("reads any form as it was written, whatever the bytes of its files", () =>
    Effect.promise(() => {
      const handler = Pipeline.toWebHandler(anyForm())
      const text = fc.string({ unit: "binary" }).map((value) => value.replaceAll(/\p{Surrogate}|\r|\n/gu, ""))
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc
          .array(fc.constantFrom("\r\n", "--", "\r\n--", "-", "\r", "\n", "\0", "x"), { maxLength: 60 })
          .map((parts) => new TextEncoder().encode(parts.join("")))
      )
      const entry = fc.tuple(fc.constantFrom("a", "b", "__proto__", "ä"), fc.oneof(text, bytes))
      return fc.assert(
        fc.asyncProperty(fc.array(entry, { maxLength: 8 }), async (entries) => {
          const form = new FormData()
          const expected = new Map<string, Array<unknown>>()
          for (const [name, value] of entries) {
            const isText = typeof value === "string"
            if (isText) form.append(name, value)
            else form.append(name, new File([value], "f.bin", { type: "image/png" }))
            const one = isText ? value : ["f.bin", "image/png", Buffer.from(value).toString("latin1")]
            expected.set(name, [...(expected.get(name) ?? []), one])
          }
          const response = await handler(new Request("http://t/", { method: "POST", body: form }))
          const record = Object.fromEntries(
            [...expected].map(([name, list]) => [name, list.length > 1 ? list : list[0]])
          )
          assert.deepStrictEqual([response.status, await response.text()], [200, JSON.stringify(record)])
        }),
        { numRuns: 200 }
      )
    })
  )

  it.live("reads what curl and fetch send over a socket", () =>
    Effect.gen(function* () {
      const { url } = yield* serving(Pipeline.serve(anyForm()))
      yield* Effect.promise(async () => {
        const { stdout } = await promisify(execFile)("curl", [
          "-s",
          "-F",
          "name=Łódź",
          "-F",
          "photo=<package.json;type=text/plain",
          "-F",
          "file=@package.json;filename=up.json;type=application/json",
          url
        ])
        const form = JSON.parse(stdout) as Readonly<Record<string, unknown>>
        assert.strictEqual(form["name"], "Łódź")
        assert.include(form["photo"] as string, '"fairlead"')
        const [name, type, text] = form["file"] as ReadonlyArray<string>
        assert.deepStrictEqual([name, type], ["up.json", "application/json"])
        assert.include(text, '"fairlead"')
        const body = new FormData()
        body.append('quote"', "line\nbreak")
        const answer = await fetch(url, { method: "POST", body })
        // A browser escapes names so, and normalizes line breaks (WHATWG HTML, form submission).
        assert.deepStrictEqual(await answer.json(), { "quote%22": "line\r\nbreak" })
      })
    })
  )
})
