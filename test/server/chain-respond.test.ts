// @effect-diagnostics missingEffectError:off
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Exit, Schema } from "effect"
import { HttpBody, HttpServerError, HttpServerRespondable, HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { Blue, endOf, makeJournal, manners, Name, requestOf, response, run, trailOf } from "./Journal.ts"
import { logsOf } from "./Logs.ts"

/** An error that answers for itself. */
class Answering extends Data.TaggedError("Answering")<{ readonly status: number }> {
  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(response(`says ${this.status}`, this.status))
  }
}

class RoomNotFound extends Schema.TaggedError<RoomNotFound>()(
  "RoomNotFound",
  { room: Schema.String, seen: Schema.DateTimeUtcFromString.pipe(Schema.optionalKey), limit: Schema.NumberFromString },
  { httpApiStatus: 404 }
) {}

class Unmarked extends Schema.TaggedError<Unmarked>()("Unmarked", { by: Schema.String }) {}

const bodyOf = (response: Response): string =>
  response.body instanceof HttpBody.Uint8Array ? new TextDecoder().decode(response.body.body) : ""

const responseOf = <E>(exit: Exit.Exit<Response, E>): Response => {
  assert.isTrue(Exit.isSuccess(exit), String(exit))
  return Exit.isSuccess(exit) ? exit.value : response("none")
}

