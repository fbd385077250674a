/** Folders of the data. */
import { existsSync, mkdirSync } from "node:fs"
import { dirname } from "node:path"

/** Makes a folder and those around it, one at a time: `recursive` tries without end where the system lets nobody make a folder, such as below /proc. */
export const makeFolder = (folder: string): void => {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder)
}
