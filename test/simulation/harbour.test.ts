import { simulates } from "../kit/Sweeping.ts"
import { voyageOptions } from "./HarbourWhole.ts"

simulates("harbour, two linked harbours", { ...voyageOptions, seeds: 50 })
