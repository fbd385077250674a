/** The handlers of the contenders: copies of the no-op that share no function, and copies that count their runs. */
import { copiesOf, telling } from "../Copying.ts"
import type * as Module from "./NoOp.ts"

export type NoOp = typeof Module

/** As many copies of the module, each with separate functions. */
export const freshCopies = copiesOf<NoOp>(new URL("NoOp.ts", import.meta.url))

/** The same handler, telling `ran` at each run of its two methods. */
export const counting = (handler: NoOp, ran: () => void): NoOp => {
  const tell = telling(ran)
  return {
    forth: tell(handler.forth),
    back: tell(handler.back),
    forthExit: tell(handler.forthExit),
    backExit: tell(handler.backExit),
    forthSync: tell(handler.forthSync),
    backSync: tell(handler.backSync),
    forthSuspending: tell(handler.forthSuspending),
    backSuspending: tell(handler.backSuspending),
    request: (value) => tell(handler.request)(value),
    response: (value) => tell(handler.response)(value),
    nested: handler.nested,
    interceptor: handler.interceptor
  }
}
