import { existsSync, mkdirSync } from "node:fs"
import { dirname } from "node:path"

/**
 * Makes a directory with all that it lies in. Node's own way (`recursive`) never returns where a directory is there but
 * takes no new one, as in `/proc`; here that throws ENOENT.
 */
export const makeDirectory = (path: string): void => {
  const missing: Array<string> = []
  for (let next = path; !existsSync(next); next = dirname(next)) missing.push(next)
  for (const directory of missing.toReversed()) {
    try {
      mkdirSync(directory)
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!existsSync(directory)) throw error
    }
  }
}
