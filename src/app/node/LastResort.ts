/**
 * Ends a process that does not end by itself: by a timer, and by a worker thread when the event loop is blocked. Internal to the app part.
 *
 * `process.exit` of a worker ends only the worker, so it sends SIGKILL. A loop that was blocked before the stop began cannot be ended from inside: only the
 * supervisor of the process can.
 *
 * @since 0.1.0
 */
import { writeSync } from "node:fs"
import { Worker } from "node:worker_threads"

/** An armed last resort. Internal to the app part. */
export interface LastResort {
  /** Notes the text again, which the worker writes when the event loop is blocked. */
  readonly note: () => void
}

/** How much later than the timer the worker acts: the timer may be late when the machine is busy. */
const margin = 500

const size = 16_384

// The worker sleeps without an event loop, and wakes only when the time is over.
const worker = `
const { workerData: { limit, words, length } } = require("node:worker_threads")
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, limit)
const bytes = new Uint8Array(words).slice(0, Atomics.load(length, 0))
require("node:fs").writeSync(2, Buffer.concat([bytes, Buffer.from("The event loop is blocked: SIGKILL\\n")]))
process.kill(process.pid, "SIGKILL")
`

/** Arms it: after `limit` milliseconds the process exits with 70, whatever it waits for. Internal to the app part. */
export const arm = (limit: number, text: () => string): LastResort => {
  const words = new SharedArrayBuffer(size)
  const length = new Int32Array(new SharedArrayBuffer(4))
  const note = () => {
    const { written } = new TextEncoder().encodeInto(text(), new Uint8Array(size))
    new Uint8Array(words).set(new TextEncoder().encode(text()).subarray(0, written))
    Atomics.store(length, 0, written)
  }
  note()
  new Worker(worker, { eval: true, workerData: { limit: limit + margin, words, length }, stderr: false }).unref()
  setTimeout(() => {
    writeSync(2, text())
    process.exit(70)
  }, limit).unref()
  return { note }
}
