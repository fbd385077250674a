/**
 * Whether the platform has decoded a body already. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"

import type { Response } from "../Decision.ts"
import { originOf } from "../HeaderLines.ts"

/**
 * Whether fetch has decoded the body of a response. A response of fetch has a type; a response made by hand has the type "default", and its body is as its headers say.
 * The look takes the response out of Effect's registry of abandoned responses, as a reader does; fetch has its own registry.
 */
export const isDecodedByFetch = (response: Response): boolean =>
  Option.exists(HttpClientResponse.toWeb(originOf(response)), ({ type }) => type !== "default")
