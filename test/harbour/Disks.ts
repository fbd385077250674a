/**
 * Small disks for tests that fill or break one. Only root may mount them: elsewhere such tests are skipped and say so.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { Effect } from "effect"

const run = (command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()

const succeeds = (probe: () => unknown): boolean => {
  try {
    probe()
    return true
  } catch {
    return false
  }
}

const scratch = (): string => mkdtempSync(join(tmpdir(), "harbour-disk-"))

/** A disk: its folder, and what breaks it. */
interface Disk {
  readonly folder: string
  readonly breakIt: () => void
  readonly mend: () => void
}

const mounted = (
  mount: (folder: string) => { readonly breakIt: () => void; readonly mend: () => void; readonly end: () => void }
) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const base = scratch()
        const folder = join(base, "disk")
        mkdirSync(folder)
        return { base, folder, ...mount(folder) }
      }),
      ({ base, end, folder }) =>
        Effect.sync(() => {
          run("umount", "--lazy", folder)
          end()
          rmSync(base, { recursive: true, force: true })
        })
    ),
    ({ breakIt, folder, mend }): Disk => ({ folder, breakIt, mend })
  )

/** A disk of 4 MB that is filled to its last byte. */
export const fillable = mounted((folder) => {
  run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder)
  const filler = join(folder, "filler")
  return {
    breakIt: () => {
      // It ends with ENOSPC.
      succeeds(() => writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024)))
    },
    mend: () => rmSync(filler),
    end: () => {}
  }
})

/** A disk that the kernel makes read-only, as it does after an error of the hardware. */
export const breakable = mounted((folder) => {
  const image = `${folder}.img`
  writeFileSync(image, "")
  truncateSync(image, 16 * 1024 * 1024)
  run("mkfs.ext4", "-q", image)
  const device = run("losetup", "-f", "--show", image)
  run("mount", "-t", "ext4", "-o", "errors=remount-ro", device, folder)
  return {
    breakIt: () => writeFileSync(`/sys/fs/ext4/${device.split("/").at(-1)}/trigger_fs_error`, "1"),
    mend: () => {},
    end: () => void run("losetup", "-d", device)
  }
})

const mountable = (mount: typeof fillable, name: string): boolean => {
  const can = succeeds(() => Effect.runSync(Effect.scoped(mount)))
  if (!can) console.log(`The tests of ${name} are skipped: they need root, and the right to mount`)
  return can
}

/** Whether this machine lets us mount them. */
export const canFill = mountable(fillable, "a full disk")
export const canBreak = existsSync("/sys/fs/ext4") && mountable(breakable, "a disk that becomes read-only")
