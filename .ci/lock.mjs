// Completes package-lock.json with the optional packages of other platforms, which an installation on one platform may leave out.
// Without them `npm ci` refuses the lock file ("Missing: … from lock file"). Run it after every change of the dependencies.
import { readFileSync, writeFileSync } from "node:fs"

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"]
const processors = {
  arm64: "arm64",
  aarch64: "arm64",
  arm: "arm",
  armv7: "arm",
  x64: "x64",
  ia32: "ia32",
  x86: "ia32",
  ppc64: "ppc64",
  ppc64le: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  loong64: "loong64",
  mips64el: "mips64el",
  wasm32: "wasm32"
}

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"))
let added = 0
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const version = range.replace(/^[\^~]/, "")
    const shared = `node_modules/${name}`
    const own = `${place}/node_modules/${name}`
    if (own in lock.packages || lock.packages[shared]?.version === version) continue
    const words = name.split(/[/_-]/)
    const os = systems.find((system) => words.includes(system)) ?? (words.includes("windows") ? "win32" : undefined)
    const cpu = words.map((word) => processors[word]).find((processor) => processor !== undefined)
    lock.packages[shared in lock.packages ? own : shared] = {
      version,
      ...(cpu === undefined ? {} : { cpu: [cpu] }),
      dev: true,
      optional: true,
      ...(os === undefined ? {} : { os: [os] })
    }
    added++
  }
}
const root = lock.packages[""]
lock.packages = {
  "": root,
  ...Object.fromEntries(
    Object.entries(lock.packages)
      .filter(([place]) => place !== "")
      .sort(([a], [b]) => (a < b ? -1 : 1))
  )
}
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(`${added} optional packages of other platforms added\n`)
