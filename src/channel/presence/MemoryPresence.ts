/**
 * Presence of one process. Internal to the channel part; public through `Broadcaster.layer`.
 *
 * A topic is kept while somebody is present in it or watches it.
 *
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"

import type { PresenceChange, PresenceEntry, PresenceSnapshot, PresenceWatcher } from "./Contract.ts"
import { Entries } from "./Entries.ts"

interface Topic {
  readonly epoch: string
  readonly entries: Entries
  readonly watchers: Set<PresenceWatcher>
  offset: number
}

/** Who is present, by topic. */
export class MemoryPresence {
  private readonly epoch: string
  private readonly reportDefect: (topic: string, defect: unknown) => void
  private readonly topics = new Map<string, Topic>()
  private epochs = 0

  constructor(epoch: string, reportDefect: (topic: string, defect: unknown) => void) {
    this.epoch = epoch
    this.reportDefect = reportDefect
  }

  put(name: string, entry: PresenceEntry): Exit.Exit<void> {
    const topic = this.topicOf(name)
    this.report(name, topic, topic.entries.put({ epoch: topic.epoch, offset: ++topic.offset }, entry))
    return Exit.void
  }

  remove(name: string, ids: ReadonlyArray<string>): Exit.Exit<void> {
    const topic = this.topics.get(name)
    const change = topic?.entries.remove(() => ({ epoch: topic.epoch, offset: ++topic.offset }), ids)
    if (topic !== undefined && change !== undefined) {
      this.report(name, topic, change)
      this.forget(name, topic)
    }
    return Exit.void
  }

  list(name: string): Exit.Exit<PresenceSnapshot> {
    const topic = this.topics.get(name)
    return Exit.succeed(topic === undefined ? { position: { epoch: "", offset: 0 }, entries: [] } : snapshotOf(topic))
  }

  watch(name: string, watcher: PresenceWatcher): Exit.Exit<() => void> {
    const topic = this.topicOf(name)
    topic.watchers.add(watcher)
    watcher.onSnapshot(snapshotOf(topic))
    return Exit.succeed(() => {
      if (topic.watchers.delete(watcher)) this.forget(name, topic)
    })
  }

  private topicOf(name: string): Topic {
    const present = this.topics.get(name)
    if (present !== undefined) return present
    const epoch = `${this.epoch}${(++this.epochs).toString(36)}`
    const topic: Topic = { epoch, entries: new Entries(), watchers: new Set(), offset: 0 }
    this.topics.set(name, topic)
    return topic
  }

  private forget(name: string, topic: Topic): void {
    if (topic.entries.size === 0 && topic.watchers.size === 0 && this.topics.get(name) === topic) {
      this.topics.delete(name)
    }
  }

  private report(name: string, { watchers }: Topic, change: PresenceChange): void {
    for (const watcher of watchers) {
      try {
        watcher.onChange(change)
      } catch (defect) {
        this.reportDefect(name, defect)
      }
    }
  }
}

const snapshotOf = ({ entries, epoch, offset }: Topic): PresenceSnapshot => ({
  position: { epoch, offset },
  entries: entries.all
})
