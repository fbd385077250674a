/**
 * Makes the real chain of a model, over a transport without a socket, and calls its client.
 */
/* oxlint-disable typescript/consistent-return -- the compiler checks that each switch covers its union */
import { Cause, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { Headers, HttpBody, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"

import { actAt } from "./Model.ts"
import type { AfterAct, Body, Chain, Entry, Form, Handler, Recover, RunAct, Tag } from "./Model.ts"
import type { Result } from "./Oracle.ts"

type Request = ClientHandler.Request
type Response = ClientHandler.Response

const fields = { text: Schema.String }
class A extends Schema.TaggedError<A>()("A", fields) {}
class B extends Schema.TaggedError<B>()("B", fields) {}
class C extends Schema.TaggedError<C>()("C", fields) {}
const errors = { A, B, C }

class Defect extends Error {}

/** What one call leaves behind. The requests carry its number, so that concurrent calls are told apart. */
class World {
  readonly journal: Array<string> = []
  readonly released: Array<string> = []
  readonly chain: Chain
  made = 0
  sent = 0
  hangs: () => void = () => {}

  constructor(chain: Chain) {
    this.chain = chain
  }

  response(by: string): Response {
    const id = `${by}!${++this.made}`
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      this.released.push(id)
      controller.close()
    }
    const body = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 })
    return HttpClientResponse.fromWeb(blank, new globalThis.Response(body, { headers: { "x-id": id } }))
  }

  text(kind: string, by: string): string {
    return `${kind} of ${by}#${++this.made}`
  }

  raise(tag: Tag, by: string) {
    return new errors[tag]({ text: this.text(tag, by) })
  }

  defect(by: string): Defect {
    return new Defect(this.text("defect", by))
  }

  get hang(): Effect.Effect<never> {
    return Effect.suspend(() => {
      this.hangs()
      return Effect.never
    })
  }
}

const blank = HttpClientRequest.get("http://localhost/")
const worlds = new Map<string, World>()
let worldsMade = 0

const header = (request: Request, name: string): string =>
  Option.getOrElse(Headers.get(request.headers, name), () => "")
const worldOf = (request: Request): World => worlds.get(header(request, "x-world"))!
const pathOf = (request: Request): string => header(request, "x-path")
const withPath = (request: Request, path: string): Request => HttpClientRequest.setHeader(request, "x-path", path)

/** Gives a value in one of the forms. */
const given = <T>(form: Form, value: T): T | Effect.Effect<T> =>
  form === "plain"
    ? value
    : form === "exit"
      ? Exit.succeed(value)
      : form === "sync"
        ? Effect.sync(() => value)
        : Effect.as(Effect.yieldNow, value)

/** Fails in one of the forms; a plain value cannot. */
const raised = <E>(form: Form, error: E): Effect.Effect<never, E> =>
  form === "suspend" ? Effect.andThen(Effect.yieldNow, Effect.fail(error)) : Exit.fail(error)

/** Dies in one of the forms: the plain one throws. */
const died = (form: Form, defect: Defect): Effect.Effect<never> => {
  if (form === "plain") throw defect
  return form === "suspend" ? Effect.andThen(Effect.yieldNow, Effect.die(defect)) : Exit.die(defect)
}

const showReason = (reason: Cause.Reason<unknown>): string => {
  if (reason._tag === "Interrupt") return "interrupt"
  const raised = reason._tag === "Fail" ? reason.error : reason.defect
  if (raised instanceof ClientHandler.FollowUpError) return `FollowUpError ${raised.reason._tag}`
  if (raised instanceof HttpClientError.HttpClientError) return String(raised.reason.description)
  if (raised instanceof Defect) return raised.message
  return raised instanceof A || raised instanceof B || raised instanceof C
    ? raised.text
    : `unforeseen ${String(raised)}`
}

const showOutcome = (outcome: ClientHandler.Outcome): string =>
  outcome._tag === "Response"
    ? `response ${outcome.response.headers["x-id"]}`
    : `failure ${outcome.cause.reasons.map(showReason).join(" + ")}`

const toOutcome = (exit: Exit.Exit<Response, unknown>): ClientHandler.Outcome =>
  Exit.isSuccess(exit) ? { _tag: "Response", response: exit.value } : { _tag: "Failure", cause: exit.cause }

