/**
 * Pipelines as pure data: what each stage is, and what it does at each of its calls. Made at random, read by the oracle, built by `Build`.
 */
import * as fc from "fast-check"

/** The services that stages provide. */
export const keys = ["S0", "S1", "S2"] as const
export type Key = (typeof keys)[number]

/** What a stage can raise: three plain errors, one with two reasons, and two that respond with the status they name. */
const kinds = ["A", "B", "C", "Split/R", "Split/S", "Gone/404", "Down/503"] as const
export type Kind = (typeof kinds)[number]
const tags = ["A", "B", "C", "Split", "Gone", "Down"] as const
export type Tag = (typeof tags)[number]

/** Before and behind the slash: a tag, and a reason or a status. */
export const partsOf = (kind: Kind): readonly [Tag, string | undefined] => kind.split("/") as [Tag, string | undefined]

/**
 * How it is done: by a plain value or a thrown exception, by an Exit, by an Effect that completes synchronously, or after a suspension.
 * An interruption is the stage's own in the first two ways; in the others it comes from outside while the stage waits.
 */
type Way = "plain" | "exit" | "sync" | "suspend"

/**
 * What a stage does at one call. The last act is repeated. In the last two ways it may add a finalizer to the request's scope, and may
 * leave something in the fiber's context: a service, as `annotateLogsScoped` does, or a request cut to a prefix, as the router does.
 */
export interface Act {
  readonly do: "succeed" | "fail" | "fail while interrupted" | "die" | "fail while dying" | "interrupt"
  readonly way: Way
  readonly kind: Kind
  readonly finalizer: boolean
  readonly leaves: "service" | "request" | undefined
}
export type Acts = readonly [Act, ...Array<Act>]

/** A function of the request, or an Effect that reads it from its context. */
export type Form = "function" | "effect"

/** What runs in a before's place for a failure with one of these tags, or in a `recover` stage: gives services. */
export interface Rescue {
  readonly id: string
  readonly tags: ReadonlyArray<Tag>
  readonly supplies: ReadonlyArray<Key>
  readonly acts: Acts
}

export type Plain =
  | {
      readonly is: "before"
      readonly id: string
      readonly form: Form
      readonly provides: Key | undefined
      readonly acts: Acts
    }
  | { readonly is: "request"; readonly id: string; readonly acts: Acts }
  | { readonly is: "group"; readonly id: string; readonly members: ReadonlyArray<Plain> }

/** `times` links the same value again: it runs at each place. */
export type Before =
  | { readonly is: "step"; readonly stage: Plain; readonly cases: Rescue | undefined; readonly times: number }
  | { readonly is: "recover"; readonly rescue: Rescue }
  | {
      readonly is: "pair"
      readonly id: string
      readonly provides: Key | undefined
      readonly acts: Acts
      readonly after: Acts
      readonly times: number
    }
  | Outer

export type After =
  | { readonly is: "after"; readonly id: string; readonly acts: Acts; readonly times: number }
  | { readonly is: "catchTag"; readonly id: string; readonly tags: ReadonlyArray<Tag>; readonly acts: Acts }
  | {
      readonly is: "catchTags"
      readonly id: string
      readonly cases: ReadonlyArray<{ readonly tag: Tag; readonly acts: Acts }>
    }
  | { readonly is: "catch"; readonly id: string; readonly acts: Acts }
  | { readonly is: "catchReason"; readonly id: string; readonly reasons: ReadonlyArray<string>; readonly acts: Acts }
  | { readonly is: "respond"; readonly id: string }
  | { readonly is: "catchDefect"; readonly id: string; readonly acts: Acts }
  | { readonly is: "ensure"; readonly id: string; readonly acts: Acts }
  | Outer

export interface Outer {
  readonly is: "outer"
  readonly wrap: Wrap
}

/** From app to app: what an around or an outer does. `pipeline` is a pipeline opened with `next()`. */
export type Wrap =
  | { readonly is: "observe" | "retry" | "twice" | "both" | "changeRequest"; readonly id: string }
  | { readonly is: "provide"; readonly id: string; readonly key: Key }
  | { readonly is: "answer" | "ahead" | "behind" | "turn"; readonly id: string; readonly acts: Acts }
  | { readonly is: "pipeline"; readonly id: string; readonly pipeline: Pipeline }

type Handler =
  | { readonly is: "handler"; readonly id: string; readonly form: Form; readonly acts: Acts }
  | { readonly is: "nested"; readonly pipeline: Pipeline }
  | { readonly is: "next" }

export interface Pipeline {
  readonly id: string
  readonly befores: ReadonlyArray<Before>
  readonly handler: Handler
  readonly arounds: ReadonlyArray<Wrap>
  readonly afters: ReadonlyArray<After>
}

