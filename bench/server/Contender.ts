/** The answer of every contender of the server bench: a small JSON body, and one header from each stage. */

/** Serves `GET /` on the port, behind as many stages, each of which sets one response header. */
export type Serve = (port: number, stages: number) => Promise<void>

export const host = "127.0.0.1"

/** About 100 bytes of JSON, made and encoded for each request. */
export const message = () => ({
  id: 42,
  name: "Fairlead",
  text: "guides a line past everything it could chafe on",
  tags: ["rope", "deck"]
})

/** The header that a stage sets. */
export const header = (stage: number): string => `x-stage-${stage}`

export const indices = (stages: number): ReadonlyArray<number> => Array.from({ length: stages }, (_, stage) => stage)
