/**
 * An application with its types erased. Internal to the app part.
 *
 * @since 0.1.0
 */
import type { Step } from "./Steps.ts"

/** An application with its types erased. Internal to the app part. */
export interface AppValue {
  readonly name: string
  readonly entries: ReadonlyArray<Step>
}
