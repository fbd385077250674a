/**
 * The URL of a request, parsed once for all handlers of a chain. Internal to the client part.
 *
 * Handlers that set headers make new requests, which share their parameters: the parsed URL is kept for these.
 *
 * @since 0.1.0
 */
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"

import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import { isSecretName } from "../../core/heads/SecretNames.ts"
import type { Request } from "../Decision.ts"

interface ParsedUrl {
  readonly text: string
  readonly hash: Request["hash"]
  readonly url: URL | undefined
  /** Its redacted form, for the names by which it was redacted. */
  shown: { readonly names: ReadonlyArray<string | RegExp>; readonly text: string } | undefined
}

const parsed = new WeakMap<object, ParsedUrl>()

const parsedUrl = (request: Request): ParsedUrl => {
  const known = parsed.get(request.urlParams)
  if (known !== undefined && known.text === request.url && known.hash === request.hash) return known
  const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
  const made: ParsedUrl = { text: request.url, hash: request.hash, url, shown: undefined }
  parsed.set(request.urlParams, made)
  return made
}

/** The URL of a request, or `undefined` for an invalid one. It is shared: do not change it. */
export const urlOf = (request: Request): URL | undefined => parsedUrl(request).url

/** The names of the parameters whose values are `Redacted`. */
export const secretParams = ({ urlParams }: Request): ReadonlyArray<string> =>
  urlParams.params.filter(([, value]) => typeof value !== "string").map(([name]) => name)

/** The URL of a request for logs and spans: redacted, and without its fragment. */
export const shownUrl = (request: Request): string => {
  const known = parsedUrl(request)
  const names = Fiber.getCurrent()?.getRef(UrlParams.CurrentRedactedNames) ?? none
  if (known.shown?.names !== names) known.shown = { names, text: redacted(request, known.url) }
  return known.shown.text
}

const none: ReadonlyArray<string> = []

const redacted = (request: Request, url: URL | undefined): string => {
  if (url === undefined) return redactUrl(request.url)
  const secret = new Set(secretParams(request))
  const isSecret = (name: string): boolean => secret.has(name) || isSecretName(name, "query")
  return redactUrl(url.hash === "" ? url.href : url.href.slice(0, -url.hash.length), isSecret)
}
