import { assert, describe, it } from "@effect/vitest"

import { parse } from "../../src/channel/Pattern.ts"

const paramsOf = (pattern: string, topic: string) => {
  const found = parse(pattern).match(topic)
  return found === undefined ? undefined : Object.fromEntries(found)
}

describe("topic patterns", () => {
  it("channel2 1.7: match any topic of 255 bytes against five parameters in less than a tenth of a millisecond", () => {
    const pattern = parse("a{1}a{2}a{3}a{4}a{5}b")
    const topics = ["a".repeat(245), "ab".repeat(127), "a".repeat(254) + "b", "aXa".repeat(80)]
    for (const topic of topics) for (let round = 0; round < 1000; round++) pattern.match(topic)
    const since = process.cpuUsage()
    const rounds = 2000
    for (const topic of topics) for (let round = 0; round < rounds; round++) pattern.match(topic)
    const { user } = process.cpuUsage(since)
    assert.isBelow(user / 1000 / (rounds * topics.length), 0.1)
  })

  it.each([
    ["room:{id}", "room:7", { id: "7" }],
    ["room:{id}", "room:", undefined],
    ["room:{id}", "room:a:b", { id: "a:b" }],
    ["room:{id}:{part}", "room:a:b:c", { id: "a", part: "b:c" }],
    ["room:{id}:end", "room:a:end", { id: "a" }],
    ["room:{id}:end", "room:a:end:end", undefined],
    ["{a}:{b}", "::x", undefined],
    ["room:*", "room:", { "*": "" }],
    ["room:{id}/*", "room:7/a/b", { id: "7", "*": "a/b" }],
    ["lobby", "lobby", {}],
    ["lobby", "lobby2", undefined]
  ] as const)(
    "channel2 1.7: a parameter of %s does not contain the text that follows it: %s",
    (pattern, topic, params) => {
      assert.deepStrictEqual(paramsOf(pattern, topic), params)
    }
  )
})
