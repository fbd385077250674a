/**
 * Origins of requests. Credentials are bound to them: they go to the listed origins, and to no other.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"

import { checkOptions } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import type { Request, Response } from "../Decision.ts"
import { urlOf } from "./RequestUrl.ts"

/** The origin that a request goes to, or an empty text. */
export const originOf = (request: Request): string => urlOf(request)?.origin ?? ""

/** The URL of a request when it goes to one of the origins and the caller brings no credentials: nothing otherwise. */
export type BoundUrl = (request: Request) => URL | undefined

/** Reads a list of origins; throws `InvalidOption` for an entry other than an http origin. */
export const originSet = (check: OptionChecks, option: string, origins: ReadonlyArray<string>): ReadonlySet<string> =>
  new Set(
    origins.map((text) => {
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (url === undefined || !/^(?:https?|wss?):$/.test(url.protocol) || url.href !== `${url.origin}/`) {
        throw check.invalid(
          option,
          `"${text}" is no origin: write scheme, host and port only, like "https://api.example.com"`
        )
      }
      return url.origin
    })
  )

/** Reads the origins of a handler with credentials; throws `InvalidOption` for an empty list, or for an entry other than an http origin. */
export const boundTo = (handler: string, origins: ReadonlyArray<string>): BoundUrl => {
  const check = checkOptions(handler)
  const allowed = originSet(check, "origins", origins)
  if (allowed.size === 0) throw check.invalid("origins", "name at least one, or the handler does nothing")
  return (request) => {
    if (request.headers["authorization"] !== undefined) return undefined
    const url = urlOf(request)
    return url !== undefined && allowed.has(url.origin) ? url : undefined
  }
}

/** Whether the response came from the URL's origin: a client that follows redirects by itself may bring one from elsewhere. */
export const isFrom = (response: Response, { origin }: URL): boolean =>
  response.url === "" || new URL(response.url).origin === origin

/** A request with a bearer token. */
export const withToken = (request: Request, token: Redacted.Redacted): Request =>
  HttpClientRequest.setHeader(request, "authorization", `Bearer ${Redacted.value(token)}`)
