/**
 * One write for a socket and turn of the event loop. Internal to the channel part.
 *
 * A socket's frames of one turn are a run. Sockets with the same frames share the run, so that it is joined once for all of them: the runs of a
 * turn are a tree, in which each node adds a frame to its parent.
 *
 * @since 0.1.0
 */

/** A run of frames. */
export class Run {
  readonly bytes: number
  readonly parent: Run | undefined
  readonly frame: Buffer | undefined
  private readonly count: number
  /** The run that the last socket went on with: others in the same broadcast go on with it as well. */
  private next: Run | undefined = undefined
  private whole: Buffer | undefined = undefined

  constructor(parent?: Run, frame?: Buffer) {
    this.parent = parent
    this.frame = frame
    this.bytes = parent === undefined || frame === undefined ? 0 : parent.bytes + frame.length
    this.count = parent === undefined ? 0 : parent.count + 1
  }

  /** The run with one frame more. */
  with(frame: Buffer): Run {
    const { next } = this
    if (next !== undefined && next.frame === frame) return next
    return (this.next = new Run(this, frame))
  }

  /** Its frames in one piece. */
  joined(): Buffer {
    if (this.count === 1) return this.frame!
    if (this.whole !== undefined) return this.whole
    const whole = Buffer.allocUnsafe(this.bytes)
    let end = this.bytes
    for (const frame of newestFirst(this)) {
      end -= frame.length
      whole.set(frame, end)
    }
    return (this.whole = whole)
  }
}

const newestFirst = (last: Run): ReadonlyArray<Buffer> => {
  const frames: Array<Buffer> = []
  for (let run: Run | undefined = last; run?.frame !== undefined; run = run.parent) frames.push(run.frame)
  return frames
}

/** A socket with frames to write at the end of a turn. */
export interface Flushable {
  readonly flush: () => void
}

/** The sockets that have something to write at the end of this turn. */
export class Turn {
  /** The run that each socket begins a turn with. */
  root = new Run()
  private dirty: Array<Flushable> = []

  add(socket: Flushable): void {
    if (this.dirty.push(socket) === 1) setImmediate(() => this.end())
  }

  private end(): void {
    const { dirty } = this
    this.dirty = []
    for (const socket of dirty) socket.flush()
    // Releases the runs of this turn.
    if (this.dirty.length === 0) this.root = new Run()
  }
}
