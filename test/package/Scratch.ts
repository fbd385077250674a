/**
 * Projects outside the checkout, in which code meets the package the way a user's project does.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

/** The root of the checkout. */
export const root = resolve(import.meta.dirname, "../..")

/** The text of a file of the project. */
export const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** A tool of `node_modules`, by the path inside its package: two versions of TypeScript share the name `tsc`. */
export const tool = (path: string): string => join(root, "node_modules", path)

/** One entry of `exports` in package.json that holds code. */
export interface Entry {
  readonly subpath: string
  readonly source: string
  readonly types: string
}

interface PackageJson {
  readonly exports: Readonly<Record<string, string | { readonly "fairlead:source": string; readonly types: string }>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const packageJson: PackageJson = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

/** The code that a user can import, as package.json exports it; paths are relative to the root. */
export const entries: ReadonlyArray<Entry> = Object.entries(packageJson.exports).flatMap(([subpath, target]) =>
  typeof target === "string"
    ? []
    : [{ subpath, source: target["fairlead:source"].slice(2), types: target.types.slice(2) }]
)

/** The packages that come with fairlead, or that its user installs beside it. */
export const declaredPackages: ReadonlySet<string> = new Set(
  Object.keys({ ...packageJson.dependencies, ...packageJson.peerDependencies })
)

/** Makes a temporary ES module project that has the named packages; `fairlead` is the checkout itself. */
export const scratchProject = (packages: ReadonlyArray<string>) => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-"))
  const write = (path: string, content: string): string => {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    return file
  }
  write("package.json", JSON.stringify({ name: "scratch", private: true, type: "module" }))
  for (const name of packages) {
    const link = join(folder, "node_modules", name)
    const target = name === "fairlead" ? root : tool(name)
    if (!existsSync(target)) throw new Error(`${name} is not installed: run npm ci`)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(target, link, "dir")
  }
  return { folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
