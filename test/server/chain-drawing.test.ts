import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import type { HttpServerError } from "effect/http"
import { Interceptor } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"

import type { Response } from "../../src/server/HttpTypes.ts"
import { Green, makeJournal, Name, Place, response } from "./Journal.ts"
import type { Red } from "./Journal.ts"

class Auth extends Middleware.Service<Auth>()("test/Auth", { provides: Place, error: Green }) {}

const { after, before } = makeJournal("plain")

const showRoom = (): Effect.Effect<Response, Red | Green | HttpServerError.HttpServerError> =>
  Effect.succeed(response("H"))

const timing = <E, R>(app: Effect.Effect<Response, E, R>) => app
const deadline = Middleware.around("deadline", (app: ReturnType<typeof showRoom>) => app)

const place = Context.make(Place, "")

const app = Pipeline.make("rooms")
  .outer(Middleware.outer("trace", Name, (app) => Effect.provideService(app, Name, "x")))
  .before(before<Red>("first"))
  .before(Auth)
  .before(Middleware.every("group", before("g1"), before("g2")), { Red: () => Effect.succeed(place) })
  .link(
    Middleware.pair(
      "pair",
      () => 1,
      (response) => response
    )
  )
  .before(Middleware.mapRequest("rewrite", (request) => request))
  .recover("Green", () => Effect.succeed(place))
  .handle(showRoom, deadline, timing, (app) => app)
  .catchTag(["Red"], () => response("c"))
  .catchTags({ Green: () => response("c") })
  .catchReason("HttpServerError", ["RouteNotFound", "InternalError"], () => response("c"))
  .respond()
  .catch(() => response("x"))
  .catchDefect(() => response("d"))
  .after(after("A"))
  .onExit("E", () => Effect.void)
  .outer(Middleware.outer("last", (app) => app))

const inner = Pipeline.make("inner")
  .outer(Middleware.outer("o", (app) => app))
  .before(before("b"))
  .handle(response("h"))

const nested = Pipeline.make("nested").handle(inner, timing).after(after("A"))

describe("the drawing of a pipeline", () => {
  it("server 3: it has every stage in the order in which they run, outers first, arounds from the outside", () => {
    assert.strictEqual(
      Interceptor.toText(app),
      [
        "rooms (server)",
        "  outer    trace                                 provides test/Name",
        "  outer    last",
        "  before   first",
        "  before   test/Auth                             provides test/Place; raises Green",
        "  recover  group/g1, group/g2                    recovers Red",
        "  before   group/g1",
        "  before   group/g2",
        "  before   pair",
        "  request  rewrite",
        "  recover  recover(Green)",
        "  handle   showRoom",
        "  around     around",
        "  around     timing",
        "  around     deadline",
        "  catch    catchTag(Red)",
        "  catch    catchTags(Green)",
        "  catch    catchReason(HttpServerError, RouteNotFound, InternalError)",
        "  respond  respond                               recovers every error that responds",
        "  catch    catch                                 recovers *",
        "  catch    catchDefect                           recovers defects",
        "  after    A",
        "  onExit   E",
        "  after    pair"
      ].join("\n")
    )
  })

  it("server 3: a pipeline inside is drawn inside", () => {
    assert.strictEqual(
      Interceptor.toText(nested),
      [
        "nested (server)",
        "  handle  inner",
        "  around    timing",
        "  outer     o",
        "  before    b",
        "  handle    handler",
        "  after   A"
      ].join("\n")
    )
  })

  it("server 3: as Mermaid", () => {
    assert.strictEqual(
      Interceptor.toMermaid(nested),
      [
        "flowchart TD",
        '  s1["handle: inner"]',
        '  subgraph s1i["inner"]',
        '    s2["around: timing"]',
        "    s1 --> s2",
        '    s3["outer: o"]',
        "    s2 --> s3",
        '    s4["before: b"]',
        "    s3 --> s4",
        '    s5["handle: handler"]',
        "    s4 --> s5",
        "  end",
        '  s6["after: A"]',
        "  s5 --> s6"
      ].join("\n")
    )
  })

  it("server 3: as data, of an open pipeline too, which stays as it was", () => {
    const open = Pipeline.make("open")
      .outer(Middleware.outer("O", (app) => app))
      .before(Auth)
    const nothing = { provides: [], error: [], requires: [], recovers: [], inner: [] }
    const described = Interceptor.describe(open)
    assert.deepStrictEqual(described, {
      part: "server",
      name: "open",
      interceptors: [
        { ...nothing, name: "O", kind: "outer" },
        {
          ...nothing,
          name: "test/Auth",
          service: "test/Auth",
          kind: "before",
          provides: ["test/Place"],
          error: ["Green"]
        }
      ]
    })
    const next = Interceptor.describe(open.next()).interceptors
    assert.deepStrictEqual(next.slice(0, 2), described.interceptors)
    assert.deepStrictEqual(next.slice(2), [{ ...nothing, name: "next", kind: "handle" }])
    assert.deepStrictEqual(Interceptor.describe(open), described)
  })
})
