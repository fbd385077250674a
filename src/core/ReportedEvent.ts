/**
 * The events that a `Watch` makes. Internal to Fairlead.
 *
 * They are instances of a class, because V8 allocates literals that a consumer keeps directly among old objects, so that a ring buffer of events costs major collections.
 *
 * @since 0.1.0
 */
import type { Part } from "./Description.ts"
import type { Event, Outcome, Subject } from "./ProbeEvent.ts"

/** An event. */
export class ReportedEvent implements Event {
  readonly type: Event["type"]
  readonly at: bigint
  readonly part: Part
  readonly composite: string
  readonly flow: number
  readonly parent: number | undefined
  readonly attempt: number | undefined
  readonly index: number
  readonly interceptor: string
  readonly phase: string
  readonly outcome: Outcome | undefined
  readonly errorType: string | undefined
  readonly durationNanos: bigint
  readonly subject: Subject | undefined

  constructor(
    type: Event["type"],
    at: bigint,
    part: Part,
    composite: string,
    flow: number,
    parent: number | undefined,
    attempt: number | undefined,
    index: number,
    interceptor: string,
    phase: string,
    outcome: Outcome | undefined,
    errorType: string | undefined,
    durationNanos: bigint,
    subject: Subject | undefined
  ) {
    this.type = type
    this.at = at
    this.part = part
    this.composite = composite
    this.flow = flow
    this.parent = parent
    this.attempt = attempt
    this.index = index
    this.interceptor = interceptor
    this.phase = phase
    this.outcome = outcome
    this.errorType = errorType
    this.durationNanos = durationNanos
    this.subject = subject
  }
}