const count = ClientHandler.cell("count", () => 0)

const describe = (id: string, method: string, exchange: ClientHandler.Exchange): string => {
  const { attempt, followUpReason: reason, original, request } = exchange
  return `${id}.${method} ${attempt} (${reason}) ${pathOf(request)} of ${pathOf(original)} count ${exchange.get(count)}`
}

/** A request of a handler's own, through the client below it. */
const inner = (id: string, exchange: ClientHandler.Exchange): Effect.Effect<void> => {
  const { journal } = worldOf(exchange.request)
  const own = HttpClientRequest.setBody(exchange.request, HttpBody.empty)
  return Effect.flatMap(Effect.exit(exchange.inner.execute(withPath(own, `${pathOf(own)}?${id}`))), (exit) => {
    journal.push(`${id}.inner ${showOutcome(toOutcome(exit))}`)
    return Exit.isSuccess(exit) ? exchange.release(exit.value) : Effect.void
  })
}

const run =
  ({ id }: Handler, acts: ReadonlyArray<RunAct>) =>
  (exchange: ClientHandler.Exchange) => {
    const { attempt, request } = exchange
    const world = worldOf(request)
    world.journal.push(describe(id, "run", exchange))
    const does = actAt(acts, attempt)
    const { form, tag } = acts[attempt - 1] ?? { form: "plain", tag: "A" }
    const state = `state of ${id} at ${attempt}`
    const changed = withPath(request, `${pathOf(request)}/${id}`)
    switch (does) {
      case "change":
        return given(form, ClientHandler.proceed(changed))
      case "state":
        return given(form, ClientHandler.proceedWith(state))
      case "both":
        return given(form, ClientHandler.proceedWith(state, changed))
      case "count":
        exchange.set(count, exchange.get(count) + 1)
        return given(form, undefined)
      case "halt":
        return given(form, ClientHandler.halt(world.response(id)))
      case "fail":
        return raised(form, world.raise(tag, id))
      case "die":
        return died(form, world.defect(id))
      case "inner":
        return inner(id, exchange)
      case "hang":
        return world.hang
      default:
        return given(form, ClientHandler.proceed())
    }
  }

const fresh = (): HttpBody.HttpBody => HttpBody.stream(Stream.make(new TextEncoder().encode("fresh")))

const after =
  ({ id }: Handler, acts: ReadonlyArray<AfterAct>) =>
  (outcome: ClientHandler.Outcome, exchange: ClientHandler.Exchange, state: Option.Option<unknown>) => {
    const { attempt, haltedBy, original, queued, request } = exchange
    const world = worldOf(request)
    const sights = [
      describe(id, "after", exchange),
      showOutcome(outcome),
      `halted by ${haltedBy}`,
      `queued ${queued?.reason}`,
      Option.getOrElse(state, () => "no state")
    ]
    world.journal.push(sights.join("; "))
    const does = actAt(acts, attempt)
    const { form, tag } = acts[attempt - 1] ?? { form: "plain", tag: "A" }
    switch (does) {
      case "count":
        exchange.set(count, exchange.get(count) + 1)
        return given(form, undefined)
      case "respond":
        return given(form, ClientHandler.respond(world.response(id)))
      case "rescue":
        return given(form, outcome._tag === "Failure" ? ClientHandler.respond(world.response(id)) : undefined)
      case "followUp":
      case "followUpInstead":
      case "followUpChanged":
      case "followUpFresh": {
        const base = does === "followUpChanged" ? request : original
        const next = withPath(base, `${pathOf(base)}>${id}`)
        const sent = does === "followUpFresh" ? HttpClientRequest.setBody(next, fresh()) : next
        const followUp = does === "followUpInstead" ? ClientHandler.followUpInstead : ClientHandler.followUp
        return given(form, followUp(sent, `${id} at ${attempt}`))
      }
      case "take":
        world.journal.push(`${id}.take ${exchange.takeQueued()?.reason}`)
        return given(form, undefined)
      case "fail":
        return raised(form, world.raise(tag, id))
      case "die":
        return died(form, world.defect(id))
      case "inner":
        return inner(id, exchange)
      case "hang":
        return world.hang
      default:
        return given(form, ClientHandler.proceed())
    }
  }

