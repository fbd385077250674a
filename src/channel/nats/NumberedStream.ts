/**
 * A stream of JetStream as the logs of topics: each topic is a subject, whose messages are numbered by offsets. Internal to the NATS engine.
 *
 * 1. A message is stored only if the last one of its subject is the one that its offset follows. No two nodes ever number the same offset.
 * 2. Texts that wait for an answer are stored together, as one message with a range of offsets.
 * 3. A message without texts marks a position: where a log begins, or that a log is in use.
 * 4. The stream republishes each message that it has stored, with its sequence. A message that it refused reaches nobody.
 *
 * The header is `EPOCH OFFSET COUNT RUN SETTINGS`, with the offset of the first text, and `-` for nothing.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { answerWithin } from "../../core/TimeBound.ts"
import type { TimeLimit } from "../../core/TimeBound.ts"
import type { Position } from "../broadcaster/Position.ts"
import { ConnectionFault } from "./Connection.ts"
import type { Arrived, Connection } from "./Connection.ts"
import { Codes, isCode, placeHeader } from "./JetStream.ts"
import type { JetStream, ReadMessages, StoredMessage } from "./JetStream.ts"

/** How a numbered stream runs. */
export interface NumberedSettings {
  readonly connection: Connection
  readonly jetStream: JetStream
  readonly stream: string
  /** The subject of a topic's log, and the one that its messages are republished on. */
  readonly subjectOf: (topic: string) => string
  readonly republishedOf: (topic: string) => string
  /** A new epoch. */
  readonly epoch: () => string
  /** Whether a log that another run of the server kept is trusted to be whole. */
  readonly trustRestart: boolean
  /** How long messages are kept, in milliseconds. */
  readonly keepMillis: number
  readonly now: () => number
  readonly timeout: Duration.Duration
  readonly fork: (work: Effect.Effect<void>) => void
}

/** Some texts of a log. */
export interface NumberedTexts {
  readonly epoch: string
  /** The offset of the first text. */
  readonly first: number
  /** The offset of the last one; of a mark, its position. */
  readonly last: number
  readonly texts: ReadonlyArray<string>
  readonly settings: string
  readonly sequence: number
  readonly atMillis: number
}

/** The end of a log. */
export interface Head extends NumberedTexts {
  readonly run: string
}

/** Options of one text. */
export interface AppendOptions {
  /** The newest position that the node knows. */
  readonly known?: Position | undefined
  /** The settings of the log; those it has where they are left out. */
  readonly settings?: string | undefined
  /** A condition that holds until the text is stored. Texts with the same key share it. */
  readonly guard?: { readonly key: string; readonly holds: Effect.Effect<boolean, unknown> }
}

interface Waiting extends AppendOptions {
  readonly text: string
  readonly done: (exit: Exit.Exit<Position | "refused", unknown>) => void
}

/** Where a message of a topic begins, by its sequence. */
interface Mark {
  readonly last: number
  readonly sequence: number
}

interface Known {
  head: Head
  /** The newest messages that this node has seen, in order. */
  marks: Array<Mark>
}

const maxKnown = 10_000
const maxMarks = 64
const maxWaiting = 10_000
const maxGroup = 500
const maxGroupBytes = 128 * 1024
const maxAttempts = 100

const shape = /^([^ ]{1,64}) (\d{1,15}) (\d{1,5}) (\S+) (\S+)$/

/** The texts of a stored message; nothing where it is not in our format. */
const textsOf = ({ atMillis, body, header, sequence }: StoredMessage): Head | undefined => {
  const [whole, epoch = "", offset, size, run = "", settings = ""] = shape.exec(header) ?? []
  if (whole === undefined) return undefined
  const [first, count] = [Number(offset), Number(size)]
  const texts = count === 0 ? [] : count === 1 ? [body] : listOf(body)
  if (texts?.length !== count) return undefined
  return {
    epoch,
    first,
    last: count === 0 ? first : first + count - 1,
    texts,
    settings: settings === "-" ? "" : settings,
    run: run === "-" ? "" : run,
    sequence,
    atMillis
  }
}

const listOf = (body: string): ReadonlyArray<string> | undefined => {
  try {
    const list: unknown = JSON.parse(body)
    return Array.isArray(list) && list.every((text) => typeof text === "string") ? list : undefined
  } catch {
    return undefined
  }
}

/** The logs of topics. */
export class NumberedStream {
  private readonly settings: NumberedSettings
  private readonly known = new Map<string, Known>()
  private readonly waiting = new Map<string, Array<Waiting>>()
  private readonly followed = new Set<string>()
  private readonly storing: TimeLimit<ConnectionFault>

  constructor(settings: NumberedSettings) {
    this.settings = settings
    const { timeout } = settings
    const message = `NATS did not store a message within ${Duration.format(timeout)}`
    this.storing = { millis: Duration.toMillis(timeout), onTimeout: () => new ConnectionFault({ message }) }
  }

  /** Forgets the ends of logs: another server may answer. */
  forget(): void {
    this.known.clear()
  }