/** Gives each part an id that names its kind, counted through the whole model. */
const label = <A>(model: A): A => {
  let count = 0
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== "object" || value === null) return value
    const named = value as Record<string, unknown>
    const id = "id" in named ? { id: `${String(named["is"] ?? named["id"])}${++count}` } : {}
    return { ...Object.fromEntries(Object.entries(named).map(([key, inner]) => [key, walk(inner)])), ...id }
  }
  return walk(model) as A
}

/** All arounds and outers of a model, those of its inner pipelines included. */
export const wrapsOf = ({ afters, arounds, befores, handler }: Pipeline): ReadonlyArray<Wrap> => {
  const own = [...befores, ...afters].flatMap((stage) => (stage.is === "outer" ? [stage.wrap] : [])).concat(arounds)
  const inner = own.flatMap((wrap) => (wrap.is === "pipeline" ? wrapsOf(wrap.pipeline) : []))
  return [...own, ...inner, ...(handler.is === "nested" ? wrapsOf(handler.pipeline) : [])]
}

const showAct = (act: Act): string =>
  [
    act.do,
    ...(act.do.startsWith("fail") ? [act.kind] : []),
    act.way,
    ...(act.finalizer ? ["finalizer"] : []),
    ...(act.leaves ? ["leaving", act.leaves] : [])
  ].join(" ")

/** A model as text, one part a line, for a counterexample. */
export const show = (value: unknown, indent = ""): string => {
  if (Array.isArray(value)) return value.map((inner) => show(inner, indent)).join("")
  if (typeof value !== "object" || value === null) return ""
  const fields = Object.entries(value)
  const isActs = (inner: unknown): inner is Acts =>
    Array.isArray(inner) && typeof inner[0] === "object" && "do" in inner[0]
  const isFlat = (inner: unknown) =>
    Array.isArray(inner) ? inner.length > 0 && typeof inner[0] !== "object" : typeof inner !== "object"
  const own = fields.flatMap(([key, inner]) => {
    if (isActs(inner)) return [`${key}: ${inner.map(showAct).join(", then ")}`]
    if (!isFlat(inner) || inner === undefined || inner === 1) return []
    return key === "id" ? [String(inner)] : [`${key}=${String(inner)}`]
  })
  const nested = fields.map(([, inner]) => (isActs(inner) || isFlat(inner) ? "" : show(inner, `${indent}  `)))
  return `${indent}${own.join("  ")}\n${nested.join("")}`
}

/** How often, out of a hundred acts, a stage does something else than succeed. */
export interface Weights {
  readonly fail: number
  readonly die: number
  readonly interrupt: number
}

