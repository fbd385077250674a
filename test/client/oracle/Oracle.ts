/**
 * What a chain means: the way out is a left fold over the entries, the way back a right fold, a follow-up is both once more. No Effect, and nothing of
 * the driver.
 */
/* oxlint-disable typescript/consistent-return -- the compiler checks that each switch covers its union */
import { actAt } from "./Model.ts"
import type { AfterAct, Chain, Entry, Handler, Recover, RunAct } from "./Model.ts"

/** What one call of a chain's client did. */
export interface Result {
  readonly journal: ReadonlyArray<string>
  readonly outcome: string
  /** Responses that were let go, request bodies that were cancelled and network requests that were aborted, in the order of their names. */
  readonly released: ReadonlyArray<string>
}

/** Why something failed. A recover reaches what was raised further inside than it stands. */
interface Reason {
  readonly text: string
  readonly kind: string
  readonly position: number
}

type Outcome =
  | { readonly is: "response"; readonly id: string }
  | { readonly is: "failure"; readonly reasons: ReadonlyArray<Reason> }

/** A body is known by its identity: the same object sent twice is the same body. */
interface Body {
  readonly text: string
  readonly replays: boolean
  readonly mustBeCancelled: boolean
}

interface Request {
  readonly path: string
  readonly body: Body
}

interface Queued {
  readonly request: Request
  readonly reason: string
  /** The outcome in whose place it was queued: that failure is answered by it, and no later one. */
  readonly answers: Outcome | undefined
}

class Interrupted extends Error {}

class World {
  readonly journal: Array<string> = []
  readonly released: Array<string> = []
  made = 0
  sent = 0
  readonly chain: Chain

  constructor(chain: Chain) {
    this.chain = chain
  }

  response(by: string): Outcome {
    return { is: "response", id: `${by}!${++this.made}` }
  }

  reason(kind: string, by: string, position: number): Reason {
    return { text: `${kind} of ${by}#${++this.made}`, kind, position }
  }

  release(outcome: Outcome): void {
    if (outcome.is === "response") this.released.push(outcome.id)
  }
}

const failure = (...reasons: ReadonlyArray<Reason>): Outcome => ({ is: "failure", reasons })

const showOutcome = (outcome: Outcome): string =>
  outcome.is === "response"
    ? `response ${outcome.id}`
    : `failure ${outcome.reasons.map(({ text }) => text).join(" + ")}`

const none: Body = { text: "none", replays: true, mustBeCancelled: false }

const firstBody = ({ body }: Chain): Body =>
  body === "none"
    ? none
    : { text: "body", replays: body === "bytes" || body === "declared", mustBeCancelled: body === "raw" }

const send = (world: World, request: Request): Outcome => {
  const number = ++world.sent
  world.journal.push(`network ${number} gets ${request.path} with ${request.body.text}`)
  switch (world.chain.network[number - 1] ?? "response") {
    case "response":
      return world.response("network")
    case "error":
      return failure(world.reason("transport", "network", Number.POSITIVE_INFINITY))
    case "die":
      return failure(world.reason("defect", "network", Number.POSITIVE_INFINITY))
    case "hang":
      world.released.push(`network ${number}`)
      throw new Interrupted()
  }
}

/** One logical request through the entries. */
class Call {
  readonly world: World
  readonly entries: ReadonlyArray<Entry>
  original: Request
  attempt = 0
  reason = "request"
  count = 0
  /** Bodies that have been sent. */
  readonly spent = new Set<Body>()

  constructor(world: World, entries: ReadonlyArray<Entry>, original: Request) {
    this.world = world
    this.entries = entries
    this.original = original
  }

  run(): Outcome {
    for (;;) {
      this.attempt++
      const { outcome, queued } = this.cycle()
      if (queued === undefined || (outcome.is === "failure" && outcome !== queued.answers)) return this.end(outcome)
      this.world.release(outcome)
      const refused = this.refusal(queued.request.body)
      if (refused !== undefined) {
        return this.end(failure({ text: `FollowUpError ${refused}`, kind: "FollowUpError", position: -1 }))
      }
      if (queued.request.body !== this.original.body) this.cancel()
      this.original = queued.request
      this.reason = queued.reason
    }
  }

  cycle(): ReturnType<Cycle["run"]> {
    try {
      return new Cycle(this).run()
    } catch (interrupted) {
      this.cancel()
      throw interrupted
    }
  }

  end(outcome: Outcome): Outcome {
    this.cancel()
    return outcome
  }

  /** Lets go of a body that has not been sent, when it will not be any more. */
  cancel(): void {
    const { body } = this.original
    if (body.mustBeCancelled && !this.spent.has(body)) this.world.released.push("request body")
  }

  refusal(body: Body): string | undefined {
    if (this.attempt > this.world.chain.maxFollowUps) return "TooManyFollowUps"
    return this.spent.has(body) && !body.replays ? "BodyNotReplayable" : undefined
  }
}

class Cycle {
  readonly call: Call
  readonly world: World
  readonly states = new Map<string, string>()
  readonly seen = new Map<string, Request>()
  readonly original: Request
  request: Request
  haltedBy: string | undefined
  queued: Queued | undefined

  constructor(call: Call) {
    this.call = call
    this.world = call.world
    this.original = call.original
    this.request = call.original
  }

  run(): { readonly outcome: Outcome; readonly queued: Queued | undefined } {
    let outcome = this.out()
    for (const [position, entry] of [...this.call.entries.entries()].toReversed())
      outcome = this.back(entry, position, outcome)
    return { outcome, queued: this.queued }
  }

