/** Copies of a module of no-ops, and functions that report when they run. */

/** Loads the module under as many names, so that the copies share no function. */
export const copiesOf =
  <NoOp>(module: URL) =>
  (count: number): Promise<ReadonlyArray<NoOp>> =>
    Promise.all(
      Array.from({ length: count }, (_, copy): Promise<NoOp> => import(new URL(`?copy=${copy}`, module).href))
    )

/** The same function, telling `ran` at each run. */
export const telling =
  (ran: () => void) =>
  <A extends ReadonlyArray<any>, B>(run: (...args: A) => B) =>
  (...args: A): B => {
    ran()
    return run(...args)
  }
