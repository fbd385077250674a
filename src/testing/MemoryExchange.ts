/**
 * Sends one request without a socket and collects its reply, for every kit that sends requests.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"

import * as Probe from "../core/Probe.ts"
import type { App, Response } from "../server/HttpTypes.ts"

/**
 * The headers, the body and the client's address of a request.
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
  /** The address of the client, as the connection would know it. Default: none. */
  readonly remoteAddress?: string
}

/**
 * The reply to a request, with the end of the pipeline and the journal of its interceptors.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** The whole body, as it was sent. */
  readonly bytes: Uint8Array
  /** The whole body as text. */
  readonly text: string
  /** Parses the body as JSON; throws when it is not JSON. */
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

/** A reply before its body is read. Internal to the testing kits. */
export interface Handled extends Pick<Reply, "exit" | "journal"> {
  readonly method: string
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
  const request = new globalThis.Request(new URL(path, origin), {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    // A stream needs it, and its type is missing in that of the web.
    ...({ duplex: "half" } as object)
  })
  if (options.remoteAddress !== undefined) remoteAddresses.set(request, options.remoteAddress)
  return request
}

const remoteAddresses = new WeakMap<globalThis.Request, string>()

const maxHeadBytes = 16 * 1024

// Node's parser answers 431, and the app never sees the request.
const headFault = ({ headers, method, url }: globalThis.Request): string | undefined => {
  let bytes = method.length + url.length
  for (const [name, value] of headers) bytes += name.length + value.length + 4
  return bytes <= maxHeadBytes
    ? undefined
    : `The head of the request has ${bytes} bytes: a server refuses more than ${maxHeadBytes} with the status 431`
}

const serverRequest = (request: globalThis.Request): HttpServerRequest.HttpServerRequest => {
  const incoming = HttpServerRequest.fromWeb(request)
  const address = remoteAddresses.get(request)
  if (address === undefined) return incoming
  return incoming.modify({ remoteAddress: Option.some(address), peerAddress: Option.some(address) })
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
export const handle = (
  app: App,
  request: globalThis.Request,
  change: (request: HttpServerRequest.HttpServerRequest) => HttpServerRequest.HttpServerRequest = (request) => request
): Effect.Effect<Handled> =>
  Effect.gen(function* () {
    const fault = headFault(request)
    if (fault !== undefined) return yield* Effect.die(new Error(fault))
    const journal: Array<Probe.Event> = []
    const outer = yield* Probe.Probe
    const probe: Probe.Probe = {
      report(event) {
        outer?.report(event)
        if (event.type === "end" && event.phase !== "flow") journal.push(event)
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
      Effect.provideService(HttpServerRequest.HttpServerRequest, change(serverRequest(request))),
      Effect.provideService(Probe.Probe, probe),
      Effect.exit
    )
    return { method: request.method, web: web ?? new globalThis.Response(null, { status: 500 }), exit, journal }
  }) as any

/** Reads the body to its end; interrupted, it hangs up, as a client that goes away. Internal to the testing kits. */
export const replyOf = ({ exit, journal, method, web }: Handled): Effect.Effect<Reply> =>
  Effect.flatMap(bytesOf(web), (bytes) => {
    const declared = web.headers.get("content-length")
    const isShort = declared !== null && method !== "HEAD" && web.status !== 304 && Number(declared) !== bytes.length
    if (isShort) {
      return Effect.die(
        new Error(
          `The body has ${bytes.length} bytes, and its content-length is ${declared}: a server would not send it`
        )
      )
    }
    const text = new TextDecoder().decode(bytes)
    return Effect.succeed({
      status: web.status,
      headers: web.headers,
      bytes,
      text,
      json: () => JSON.parse(text),
      exit,
      journal
    })
  })

const bytesOf = ({ body }: globalThis.Response): Effect.Effect<Uint8Array> =>
  Effect.suspend(() => {
    if (body === null) return Effect.succeed(new Uint8Array())
    const reader = body.getReader()
    const reading = async (): Promise<Uint8Array> => {
      const parts: Array<Uint8Array> = []
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return new Uint8Array(await new Blob(parts as Array<BlobPart>).arrayBuffer())
        parts.push(value)
      }
    }
    return Effect.onInterrupt(Effect.promise(reading), () => Effect.promise(() => reader.cancel()))
  })
