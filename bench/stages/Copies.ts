/** The stages of the contenders: copies of the no-op that share no function, and copies that count their runs. */
import * as Effect from "effect/Effect"

import { copiesOf, telling } from "../Copying.ts"
import type * as Module from "./NoOp.ts"
import type { Response } from "./NoOp.ts"

export type NoOp = typeof Module

/** As many copies of the module, each with separate functions. */
export const freshCopies = copiesOf<NoOp>(new URL("NoOp.ts", import.meta.url))

/** The same stage, telling `ran` at each run: with it every contender is checked to run all of its stages. */
export const counting = (stage: NoOp, ran: () => void): NoOp => {
  const tell = telling(ran)
  const told = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      ran()
      return effect
    })
  return {
    Clerk: stage.Clerk,
    Own: stage.Own,
    before: tell(stage.before),
    exit: tell(stage.exit),
    sync: told(stage.sync),
    flatMap: told(stage.flatMap),
    service: told(stage.service),
    provide: tell(stage.provide),
    after: tell(stage.after),
    afterExit: tell(stage.afterExit),
    around: <E, R>(app: Effect.Effect<Response, E, R>) => told(stage.around(app)),
    nested: <A, B>(next: (input: A) => B) => tell(stage.nested(next)),
    koa: tell(stage.koa),
    koaAwait: tell(stage.koaAwait),
    hono: tell(stage.hono),
    honoAwait: tell(stage.honoAwait)
  }
}
