/**
 * The attributes of a report by OpenTelemetry's HTTP conventions, alike in logs and spans. Absent values are left out.
 *
 * @since 0.1.0
 */
import { remembered } from "../../core/heads/Remembered.ts"
import type { ClientReport } from "./ClientReport.ts"

/** The error of a report: the tag of an error, or a status from 400 on. */
export const errorTypeOf = ({ error, status = 0 }: ClientReport): string | undefined =>
  error ?? (status >= 400 ? String(status) : undefined)

/** Host, port and scheme of an origin. */
interface Server {
  readonly address: string
  readonly port: number
  readonly scheme: string
}

/** The server of an origin. */
export const serverOf: (origin: string) => Server | undefined = remembered(100, (origin) => {
  if (!URL.canParse(origin)) return undefined
  const { hostname, port, protocol } = new URL(origin)
  const scheme = protocol.slice(0, -1)
  return {
    address: hostname,
    port: port === "" ? (scheme === "http" || scheme === "ws" ? 80 : 443) : Number(port),
    scheme
  }
})

/** Calls `add` with each attribute of a report. */
export const addAttributes = (report: ClientReport, add: (name: string, value: unknown) => void): void => {
  const { bodyState, cacheStatus, haltedBy, kind, resendCount, status, tags } = report
  const server = serverOf(report.origin)
  const error = errorTypeOf(report)
  add("http.request.method", report.method)
  add("url.full", report.url)
  if (server !== undefined) {
    add("server.address", server.address)
    add("server.port", server.port)
  }
  if (status !== undefined) add("http.response.status_code", status)
  if (resendCount > 0) add("http.request.resend_count", resendCount)
  if (bodyState === "complete") add("http.response.body.size", report.bytes)
  if (error !== undefined) add("error.type", error)
  if (haltedBy !== undefined) add("fairlead.halted_by", haltedBy)
  if (cacheStatus !== undefined) add("fairlead.cache_status", cacheStatus)
  for (const name of Object.keys(tags)) add(name, tags[name])
  if (kind === "attempt" && resendCount > 0) add("fairlead.follow_up_reason", report.followUpReason)
}
