/** Whether a row does its work, in process or over a socket: checked before the rounds, so that no figure is that of an error. */
import { rows, withHeaders } from "./Rows.ts"
import type { RowName } from "./Rows.ts"
import type { Answer, Sent } from "./Subject.ts"

type Send = (sent: Sent) => Promise<Answer>

/** Checks a row, and returns the request of its rounds. `lines` is how many lines the access log has. */
export const check = async (
  contender: string,
  name: RowName,
  send: Send,
  lines: () => number | Promise<number>
): Promise<Sent> => {
  const { first, logs = false, otherwise, sent, works } = rows[name]
  const fail = (what: string, { body, status }: Answer): never => {
    throw new Error(`${contender}, ${name}: ${what} is answered by ${status} ${body.slice(0, 200)}`)
  }
  const request = first === undefined ? sent : withHeaders(sent, first.learn(await send(first.sent)))
  const before = await lines()
  const answer = await send(request)
  if (!works(answer)) fail("the request", answer)
  if (logs && (await lines()) === before) fail("a request without a line in the log", answer)
  if (otherwise !== undefined) {
    const other = await send(otherwise.sent)
    if (!otherwise.works(other)) fail("the other request", other)
  }
  return request
}
