/**
 * What of a request or response must not be written down.
 *
 * @since 0.1.0
 */
import * as Headers from "effect/http/Headers"
import * as UrlParams from "effect/http/UrlParams"

import { jsonOf, textOf } from "./Difference.ts"

/**
 * What is redacted beside the default, which is in `redactedHeaders`, `redactedQuery` and `redactedFields`. User and password in a URL always are.
 *
 * @category models
 * @since 0.1.0
 */
export interface Redact {
  readonly headers?: ReadonlyArray<string | RegExp>
  /** Parameters of the URL's query. */
  readonly query?: ReadonlyArray<string | RegExp>
  /** Members of JSON at any depth, and fields of forms. */
  readonly fields?: ReadonlyArray<string | RegExp>
  /** Names that are left as they are, although the default has them. */
  readonly keep?: ReadonlyArray<string>
  /** Has the last word on each header value, URL and text body. */
  readonly text?: (text: string) => string
}

/**
 * The headers that are redacted. An authentication scheme and the names and attributes of cookies are kept.
 *
 * @category defaults
 * @since 0.1.0
 */
export const redactedHeaders: ReadonlyArray<string> = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-auth-token",
  "x-csrf-token"
]

/**
 * The members of JSON and fields of forms that are redacted.
 *
 * @category defaults
 * @since 0.1.0
 */
export const redactedFields: ReadonlyArray<string> = [
  "password",
  "secret",
  "token",
  "access_token",
  "accessToken",
  "refresh_token",
  "refreshToken",
  "id_token",
  "idToken",
  "client_secret",
  "clientSecret",
  "api_key",
  "apiKey",
  "assertion",
  "code_verifier"
]

/**
 * The parameters of a query that are redacted: the fields, and the signatures that Effect redacts.
 *
 * @category defaults
 * @since 0.1.0
 */
export const redactedQuery: ReadonlyArray<string | RegExp> = [
  ...redactedFields,
  ...UrlParams.CurrentRedactedNames.defaultValue()
]

const hidden = "[redacted]"

/** Redacts the parts of a message. */
export interface Redactor {
  /** The URL; `names` are parameters that are secret in this one. */
  readonly url: (url: string, names?: ReadonlyArray<string>) => string
  readonly header: (name: string, value: string) => string
  readonly body: (bytes: Uint8Array, contentType: string | undefined) => Uint8Array
  readonly text: (text: string) => string
}

/** The redactor of these options. */
export const redactor = (options: Redact = {}): Redactor => {
  const kept = new Set(options.keep?.map((name) => name.toLowerCase()))
  const names = (base: ReadonlyArray<string | RegExp>, added: ReadonlyArray<string | RegExp> = []) => [
    ...base.filter((name) => typeof name !== "string" || !kept.has(name.toLowerCase())),
    ...added
  ]
  const headers = names(redactedHeaders, options.headers)
  const query = names(redactedQuery, options.query)
  const fields = names(redactedFields, options.fields)
  const { text = (text) => text } = options

  const url = (url: string, secret: ReadonlyArray<string> = []) => text(UrlParams.redactUrl(url, [...query, ...secret]))

  const header = (name: string, value: string) => {
    if (Headers.isRedactedName(name, headers)) return hideHeader(name, value)
    return /^(?:location|content-location|referer)$/.test(name) ? url(value) : text(value)
  }

  const body = (bytes: Uint8Array, contentType = "") => {
    const before = textOf(bytes)
    if (before === undefined) return bytes
    const after = text(hideFields(before, contentType, fields))
    return after === before ? bytes : new TextEncoder().encode(after)
  }

  return { url, header, body, text }
}

const hideHeader = (name: string, value: string): string => {
  if (name === "set-cookie") return value.replace(/=[^;]*/, `=${hidden}`)
  if (name === "cookie") return value.replaceAll(/=[^;]*/g, `=${hidden}`)
  const scheme = /^(?:basic|bearer|digest|dpop|negotiate) /i.exec(value)?.[0] ?? ""
  return scheme + hidden
}

const hideFields = (text: string, contentType: string, fields: ReadonlyArray<string | RegExp>): string => {
  const json = jsonOf(text)
  if (json !== undefined) {
    const found = { any: false }
    const value = hideMembers(json.value, fields, found)
    return found.any ? JSON.stringify(value) : text
  }
  if (/^application\/x-www-form-urlencoded/i.test(contentType)) return UrlParams.redactUrl(`?${text}`, fields).slice(1)
  return text.startsWith("--") ? hideParts(text, fields) : text
}

const hideMembers = (value: unknown, fields: ReadonlyArray<string | RegExp>, found: { any: boolean }): unknown => {
  if (Array.isArray(value)) return value.map((item) => hideMembers(item, fields, found))
  if (typeof value !== "object" || value === null) return value
  const members = Object.entries(value).map(([name, member]): [string, unknown] => {
    if (member === null || !Headers.isRedactedName(name, fields)) return [name, hideMembers(member, fields, found)]
    found.any = true
    return [name, hidden]
  })
  return Object.fromEntries(members)
}

// A value may itself have a line that begins with dashes: only the form's own boundary ends it.
const hideParts = (text: string, fields: ReadonlyArray<string | RegExp>): string => {
  const boundary = text.slice(0, text.indexOf("\r\n"))
  return text
    .split(`${boundary}\r\n`)
    .map((part) => {
      const head = /^(?:[^\r\n]+\r\n)*?content-disposition: form-data; name="([^"]*)"(?:[^\r\n]*\r\n)+?\r\n/i.exec(part)
      if (head === null || !Headers.isRedactedName(head[1]!, fields)) return part
      const end = part.lastIndexOf(`\r\n${boundary}--`)
      return `${head[0]}${hidden}${end === -1 ? "\r\n" : part.slice(end)}`
    })
    .join(`${boundary}\r\n`)
}
