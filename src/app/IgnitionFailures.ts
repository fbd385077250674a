/**
 * The failures of an ignition, apart from those that only follow from another. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"

import { IgniteDefect } from "./IgniteError.ts"
import type { Failure } from "./IgniteError.ts"

/** Collects the failures of an ignition. Internal to the app part. */
export class IgnitionFailures {
  /** The services that later steps missed, because the step that would have provided them failed. */
  readonly missing = new Set<string>()
  private readonly noted: Array<Failure<unknown>> = []

  get some(): boolean {
    return this.noted.length > 0
  }

  note(step: string, cause: Cause.Cause<unknown>): void {
    const errors = cause.reasons.filter(Cause.isFailReason).map(({ error }) => ({ step, error, cause }))
    if (errors.length > 0) {
      this.noted.push(...errors.filter(({ error }) => !this.isKnown(error)))
      return
    }
    const defect = Cause.squash(cause)
    const missing = defect instanceof Error ? /^Service not found: (\S+)/.exec(defect.message)?.[1] : undefined
    // A step that misses what a failed one would have provided says nothing new, save what that one provides.
    if (missing !== undefined && this.some) this.missing.add(missing)
    else this.noted.push({ step, error: new IgniteDefect({ cause: defect }), cause })
  }

  /** Whether a step could not read configuration because of a source noted before. */
  private isKnown(error: unknown): boolean {
    return error instanceof Config.ConfigError && this.noted.some((failure) => failure.error === error.cause)
  }

  /** The failures. Where one layer failed, it is called by the services that were missed then: nothing else says what it would have provided. */
  get all(): ReadonlyArray<Failure<unknown>> {
    const layers = new Set(this.noted.map(({ step }) => step).filter((step) => /^manage\(\d+\)$/.test(step)))
    const missing = Array.from(this.missing)
    if (layers.size !== 1 || missing.length === 0) return this.noted
    return this.noted.map((failure) =>
      layers.has(failure.step) ? { ...failure, step: `manage(${missing.join(", ")})` } : failure
    )
  }
}
