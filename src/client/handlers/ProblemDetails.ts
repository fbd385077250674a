/**
 * Turns responses with problem details (RFC 9457) into typed errors.
 *
 * **Example** (A separate error for one type of problem)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { ClientChain } from "fairlead/client"
 * import { problemDetails, retry } from "fairlead/client/handlers"
 *
 * class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String }) {}
 *
 * const chain = ClientChain.make("shop")
 *   .use(problemDetails({ errors: { "https://shop.example/out-of-stock": ({ item }) => new OutOfStock({ item: String(item) }) } }))
 *   .use(retry())
 * ```
 *
 * Rules:
 *
 * 1. A response of status 400 to 599 with the type `application/problem+json` fails with the error that `errors` makes for the problem's `type`, else with `ProblemError`.
 * 2. A relative `type` is resolved by the URL of the request (RFC 9457 §3.1.1).
 * 3. A body that is larger than `maxBytes`, breaks off or is no JSON object fails with a `ProblemError` of the type `about:blank`. The members of a problem with a wrong type are left out (§3.1).
 * 4. Other responses stay as they are, and so does one that a later handler sends again.
 *
 * Order: first, outside of `retry` and `redirect`, which look at responses. Works with any server that sends problems, such as one with the middleware `problemDetails`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Problem from "effect/http/ProblemDetails"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"

/**
 * The server responded with a problem.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProblemError extends Schema.TaggedError<ProblemError>("fairlead/client/handlers/ProblemError")(
  "ProblemError",
  {
    method: Schema.String,
    /** Without credentials and secrets. */
    url: Schema.String,
    /** The status of the response; that of the problem is only advice (RFC 9457 §3.1.2). */
    status: Schema.Number,
    problem: Problem.Schema
  }
) {
  override get message(): string {
    const { detail, title, type } = this.problem
    return `${this.method} ${this.url} was answered with ${this.status}: ${detail ?? title ?? type}`
  }
}

/**
 * Functions from problems to errors, by the type of the problem.
 *
 * @category models
 * @since 0.1.0
 */
export type ProblemErrors = Readonly<Record<string, (problem: Problem.ProblemDetails) => unknown>>

/**
 * Options of `problemDetails`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProblemDetailsOptions<M extends ProblemErrors> {
  /** The handler's name. Default: `problemDetails`. */
  readonly name?: string | undefined
  /** Makes an error of a problem, by the problem's type. Default: none. */
  readonly errors?: (M & ProblemErrors) | undefined
  /** How much of a problem is read, in bytes. Default: 65,536. */
  readonly maxBytes?: number | undefined
}

/**
 * Turns problems into typed errors.
 *
 * @category handlers
 * @since 0.1.0
 */
export const problemDetails = <const M extends ProblemErrors = {}>(
  options: ProblemDetailsOptions<M> = {}
): ClientHandler.ClientHandler<ProblemError | ReturnType<M[keyof M]>> => {
  const name = nameOr("problemDetails", options.name)
  const maxBytes = checkOptions(name).integer("maxBytes", options.maxBytes ?? 65_536)
  const errors = new Map<string, (problem: Problem.ProblemDetails) => unknown>(Object.entries(options.errors ?? {}))
  const handler: ClientHandler.ClientHandler<unknown> = ClientHandler.make(name, {
    afterResponse: (outcome, exchange): Effect.Effect<void, unknown> => {
      if (outcome._tag === "Failure" || exchange.queued !== undefined) return Effect.void
      const { response } = outcome
      const { request } = response
      if (response.status < 400 || !isProblem(response.headers["content-type"])) return Effect.void
      return Effect.flatMap(problemOf(response, maxBytes), (problem) => {
        const make = errors.get(problem.type) ?? errors.get(absolute(problem.type, request.url))
        if (make !== undefined) return Effect.fail(make(problem))
        const { method } = request
        return Effect.fail(new ProblemError({ method, url: redactUrl(request.url), status: response.status, problem }))
      })
    }
  })
  // The errors are those of the option, whose type is not known here.
  return handler as ReturnType<typeof problemDetails<M>>
}

const isProblem = (type: string | undefined): boolean => /^application\/problem\+json\s*(?:;|$)/i.test(type ?? "")

const absolute = (type: string, base: string): string => (URL.canParse(type, base) ? new URL(type, base).href : type)

const JsonProblem = Schema.fromJsonString(Problem.Schema)

const problemOf = (response: ClientHandler.Response, maxBytes: number): Effect.Effect<Problem.ProblemDetails> => {
  const decoder = new TextDecoder()
  return Stream.runFoldEffect(
    response.stream,
    () => ({ bytes: 0, text: "" }),
    (read, piece: Uint8Array) => {
      const bytes = read.bytes + piece.length
      return bytes > maxBytes
        ? Effect.fail("too large" as const)
        : Effect.succeed({ bytes, text: read.text + decoder.decode(piece, { stream: true }) })
    }
  ).pipe(
    Effect.flatMap(({ text }) => Schema.decodeUnknownEffect(JsonProblem)(text)),
    Effect.orElseSucceed(() => ({ type: Problem.blankType, status: response.status }))
  )
}
