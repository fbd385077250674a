/** The load client in a separate process, which answers each URL and time with its measurements. */
import autocannon from "autocannon"

export interface Order {
  readonly url: string
  readonly connections: number
  readonly seconds: number
}

export interface Load {
  /** Responses from the first to the last. */
  readonly responses: number
  /** Milliseconds between them. */
  readonly millis: number
  /** The part of that time in which the client used its core. */
  readonly busy: number
}

const run = ({ connections, seconds, url }: Order): Promise<Load> =>
  new Promise((resolve, reject) => {
    let responses = 0
    let first = 0
    let last = 0
    let used = process.cpuUsage()
    const instance = autocannon({ url, connections, duration: seconds, sampleInt: 10 }, (error, result) => {
      if (error != null) return reject(error)
      const { system, user } = process.cpuUsage(used)
      const failures = result.errors + result.timeouts + result.non2xx
      if (failures > 0 || responses < 2) {
        return reject(new Error(`${url} gave ${responses} responses and failed ${failures} requests.`))
      }
      const millis = last - first
      resolve({ responses, millis, busy: (system + user) / 1000 / millis })
    })
    instance.on("response", () => {
      if (responses++ === 0) {
        first = performance.now()
        used = process.cpuUsage()
      }
      last = performance.now()
    })
  })

process.on("disconnect", () => process.exit())
process.on("message", async (order: Order) => {
  process.send?.(await run(order))
})
process.send?.("ready")
