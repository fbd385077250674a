/**
 * Decides whether a history of a recoverable topic keeps its promises. It knows nothing of engines: only what was published, and what each client saw.
 *
 * It keeps one number for each message and one position for each client, so that a history may have millions of deliveries.
 */

/** What a client saw, in its order. */
export type Seen =
  | { readonly _tag: "Joined"; readonly complete: boolean; readonly from: string | null; readonly id: string }
  | { readonly _tag: "Delivered"; readonly value: number; readonly position: string }
  | { readonly _tag: "Passed"; readonly position: string }
  | { readonly _tag: "Gap"; readonly from: string; readonly to: string }
  | { readonly _tag: "Lost" }

export interface History {
  /** The published values, in the order of their positions. */
  readonly published: ReadonlyArray<{ readonly value: number; readonly position: string }>
  readonly clients: ReadonlyArray<ReadonlyArray<Seen>>
  /** Whether each client is connected and has read everything at the end. */
  readonly live: ReadonlyArray<boolean>
  /** The newest position of the topic at the end. Default: that of the last published value. */
  readonly top?: string
  /** The publishes that succeeded, with the positions that the publisher got. Default: not checked. */
  readonly acknowledged?: ReadonlyArray<{ readonly value: number; readonly position: string }>
}

const epochOf = (position: string): string => position.slice(0, position.lastIndexOf(":"))
const offsetOf = (position: string): number => Number(position.slice(position.lastIndexOf(":") + 1))

const maxFaults = 1000

/** Checks a history while it happens. */
export class Checker {
  /** The first thousand faults. */
  readonly faults: Array<string> = []
  private readonly epochs = new Map<string, Map<number, number>>()
  private readonly values = new Set<number>()
  private readonly isAttempted: (value: number) => boolean

  /**
   * `isAttempted` says whether somebody tried to publish a value: such a value was published if it is delivered or acknowledged. Without it, only the values passed to `published`
   * were published.
   */
  constructor(isAttempted: (value: number) => boolean = () => false) {
    this.isAttempted = isAttempted
  }

  /** How many values are known to be published. */
  get size(): number {
    return this.values.size
  }

  published(value: number, position: string): void {
    if (this.valueAt(position) !== undefined) this.fault("a position was used twice")
    this.learn(value, position)
  }

  acknowledged(value: number, position: string): void {
    if (this.known(value, position) !== value)
      this.fault(`${value} was acknowledged at ${position}, and not published there`)
  }

  /** The value at a position, which is this one where none was known and this one was attempted. */
  known(value: number, position: string): number | undefined {
    const known = this.valueAt(position)
    if (known !== undefined || !this.isAttempted(value)) return known
    this.learn(value, position)
    return value
  }

  fault(text: string): void {
    if (this.faults.length < maxFaults) this.faults.push(text)
  }

  private valueAt(position: string): number | undefined {
    return this.epochs.get(epochOf(position))?.get(offsetOf(position))
  }

  private learn(value: number, position: string): void {
    if (this.values.has(value)) this.fault(`${value} was published twice`)
    this.values.add(value)
    const epoch = epochOf(position)
    let values = this.epochs.get(epoch)
    if (values === undefined) this.epochs.set(epoch, (values = new Map()))
    values.set(offsetOf(position), value)
  }
}

/** Checks what one client sees. */
export class ClientChecker {
  private readonly checker: Checker
  private readonly name: number
  private known: string | undefined = undefined

  constructor(checker: Checker, name: number) {
    this.checker = checker
    this.name = name
  }

  see(seen: Seen): void {
    switch (seen._tag) {
      case "Joined":
        this.known = seen.complete && seen.from !== null ? seen.from : seen.id
        break
      case "Delivered": {
        const value = this.checker.known(seen.value, seen.position)
        if (value === undefined) this.fault(`invented ${seen.position}`)
        else if (value !== seen.value) this.fault(`${seen.value} at ${seen.position} in another order`)
        this.follow(seen.position, "delivered")
        break
      }
      case "Passed":
        this.follow(seen.position, "passed")
        break
      case "Gap": {
        const { known } = this
        if (known === undefined || (epochOf(seen.to) === epochOf(known) && offsetOf(seen.to) < offsetOf(known))) {
          this.fault(`a gap back to ${seen.to}`)
        }
        this.known = seen.to
        break
      }
      default:
        this.known = undefined
    }
  }

  /** The end of a client that is connected and has read everything. */
  end(top: string | undefined): void {
    if (this.known !== undefined && top !== undefined && this.known !== top) {
      this.fault(`ends at ${this.known}, the topic at ${top}`)
    }
  }

  private follow(position: string, what: string): void {
    const { known } = this
    if (known === undefined) return this.fault(`${what} before its join`)
    const expected = offsetOf(known) + 1
    if (epochOf(position) !== epochOf(known)) this.fault(`${what} ${position} after ${known} without a discontinuity`)
    else if (offsetOf(position) < expected) this.fault(`${what} ${position} twice or out of order after ${known}`)
    else if (offsetOf(position) > expected) this.fault(`lost ${known} to ${position} silently`)
    this.known = position
  }

  private fault(text: string): void {
    this.checker.fault(`client ${this.name}: ${text}`)
  }
}

/** The faults of a history. */
export const faultsOf = ({
  acknowledged = [],
  clients,
  live,
  published,
  top = published.at(-1)?.position
}: History): ReadonlyArray<string> => {
  const checker = new Checker()
  for (const { position, value } of published) checker.published(value, position)
  for (const { position, value } of acknowledged) checker.acknowledged(value, position)
  for (const [index, history] of clients.entries()) {
    const client = new ClientChecker(checker, index)
    for (const seen of history) client.see(seen)
    if (live[index] === true) client.end(top)
  }
  return checker.faults
}
