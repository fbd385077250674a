/**
 * Decides whether a history of a recoverable topic keeps its promises. It knows nothing of engines: only what was published, and what each client saw.
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

/** The faults of a history. */
export const faultsOf = ({
  acknowledged = [],
  clients,
  live,
  published,
  top = published.at(-1)?.position
}: History): ReadonlyArray<string> => {
  const valueAt = new Map(published.map(({ position, value }) => [position, value]))
  const faults: Array<string> = []
  if (valueAt.size < published.length) faults.push("a position was used twice")
  for (const { position, value } of acknowledged) {
    if (valueAt.get(position) !== value)
      faults.push(`${value} was acknowledged at ${position}, and not published there`)
  }
  for (const [client, history] of clients.entries()) {
    let known: string | undefined
    const fault = (text: string) => void faults.push(`client ${client}: ${text}`)
    const follow = (position: string, what: string) => {
      if (known === undefined) {
        fault(`${what} before its join`)
        return
      }
      const expected = offsetOf(known) + 1
      if (epochOf(position) !== epochOf(known)) fault(`${what} ${position} after ${known} without a discontinuity`)
      else if (offsetOf(position) < expected) fault(`${what} ${position} twice or out of order after ${known}`)
      else if (offsetOf(position) > expected) fault(`lost ${known} to ${position} silently`)
      known = position
    }
    for (const seen of history) {
      switch (seen._tag) {
        case "Joined":
          known = seen.complete && seen.from !== null ? seen.from : seen.id
          break
        case "Delivered":
          if (!valueAt.has(seen.position)) fault(`invented ${seen.position}`)
          else if (valueAt.get(seen.position) !== seen.value)
            fault(`${seen.value} at ${seen.position} in another order`)
          follow(seen.position, "delivered")
          break
        case "Passed":
          follow(seen.position, "passed")
          break
        case "Gap":
          if (known === undefined || (epochOf(seen.to) === epochOf(known) && offsetOf(seen.to) < offsetOf(known))) {
            fault(`a gap back to ${seen.to}`)
          }
          known = seen.to
          break
        default:
          known = undefined
      }
    }
    if (live[client] === true && known !== undefined && top !== undefined && known !== top) {
      fault(`ends at ${known}, the topic at ${top}`)
    }
  }
  return faults
}
