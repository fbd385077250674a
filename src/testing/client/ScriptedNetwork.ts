/**
 * A network of scripted answers, as an `HttpClient`.
 *
 * 1. Only the network is removed: URLs are resolved, spans made and requests aborted by Effect's own client, and a response is a web `Response`.
 * 2. The first line of the script that fits a request, and still has an answer, answers it.
 * 3. A request that no line answers is a defect, a `TestClientError`, so that the code under test cannot take it for a network failure. The error
 *    names the differences from the nearest line.
 * 4. Delays and streams run by the caller's `Clock`: with `TestClock` nobody waits.
 * 5. Each call is recorded, with the end of its response's body.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

import { explain } from "./Difference.ts"
import { compare, nameOf, toExpected } from "./Expectation.ts"
import type { Expected, ExpectedRequest } from "./Expectation.ts"
import { sentOf, webResponse } from "./SentRequest.ts"
import type { SentRequest } from "./SentRequest.ts"

/**
 * A response of a script.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  /** From 200 to 599. Default: 200. */
  readonly status?: number
  /** Header lines; a list of pairs where a name comes more than once, such as `set-cookie`. */
  readonly headers?: Readonly<Record<string, string>> | ReadonlyArray<readonly [string, string]>
  /** The body. Default: an empty one. A stream's failure breaks the body off. */
  readonly body?: string | Uint8Array | Stream.Stream<Uint8Array, unknown>
  /** The body as JSON, with its content type, in place of `body`. */
  readonly json?: unknown
  /** How long the response's head takes. Default: no time. */
  readonly delay?: Duration.Input
}

/**
 * An answer: a response, an Effect of one, or a function of the request.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = Given | ((request: HttpClientRequest.HttpClientRequest, sent: SentRequest) => Given)

type Given = Reply | Effect.Effect<Reply, HttpClientError.HttpClientError>

/**
 * One line of a script.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScriptLine {
  readonly expected: ExpectedRequest
  readonly answers: ReadonlyArray<Answer>
  readonly repeats: boolean
}

/**
 * Answers such requests one after another, each answer once.
 *
 * @category script
 * @since 0.1.0
 */
export const once = (expected: Expected, ...answers: readonly [Answer, ...ReadonlyArray<Answer>]): ScriptLine => ({
  expected: toExpected(expected),
  answers,
  repeats: false
})

/**
 * Answers all such requests.
 *
 * @category script
 * @since 0.1.0
 */
export const always = (expected: Expected, answer: Answer): ScriptLine => ({
  expected: toExpected(expected),
  answers: [answer],
  repeats: true
})

/**
 * An answer of a network that fails, such as by a reset.
 *
 * @category script
 * @since 0.1.0
 */
export const fails =
  (description: string, cause?: unknown): Answer =>
  (request) =>
    Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.TransportError({ request, description, cause })
      })
    )

/**
 * An answer that never comes.
 *
 * @category script
 * @since 0.1.0
 */
export const silence: Answer = Effect.never

/**
 * A request over the scripted network, and its result.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceivedCall extends SentRequest {
  /** The status of the answer, as soon as it is there. */
  readonly status: number | undefined
  /** `waiting` for its answer; `answered`; the network `failed`, or the caller `interrupted` it before the answer was there. */
  readonly state: "waiting" | "answered" | "failed" | "interrupted"
  /** The response's body: `unread` until its first byte is asked for, `reading`, `read` to its end, `broken` by a failure, or `cancelled` by its reader. */
  readonly responseBody: "unread" | "reading" | "read" | "broken" | "cancelled"
}

const Reason = Schema.Union([
  Schema.TaggedStruct("UnmatchedRequest", { request: Schema.String }),
  Schema.TaggedStruct("UnusedReplies", { lines: Schema.Array(Schema.String) })
])

/**
 * The script and the program differ: the script does not answer a request (`UnmatchedRequest`), or replies of the script were not asked for (`UnusedReplies`).
 *
 * @category errors
 * @since 0.1.0
 */
export class TestClientError extends Schema.TaggedError<TestClientError>()("TestClientError", {
  reason: Reason,
  description: Schema.String
}) {
  override get message(): string {
    return this.description
  }
}

/**
 * A scripted network.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestClient {
  readonly client: HttpClient.HttpClient
  /** The client as the service. */
  readonly layer: Layer.Layer<HttpClient.HttpClient>
  /** The requests so far, in the order in which they came. */
  readonly calls: ReadonlyArray<ReceivedCall>
  /** Fails when a reply of a `once` was not asked for. */
  readonly verify: Effect.Effect<void, TestClientError>
}

