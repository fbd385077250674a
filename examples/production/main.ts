/**
 * The shop: an HttpApi over PostgreSQL, with JSON logs, OpenTelemetry and an admin port, as it runs in a container.
 *
 * `DATABASE_URL=postgres://postgres@127.0.0.1/postgres npm run example -- examples/production/main.ts` runs it; `Settings.ts` lists its settings.
 */
import { NodeApp } from "fairlead/app/node"

import { listening } from "./Settings.ts"
import { shop } from "./Shop.ts"

NodeApp.run(shop, listening, { onUncaught: "stop", force: "5 seconds" })
