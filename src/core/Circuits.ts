/**
 * The circuits of a circuit breaker, one for each key: when one opens, who is let through, and which one is forgotten. It knows no call and no clock. Internal to Fairlead.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as CircuitBreaker from "effect/persistence/CircuitBreaker"

/** When circuits open, for how long, and how many there are. Times are in milliseconds. */
export interface Settings {
  readonly trip: CircuitBreaker.TripPolicy
  readonly openFor: number
  readonly maxOpenFor: number
  readonly maxKeys: number
}

/** The outcome of a call. */
export type Result = CircuitBreaker.Outcome["_tag"]

/** A call in the window of its circuit. */
interface Entry {
  failed: boolean
  isCounted: boolean
}

/** A call that was let through. */
export interface CircuitCall {
  readonly circuit: Circuit
  readonly isProbe: boolean
  /** Its period of the circuit: an outcome that arrives in a later period is not counted. */
  period: number
  entry: Entry | undefined
}

/** A call that was turned away. */
export interface Refusal {
  readonly state: "Open" | "HalfOpen"
  /** Until a probe is let through. */
  readonly retryAfter: number
}

/** A call, and the transition that it made. */
export interface Admission {
  readonly call: CircuitCall
  readonly change?: CircuitBreaker.Transition
}

/** A circuit. */
export interface Circuit {
  readonly key: string
  state: CircuitBreaker.State["_tag"]
  /** Counts the states that it was in. */
  period: number
  window: Array<Entry>
  failures: number
  /** The openings in a row, and how long the last one was. */
  openings: number
  lastOpenFor: number
  /** Open: when a probe is let through. Half-open: when the probe makes place for another. Closed: when the openings before are forgotten. */
  until: number
  probe: CircuitCall | undefined
}

/** All circuits of a breaker. */
export class Circuits {
  private readonly settings: Settings
  private readonly window: { readonly size: number; readonly minimum: number; readonly threshold: number }
  /** In the order of their last use. */
  private readonly circuits = new Map<string, Circuit>()

  constructor(settings: Settings) {
    const { trip } = settings
    this.settings = settings
    // Consecutive failures are a window with a threshold of 1.
    this.window =
      trip._tag === "Consecutive"
        ? { size: trip.failures, minimum: trip.failures, threshold: 1 }
        : { size: trip.size, minimum: trip.minimumCalls, threshold: trip.threshold }
  }

  /** Lets a call through, or turns it away. */
  admit(key: string, now: number): Admission | Refusal {
    const circuit = this.of(key)
    if (circuit.state === "Closed") return { call: callOf(circuit, false) }
    const isTaken = circuit.state === "Open" || circuit.probe !== undefined
    if (isTaken && now < circuit.until) return { state: circuit.state, retryAfter: circuit.until - now }
    const { state: from } = circuit
    if (from === "Open") {
      circuit.state = "HalfOpen"
      circuit.period++
    }
    const call = (circuit.probe = callOf(circuit, true))
    circuit.until = now + circuit.lastOpenFor
    return from === "Open" ? { call, change: { key, from, to: "HalfOpen" } } : { call }
  }

  /** Counts what a call came to. `retryAfter` is how long its server asked to be left alone. */
  settle(call: CircuitCall, result: Result, now: number, retryAfter = 0): CircuitBreaker.Transition | undefined {
    const { circuit } = call
    if (call.period !== circuit.period) return undefined
    if (result === "Ignored") {
      if (circuit.probe === call) circuit.probe = undefined
      return undefined
    }
    if (circuit.state === "Closed") {
      this.count(call, result === "Failure")
      return this.trips(circuit) && result === "Failure" ? this.open(circuit, now, retryAfter) : undefined
    }
    if (result === "Failure") return this.open(circuit, now, retryAfter)
    turn(circuit, "Closed", now + circuit.lastOpenFor)
    call.period = circuit.period
    this.count(call, false)
    return { key: circuit.key, from: "HalfOpen", to: "Closed" }
  }

  /** Makes a failure of a call that had been a success. `retryAfter` is how long its server asked to be left alone. */
  breakOff(call: CircuitCall, now: number, retryAfter = 0): CircuitBreaker.Transition | undefined {
    const { circuit, entry } = call
    if (call.period !== circuit.period || entry === undefined || entry.failed) return undefined
    entry.failed = true
    // The success of this probe had closed the circuit.
    if (call.isProbe && now < circuit.until) return this.open(circuit, now, retryAfter)
    if (!entry.isCounted) return undefined
    circuit.failures++
    return this.trips(circuit) ? this.open(circuit, now, retryAfter) : undefined
  }

  /** The circuit of a key, from now on the last that was used. */
  private of(key: string): Circuit {
    const circuit = this.circuits.get(key) ?? closed(key)
    this.circuits.delete(key)
    this.circuits.set(key, circuit)
    if (this.circuits.size > this.settings.maxKeys) this.forget(circuit)
    return circuit
  }

  // Forgets the least recently used circuit; an open circuit only when every other is open too.
  private forget(used: Circuit): void {
    let oldest: Circuit | undefined
    for (const circuit of this.circuits.values()) {
      if (circuit === used) continue
      oldest ??= circuit
      if (circuit.state !== "Closed") continue
      oldest = circuit
      break
    }
    if (oldest !== undefined) this.circuits.delete(oldest.key)
  }

  private count(call: CircuitCall, failed: boolean): void {
    const { circuit } = call
    call.entry = { failed, isCounted: true }
    circuit.window.push(call.entry)
    if (failed) circuit.failures++
    if (circuit.window.length <= this.window.size) return
    const out = circuit.window.shift()!
    out.isCounted = false
    if (out.failed) circuit.failures--
  }

  private trips({ failures, window }: Circuit): boolean {
    return window.length >= this.window.minimum && failures / window.length >= this.window.threshold
  }

  private open(circuit: Circuit, now: number, retryAfter: number): CircuitBreaker.Transition {
    const { key, state } = circuit
    const { maxOpenFor, openFor } = this.settings
    if (state === "Closed" && now >= circuit.until) circuit.openings = 0
    circuit.openings++
    circuit.lastOpenFor = Math.min(maxOpenFor, Math.max(openFor * 2 ** (circuit.openings - 1), retryAfter))
    turn(circuit, "Open", now + circuit.lastOpenFor)
    return {
      key,
      from: state === "Closed" ? "Closed" : "HalfOpen",
      to: "Open",
      retryAfter: Duration.millis(circuit.lastOpenFor),
      consecutiveOpenings: circuit.openings
    }
  }
}

const closed = (key: string): Circuit => ({
  key,
  state: "Closed",
  period: 0,
  window: [],
  failures: 0,
  openings: 0,
  lastOpenFor: 0,
  until: 0,
  probe: undefined
})

const callOf = (circuit: Circuit, isProbe: boolean): CircuitCall => ({
  circuit,
  isProbe,
  period: circuit.period,
  entry: undefined
})

const turn = (circuit: Circuit, state: Circuit["state"], until: number): void => {
  circuit.state = state
  circuit.period++
  circuit.until = until
  circuit.window = []
  circuit.failures = 0
  circuit.probe = undefined
}
