/** Sends two requests to the web handler in this process, and prints what it answers. */
import worker from "./web.ts"

const [, , upstream = ""] = process.argv
for (const query of ["closed", `upstream=${encodeURIComponent(upstream)}`]) {
  const response = await worker.fetch(new Request(`http://localhost/page?${query}`))
  console.log(response.status, response.headers.has("x-request-id"), await response.text())
}
process.exit(0)
