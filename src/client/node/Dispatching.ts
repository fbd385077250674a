/**
 * Sends plain requests straight over undici's dispatcher: no `Dispatcher.request`, no promise and no Node stream, which cost more than the handlers of a chain.
 *
 * @since 0.1.0
 */
import type { Dispatcher } from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import type * as Socket from "effect/socket/Socket"
import type * as Stream from "effect/Stream"

import type { Request, Response } from "../Decision.ts"
import { readPieces } from "../PieceReading.ts"
import type { ReadingHooks } from "../PieceReading.ts"
import { bodyCause, ReadableResponse } from "../ResponseBody.ts"
import { DispatchedBody } from "./DispatchedBody.ts"

type Failure = HttpClientError.HttpClientError
type ResponseHeaders = Readonly<Record<string, string | Array<string> | undefined>>

/** Whether a request is plain: no upgrade, and an empty body or one at hand as bytes. */
export const isPlain = ({ body, headers }: Request): boolean =>
  (body._tag === "Empty" || body._tag === "Uint8Array") && headers["upgrade"] === undefined

/** The time-outs are those of `timeouts`. */
const untimed = { headersTimeout: 60 * 60 * 1000, bodyTimeout: 0 }

/** Sends a plain request. */
export const dispatch = (
  dispatcher: Dispatcher,
  request: Request,
  url: URL,
  signal: AbortSignal,
  options: Partial<Dispatcher.DispatchOptions>
): Effect.Effect<Response, Failure> =>
  Effect.callback((resume) => {
    let controller: Dispatcher.DispatchController | undefined
    let body: DispatchedBody | undefined
    let reason: Error | undefined
    // It is dropped with the head: it leads to the fiber, whose exit may be the response, and an abandoned response must not be held by its own request.
    let settle: ((result: Effect.Effect<Response, Failure>) => void) | undefined = resume
    const end = (result: Effect.Effect<Response, Failure>): void => {
      const settled = settle
      settle = undefined
      settled?.(result)
    }
    const abort = (error: Error): void => {
      reason ??= error
      if (body !== undefined) body.abort(error)
      else controller?.abort(error)
    }
    const onAbort = (): void => abort(signal.reason instanceof Error ? signal.reason : new Error("aborted"))
    const over = (): void => signal.removeEventListener("abort", onAbort)
    const fail = (cause: unknown): void => {
      over()
      const failure = new HttpClientError.TransportError({ request, cause })
      end(Effect.fail(new HttpClientError.HttpClientError({ reason: failure })))
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener("abort", onAbort, { once: true })
    const head: Dispatcher.DispatchOptions = {
      ...options,
      ...untimed,
      method: request.method,
      headers: request.headers,
      origin: url.origin,
      path: url.pathname + url.search,
      body: request.body._tag === "Uint8Array" ? request.body.body : null
    }
    try {
      dispatcher.dispatch(head, {
        onRequestStart(started) {
          controller = started
          if (reason !== undefined) started.abort(reason)
        },
        onResponseStart(started, status, headers) {
          if (status < 200) return
          body = new DispatchedBody(started, over)
          const { hash, href } = url
          const address = hash === "" ? href : href.slice(0, -hash.length)
          end(Effect.succeed(new DispatchedResponse(request, address, status, headers, body)))
        },
        onResponseData(_, piece) {
          body?.push(piece)
        },
        onResponseEnd() {
          body?.complete()
        },
        onResponseError(_, cause) {
          if (body === undefined) fail(cause)
          else body.fail(cause)
        }
      })
    } catch (cause) {
      fail(cause)
    }
    return Effect.sync(() => {
      over()
      abort(new Error("the request was interrupted"))
    })
  })

class DispatchedResponse extends ReadableResponse {
  readonly request: Request
  readonly url: string
  readonly status: number
  /** Where the raw headers are found. */
  readonly source: { readonly headers: ResponseHeaders }
  private readonly body: DispatchedBody
  private parsedHeaders: Headers.Headers | undefined
  private parsedCookies: Cookies.Cookies | undefined
  private hooks: (() => ReadingHooks) | undefined

  constructor(request: Request, url: string, status: number, headers: ResponseHeaders, body: DispatchedBody) {
    super()
    this.request = request
    this.url = url
    this.status = status
    this.source = { headers }
    this.body = body
  }

  get headers(): Headers.Headers {
    return (this.parsedHeaders ??= Headers.fromInput(this.source.headers))
  }
  get cookies(): Cookies.Cookies {
    const lines = this.source.headers["set-cookie"]
    return (this.parsedCookies ??= lines === undefined ? Cookies.empty : Cookies.fromSetCookie(lines))
  }
  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }
  get upgrade(): Effect.Effect<Socket.Socket, Failure> {
    const description = "expected 101 Switching Protocols"
    const reason = new HttpClientError.StatusCodeError({ request: this.request, response: this, description })
    return Effect.fail(new HttpClientError.HttpClientError({ reason }))
  }
  get stream(): Stream.Stream<Uint8Array, Failure> {
    return this.body.stream((cause) => bodyCause(this, cause))
  }

  protected whole(): Effect.Effect<ArrayBuffer, Failure> {
    return Effect.suspend(() =>
      readPieces(
        this.body.source((cause) => bodyCause(this, cause)),
        this.hooks?.()
      )
    )
  }

  protected override watch(hooks: () => ReadingHooks): boolean {
    this.hooks = hooks
    return true
  }
}
