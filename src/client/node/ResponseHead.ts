/**
 * Keeps the heads of responses as they came.
 *
 * @since 0.1.0
 */
import type { Dispatcher } from "@effect/platform-node/Undici"

import type { Response } from "../Decision.ts"
import { headersOf, rememberPairs } from "../HeaderLines.ts"
import type { Pair } from "../HeaderLines.ts"

/**
 * An informational response: one with status 100 to 199, before the final one.
 *
 * @category models
 * @since 0.1.0
 */
export interface InformationalResponse {
  readonly status: number
  readonly headers: ReadonlyArray<Pair>
}

const early = new WeakMap<object, ReadonlyArray<InformationalResponse>>()

/** A server may send as many as it likes, for as long as it is waited for. */
const kept = 32

/**
 * The informational responses that came before a response, like 103 Early Hints: the first 32 of them.
 *
 * @category accessors
 * @since 0.1.0
 */
export const informationalResponses = (response: Response): ReadonlyArray<InformationalResponse> => {
  const headers = headersOf(response)
  return (headers === undefined ? undefined : early.get(headers)) ?? []
}

const pairsOf = (raw: Dispatcher.DispatchController["rawHeaders"]): ReadonlyArray<Pair> => {
  if (!Array.isArray(raw)) {
    return Object.entries(raw ?? {}).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value ?? ""]).map((one): Pair => [name, one])
    )
  }
  // The bytes of a header are Latin-1 (RFC 9110 §5.5).
  const texts = raw.map((part) => (typeof part === "string" ? part : part.toString("latin1")))
  return Array.from({ length: texts.length >> 1 }, (_, index): Pair => [
    texts[2 * index] ?? "",
    texts[2 * index + 1] ?? ""
  ])
}

// Each method is called on its own handler: undici's handlers keep state on themselves.
const methods = [
  "onRequestStart",
  "onRequestUpgrade",
  "onResponseData",
  "onResponseEnd",
  "onResponseError",
  "onResponseStarted",
  "onBodySent",
  "onRequestSent"
] as const

const forwarding = (handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler =>
  Object.fromEntries(
    methods.flatMap((name) => {
      const method: unknown = handler[name]
      return typeof method === "function" ? [[name, method.bind(handler)]] : []
    })
  )

/** An interceptor for undici that remembers the head of each response for the headers made of it. */
export const observing: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const infos: Array<InformationalResponse> = []
  return dispatch(options, {
    ...forwarding(handler),
    onResponseStart: (controller, status, headers, text) => {
      const pairs = pairsOf(controller.rawHeaders)
      if (status < 200) {
        if (infos.length < kept) infos.push({ status, headers: pairs })
      } else {
        rememberPairs(headers, pairs)
        early.set(headers, infos)
      }
      handler.onResponseStart?.(controller, status, headers, text)
    }
  })
}