  /** Whether this node follows a topic, so that it knows whether there is a log. */
  follows(topic: string): boolean {
    return this.followed.has(topic)
  }

  /** Whether this node has seen the log of a topic. */
  knows(topic: string): boolean {
    return this.known.has(topic)
  }

  /** Receives the stored messages of a topic, and other messages on the subject they are republished on. */
  subscribe(
    topic: string,
    onTexts: (texts: NumberedTexts) => void,
    onOther: (text: string) => void
  ): Effect.Effect<void, unknown> {
    const { connection, now, republishedOf } = this.settings
    const listener = (message: Arrived) => {
      const header = message.headers?.get(placeHeader) ?? ""
      if (header === "") return onOther(message.string())
      const sequence = Number(message.headers?.get("Nats-Sequence"))
      const arrived = textsOf({ sequence, atMillis: now(), header, body: message.string() })
      if (arrived === undefined) return
      this.remember(topic, arrived)
      onTexts(arrived)
    }
    return Effect.suspend(() =>
      Effect.map(connection.subscribe(republishedOf(topic), listener), () => void this.followed.add(topic))
    )
  }

  unsubscribe(topic: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.followed.delete(topic)
      return this.settings.connection.unsubscribe(this.settings.republishedOf(topic))
    })
  }

  /** Stores a text. Succeeds with its position, or `refused` where its guard does not hold. */
  append(topic: string, text: string, options: AppendOptions): Effect.Effect<Position | "refused", unknown> {
    return Effect.suspend(() => {
      if ((this.waiting.get(topic)?.length ?? 0) >= maxWaiting) {
        return Effect.fail(new ConnectionFault({ message: `${maxWaiting} messages wait for NATS already` }))
      }
      return answerWithin<Position | "refused", unknown, ConnectionFault>((done) => {
        const waiting = this.waiting.get(topic)
        if (waiting === undefined) {
          this.waiting.set(topic, [{ ...options, text, done }])
          this.settings.fork(this.drain(topic))
        } else waiting.push({ ...options, text, done })
      }, this.storing)
    })
  }

  /** The end of a log, which is begun where settings are passed. */
  top(
    topic: string,
    settings: string | undefined,
    known: Position | undefined
  ): Effect.Effect<Head | undefined, unknown> {
    return Effect.gen({ self: this }, function* () {
      for (let attempt = 0; ; attempt++) {
        const head = yield* this.head(topic)
        if (head === undefined && settings === undefined) return undefined
        const isOld = head !== undefined && this.settings.now() - head.atMillis > this.settings.keepMillis / 2
        const isWhole = head !== undefined && !this.isLost(head, known)
        if (isWhole && (settings === undefined || !isOld)) return head
        const marked = yield* Effect.result(this.store(topic, head, known, [], settings))
        if (marked._tag === "Success") return marked.success
        if (!isConflict(marked.failure) || attempt >= maxAttempts) return yield* Effect.fail(marked.failure)
      }
    })
  }

  /** The end of a log as the stream has it. */
  head(topic: string): Effect.Effect<Head | undefined, unknown> {
    const { jetStream, stream, subjectOf } = this.settings
    return Effect.map(jetStream.last(stream, subjectOf(topic)), (message) => {
      const head = message === undefined ? undefined : textsOf(message)
      if (head === undefined) this.known.delete(topic)
      else this.remember(topic, head)
      return head
    })
  }

  /** The messages of a log up to its end: at least those after a position, all where this node has not seen it. */
  read(topic: string, after: Position | undefined, head: Head): Effect.Effect<ReadMessages<Head>, unknown> {
    const { jetStream, stream, subjectOf } = this.settings
    return Effect.suspend(() => {
      const known = this.known.get(topic)
      const mark =
        known?.head.epoch === after?.epoch
          ? known?.marks.findLast(({ last }) => after !== undefined && last <= after.offset)
          : undefined
      const from = mark === undefined ? 1 : mark.sequence + 1
      if (from > head.sequence) return Effect.succeed({ nowMillis: this.settings.now(), messages: [] })
      return Effect.map(jetStream.read(stream, subjectOf(topic), from, head.sequence), ({ messages, nowMillis }) => ({
        nowMillis,
        messages: messages.flatMap((message) => textsOf(message) ?? [])
      }))
    })
  }

  /** Stores a text right after the end of a log that the caller has read. Fails where the log has another end. */
  appendAt(topic: string, head: Head, text: string): Effect.Effect<Head, unknown> {
    return this.store(topic, head, undefined, [text], undefined)
  }

  private isLost(head: Head, known: Position | undefined): boolean {
    if (known !== undefined && known.epoch === head.epoch && known.offset > head.last) return true
    const { run } = this.settings.connection
    return !this.settings.trustRestart && run !== "" && head.run !== run
  }

  private drain(topic: string): Effect.Effect<void> {
    const waiting = this.waiting.get(topic) ?? []
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        if (waiting.length === 0) {
          this.waiting.delete(topic)
          return
        }
        const group = takeGroup(waiting)
        const written = yield* Effect.exit(this.write(topic, group))
        if (written._tag === "Success") continue
        for (const { done } of group) done(Exit.failCause(written.cause))
      }
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          if (this.waiting.get(topic) === waiting) this.waiting.delete(topic)
        })
      )
    )
  }

  private write(topic: string, waiting: ReadonlyArray<Waiting>): Effect.Effect<void, unknown> {
    return Effect.gen({ self: this }, function* () {
      let group = waiting
      for (let attempt = 0; ; attempt++) {
        const cached = this.known.get(topic)?.head
        const isLost = (head: Head) => group.some(({ known }) => this.isLost(head, known))
        // A node may know more than it has seen of the log.
        const head = cached !== undefined && !isLost(cached) ? cached : yield* this.head(topic)
        // After the end of the log is known: a change in between moves that end.
        group = yield* this.guarded(group)
        if (group.length === 0) return undefined
        const isNews = ({ known }: Waiting) => known !== undefined && (head === undefined || this.isLost(head, known))
        const known = group.find(isNews)?.known
        const settings = group.findLast((one) => one.settings !== undefined)?.settings
        const texts = group.map(({ text }) => text)
        const stored = yield* Effect.result(this.store(topic, head, known, texts, settings))
        if (stored._tag === "Success") {
          const { epoch, first } = stored.success
          for (const [index, { done }] of group.entries()) {
            done(Exit.succeed({ epoch, offset: first + index }))
          }
          return undefined
        }
        this.known.delete(topic)
        if (!isConflict(stored.failure) || attempt >= maxAttempts) return yield* Effect.fail(stored.failure)
      }
    })
  }

  private guarded(group: ReadonlyArray<Waiting>): Effect.Effect<ReadonlyArray<Waiting>, unknown> {
    return Effect.gen(function* () {
      const guards = new Map(group.flatMap(({ guard }) => (guard === undefined ? [] : [[guard.key, guard.holds]])))
      if (guards.size === 0) return group
      const broken = new Set<string>()
      for (const [key, holds] of guards) if (!(yield* holds)) broken.add(key)
      const isBroken = ({ guard }: Waiting) => guard !== undefined && broken.has(guard.key)
      for (const one of group) if (isBroken(one)) one.done(Exit.succeed("refused"))
      return group.filter((one) => !isBroken(one))
    })
  }

  /** Stores texts after an end, or as a new epoch where that end may not be the whole. */
  private store(
    topic: string,
    head: Head | undefined,
    known: Position | undefined,
    texts: ReadonlyArray<string>,
    settings: string | undefined
  ): Effect.Effect<Head, unknown> {
    const { connection, epoch, jetStream, now, subjectOf } = this.settings
    return Effect.suspend(() => {
      const { run } = connection
      const isWhole = head !== undefined && !this.isLost(head, known)
      const replaces = head !== undefined || known !== undefined
      const before = isWhole ? head.last : replaces ? 1 : 0
      const first = texts.length === 0 ? before : before + 1
      const stored = {
        epoch: isWhole ? head.epoch : epoch(),
        first,
        last: before + texts.length,
        texts,
        settings: settings ?? head?.settings ?? "",
        run,
        atMillis: now()
      }
      const header = `${stored.epoch} ${first} ${texts.length} ${run || "-"} ${stored.settings || "-"}`
      const body = texts.length > 1 ? JSON.stringify(texts) : (texts[0] ?? "")
      return Effect.map(jetStream.store(subjectOf(topic), body, header, head?.sequence ?? 0), (sequence) => {
        const written = { ...stored, sequence }
        this.remember(topic, written)
        return written
      })
    })
  }

  private remember(topic: string, head: Head): void {
    const known = this.known.get(topic)
    const { last, sequence } = head
    if (known === undefined) {
      this.known.set(topic, { head, marks: [{ last, sequence }] })
      this.evict()
      return
    }
    if (sequence <= known.head.sequence) return
    if (known.head.epoch !== head.epoch) known.marks = []
    known.head = head
    known.marks.push({ last, sequence })
    if (known.marks.length > maxMarks) known.marks.shift()
  }

  private evict(): void {
    if (this.known.size <= maxKnown) return
    for (const topic of this.known.keys()) {
      if (this.followed.has(topic)) continue
      this.known.delete(topic)
      return
    }
  }
}

const isConflict = (fault: unknown): boolean =>
  typeof fault === "object" &&
  fault !== null &&
  "_tag" in fault &&
  fault._tag === "JetStreamFault" &&
  isCode(fault as never, Codes.wrongLastSequence)

/** The next texts to store together. */
const takeGroup = (waiting: Array<Waiting>): ReadonlyArray<Waiting> => {
  let bytes = 0
  let count = 0
  while (count < waiting.length && count < maxGroup) {
    bytes += waiting[count]!.text.length
    if (count > 0 && bytes > maxGroupBytes) break
    count++
  }
  return waiting.splice(0, count)
}
