/**
 * Says at liftoff what was launched: the address, the fairings with their kinds, the routes, and the drawings of pipelines and other composites.
 *
 * 1. It is printed when the port is bound and known, so that port 0 shows as the port that it became.
 * 2. The text goes to Effect's `Console`, as it is; use `print` to send it elsewhere, such as to the log.
 * 3. Empty sections are left out.
 *
 * Order: anywhere. It lists all fairings in use, those attached at ignition too.
 *
 * @since 0.1.0
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

import * as Drawing from "../../core/Drawing.ts"
import type { Description } from "../../core/Interceptor.ts"
import { nameOr } from "../../core/Options.ts"
import type { Is } from "../../core/Types.ts"
import { isEveryAddress } from "../Address.ts"
import * as Fairing from "../Fairing.ts"

/**
 * Options of `banner`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BannerOptions<D = never, N = never> {
  /** Default: `"banner"`. */
  readonly name?: string
  /** The composite to draw, such as `Interceptor.describe(pipeline)`, or several, or an Effect of them. Default: none. */
  readonly describe?: D
  /** A last line or more, or an Effect of it. Default: none. */
  readonly note?: N
  /** Where the text goes. Default: `Console.log`. */
  readonly print?: (text: string) => Effect.Effect<void>
}

type Drawn = Description | ReadonlyArray<Description>

type Given<A, T> = Is<A, T | Effect.Effect<T, never, unknown>, "this cannot be printed, or it may fail">

/**
 * A fairing that says what was launched.
 *
 * **Example** (In the log)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { App } from "fairlead/app"
 * import { banner } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(banner({ print: Effect.logInfo, note: "The shop is open" }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const banner = <const D = never, const N = never>(
  options: BannerOptions<D & Given<D, Drawn>, N & Given<N, string>> = {}
): Fairing.Fairing<never, never, Effect.Services<D> | Effect.Services<N>> => {
  const { describe: drawing, note, print = Console.log } = options
  return Fairing.onLiftoff(nameOr("banner", options.name), (liftoff) =>
    Effect.gen(function* () {
      const drawn = (yield* effectOf(drawing)) as Drawn | undefined
      const last = (yield* effectOf(note)) as string | undefined
      const parts = [...[drawn ?? []].flat().map(Drawing.toText), facts(liftoff), ...(last === undefined ? [] : [last])]
      yield* print(parts.join("\n\n"))
    })
  )
}

const effectOf = (given: unknown): Effect.Effect<unknown> =>
  Effect.isEffect(given) ? (given as Effect.Effect<unknown>) : Effect.succeed(given)

const facts = (liftoff: Fairing.Liftoff): string => {
  const { app, fairings, routes } = liftoff
  const kinds = fairings.map(({ kinds, name }): Row => [name, kinds.join(", ")])
  const methods = routes.map(({ method, path }): Row => [method, path])
  return [`${app} listens on ${addressOf(liftoff)}`, ...rows("fairings", kinds), ...rows("routes", methods)].join("\n")
}

type Row = readonly [string, string]

const rows = (title: string, rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  if (rows.length === 0) return []
  const width = Math.max(...rows.map(([first]) => first.length))
  return [title, ...rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`)]
}

const addressOf = ({ address, url }: Fairing.Liftoff): string =>
  isEveryAddress(address) ? `${url}, and on every other address of this machine` : url