const recover =
  ({ act: { does, form, tag }, id }: Recover) =>
  (error: unknown, { request }: ClientHandler.Exchange): Response | Effect.Effect<Response, unknown> => {
    const world = worldOf(request)
    world.journal.push(`${id}.recover ${showReason(Cause.makeFailReason(error))}`)
    switch (does) {
      case "respond":
        return given(form, world.response(id))
      case "fail":
        return raised(form, world.raise(tag, id))
      case "die":
        return died(form, world.defect(id))
    }
  }

type Untyped = ClientChain.ClientChain<never, never, never>

const add = (chain: Untyped, entry: Entry): Untyped =>
  entry.is === "handler"
    ? (chain.use(
        ClientHandler.make(entry.id, {
          ...(entry.run === undefined ? {} : { run: run(entry, entry.run) }),
          ...(entry.after === undefined ? {} : { afterResponse: after(entry, entry.after) })
        })
      ) as never)
    : (chain.recover(
        entry.catches === "transport" ? HttpClientError.HttpClientError : errors[entry.catches],
        recover(entry)
      ) as never)

/** What a server would receive as the body. */
const receive = ({ body }: Request): Effect.Effect<string> => {
  switch (body._tag) {
    case "Stream":
      return Effect.orDie(Stream.mkString(Stream.decodeText(body.stream)))
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(body.body))
    case "Raw":
      return Effect.promise(() => new globalThis.Response(body.body as ReadableStream).text())
    default:
      return Effect.succeed("none")
  }
}

const transport = HttpClient.make((request) =>
  Effect.flatMap(receive(request), (content) => {
    const world = worldOf(request)
    const number = ++world.sent
    world.journal.push(`network ${number} gets ${pathOf(request)} with ${content}`)
    switch (world.chain.network[number - 1] ?? "response") {
      case "response":
        return Effect.sync(() => world.response("network"))
      case "error":
        return Effect.suspend(() => {
          const description = world.text("transport", "network")
          return Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, description })
            })
          )
        })
      case "die":
        return Effect.suspend(() => Effect.die(world.defect("network")))
      case "hang":
        return Effect.onInterrupt(world.hang, () => Effect.sync(() => world.released.push(`network ${number}`)))
    }
  })
)

const text = "body"

const bodyOf = (body: Body, world: World): HttpBody.HttpBody => {
  switch (body) {
    case "none":
      return HttpBody.empty
    case "bytes":
      return HttpBody.text(text)
    case "stream":
    case "declared":
      return HttpBody.stream(Stream.make(new TextEncoder().encode(text)))
    case "raw":
      return HttpBody.raw(
        new ReadableStream<Uint8Array>(
          {
            pull: (controller) => {
              controller.enqueue(new TextEncoder().encode(text))
              controller.close()
            },
            cancel: () => void world.released.push("request body")
          },
          { highWaterMark: 0 }
        )
      )
  }
}

/** The client of a model. */
export const build = ({ appended, entries, maxFollowUps }: Chain): HttpClient.HttpClient.With<unknown> => {
  const from = (entries: ReadonlyArray<Entry>) =>
    entries.reduce<Untyped>(add, ClientChain.make("chain", { maxFollowUps }))
  return from(entries.slice(0, appended))
    .append(from(entries.slice(appended)))
    .pipe(ClientChain.over(transport as never)) as never
}

/** Calls the client once, and interrupts it when something hangs. */
export const evaluate = async (
  client: HttpClient.HttpClient.With<unknown>,
  chain: Chain,
  path = ""
): Promise<Result> => {
  const world = new World(chain)
  const number = String(++worldsMade)
  worlds.set(number, world)
  const request = blank.pipe(
    HttpClientRequest.setHeaders({ "x-world": number, "x-path": path }),
    HttpClientRequest.setBody(bodyOf(chain.body, world)),
    (request) => (chain.body === "declared" ? ClientHandler.replayable(request) : request)
  )
  world.hangs = () => queueMicrotask(() => fiber.interruptUnsafe())
  const fiber = Effect.runFork(client.execute(request))
  const exit = await Effect.runPromise(Fiber.await(fiber))
  worlds.delete(number)
  const isInterrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
  const outcome = isInterrupted ? "interrupted" : showOutcome(toOutcome(exit))
  return { journal: world.journal, outcome, released: world.released.sort() }
}
