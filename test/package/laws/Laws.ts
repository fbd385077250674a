/** The table of laws: what holds in every part, written once. Each law gets a part's adapter, and fails by an assertion. */
import {
  classTagged,
  described,
  invalid,
  order,
  refused,
  replaced,
  services,
  shadowing,
  twoBuilds,
  twoOfAKind,
  unattached
} from "./CompositeLaws.ts"
import type { Law } from "./Law.ts"
import { defects, flows, interruption, names } from "./ReportLaws.ts"

export const laws: ReadonlyArray<Law> = [
  order,
  unattached,
  classTagged,
  replaced,
  services,
  twoOfAKind,
  twoBuilds,
  defects,
  interruption,
  shadowing,
  described,
  flows,
  invalid,
  refused,
  names
]
