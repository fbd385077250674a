/**
 * Describes interceptors and composites: as data, as text, as a Mermaid flowchart.
 *
 * **Example** (Drawing a composite)
 *
 * ```ts
 * import { Interceptor } from "fairlead"
 * import { ClientChain } from "fairlead/client"
 * import { retry, timeouts } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api").use(retry()).use(timeouts())
 * const drawing = Interceptor.toText(chain)
 * ```
 *
 * An interceptor has a name: it is seen in logs, drawings, the events of the `Probe` and the reports of defects.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"

import { TypeId, withImplementations } from "./Description.ts"
import type { Description, InterceptorInfo } from "./Description.ts"
import * as Drawing from "./Drawing.ts"

export { CauseOrigin, causeOrigin } from "./CauseOrigin.ts"
export { TypeId } from "./Description.ts"
export type { Description, InterceptorInfo, Part } from "./Description.ts"

/**
 * An interceptor, a composite or a router: whatever has a description.
 *
 * @category models
 * @since 0.1.0
 */
export interface Described<out D extends InterceptorInfo | Description = InterceptorInfo | Description> {
  readonly [TypeId]: D
}

/**
 * Whether something has a description.
 *
 * @category guards
 * @since 0.1.0
 */
export const isDescribed = (u: unknown): u is Described =>
  ((typeof u === "object" && u !== null) || typeof u === "function") && TypeId in u

/**
 * A composite, an interceptor or a router as data. A class-tagged interceptor has the id of its class; `describeIn` shows its implementation.
 *
 * @category getters
 * @since 0.1.0
 */
export const describe = <D extends InterceptorInfo | Description>(x: Described<D>): D => x[TypeId]

/**
 * A composite, an interceptor or a router as data, with the implementations in a context: a class-tagged interceptor has the name and the kind of its
 * implementation there, and the id of its class as `service`.
 *
 * **Example** (Which implementations a program uses)
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Interceptor } from "fairlead"
 * import { ClientChain, ClientHandler } from "fairlead/client"
 *
 * class Sign extends ClientHandler.Service<Sign>()("app/Sign") {}
 *
 * const chain = ClientChain.make("api").use(Sign)
 * const program = Effect.flatMap(Effect.context<Sign>(), (services) =>
 *   Console.log(Interceptor.toText(Interceptor.describeIn(chain, services)))
 * )
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const describeIn = <D extends InterceptorInfo | Description, S>(
  x: Described<D>,
  services: Context.Context<S>
): D => withImplementations(x[TypeId], services)

/**
 * A composite, an interceptor or a router as indented text, one interceptor a line, in the order in which they run.
 *
 * @category drawing
 * @since 0.1.0
 */
export const toText = (x: Described | Description | InterceptorInfo): string => Drawing.toText(descriptionOf(x))

/**
 * A composite, an interceptor or a router as a Mermaid flowchart, top down; composites inside are subgraphs.
 *
 * @category drawing
 * @since 0.1.0
 */
export const toMermaid = (x: Described | Description | InterceptorInfo): string => Drawing.toMermaid(descriptionOf(x))

const descriptionOf = (x: Described | Description | InterceptorInfo): Description | InterceptorInfo =>
  TypeId in x ? x[TypeId] : x
