/** The process of the stops under load. */
import { measureStops } from "./Stops.ts"

process.on("disconnect", () => process.exit())
process.send?.(await measureStops(Number(process.argv[2])))
