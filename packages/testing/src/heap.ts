/** What a program keeps in memory, for tests of what it must not keep. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect: unknown = runInNewContext("gc")

/** Bytes of the heap and of buffers that are in use, once all else is collected. */
export const bytesInUse = (): number => {
  if (typeof collect !== "function") throw new TypeError("there is no gc()")
  // What the first collection finds to be dead holds other things, such as the memory of buffers.
  for (let time = 0; time < 3; time++) collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
