/** Loaded into the router before it starts: tells its parent, when asked, what it holds. */

export interface ProcessFacts {
  /** Bytes, behind a full collection. */
  readonly residentBytes: number
  readonly heapBytes: number
  /** What JavaScript holds outside of its heap: buffers above all. */
  readonly externalBytes: number
  /** Open handles by kind, such as `Timeout` and `TCPSocketWrap`. */
  readonly resources: Readonly<Record<string, number>>
}

const facts = (): ProcessFacts => {
  globalThis.gc?.()
  globalThis.gc?.()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const { external, heapUsed, rss } = process.memoryUsage()
  return { residentBytes: rss, heapBytes: heapUsed, externalBytes: external, resources }
}

process.on("message", () => process.send?.(facts()))
// The parent's questions keep nobody alive.
process.channel?.unref()
