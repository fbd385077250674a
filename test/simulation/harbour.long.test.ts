import { simulates } from "../kit/Sweeping.ts"
import { voyageOptions } from "./HarbourWhole.ts"

simulates("harbour, two linked harbours for long", {
  ...voyageOptions,
  seeds: Array.from({ length: 1000 }, (_, index) => 1000 + index)
})
