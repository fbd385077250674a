/** The page, and the client of Phoenix Channels that it imports. */
import { readFileSync } from "node:fs"

import { Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"

const html = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>Chat</title>
  <ul id="messages"></ul>
  <form><input aria-label="Message" name="text" autocomplete="off" autofocus /> <button>Send</button></form>
  <script type="module">
    import { Socket } from "/phoenix.mjs"
    const socket = new Socket("/socket")
    socket.connect()
    const room = socket.channel("room:lobby", { user: "guest " + Math.floor(Math.random() * 1000) })
    room.on("said", ({ user, text }) => {
      const line = document.createElement("li")
      line.textContent = user + ": " + text
      document.querySelector("#messages").append(line)
    })
    room.join()
    const form = document.querySelector("form")
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      room.push("say", { text: form.text.value })
      form.reset()
    })
  </script>
</html>`

const phoenix = readFileSync(new URL(import.meta.resolve("phoenix")), "utf8")

export const page = Layer.mergeAll(
  HttpRouter.add("GET", "/", HttpServerResponse.text(html, { contentType: "text/html; charset=utf-8" })),
  HttpRouter.add("GET", "/phoenix.mjs", HttpServerResponse.text(phoenix, { contentType: "text/javascript" }))
)
