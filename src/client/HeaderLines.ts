/**
 * Where the header lines of a response are kept, below the responses that handlers made of it. Internal to the client part.
 *
 * @since 0.1.0
 */
import type { Response } from "./Decision.ts"

/** A header as it came: name in its own case, and value. */
export type Pair = readonly [name: string, value: string]

const pairsOf = new WeakMap<object, ReadonlyArray<Pair> | (() => ReadonlyArray<Pair>)>()
const origins = new WeakMap<Response, Response>()

/** Keeps the pairs, or a function that makes them, for the headers object that a transport makes of them. Internal to the client part. */
export const rememberPairs = (headers: object, pairs: ReadonlyArray<Pair> | (() => ReadonlyArray<Pair>)): void => {
  pairsOf.set(headers, pairs)
}

/** The inner responses: Effect's client wraps the transport's response, and that keeps its source. */
interface Layers {
  readonly original?: Response
  readonly source?: { readonly headers?: unknown; readonly url?: string }
}

/** The transport's response, below those that handlers made of it. Internal to the client part. */
export const originOf = (response: Response): Response => {
  const origin = origins.get(response) ?? (response as Layers).original
  return origin === undefined ? response : originOf(origin)
}

// Read where it lies: `HttpClientResponse.toWeb` would take the response out of the registry that aborts abandoned ones.
const sourceHeaders = (response: Response): object | undefined => {
  const headers = (response as Layers).source?.headers
  return typeof headers === "object" && headers !== null ? headers : undefined
}

/** The headers object that the transport made for the response. Internal to the client part. */
export const headersOf = (response: Response): object | undefined => sourceHeaders(originOf(response))

/** Every header of the response in its order; `undefined` where the transport did not keep them. */
export const pairsOfResponse = (response: Response): ReadonlyArray<Pair> | undefined => {
  const headers = headersOf(response)
  const pairs = headers === undefined ? undefined : pairsOf.get(headers)
  return typeof pairs === "function" ? pairs() : pairs
}

/** The lines of a field in their order, as far as the transport kept them apart. Internal to the client part. */
export const fieldLines = (response: Response, name: string): ReadonlyArray<string> => {
  const pairs = pairsOfResponse(response)
  if (pairs !== undefined) return pairs.filter((pair) => pair[0].toLowerCase() === name).map(([, value]) => value)
  const headers = headersOf(response)
  const kept: unknown = headers === undefined || headers instanceof Headers ? undefined : Reflect.get(headers, name)
  if (Array.isArray(kept)) return kept.map(String)
  const value = typeof kept === "string" ? kept : response.headers[name]
  return value === undefined ? [] : [value]
}

/** Makes a response answer for its raw headers as another does. */
export const inheritHeaders = <R extends Response>(response: R, from: Response): R => {
  if ((response as Layers).original !== from) origins.set(response, from)
  return response
}

/** The URL that a web response says it came from, which is an empty text for a response made by hand; `undefined` for any other response. */
export const sourceUrl = (response: Response): string | undefined => (originOf(response) as Layers).source?.url
