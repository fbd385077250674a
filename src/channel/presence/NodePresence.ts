/**
 * The topics with presence that have members at one mounted server. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { isExit } from "../../core/Effects.ts"
import type { BroadcasterUnavailable } from "../broadcaster/Contract.ts"
import type { Presence } from "./Contract.ts"
import { TopicPresence } from "./TopicPresence.ts"
import type { PresenceMember, TopicSettings } from "./TopicPresence.ts"

/** The presence of a mounted server. */
export class NodePresence {
  readonly engine: Presence["Service"]
  readonly clock: Clock.Clock
  private readonly topics = new Map<string, TopicPresence>()

  constructor(engine: Presence["Service"], clock: Clock.Clock) {
    this.engine = engine
    this.clock = clock
  }

  /** Adds a member, and succeeds with its topic and the function that removes it. The first member of a topic watches it. */
  enter(
    topic: string,
    member: PresenceMember,
    settings: TopicSettings
  ): Effect.Effect<Entered, BroadcasterUnavailable> {
    const present = this.topics.get(topic)
    if (present !== undefined) return Exit.succeed(this.added(present, member))
    const opened = new TopicPresence(topic, settings)
    const watching = this.engine.watch(topic, opened)
    const entered = (unwatch: () => void): Entered => {
      const other = this.topics.get(topic)
      // Another member of the topic was faster.
      if (other !== undefined) {
        unwatch()
        return this.added(other, member)
      }
      opened.watched(unwatch)
      this.topics.set(topic, opened)
      return this.added(opened, member)
    }
    return isExit(watching)
      ? Exit.map(watching as Exit.Exit<() => void, BroadcasterUnavailable>, entered)
      : Effect.map(watching, entered)
  }

  private added(topic: TopicPresence, member: PresenceMember): Entered {
    topic.members.add(member)
    return {
      topic,
      exit: () => {
        topic.leave(member)
        if (topic.members.size > 0 || this.topics.get(topic.topic) !== topic) return
        this.topics.delete(topic.topic)
        topic.close()
      }
    }
  }
}

/** A member's place in the presence of its topic. */
export interface Entered {
  readonly topic: TopicPresence
  readonly exit: () => void
}
