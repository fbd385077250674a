/**
 * Hooks with their types erased. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

import type { BuildSite } from "../core/BuildSite.ts"
import type { Recipe } from "../core/Composite.ts"
import { interceptorOf, kindOf } from "../core/InterceptorKind.ts"
import { checkOptions } from "../core/Options.ts"
import type { ConnectionInfo } from "./EndpointConnection.ts"
import type { CloseInfo, DialInfo, Remote, StreamInfo } from "./HookPoints.ts"

/** The kind of endpoint hooks. */
export const kind = kindOf({
  part: "endpoint",
  typeId: "~fairlead/endpoint/EndpointHooks",
  kind: "hooks",
  maker: "EndpointHooks.make"
})

/** The hooks, each at its point. */
export interface HookFunctions {
  readonly timeout?: Duration.Input
  readonly beforeConnect?: (dial: DialInfo) => unknown
  readonly beforeAccept?: (remote: Remote) => unknown
  readonly afterHandshake?: (connection: ConnectionInfo) => unknown
  readonly onStreamOpen?: (stream: StreamInfo, connection: ConnectionInfo) => unknown
  readonly onClose?: (close: CloseInfo, connection: ConnectionInfo) => unknown
}

/** Hooks as chains have them. */
export interface HooksValue extends HookFunctions, Recipe {
  readonly timeout?: Duration.Duration
}

/** Makes hooks, or hooks made for each endpoint. Those with a store key keep state in a shared store, under their name and that key. */
export const hooksOf = (
  name: string,
  hooks: HookFunctions | ((site: BuildSite) => HookFunctions),
  storeKey?: string
): HooksValue => {
  const checked = (functions: HookFunctions): HookFunctions => {
    if (functions.timeout === undefined) return functions
    return { ...functions, timeout: checkOptions(name).duration("timeout", functions.timeout, { infinite: true }) }
  }
  const recipe =
    typeof hooks === "function"
      ? { name, build: (site: BuildSite) => interceptorOf(kind, { ...checked(hooks(site)), name: site.name }) }
      : { name, ...checked(hooks) }
  return interceptorOf(kind, { ...recipe, ...(storeKey !== undefined && { storeKey }) }) as HooksValue
}
