/**
 * The page at `/`: one document with its style and script in it, so that it loads nothing else.
 *
 * Its content security policy names the two by their SHA-256 digests: what anybody manages to inject does not run.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"

import { HttpServerResponse } from "effect/http"

import { limits } from "./Domain.ts"

const part = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8")

const digest = (content: string): string => `'sha256-${createHash("sha256").update(content).digest("base64")}'`

const style = part("page.css")
const script = part("page.js")

const { memberName, roomName, text, topic } = limits
const document = Object.entries({ memberName, roomName, text, topic })
  .reduce((html, [name, limit]) => html.replaceAll(`{{${name}}}`, String(limit)), part("page.html"))
  .replace("<style></style>", () => `<style>${style}</style>`)
  .replace("<script></script>", () => `<script type="module">${script}</script>`)

const policy = [
  "default-src 'none'",
  `style-src ${digest(style)}`,
  `script-src ${digest(script)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

/** The page. */
export const page = HttpServerResponse.html(document).pipe(
  HttpServerResponse.setHeaders({ "content-security-policy": policy, "cache-control": "no-cache" })
)
