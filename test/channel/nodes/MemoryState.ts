/** The state of the broker in memory, and its faults. */
import type { ChannelApi } from "fairlead/channel"

import type { KeptMessage } from "../../../src/channel/nodes/Broker.ts"
import type { HeldEntry } from "../../../src/channel/nodes/PresenceBroker.ts"

type Retention = ChannelApi.Retention

export interface Log {
  readonly epoch: string
  readonly run: number
  offset: number
  retention: Retention
  kept: Array<KeptMessage>
}

export interface Present {
  epoch: string
  run: number
  offset: number
  entries: Map<string, HeldEntry>
  /** The entries before each of the newest changes: a fail-over loses some of these changes. */
  before: Array<ReadonlyMap<string, HeldEntry>>
}

/** How a broker may break its contract, so that a history shows the fault. */
export type Planted =
  | "uses offsets twice after a fail-over"
  | "delivers other messages"
  | "acknowledges without publishing"
  | "replays other messages"
  | "loses a published message"
  | "keeps the entries of expired leases"
  | "uses offsets of presence twice after a fail-over"
  | "removes without a change"
  | "lists without the first"
  | "forgets what it put"

/** What happens to messages on their way to a node. */
export interface Faults {
  /** A number below this one. */
  readonly random: (below: number) => number
  /** One of so many is lost; 0 loses none. */
  readonly loses: number
  /** One of so many comes twice. */
  readonly doubles: number
  /** One of so many operations takes effect, and is reported as failed. */
  readonly fails: number
}

export const noFaults: Faults = { random: () => 1, loses: 0, doubles: 0, fails: 0 }
