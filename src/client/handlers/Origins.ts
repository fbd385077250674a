/**
 * Origins of requests. Credentials are bound to them: they go to the origins that they were given for, and to no other.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

import type { Request, Response } from "../Decision.ts"

/**
 * A handler was made with an option that cannot work. It is thrown where the handler is made; the message says what to give instead.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>()("InvalidOption", {
  handler: Schema.String,
  option: Schema.String,
  description: Schema.String
}) {
  override get message(): string {
    return `${this.handler}: option ${this.option}: ${this.description}`
  }
}

/** The value of an option that has to be 1 at least; throws `InvalidOption` for less. */
export const atLeastOne = (handler: string, option: string, value: number): number => {
  if (value >= 1) return value
  throw new InvalidOption({ handler, option, description: `${value} is too little: give 1 or more` })
}

/** The origin that a request goes to, or an empty text. */
export const originOf = (request: Request): string =>
  Option.match(HttpClientRequest.toUrl(request), { onNone: () => "", onSome: ({ origin }) => origin })

/** The URL of a request when it goes to one of the origins and the caller brings no credentials: nothing otherwise. */
export type Bound = (request: Request) => URL | undefined

/** Reads a list of origins; throws `InvalidOption` for an empty one, or for what is no http origin. */
export const boundTo = (handler: string, origins: ReadonlyArray<string>): Bound => {
  const allowed = new Set(
    origins.map((given) => {
      const url = URL.canParse(given) ? new URL(given) : undefined
      if (url === undefined || !/^(?:https?|wss?):$/.test(url.protocol) || url.href !== `${url.origin}/`) {
        throw new InvalidOption({
          handler,
          option: "origins",
          description: `"${given}" is no origin: give scheme, host and port only, like "https://api.example.com"`
        })
      }
      return url.origin
    })
  )
  if (allowed.size === 0) {
    throw new InvalidOption({
      handler,
      option: "origins",
      description: "name at least one, or the handler does nothing"
    })
  }
  return (request) => {
    if (request.headers["authorization"] !== undefined) return undefined
    const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
    return url !== undefined && allowed.has(url.origin) ? url : undefined
  }
}

/** Whether the response came from the URL's origin: a client that follows redirects by itself may bring one from elsewhere. */
export const isFrom = (response: Response, { origin }: URL): boolean =>
  response.url === "" || new URL(response.url).origin === origin
