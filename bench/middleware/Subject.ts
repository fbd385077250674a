/** A server with one middleware, or without: asked in process, and over a socket. */
import { message } from "../server/Contender.ts"
import type { RowName } from "./Rows.ts"

export interface Sent {
  readonly method: "GET" | "POST" | "OPTIONS"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly header: (name: string) => string | undefined
  readonly body: string
}

export interface Subject {
  /** Sends a request in process, and reads the whole response. */
  readonly send: (sent: Sent) => Promise<Answer>
  readonly listen: (port: number) => Promise<void>
}

/** The servers of a contender. A row is missing where the contender has no such middleware. */
export type Subjects = Readonly<Partial<Record<RowName, () => Promise<Subject>>>>

export const contenders = ["Fairlead", "Hono", "Fastify"] as const

export type ContenderName = (typeof contenders)[number]

/** Loaded on demand, so that the process holds nothing of the others. */
export const load: Readonly<Record<ContenderName, () => Promise<Subjects>>> = {
  Fairlead: async () => (await import("./Fairlead.ts")).subjects,
  Hono: async () => (await import("./Hono.ts")).subjects,
  Fastify: async () => (await import("./Fastify.ts")).subjects
}

/** The host of all requests. */
export const apiHost = "api.example"

/** Sends a request to a web handler. */
export const ask = async (
  handler: (request: Request) => Response | Promise<Response>,
  { body, headers, method, path }: Sent
): Promise<Answer> => {
  const request = new Request(`http://${apiHost}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body })
  })
  const response = await handler(request)
  const text = await response.text()
  return { status: response.status, header: (name) => response.headers.get(name) ?? undefined, body: text }
}

let lines = 0

/** Takes a line of an access log: counts it, and writes nothing. */
export const takeLine = (): void => void lines++

/** How many lines the access logs of this process had. */
export const linesTaken = (): number => lines

/** The message with another name: that of a user, or of an address. */
export const messageTo = (name: string) => ({ ...message(), name })
