/**
 * Removes secrets from a request or response before it is written.
 *
 * @since 0.1.0
 */
import { redactForm, redactUrl } from "../../core/heads/RedactedUrl.ts"
import { secretNames } from "../../core/heads/SecretNames.ts"
import type { NamePlace } from "../../core/heads/SecretNames.ts"
import { jsonOf, textOf } from "./Difference.ts"

/**
 * Names to redact in addition to the built-in list, which logs and `redirect` use too: header, parameter and member names that contain `token`, `secret`,
 * `passw`, `signature` and the like. User and password in a URL are always redacted.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedactOptions {
  readonly headers?: ReadonlyArray<string | RegExp>
  /** Parameters of the URL's query and fragment. */
  readonly query?: ReadonlyArray<string | RegExp>
  /** Members of JSON at any depth, and fields of forms. */
  readonly fields?: ReadonlyArray<string | RegExp>
  /** Names of the built-in list that are not redacted. */
  readonly keep?: ReadonlyArray<string>
  /** Has the last word on each header value, URL and text body. */
  readonly text?: (text: string) => string
}

const hidden = "[redacted]"

/** Redacts the parts of a message. */
export interface Redactor {
  /** The redacted URL; `names` are the further secret parameters of this URL. */
  readonly url: (url: string, names?: ReadonlyArray<string>) => string
  readonly header: (name: string, value: string) => string
  readonly body: (bytes: Uint8Array, contentType: string | undefined) => Uint8Array
  readonly text: (text: string) => string
}

/** The redactor of these options. */
export const redactor = (options: RedactOptions = {}): Redactor => {
  const { keep = [], text = (text) => text } = options
  const isSecretHeader = secretNames({ add: options.headers ?? [], keep })
  const isSecretParameter = secretNames({ add: options.query ?? [], keep })
  const isSecretField = secretNames({ add: options.fields ?? [], keep })

  const url = (url: string, secret: ReadonlyArray<string> = []) => {
    const names = new Set(secret)
    return text(redactUrl(url, (name) => names.has(name) || isSecretParameter(name, "query")))
  }

  const header = (name: string, value: string) => {
    if (isSecretHeader(name, "header")) return hideHeader(name, value)
    return /^(?:location|content-location|referer)$/.test(name) ? url(value) : text(value)
  }

  const body = (bytes: Uint8Array, contentType = "") => {
    const before = textOf(bytes)
    if (before === undefined) return bytes
    const after = text(hideFields(before, contentType, isSecretField))
    return after === before ? bytes : new TextEncoder().encode(after)
  }

  return { url, header, body, text }
}

type IsSecret = (name: string, place: NamePlace) => boolean

const hideHeader = (name: string, value: string): string => {
  if (name === "set-cookie") return value.replace(/=[^;]*/, `=${hidden}`)
  if (name === "cookie") return value.replaceAll(/=[^;]*/g, `=${hidden}`)
  const scheme = /^(?:basic|bearer|digest|dpop|negotiate) /i.exec(value)?.[0] ?? ""
  return scheme + hidden
}

const hideFields = (text: string, contentType: string, isSecret: IsSecret): string => {
  const json = jsonOf(text)
  if (json !== undefined) {
    const found = { any: false }
    const value = hideMembers(json.value, isSecret, found)
    return found.any ? JSON.stringify(value) : text
  }
  if (/^application\/x-www-form-urlencoded/i.test(contentType)) {
    return redactForm(text, (name) => isSecret(name, "form"))
  }
  return text.startsWith("--") ? hideParts(text, isSecret) : text
}

const hideMembers = (value: unknown, isSecret: IsSecret, found: { any: boolean }): unknown => {
  if (Array.isArray(value)) return value.map((item) => hideMembers(item, isSecret, found))
  if (typeof value !== "object" || value === null) return value
  const members = Object.entries(value).map(([name, member]): [string, unknown] => {
    if (member === null || !isSecret(name, "json")) return [name, hideMembers(member, isSecret, found)]
    found.any = true
    return [name, hidden]
  })
  return Object.fromEntries(members)
}

// A value may itself have a line that begins with dashes: only the form's own boundary ends it.
const hideParts = (text: string, isSecret: IsSecret): string => {
  const boundary = text.slice(0, text.indexOf("\r\n"))
  return text
    .split(`${boundary}\r\n`)
    .map((part) => {
      const head = /^(?:[^\r\n]+\r\n)*?content-disposition: form-data; name="([^"]*)"(?:[^\r\n]*\r\n)+?\r\n/i.exec(part)
      if (head === null || !isSecret(head[1]!, "form")) return part
      const end = part.lastIndexOf(`\r\n${boundary}--`)
      return `${head[0]}${hidden}${end === -1 ? "\r\n" : part.slice(end)}`
    })
    .join(`${boundary}\r\n`)
}
