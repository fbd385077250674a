import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { Interceptor } from "fairlead"

import { annotate } from "../../src/core/CauseOrigin.ts"
import { infoOf } from "../../src/core/Description.ts"

const info = (kind: string, name: string, more: Partial<Interceptor.InterceptorInfo> = {}) =>
  infoOf({ name, kind, ...more })

const rooms: Interceptor.Description = {
  part: "server",
  name: "rooms",
  interceptors: [
    info("outer", "request-id", { provides: ["RequestId"] }),
    info("before", "authenticate", { provides: ["CurrentUser", "Session"] }),
    info("recover", "recover(Unauthorized)", { recovers: ["Unauthorized"] }),
    info("handle", "inner", {
      inner: [
        info("around", "timing"),
        info("before", "limit", { provides: ["Limit"], recovers: ["TooMany"], inner: [info("before", "deep")] })
      ]
    }),
    info("catch", "catchReason(HttpServerError, RouteNotFound)", { recovers: ["HttpServerError/RouteNotFound"] }),
    info("catch", "catch", { recovers: ["*"] })
  ]
}

describe("a drawing as text", () => {
  it("has one interceptor a line, in order, with its services and recovered errors, inner ones indented", () => {
    assert.strictEqual(
      Interceptor.toText(rooms),
      [
        "rooms (server)",
        "  outer    request-id                            provides RequestId",
        "  before   authenticate                          provides CurrentUser, Session",
        "  recover  recover(Unauthorized)",
        "  handle   inner",
        "  around     timing",
        "  before     limit                               provides Limit; recovers TooMany",
        "  before       deep",
        "  catch    catchReason(HttpServerError, RouteNotFound)",
        "  catch    catch                                 recovers *"
      ].join("\n")
    )
  })

  it("says nothing twice: a recovery named after its tags has no note", () => {
    const lines = Interceptor.toText({
      part: "client",
      name: "c",
      interceptors: [
        info("catch", "catchTags(Red, Green)", { recovers: ["Red", "Green"] }),
        info("catch", "first", { recovers: ["Red", "Green"] }),
        info("catch", "of Red", { recovers: ["Red", "Green"] })
      ]
    }).split("\n")
    assert.deepStrictEqual(lines.slice(1), [
      "  catch  catchTags(Red, Green)",
      "  catch  first                  recovers Red, Green",
      "  catch  of Red                 recovers Green"
    ])
  })

  it("of a composite without interceptors is its name", () => {
    assert.strictEqual(Interceptor.toText({ part: "endpoint", name: "empty", interceptors: [] }), "empty (endpoint)")
    assert.strictEqual(Interceptor.toMermaid({ part: "endpoint", name: "empty", interceptors: [] }), "flowchart TD")
  })

  it("has no space at the end of a line", () => {
    assert.notMatch(Interceptor.toText(rooms), / $/m)
  })
})

describe("a drawing as Mermaid", () => {
  it("is a flowchart from one interceptor to the next, with composites as subgraphs", () => {
    assert.strictEqual(
      Interceptor.toMermaid(rooms),
      [
        "flowchart TD",
        '  s1["outer: request-id<br/>provides RequestId"]',
        '  s2["before: authenticate<br/>provides CurrentUser, Session"]',
        "  s1 --> s2",
        '  s3["recover: recover(Unauthorized)"]',
        "  s2 --> s3",
        '  s4["handle: inner"]',
        "  s3 --> s4",
        '  subgraph s4i["inner"]',
        '    s5["around: timing"]',
        "    s4 --> s5",
        '    s6["before: limit<br/>provides Limit; recovers TooMany"]',
        "    s5 --> s6",
        '    subgraph s6i["limit"]',
        '      s7["before: deep"]',
        "      s6 --> s7",
        "    end",
        "  end",
        '  s8["catch: catchReason(HttpServerError, RouteNotFound)"]',
        "  s7 --> s8",
        '  s9["catch: catch<br/>recovers *"]',
        "  s8 --> s9"
      ].join("\n")
    )
  })

  it("escapes what would end a label or be markup", () => {
    const odd = info("before", 'a "b" <c> & d', { provides: ["<X>"], inner: [info("after", '"]')] })
    assert.strictEqual(
      Interceptor.toMermaid({ part: "server", name: "odd", interceptors: [odd] }),
      [
        "flowchart TD",
        '  s1["before: a &quot;b&quot; &lt;c&gt; &amp; d<br/>provides &lt;X&gt;"]',
        '  subgraph s1i["a &quot;b&quot; &lt;c&gt; &amp; d"]',
        '    s2["after: &quot;]"]',
        "    s1 --> s2",
        "  end"
      ].join("\n")
    )
  })
})

describe("the origin of a defect", () => {
  const origin = (interceptor: string) => ({ part: "server", composite: "p", interceptor, annotations: {} }) as const

  it("is the interceptor that annotated the cause first", () => {
    const cause = annotate(annotate(Cause.die("defect"), origin("inner")), origin("outer"))
    assert.deepStrictEqual(Interceptor.causeOrigin(cause), origin("inner"))
  })

  it("is unknown of a cause that nobody annotated, and of one without a defect", () => {
    assert.isUndefined(Interceptor.causeOrigin(Cause.die("defect")))
    assert.isUndefined(Interceptor.causeOrigin(Cause.fail("error")))
    assert.isUndefined(Interceptor.causeOrigin(annotate(Cause.fail("error"), origin("a"))))
    assert.isUndefined(Interceptor.causeOrigin(Cause.empty))
  })

  it("is that of the first defect, when there are several reasons", () => {
    const one = annotate(Cause.die("one"), origin("one"))
    const two = annotate(Cause.die("two"), origin("two"))
    const all = Cause.combine(Cause.combine(Cause.fail("error"), one), two)
    assert.deepStrictEqual(Interceptor.causeOrigin(all), origin("one"))
  })

  it("changes nothing else of the cause", () => {
    const defect = new Error("defect")
    const cause = annotate(Cause.combine(Cause.fail("error"), Cause.die(defect)), origin("a"))
    assert.deepStrictEqual(
      cause.reasons.map((reason) => [
        Cause.isFailReason(reason) && reason.error,
        Cause.isDieReason(reason) && reason.defect
      ]),
      [
        ["error", false],
        [false, defect]
      ]
    )
  })

  it.effect("survives being caught, kept as an Exit and raised again", () =>
    Effect.gen(function* () {
      const annotated = Effect.failCause(annotate(Cause.die("defect"), origin("a")))
      const exit = yield* Effect.exit(Effect.andThen(Effect.yieldNow, annotated))
      const again = yield* Effect.exit(Effect.andThen(Effect.yieldNow, exit))
      assert.deepStrictEqual(Exit.isFailure(again) ? Interceptor.causeOrigin(again.cause) : undefined, origin("a"))
    })
  )
})
