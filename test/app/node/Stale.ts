/**
 * Listens on the unix socket that the first argument names, until it is killed.
 */
import { createServer } from "node:net"

const [, , path = ""] = process.argv
createServer().listen(path, () => console.log("listening"))