/**
 * Makes a network of scripted answers.
 *
 * **Example** (A response, then a failure)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 * import { TestClient } from "fairlead/testing/client"
 *
 * const network = TestClient.make(
 *   TestClient.once("GET https://api.test/rooms", { json: ["lobby"], delay: "2 seconds" }, TestClient.fails("reset")),
 *   TestClient.always({ url: /\/avatars\// }, { status: 404 })
 * )
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* HttpClient.get("https://api.test/rooms")
 *   yield* response.json
 *   yield* network.verify // fails: the reset was not asked for
 * }).pipe(Effect.provide(network.layer))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (...script: ReadonlyArray<ScriptLine>): TestClient => {
  const used = script.map(() => 0)
  const calls: Array<Writable<ReceivedCall>> = []
  const left = (at: number) => (script[at]!.repeats ? 1 : script[at]!.answers.length - used[at]!)

  const take = (sent: SentRequest): Answer => {
    const compared = script.map(({ expected }) => ({ name: nameOf(expected), differences: compare(expected, sent) }))
    const at = compared.findIndex(({ differences }, index) => differences.length === 0 && left(index) > 0)
    if (at === -1) throw unmatched(sent, explain(sent, compared, words))
    const { answers, repeats } = script[at]!
    const next = repeats ? 0 : used[at]!
    used[at] = next + 1
    return answers[next]!
  }

  const client = HttpClient.make((request, _, signal, fiber) =>
    Effect.gen(function* () {
      const sent = yield* sentOf(request)
      const call: Writable<ReceivedCall> = { ...sent, status: undefined, state: "waiting", responseBody: "unread" }
      calls.push(call)
      const answered = Effect.gen(function* () {
        const answer = take(sent)
        const given = typeof answer === "function" ? answer(request, sent) : answer
        const reply = Effect.isEffect(given) ? yield* given : given
        if (reply.delay !== undefined) yield* Effect.sleep(reply.delay)
        const body = watched(bodyOf(reply), call, signal)
        const readable = Stream.toReadableStreamWith(body, fiber.context, { strategy: { highWaterMark: 0 } })
        return HttpClientResponse.fromWeb(request, webResponse(reply.status ?? 200, headersOf(reply), readable))
      })
      return yield* Effect.onExit(answered, (exit) =>
        Effect.sync(() => {
          call.state = Exit.isSuccess(exit) ? "answered" : Cause.hasInterrupts(exit.cause) ? "interrupted" : "failed"
          if (Exit.isSuccess(exit)) call.status = exit.value.status
        })
      )
    })
  )

  const verify = Effect.suspend(() => {
    const unused = script.flatMap(({ expected, repeats }, at) =>
      repeats || left(at) === 0 ? [] : [`${nameOf(expected)}: ${left(at)} left`]
    )
    return unused.length === 0 ? Effect.void : Effect.fail(unusedReplies(unused))
  })

  return { client, layer: Layer.succeed(HttpClient.HttpClient, client), calls, verify }
}

const unmatched = ({ method, url }: SentRequest, description: string): TestClientError =>
  new TestClientError({ reason: { _tag: "UnmatchedRequest", request: `${method} ${url}` }, description })

const unusedReplies = (lines: ReadonlyArray<string>): TestClientError =>
  new TestClientError({
    reason: { _tag: "UnusedReplies", lines },
    description: ["No request asked for these replies:", ...lines].join("\n  ")
  })

type Writable<A> = { -readonly [K in keyof A]: A[K] }

const words = {
  none: "the script is empty",
  nearest: "no line of the script answers it; the nearest is",
  used: "its answers are used up: add one, or let it answer always"
}

const bodyOf = ({ body, json }: Reply): Stream.Stream<Uint8Array, unknown> => {
  const content = json === undefined ? body : JSON.stringify(json)
  if (content === undefined || content === "") return Stream.empty
  if (typeof content === "string") return Stream.succeed(new TextEncoder().encode(content))
  return content instanceof Uint8Array ? Stream.succeed(content) : content
}

const watched = (
  body: Stream.Stream<Uint8Array, unknown>,
  call: Writable<ReceivedCall>,
  signal: AbortSignal
): Stream.Stream<Uint8Array, unknown> => {
  const aborted = Effect.callback<never, unknown>((resume) => {
    const abort = () => resume(Effect.fail(signal.reason))
    if (signal.aborted) abort()
    else signal.addEventListener("abort", abort, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })
  return body.pipe(
    Stream.interruptWhen(aborted),
    Stream.onStart(Effect.sync(() => void (call.responseBody = "reading"))),
    Stream.onExit((exit) =>
      Effect.sync(() => {
        const cancelled = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
        call.responseBody = cancelled ? "cancelled" : Exit.isSuccess(exit) ? "read" : "broken"
      })
    )
  )
}

const headersOf = ({ headers = {}, json }: Reply): ReadonlyArray<readonly [string, string]> => {
  const pairs = isPairs(headers) ? headers : Object.entries(headers)
  const typed = json === undefined || pairs.some(([name]) => name.toLowerCase() === "content-type")
  return typed ? pairs : [...pairs, ["content-type", "application/json"]]
}

const isPairs = (headers: NonNullable<Reply["headers"]>): headers is ReadonlyArray<readonly [string, string]> =>
  Array.isArray(headers)
