import { readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, describe, it } from "vitest"

import { root } from "../package/Scratch.ts"

const page = (name: string) => readFileSync(join(root, "docs/server", name), "utf8")

describe("the guides of the server part", () => {
  it("server2 4.7: one page has every order, and a program that prints them", () => {
    const order = page("order.md")
    const lists = [
      "outers",
      "befores",
      "arounds",
      "afters",
      "pairs",
      "sending",
      "ended",
      "HttpApi middleware",
      "fairings",
      "client handlers"
    ]
    for (const list of lists) assert.match(order, new RegExp(`^\\| ${list}`, "m"), list)
    assert.include(order, "```ts run")
  })

  it("server2 4.7: one page separates services of the request from those of the build", () => {
    const services = page("services.md")
    for (const text of ["HttpRouter.provideRequest", "requires", "Expected 2 arguments, but got 1", "Pipeline.wrap"]) {
      assert.include(services, text)
    }
    assert.include(readFileSync(join(root, "docs/server.md"), "utf8"), "(server/services.md)")
  })
})