describe.each(manners)("respond(), of stages that return their results %s", (manner) => {
  it.effect("server 1.17: an error that responds answers for itself, and the later afters run", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal(manner)
      const app = Pipeline.make("p")
        .before(before("B1", new Answering({ status: 409 })))
        .handle(handler())
        .after(after("A1"))
        .respond()
        .after(after("A2"))
        .after(after("A3"))
      const answer = responseOf(yield* run(app))
      assert.strictEqual(answer.status, 409)
      assert.strictEqual(answer.headers["trail"], "says 409 A2 A3")
      assert.deepStrictEqual(take(), ["B1", "A2", "A3"])
    })
  )

  it.effect("server 1.17: an error that was recovered before it is neither answered nor logged", () =>
    Effect.gen(function* () {
      const { answers, handler } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler("H", new Answering({ status: 500 })))
        .catchTag("Answering", answers("C"))
        .respond()
      const [exit, lines] = yield* logsOf(run(app))
      assert.strictEqual(endOf(exit), "C")
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect(
    "server 1.17: it logs once: at Error from 500, else at Info, with the cause, the method and the status",
    () =>
      Effect.gen(function* () {
        for (const [status, level] of [
          [200, "Info"],
          [404, "Info"],
          [499, "Info"],
          [500, "Error"],
          [503, "Error"]
        ] as const) {
          const error = new Answering({ status })
          const { after, handler } = makeJournal(manner)
          const app = Pipeline.make("p").handle(handler("H", error)).respond().after(after("A1")).respond()
          const [exit, lines] = yield* logsOf(run(app, requestOf("/rooms/1?token=s3cret#x", { method: "PUT" })))
          assert.strictEqual(responseOf(exit).status, status)
          assert.strictEqual(lines.length, 1)
          const [line] = lines
          assert.strictEqual(line?.level, level)
          assert.deepStrictEqual(line?.annotations, {
            "http.request.method": "PUT",
            "url.path": "/rooms/1",
            "http.response.status_code": status,
            "error.type": "Answering"
          })
          const causes = line?.cause.reasons.map((reason) => Cause.isFailReason(reason) && reason.error === error)
          assert.strictEqual(line?.message, `Responded ${status} to PUT /rooms/1: Answering`)
          // The client's own mistake is one line; a failure of the server comes with its whole cause.
          assert.deepStrictEqual(causes, level === "Error" ? [true] : [])
        }
      })
  )

  it.effect("server 1.17: a success passes it unlogged", () =>
    Effect.gen(function* () {
      const { handler } = makeJournal(manner)
      const [exit, lines] = yield* logsOf(run(Pipeline.make("p").handle(handler<Answering>()).respond()))
      assert.strictEqual(endOf(exit), "H")
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("server 1.17: a schema class with a status annotation answers with its encoded JSON", () =>
    Effect.gen(function* () {
      const { after, handler } = makeJournal(manner)
      const app = Pipeline.make("p")
        .handle(handler("H", new RoomNotFound({ room: "quay", limit: 8 })))
        .respond(RoomNotFound)
        .after(after("A1"))
      const [exit, lines] = yield* logsOf(run(app))
      const answer = responseOf(exit)
      assert.strictEqual(answer.status, 404)
      assert.strictEqual(trailOf(answer), " A1")
      assert.strictEqual(answer.headers["content-type"], "application/json")
      assert.deepStrictEqual(JSON.parse(bodyOf(answer)), { _tag: "RoomNotFound", room: "quay", limit: "8" })
      assert.deepStrictEqual(
        lines.map((line) => [line.level, line.message]),
        [["Info", "Responded 404 to GET /: RoomNotFound"]]
      )
    })
  )
})

describe("which errors respond", () => {
  it("server 1.17: a class without a status annotation is refused when the pipeline is built, by name", () => {
    const build = () =>
      Pipeline.make("rooms")
        .handle(() => Exit.fail(new Unmarked({ by: "H" })))
        .respond(RoomNotFound, Unmarked)
    assert.throws(
      build,
      InvalidOption,
      /^rooms: option respond: Unmarked has no status: annotate it, as .*httpApiStatus/
    )
  })

  it.effect("server 1.17: Effect's own HttpServerError responds with the status of its reason", () =>
    Effect.gen(function* () {
      const request = requestOf("/nowhere")
      for (const [reason, status] of [
        [new HttpServerError.RouteNotFound({ request }), 404],
        [new HttpServerError.RequestParseError({ request }), 400],
        [new HttpServerError.RequestParseError({ request, reason: "BodyTooLarge" }), 413],
        [new HttpServerError.InternalError({ request }), 500]
      ] as const) {
        const app = Pipeline.make("p")
          .handle(() => Exit.fail(new HttpServerError.HttpServerError({ reason })))
          .respond()
        const [exit] = yield* logsOf(run(app, request))
        assert.strictEqual(responseOf(exit).status, status)
      }
    })
  )

  it.effect("server 1.17: an error that does not respond passes it, by identity and unlogged", () =>
    Effect.gen(function* () {
      const blue = new Blue({ by: "H" })
      for (const error of [blue, new Unmarked({ by: "H" }), null, "text", { _tag: "Plain" }]) {
        const app = Pipeline.make("p").handle(Effect.fail(error))
        // @ts-expect-error it does not respond
        const answered = app.respond()
        const [exit, lines] = yield* logsOf(run(answered))
        assert.strictEqual(endOf(exit), error)
        assert.deepStrictEqual(lines, [])
      }
    })
  )

  it.effect("server 1.17: an error whose answer fails is a defect, for catchDefect and for the logs", () =>
    Effect.gen(function* () {
      const broken = new Error("template missing")
      class Broken extends Data.TaggedError("Broken")<{}> {
        [HttpServerRespondable.symbol](): Effect.Effect<Response, Error> {
          return Effect.fail(broken)
        }
      }
      const app = Pipeline.make("p")
        .handle(() => Exit.fail(new Broken()))
        .respond()
      assert.strictEqual(endOf(yield* run(app)), broken)
      const [exit, lines] = yield* logsOf(run(app.catchDefect((defect) => response(String(defect)))))
      assert.strictEqual(endOf(exit), "Error: template missing")
      assert.deepStrictEqual(
        lines.map((line) => line.message),
        ['Stage "respond" of pipeline "p" died on GET /']
      )
    })
  )

  it.effect("server 1.17: a schema error that cannot be encoded is a defect, not an empty answer", () =>
    Effect.gen(function* () {
      class Odd extends Schema.TaggedError<Odd>()("Odd", { at: Schema.Unknown }, { httpApiStatus: 400 }) {}
      const cyclic: Record<string, unknown> = {}
      cyclic["self"] = cyclic
      const app = Pipeline.make("p")
        .handle(() => Exit.fail(new Odd({ at: cyclic })))
        .respond(Odd)
      const exit = yield* run(app)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("server 1.17: an after fails after one respond(): the next one answers, each logs its own error", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .handle(() => Exit.fail(new Answering({ status: 404 })))
        .respond()
        .after(Middleware.after("A1", () => Exit.fail(new Answering({ status: 502 }))))
        .respond()
      const [exit, lines] = yield* logsOf(run(app))
      assert.strictEqual(responseOf(exit).status, 502)
      assert.deepStrictEqual(
        lines.map((line) => line.message),
        ["Responded 404 to GET /: Answering", "Responded 502 to GET /: Answering"]
      )
    })
  )

  it.effect("server 1.17: the log line is in the context of the pipeline, with the annotations of its befores", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.before("annotate", Effect.annotateLogsScoped("user", "Ada")))
        .handle(() => Exit.fail(new Answering({ status: 404 })))
        .respond()
      const [, [line]] = yield* logsOf(run(app))
      assert.strictEqual(line?.annotations["user"], "Ada")
    })
  )

  it.effect("server 1.17: a Respondable may use what was provided where it was raised", () =>
    Effect.gen(function* () {
      class Greeting extends Data.TaggedError("Greeting")<{}> {
        [HttpServerRespondable.symbol](): Effect.Effect<Response> {
          return Effect.map(Effect.serviceOption(Name), (name) => response(JSON.stringify(name), 400))
        }
      }
      const app = Pipeline.make("p")
        .before(Middleware.before("B1", Name, () => "Ada"))
        .before(Middleware.before("B2", () => Exit.fail(new Greeting())))
        .handle(HttpServerResponse.empty())
        .respond()
      assert.include(String(endOf(yield* run(app))), "Ada")
    })
  )
})
