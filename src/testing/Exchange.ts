/**
 * One request and its reply without a socket: what all the kits that send requests share.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import * as Probe from "../core/Probe.ts"
import type { App, Response } from "../server/Model.ts"

/**
 * What a request carries beside its path.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is. */
  readonly body?: globalThis.BodyInit
  /** Sent as JSON, with its content type, in place of `body`. */
  readonly json?: unknown
}

/**
 * What a request came to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** The whole body as text. */
  readonly text: string
  /** The body parsed as JSON; throws when it is none. */
  readonly json: () => unknown
  /** How the pipeline itself ended, before a server would make a response of it. */
  readonly exit: Exit.Exit<Response, unknown>
  /** The end of every interceptor that ran, in that order; the pipeline's own `flow` is left out. */
  readonly journal: ReadonlyArray<Probe.Event>
}

/**
 * Sends requests to one app.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestServer {
  readonly send: (method: string, path: string, options?: RequestOptions) => Effect.Effect<Reply>
  readonly get: (path: string, options?: RequestOptions) => Effect.Effect<Reply>
  readonly post: (path: string, options?: RequestOptions) => Effect.Effect<Reply>
  readonly put: (path: string, options?: RequestOptions) => Effect.Effect<Reply>
  readonly patch: (path: string, options?: RequestOptions) => Effect.Effect<Reply>
  readonly delete: (path: string, options?: RequestOptions) => Effect.Effect<Reply>
}

/** What a request came to, its body not yet read. Internal to the testing kits. */
export interface Handled extends Pick<Reply, "exit" | "journal"> {
  readonly web: globalThis.Response
}

/** The web request that the options describe. Internal to the testing kits. */
export const toRequest = (
  method: string,
  path: string,
  options: RequestOptions = {},
  origin = "http://test"
): globalThis.Request => {
  const headers = new Headers(options.headers)
  if (options.json !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json")
  const body = options.json === undefined ? options.body : JSON.stringify(options.json)
  return new globalThis.Request(new URL(path, origin), {
    method,
    headers,
    ...(body === undefined ? {} : { body })
  })
}

/** A sender with its shorthands. Internal to the testing kits. */
export const verbs = (send: TestServer["send"]): TestServer => {
  const verb = (method: string) => (path: string, options?: RequestOptions) => send(method, path, options)
  return {
    send,
    get: verb("GET"),
    post: verb("POST"),
    put: verb("PUT"),
    patch: verb("PATCH"),
    delete: verb("DELETE")
  }
}

/** Answers one request, as a server does with an app that opens interruption itself. Internal to the testing kits. */
export const handle = (app: App, request: globalThis.Request): Effect.Effect<Handled> =>
  Effect.gen(function* () {
    const journal: Array<Probe.Event> = []
    const outer = yield* Probe.Probe
    const probe: Probe.Probe = {
      report(event) {
        outer?.report(event)
        if (event.outcome !== "start" && event.phase !== "flow") journal.push(event)
      }
    }
    let exit: Exit.Exit<Response, unknown> = Exit.die(new Error("The app has not ended"))
    let web: globalThis.Response | undefined
    const observed = Effect.onExit(app, (ended) => Effect.sync(() => void (exit = ended)))
    const context = yield* Effect.context()
    yield* HttpEffect.toHandled(observed, (incoming, response) =>
      Effect.sync(() => {
        const withoutBody = incoming.method === "HEAD"
        const sent = HttpServerResponse.omitsBody(response, withoutBody)
          ? response
          : HttpEffect.scopeTransferToStream(response)
        web = HttpServerResponse.toWeb(sent, { withoutBody, context })
      })
    ).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request)),
      Effect.provideService(Probe.Probe, probe),
      Effect.exit
    )
    return { web: web ?? new globalThis.Response(null, { status: 500 }), exit, journal }
  }) as any

/** Reads the body to its end; interrupted, it hangs up, as a client that goes away. Internal to the testing kits. */
export const replyOf = ({ exit, journal, web }: Handled): Effect.Effect<Reply> =>
  Effect.map(textOf(web), (text) => ({
    status: web.status,
    headers: web.headers,
    text,
    json: () => JSON.parse(text),
    exit,
    journal
  }))

const textOf = ({ body }: globalThis.Response): Effect.Effect<string> =>
  Effect.suspend(() => {
    if (body === null) return Effect.succeed("")
    const reader = body.getReader()
    const decoder = new TextDecoder()
    const reading = async (): Promise<string> => {
      let text = ""
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return text + decoder.decode()
        text += decoder.decode(value, { stream: true })
      }
    }
    return Effect.onInterrupt(Effect.promise(reading), () => Effect.promise(() => reader.cancel()))
  })
