/**
 * A bound on the extra requests of many calls: retries, and the second attempts of hedged requests.
 *
 * @since 0.1.0
 */
import { checkOptions } from "../../core/Options.ts"

/**
 * The retries that all calls share: each first attempt pays in `ratio`, each retry takes 1, and up to `burst` is saved. It starts full.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryBudget {
  /** Pays in for a first attempt. */
  readonly deposit: () => void
  /** Takes 1 for a retry, if there is as much. */
  readonly withdraw: () => boolean
  /** How much is there. */
  readonly balance: () => number
}

/**
 * Makes a budget, to be shared by several handlers or clients. Default: `ratio` 0.2, `burst` 10.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({
  burst = 10,
  ratio = 0.2
}: { readonly ratio?: number; readonly burst?: number } = {}): RetryBudget => {
  const check = checkOptions("RetryBudget")
  // Millionths: tenths would not add up to 1.
  const whole = 1_000_000
  const most = check.atLeast("burst", burst, 0) * whole
  const share = Math.round(check.atLeast("ratio", ratio, 0) * whole)
  let saved = most
  return {
    deposit: () => (saved = Math.min(most, saved + share)),
    withdraw: () => saved >= whole && ((saved -= whole), true),
    balance: () => saved / whole
  }
}
