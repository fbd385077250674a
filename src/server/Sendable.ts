/**
 * Whether a response can be sent: a response that Node or the web's `Response` refuses is found here, where its stage is still known. Internal to
 * the server part.
 *
 * @since 0.1.0
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"

// RFC 9110 §5.6.2: a field name is a token.
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

// RFC 9110 §5.5: a field value is visible text, spaces and tabs, of at most one byte a character.
const unsendable = /[^\t\x20-\x7e\x80-\xff]/

/** Names that were found to be tokens: a program sends few. */
const tokens = new Set<string>()
const maxTokens = 1000

const isToken = (name: string): boolean => {
  if (tokens.has(name)) return true
  if (!token.test(name)) return false
  if (tokens.size < maxTokens) tokens.add(name)
  return true
}

/** The headers that were found to be sendable last: most responses are checked twice, by their pipeline and by the terminal. */
let checked: object | undefined

const ResponseTypeId = "~effect/http/HttpServerResponse"

/** `HttpServerResponse.isHttpServerResponse`, for the hot path: a property read is cached by the engine. */
export const isResponse = (value: any): value is HttpServerResponse.HttpServerResponse =>
  (typeof value === "object" && value !== null && value[ResponseTypeId] !== undefined) ||
  HttpServerResponse.isHttpServerResponse(value)

/** Why a value cannot be sent as a response; `undefined` for one that can. */
export const faultOf = (value: unknown): string | undefined => {
  if (!isResponse(value)) return `${typeName(value)} is not a response`
  const { headers, status, statusText } = value
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    return `${String(status)} is not a final status: it must be 200 to 599`
  }
  if (statusText !== undefined && unsendable.test(statusText))
    return `the status text ${shown(statusText)} is not Latin-1`
  if (headers === checked) return undefined
  for (const name in headers) {
    const fault = headerFault(name, headers[name])
    if (fault !== undefined) return fault
  }
  checked = headers
  return undefined
}

/** Why a header cannot be sent; `undefined` for one that can. */
export const headerFault = (name: string, value: unknown): string | undefined => {
  if (!isToken(name)) return `${shown(name)} is not a header name`
  if (typeof value !== "string") return `the header ${name} is ${typeName(value)}, not a text`
  return unsendable.test(value)
    ? `the header ${name} holds ${shown(value)}: a value is Latin-1 without line breaks. HeaderValue encodes other text`
    : undefined
}

// The value may come from a client: it is cut, and JSON escapes line breaks, which would forge a line of the log.
const shown = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

const typeName = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== "object") return typeof value === "function" ? "a function" : `a ${typeof value}`
  const { constructor } = value
  return typeof constructor === "function" && constructor !== Object && constructor.name !== ""
    ? `a ${constructor.name}`
    : "an object"
}
