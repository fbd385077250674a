/**
 * The page at `/`: one document with its style and script in it, which works by itself, and two modules that it imports to
 * make its rooms live.
 *
 * Its content security policy names style and script by their SHA-256 digests, and modules by their origin: an injected
 * script does not run. Nothing else here has a type that a browser would run.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"

import { HttpServerResponse } from "effect/http"

import { limits } from "./Domain.ts"

const part = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8")

const sha256 = (content: string, encoding: "base64" | "hex"): string =>
  createHash("sha256").update(content).digest(encoding)

const digest = (content: string): string => `'sha256-${sha256(content, "base64")}'`

/** A module at a path that changes with its content, so that browsers may keep it. */
const moduleOf = <const Name extends string>(name: Name, content: string) => ({
  path: `/modules/${name}-${sha256(content, "hex").slice(0, 16)}.js` as const,
  response: HttpServerResponse.text(content, {
    contentType: "text/javascript; charset=utf-8",
    headers: { "cache-control": "public, max-age=31536000, immutable" }
  })
})

/** The modules that the page imports: the client of Phoenix Channels from its package, and the code that connects the page to it. */
export const modules = {
  phoenix: moduleOf("phoenix", readFileSync(new URL(import.meta.resolve("phoenix")), "utf8")),
  live: moduleOf("live", part("live.js"))
}

const style = part("page.css")
const script = part("page.js")

const { memberName, roomName, text, topic } = limits
const given = { memberName, roomName, text, topic, phoenix: modules.phoenix.path, live: modules.live.path }
const document = Object.entries(given)
  .reduce((html, [name, value]) => html.replaceAll(`{{${name}}}`, String(value)), part("page.html"))
  .replace("<style></style>", () => `<style>${style}</style>`)
  .replace("<script></script>", () => `<script type="module">${script}</script>`)

const policy = [
  "default-src 'none'",
  `style-src ${digest(style)}`,
  `script-src 'self' ${digest(script)}`,
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
