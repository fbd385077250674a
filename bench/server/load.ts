/** The load client in a separate process, which answers each URL and time with its measurements. */
import autocannon from "autocannon"

export interface Order {
  readonly url: string
  readonly connections: number
  /** How long it asks. */
  readonly seconds?: number
  /** How many requests it sends, in the place of a time. */
  readonly amount?: number
  /** Of the request. Default: a GET without headers and body. */
  readonly method?: "GET" | "POST" | "OPTIONS"
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The status of each response. Default: 200. */
  readonly status?: number
}

export interface Load {
  /** Responses from the first to the last. */
  readonly responses: number
  /** Milliseconds between them. */
  readonly millis: number
  /** The part of that time in which the client used its core. */
  readonly busy: number
}

const run = ({ amount, connections, seconds = 10, status = 200, ...request }: Order): Promise<Load> =>
  new Promise((resolve, reject) => {
    let responses = 0
    let first = 0
    let last = 0
    let unexpected = 0
    let used = process.cpuUsage()
    const extent = amount === undefined ? { duration: seconds } : { amount }
    const instance = autocannon({ ...request, ...extent, connections, sampleInt: 10 }, (error, result) => {
      if (error != null) return reject(error)
      const { system, user } = process.cpuUsage(used)
      const failures = result.errors + result.timeouts + unexpected
      if (failures > 0 || responses < 2) {
        return reject(new Error(`${request.url} gave ${responses} responses and failed ${failures} requests.`))
      }
      const millis = last - first
      resolve({ responses, millis, busy: (system + user) / 1000 / millis })
    })
    instance.on("response", (_, answered) => {
      if (answered !== status) unexpected++
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
