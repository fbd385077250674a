/**
 * The language server of TypeScript, as an editor talks to it: JSON-RPC over standard input and output.
 */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"

import { root, tool } from "../package/Scratch.ts"

/** Where a name stands in a file, from 0. */
export interface Place {
  readonly line: number
  readonly character: number
}

/** The place of an index of a text. */
export const placeAt = (text: string, index: number): Place => {
  const before = text.slice(0, index).split("\n")
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 }
}

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

interface Asker {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

interface Hover {
  readonly contents: { readonly value: string }
}

/** Splits what the server writes into messages, each behind a header with its length in bytes. */
const reader = (onMessage: (message: Message) => void) => {
  let pending = Buffer.alloc(0)
  return (chunk: Buffer): void => {
    pending = Buffer.concat([pending, chunk])
    for (;;) {
      const head = pending.indexOf("\r\n\r\n")
      if (head === -1) return
      const length = Number(/content-length: (\d+)/i.exec(pending.toString("latin1", 0, head))?.[1])
      const start = head + 4
      if (pending.length < start + length) return
      onMessage(JSON.parse(pending.toString("utf8", start, start + length)))
      pending = pending.subarray(start + length)
    }
  }
}

/** The code of what an editor shows for each of the places of a file, without its documentation. */
export const hoversOf = async (
  file: string,
  text: string,
  places: ReadonlyArray<Place>
): Promise<ReadonlyArray<string>> =>
  (await markdownOf(file, text, places)).map(
    (markdown) => /```\w*\n(?<code>[\s\S]*?)\n```/.exec(markdown)?.groups?.["code"] ?? ""
  )

/** What an editor shows for each of the places of a file, with its documentation. */
export const markdownOf = async (
  file: string,
  text: string,
  places: ReadonlyArray<Place>
): Promise<ReadonlyArray<string>> => {
  const server = spawn(process.execPath, [tool("typescript/bin/tsc"), "--lsp", "--stdio"], {
    cwd: root,
    stdio: ["pipe", "pipe", "pipe"]
  })
  let complaints = ""
  server.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()))
  const waiting = new Map<Message["id"], Asker>()
  const send = (message: object): void => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message })
    server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }
  server.stdout.on(
    "data",
    reader(({ error, id, method, result }) => {
      // A request of the server's own, such as for the editor's settings: there are none.
      if (method !== undefined && id !== undefined) return send({ id, result: null })
      if (error === undefined) waiting.get(id)?.resolve(result)
      else waiting.get(id)?.reject(new Error(error.message))
    })
  )
  const ended = new Promise<void>((resolve) => {
    server.on("close", () => {
      for (const { reject } of waiting.values()) reject(new Error(`the language server ended: ${complaints}`))
      resolve()
    })
  })
  const ask = (method: string, params?: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = waiting.size + 1
      waiting.set(id, { resolve, reject })
      send({ id, method, params })
    })
  try {
    await ask("initialize", {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: { textDocument: { hover: { contentFormat: ["markdown"] } } }
    })
    send({ method: "initialized", params: {} })
    const textDocument = { uri: pathToFileURL(file).href }
    send({
      method: "textDocument/didOpen",
      params: { textDocument: { ...textDocument, languageId: "typescript", version: 1, text } }
    })
    const hovers: Array<string> = []
    for (const position of places) {
      const hover = (await ask("textDocument/hover", { textDocument, position })) as Hover | null
      hovers.push(hover?.contents.value ?? "")
    }
    await ask("shutdown")
    send({ method: "exit" })
    await ended
    return hovers
  } finally {
    server.kill()
  }
}

/** What an editor shows for each of the exported constants of a file. */
export const hoversOfConstants = (file: string, names: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const text = readFileSync(file, "utf8")
  const declared = "export const "
  return hoversOf(
    file,
    text,
    names.map((name) => placeAt(text, text.indexOf(`${declared}${name} `) + declared.length))
  )
}

/** The names and brackets of a type: the order of a union is the compiler's own affair. */
export const wordsOf = (type: string): Array<string> => type.match(/[\w.]+|[<>,]/g) ?? []
