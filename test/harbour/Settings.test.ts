import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit } from "effect"

import { settings } from "../../examples/harbour/Settings.ts"

describe("settings", () => {
  it.effect.each([
    [{}, []],
    [{ HARBOUR_PREVIEW_ALLOW: "" }, []],
    [{ HARBOUR_PREVIEW_ALLOW: "http://wiki.internal:8080" }, ["http://wiki.internal:8080"]],
    [{ HARBOUR_PREVIEW_ALLOW: "http://127.0.0.1:1 , https://[::1]" }, ["http://127.0.0.1:1", "https://[::1]"]]
  ] as const)("harbour: %j allows previews from %j", ([environment, origins]) =>
    Effect.map(settings.parse(ConfigProvider.fromUnknown(environment)), ({ previewAllow }) =>
      assert.deepStrictEqual(previewAllow, origins)
    )
  )

  it.effect.each([
    "http://a.example/",
    "http://a.example:80",
    "a.example",
    "ftp://a.example",
    "http://u@a.example",
    "null"
  ])("harbour: %s is no origin, and says so", (text) =>
    Effect.map(
      Effect.exit(settings.parse(ConfigProvider.fromUnknown({ HARBOUR_PREVIEW_ALLOW: `http://b.example,${text}` }))),
      (exit) => {
        assert.isTrue(Exit.isFailure(exit))
        assert.match(String(exit), /an origin: scheme, host and port only/)
        assert.match(String(exit), /HARBOUR_PREVIEW_ALLOW/)
      }
    )
  )
})
