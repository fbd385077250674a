/**
 * Questions to the members of a topic on all nodes. Internal to the channel part.
 *
 * 1. Each node is present in a topic of the nodes under its lease, and subscribes to the questions before: a node that is listed answers.
 * 2. A question goes to all nodes, and each answers to the topic of the node that asked. Nodes without members answer at once.
 * 3. A node whose answer is not there in time is counted as missing, so that nobody takes a part for the whole.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import { answerOf } from "../broadcaster/Answering.ts"
import { BroadcasterUnavailable } from "../broadcaster/Contract.ts"
import type { Broadcaster, Delivery } from "../broadcaster/Contract.ts"
import type { Survey, SurveyAnswer, SurveyQuestion } from "../broadcaster/Survey.ts"
import type { Presence } from "../presence/Contract.ts"

/** How the questions of a node run. */
export interface SurveySettings {
  readonly engine: Omit<Broadcaster["Service"], "survey">
  readonly presence: Presence["Service"]
  /** An id that no other node has. */
  readonly id: string
  /** Starts work that belongs to no caller, for as long as the node runs. */
  readonly fork: (work: Effect.Effect<void>) => void
}

/** The topic in which nodes are present, and to which they subscribe for questions. */
const nodes = "fairlead:nodes"
const answersOf = (id: string): string => `fairlead:nodes/${id}`

interface Asked {
  readonly id: string
  readonly from: string
  readonly topic: string
  readonly question: SurveyQuestion
}

interface Answered {
  readonly id: string
  readonly from: string
  readonly answer: SurveyAnswer
}

interface Waiting {
  readonly missing: Set<string>
  readonly answers: Map<string, SurveyAnswer>
  readonly whole: Deferred.Deferred<void>
}

/** Asks all nodes, and answers them. */
export class NodeSurvey {
  private readonly settings: SurveySettings
  private readonly waiting = new Map<string, Waiting>()
  private count = 0

  constructor(settings: SurveySettings) {
    this.settings = settings
  }

  /** The broadcaster with its questions to all nodes. */
  get service(): Broadcaster["Service"] {
    return {
      ...this.settings.engine,
      survey: (topic, question, timeoutMillis) => this.survey(topic, question, timeoutMillis)
    }
  }

  /** How many questions wait for answers. */
  get size(): number {
    return this.waiting.size
  }

  /** Answers the questions of other nodes, for as long as the scope is open. While the broker is away it tries again. */
  get open(): Effect.Effect<void, never, Scope.Scope> {
    const { engine, id, presence } = this.settings
    const subscribed = (topic: string, deliver: (delivery: Delivery) => void) =>
      Effect.acquireRelease(
        Effect.suspend(() => engine.subscribe(topic, { id, deliver })),
        (unsubscribe) => Effect.sync(unsubscribe)
      ).pipe(Effect.retry(Schedule.spaced("1 second")), Effect.orDie)
    const entry = { id, key: id, ref: id, previousRef: undefined, meta: {} }
    return Effect.gen({ self: this }, function* () {
      yield* subscribed(answersOf(id), ({ payload }) => this.answered(payload as unknown as Answered))
      yield* subscribed(nodes, ({ payload }) => this.asked(payload as unknown as Asked))
      yield* Effect.acquireRelease(Effect.retry(presence.put(nodes, entry), Schedule.spaced("1 second")), () =>
        presence.remove(nodes, [id])
      ).pipe(Effect.orDie)
    })
  }

  private asked({ from, id, question, topic }: Asked): void {
    const { engine, fork, id: self } = this.settings
    // It answered itself.
    if (from === self) return
    const answered = Effect.flatMap(answerOf(engine.subscribers(topic), question), (answer) => {
      const payload = { id, from: self, answer } as unknown as Schema.Json
      return engine.publish({ topic: answersOf(from), event: "answer", payload })
    })
    // Without an answer, the node that asked counts this one as missing.
    fork(Effect.ignoreCause(answered))
  }

  private answered({ answer, from, id }: Answered): void {
    const waiting = this.waiting.get(id)
    if (waiting === undefined) return
    waiting.answers.set(from, answer)
    waiting.missing.delete(from)
    if (waiting.missing.size === 0) Deferred.doneUnsafe(waiting.whole, Effect.void)
  }

  private survey(
    topic: string,
    question: SurveyQuestion,
    timeoutMillis: number
  ): Effect.Effect<Survey, BroadcasterUnavailable> {
    const { engine, id: self, presence } = this.settings
    const failed = ({ cause }: BroadcasterUnavailable) =>
      new BroadcasterUnavailable({ topic, operation: "survey", ...(cause === undefined ? {} : { cause }) })
    const others = Effect.gen({ self: this }, function* () {
      const { entries } = yield* presence.list(nodes)
      const missing = new Set(entries.flatMap(({ id }) => (id === self ? [] : [id])))
      if (missing.size === 0) return { answers: [], missing: 0 }
      const id = `${self}-${++this.count}`
      const waiting: Waiting = { missing, answers: new Map(), whole: Deferred.makeUnsafe() }
      const payload = { id, from: self, topic, question } as unknown as Schema.Json
      const asking = Effect.andThen(
        engine.publish({ topic: nodes, event: "question", payload }),
        Effect.timeoutOrElse(Deferred.await(waiting.whole), { duration: timeoutMillis, orElse: () => Effect.void })
      )
      yield* Effect.acquireUseRelease(
        Effect.sync(() => this.waiting.set(id, waiting)),
        () => asking,
        () => Effect.sync(() => this.waiting.delete(id))
      )
      return { answers: Array.from(waiting.answers.values()), missing: missing.size }
    }).pipe(Effect.mapError(failed))
    const own = Effect.suspend(() => answerOf(engine.subscribers(topic), question))
    return Effect.map(Effect.all([own, others], { concurrency: 2 }), ([answer, { answers, missing }]) => ({
      answers: [answer, ...answers],
      missing
    }))
  }
}