  /** The way out: the first entry that halts or fails ends it, and the network is at its end. */
  out(): Outcome {
    for (const [position, entry] of this.call.entries.entries()) {
      this.seen.set(entry.id, this.request)
      if (entry.is === "recover" || entry.run === undefined) continue
      const outcome = this.enter(entry, entry.run, position)
      if (outcome !== undefined) return outcome
    }
    this.call.spent.add(this.call.original.body)
    return send(this.world, this.request)
  }

  describe(entry: Entry, method: string, request: Request): string {
    const { attempt, count, reason } = this.call
    return `${entry.id}.${method} ${attempt} (${reason}) ${request.path} of ${this.original.path} count ${count}`
  }

  enter(handler: Handler, acts: ReadonlyArray<RunAct>, position: number): Outcome | undefined {
    const { attempt } = this.call
    this.world.journal.push(this.describe(handler, "run", this.request))
    const does = actAt(acts, attempt)
    if (does === "state" || does === "both") this.states.set(handler.id, `state of ${handler.id} at ${attempt}`)
    if (does === "change" || does === "both")
      this.request = { ...this.request, path: `${this.request.path}/${handler.id}` }
    switch (does) {
      case "count":
        this.call.count++
        return undefined
      case "halt":
        this.haltedBy = handler.id
        return this.world.response(handler.id)
      case "fail":
        return failure(this.world.reason(acts[attempt - 1]?.tag ?? "", handler.id, position))
      case "die":
        return failure(this.world.reason("defect", handler.id, position))
      case "inner":
        this.inner(handler, this.request, position)
        return undefined
      case "hang":
        throw new Interrupted()
      default:
        return undefined
    }
  }

  /** A request of a handler's own goes through the entries behind it, as a logical request of its own. */
  inner({ id }: Handler, request: Request, position: number): void {
    const own = { path: `${request.path}?${id}`, body: none }
    const outcome = new Call(this.world, this.call.entries.slice(position + 1), own).run()
    this.world.journal.push(`${id}.inner ${showOutcome(outcome)}`)
    this.world.release(outcome)
  }

  back(entry: Entry, position: number, outcome: Outcome): Outcome {
    try {
      return entry.is === "recover"
        ? this.recover(entry, position, outcome)
        : entry.after === undefined
          ? outcome
          : this.leave(entry, entry.after, position, outcome)
    } catch (interrupted) {
      this.world.release(outcome)
      throw interrupted
    }
  }

  recover({ act, catches, id }: Recover, position: number, outcome: Outcome): Outcome {
    if (outcome.is === "response" || outcome.reasons.some(({ kind }) => kind === "defect")) return outcome
    const [first] = outcome.reasons
    if (first?.kind !== catches || first.position <= position) return outcome
    this.world.journal.push(`${id}.recover ${first.text}`)
    switch (act.does) {
      case "respond":
        return this.world.response(id)
      case "fail":
        return failure(this.world.reason(act.tag, id, position))
      case "die":
        return failure(this.world.reason("defect", id, position))
    }
  }

  /** A failure on the way back joins the failure that is there, and takes the place of a response. */
  join(outcome: Outcome, reason: Reason): Outcome {
    this.world.release(outcome)
    return failure(...(outcome.is === "failure" ? outcome.reasons : []), reason)
  }

  leave(handler: Handler, acts: ReadonlyArray<AfterAct>, position: number, outcome: Outcome): Outcome {
    const { id } = handler
    const { attempt } = this.call
    const request = this.seen.get(id) ?? this.request
    const sights = [
      this.describe(handler, "after", request),
      showOutcome(outcome),
      `halted by ${this.haltedBy}`,
      `queued ${this.queued?.reason}`,
      this.states.get(id) ?? "no state"
    ]
    this.world.journal.push(sights.join("; "))
    const does = actAt(acts, attempt)
    switch (does) {
      case "count":
        this.call.count++
        return outcome
      case "respond":
        return this.world.response(id)
      case "rescue":
        return outcome.is === "failure" ? this.world.response(id) : outcome
      case "followUp":
      case "followUpInstead":
      case "followUpChanged":
      case "followUpFresh": {
        const base = does === "followUpChanged" ? request : this.original
        const body = does === "followUpFresh" ? { text: "fresh", replays: false, mustBeCancelled: false } : base.body
        const answers = does === "followUpInstead" ? outcome : undefined
        this.queued = { request: { path: `${base.path}>${id}`, body }, reason: `${id} at ${attempt}`, answers }
        return outcome
      }
      case "take":
        this.world.journal.push(`${id}.take ${this.queued?.reason}`)
        this.queued = undefined
        return outcome
      case "fail":
        return this.join(outcome, this.world.reason(acts[attempt - 1]?.tag ?? "", id, position))
      case "die":
        return this.join(outcome, this.world.reason("defect", id, position))
      case "inner":
        this.inner(handler, request, position)
        return outcome
      case "hang":
        throw new Interrupted()
      default:
        return outcome
    }
  }
}

/** What one call of the chain's client does. */
export const predict = (chain: Chain, path = ""): Result => {
  const world = new World(chain)
  const done = (outcome: string): Result => ({ journal: world.journal, outcome, released: world.released.sort() })
  try {
    return done(showOutcome(new Call(world, chain.entries, { path, body: firstBody(chain) }).run()))
  } catch (interrupted) {
    if (interrupted instanceof Interrupted) return done("interrupted")
    throw interrupted
  }
}
