/** Every fault of the specification, for long histories over a real broker. */
import { cut, during, killNode, loseMembers, pauseBroker, pauseNode, restartBroker } from "./RealHistory.ts"
import type { Step } from "./RealHistory.ts"

/**
 * A node stands still for a minute while the connections of the others are cut, members are lost and the broker stands still; then the broker restarts and a node is killed. It takes
 * about 80 seconds.
 */
export const everyFault: ReadonlyArray<Step> = [
  [2000, cut(0)],
  [1000, cut(1)],
  [
    1000,
    during(
      pauseNode(1, 60_000),
      [2000, loseMembers(3)],
      [2000, pauseBroker(15_000)],
      [5000, cut(0)],
      [5000, cut(2)],
      [5000, loseMembers(4)]
    )
  ],
  [3000, restartBroker],
  [3000, killNode(2)],
  [3000, loseMembers(5)],
  [1000, cut(2)]
]