/** Random pipelines. */
export const pipelines = (weights: Weights = { fail: 25, die: 8, interrupt: 3 }): fc.Arbitrary<Pipeline> => {
  const way = fc.constantFrom<Way>("plain", "exit", "sync", "suspend")
  const doing = (can: Partial<Weights>): fc.Arbitrary<Act["do"]> => {
    const { die, fail, interrupt } = { ...weights, ...can }
    return fc.oneof(
      { weight: 4 * (100 - die - fail - interrupt), arbitrary: fc.constant("succeed" as const) },
      { weight: 4 * fail, arbitrary: fc.constant("fail" as const) },
      { weight: 3 * die, arbitrary: fc.constant("die" as const) },
      { weight: 4 * interrupt, arbitrary: fc.constant("interrupt" as const) },
      { weight: fail === 0 ? 0 : die, arbitrary: fc.constantFrom("fail while dying", "fail while interrupted") }
    )
  }
  /** Inside of an around or an outer, and in a finalizer, what is left in the context is not the pipeline's. */
  const acts = (can: Partial<Weights> & { readonly leaves?: false } = {}): fc.Arbitrary<Acts> => {
    const leaves = fc.option(fc.constantFrom("service", "request"), { nil: undefined, freq: 8 })
    const act = fc
      .record({
        do: doing(can),
        way,
        kind: fc.constantFrom(...kinds),
        finalizer: fc.boolean(),
        leaves: can.leaves === false ? fc.constant(undefined) : leaves
      })
      .map((act) =>
        act.way === "sync" || act.way === "suspend" ? act : { ...act, finalizer: false, leaves: undefined }
      )
    return fc.oneof({ weight: 3, arbitrary: fc.tuple(act) }, { weight: 1, arbitrary: fc.tuple(act, act) })
  }
  const id = fc.constant("")
  const form = fc.constantFrom<Form>("function", "effect")
  const times = fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(2) })
  const provides = fc.option(fc.constantFrom(...keys), { nil: undefined })
  const someTags = fc.uniqueArray(fc.constantFrom(...tags), { minLength: 1, maxLength: 3 })
  const is = <const K extends string>(kind: K) => fc.constant(kind)

  const rescue: fc.Arbitrary<Rescue> = fc.record({
    id: fc.constant("rescue"),
    tags: someTags,
    supplies: fc.uniqueArray(fc.constantFrom(...keys), { maxLength: 2 }),
    acts: acts()
  })
  const before = fc.record({ is: is("before"), id, form, provides, acts: acts() })
  const request = fc.record({ is: is("request"), id, acts: acts() })
  const group = (depth: number): fc.Arbitrary<Plain> =>
    fc.record({ is: is("group"), id, members: fc.array(plain(depth - 1), { minLength: 1, maxLength: 3 }) })
  const plain = (depth: number): fc.Arbitrary<Plain> =>
    fc.oneof(
      { weight: 5, arbitrary: before },
      { weight: 2, arbitrary: request },
      ...(depth > 0 ? [{ weight: 1, arbitrary: group(depth) }] : [])
    )
  const cases = fc.option(rescue, { nil: undefined, freq: 3 })
  const step = fc.record({ is: is("step"), stage: plain(2), cases: cases, times })
  const pair = fc.record({ is: is("pair"), id, provides, acts: acts(), after: acts({ fail: 0 }), times })

  const wrap = (depth: number): fc.Arbitrary<Wrap> =>
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ is: fc.constantFrom("observe", "retry", "twice", "both", "changeRequest"), id })
      },
      { weight: 1, arbitrary: fc.record({ is: is("provide"), id, key: fc.constantFrom(...keys) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          is: fc.constantFrom("answer", "ahead", "behind", "turn"),
          id,
          acts: acts({ leaves: false })
        })
      },
      ...(depth > 0
        ? [{ weight: 1, arbitrary: fc.record({ is: is("pipeline"), id, pipeline: pipeline(depth - 1, true) }) }]
        : [])
    ) as fc.Arbitrary<Wrap>
  const outer = (depth: number): fc.Arbitrary<Outer> => fc.record({ is: is("outer"), wrap: wrap(depth) })

  const befores = (depth: number): fc.Arbitrary<Before> =>
    fc.oneof(
      { weight: 6, arbitrary: step },
      { weight: 3, arbitrary: fc.record({ is: is("recover"), rescue }) },
      { weight: 2, arbitrary: pair },
      { weight: 1, arbitrary: outer(depth) }
    )
  const afters = (depth: number): fc.Arbitrary<After> =>
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ is: is("after"), id, acts: acts(), times }) },
      { weight: 3, arbitrary: fc.record({ is: is("catchTag"), id, tags: someTags, acts: acts() }) },
      {
        weight: 1,
        arbitrary: fc.record({
          is: is("catchTags"),
          id,
          cases: fc.uniqueArray(fc.record({ tag: fc.constantFrom(...tags), acts: acts() }), {
            minLength: 1,
            maxLength: 3,
            selector: ({ tag }) => tag
          })
        })
      },
      { weight: 1, arbitrary: fc.record({ is: is("catch"), id, acts: acts() }) },
      {
        weight: 1,
        arbitrary: fc.record({
          is: is("catchReason"),
          id,
          reasons: fc.subarray(["R", "S"], { minLength: 1 }),
          acts: acts()
        })
      },
      { weight: 1, arbitrary: fc.record({ is: is("respond"), id }) },
      { weight: 2, arbitrary: fc.record({ is: is("catchDefect"), id, acts: acts() }) },
      {
        weight: 2,
        arbitrary: fc.record({ is: is("ensure"), id, acts: acts({ fail: 0, interrupt: 0, leaves: false }) })
      },
      { weight: 1, arbitrary: outer(depth) }
    )
  const own = fc.record({ is: is("handler"), id, form, acts: acts() })
  const pipeline = (depth: number, next: boolean): fc.Arbitrary<Pipeline> => {
    const handler: fc.Arbitrary<Handler> = next
      ? fc.record({ is: is("next") })
      : depth === 0
        ? own
        : fc.oneof(
            { weight: 3, arbitrary: own },
            { weight: 1, arbitrary: fc.record({ is: is("nested"), pipeline: pipeline(depth - 1, false) }) }
          )
    const phases = fc.record({
      id: fc.constant("pipeline"),
      befores: fc.array(befores(depth), { maxLength: depth + 3 }),
      handler,
      arounds: fc.array(wrap(depth), { maxLength: next ? 0 : 2 }),
      afters: fc.array(afters(depth), { maxLength: depth + 3 })
    })
    return phases.map((model) =>
      model.arounds.length === 0 ? model : { ...model, handler: leavingNothing(model.handler) }
    )
  }
  return pipeline(2, false).map(label)
}

const leavingNothing = (handler: Handler): Handler => {
  if (handler.is !== "handler") return handler
  const [first, ...more] = handler.acts
  return { ...handler, acts: [{ ...first, leaves: undefined }, ...more.map((act) => ({ ...act, leaves: undefined }))] }
}
