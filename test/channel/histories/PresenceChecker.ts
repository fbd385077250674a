/**
 * Decides whether the presence of a history keeps its promises. It knows nothing of engines: only what each client was pushed, and who was present in truth.
 */

/** Who joined and left, by ref. The text is the key and the meta. */
export type Refs = ReadonlyArray<readonly [ref: string, text: string]>

/** A state or a diff, as a client was pushed it. */
export type SeenPresence =
  | { readonly _tag: "State"; readonly refs: Refs }
  | { readonly _tag: "Diff"; readonly joins: Refs; readonly leaves: Refs }

export interface PresenceHistory {
  /** Who is present in the end: the key and the meta of each. */
  readonly truth: ReadonlyArray<string>
  /** What each client that is there in the end was pushed since its join. */
  readonly clients: ReadonlyArray<ReadonlyArray<SeenPresence>>
  /** The lists of the servers in the end. */
  readonly lists: ReadonlyArray<ReadonlyArray<string>>
  /** The position of each change that was published. */
  readonly positions?: ReadonlyArray<string>
}

const sorted = (texts: Iterable<string>): string => Array.from(texts).toSorted().join(", ")

/** The faults of the presence of a history. */
export const presenceFaultsOf = ({ clients, lists, positions = [], truth }: PresenceHistory): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const expected = sorted(truth)
  for (const [client, history] of clients.entries()) {
    const fault = (text: string) => void faults.push(`client ${client}: ${text}`)
    let shown: Map<string, string> | undefined
    // As phoenix.js does, diffs wait for the state.
    let early: Array<Extract<SeenPresence, { readonly _tag: "Diff" }>> = []
    for (const seen of history) {
      if (seen._tag === "State") {
        shown = new Map(seen.refs)
        if (shown.size !== seen.refs.length) fault("a ref twice in a state")
        for (const { joins, leaves } of early) {
          for (const [ref, text] of joins) shown.set(ref, text)
          for (const [ref] of leaves) shown.delete(ref)
        }
        early = []
      } else if (shown === undefined) early.push(seen)
      else {
        for (const [ref, text] of seen.joins) {
          if (shown.has(ref)) fault(`${text} joined twice`)
          shown.set(ref, text)
        }
        for (const [ref, text] of seen.leaves) if (!shown.delete(ref)) fault(`${text} left without having joined`)
      }
    }
    if (shown === undefined) fault("was pushed no state")
    else if (sorted(shown.values()) !== expected) fault(`shows [${sorted(shown.values())}], in truth [${expected}]`)
  }
  for (const [server, list] of lists.entries()) {
    if (sorted(list) !== expected) faults.push(`server ${server}: lists [${sorted(list)}], in truth [${expected}]`)
  }
  if (new Set(positions).size < positions.length) faults.push("a position of presence was used twice")
  return faults
}
