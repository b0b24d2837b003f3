/**
 * What Linux knows of processes: CPU time and memory, of a process with its threads and children.
 */
import { readdirSync, readFileSync } from "node:fs"

/** A process may end between two reads. */
const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

const entriesOf = (path: string): ReadonlyArray<string> => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** The kernel's clock tick, `USER_HZ`: 10 ms on every Linux that runs Node. */
const tickMicros = 10_000

/** The fields of `/proc/<pid>/stat` behind the name, which may hold blanks: state first, parent second. */
const statOf = (pid: number): ReadonlyArray<string> => {
  const stat = read(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

/** The process and all its descendants. */
export const familyOf = (root: number): ReadonlyArray<number> => {
  const children = new Map<number, Array<number>>()
  for (const pid of entriesOf("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = Number(statOf(pid)[1])
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const family = [root]
  for (const pid of family) family.push(...(children.get(pid) ?? []))
  return family
}

/** From the scheduler, in nanoseconds and by thread; where the kernel does not keep that, in ticks. */
const cpuMicrosOfProcess = (pid: number): number => {
  const nanos = entriesOf(`/proc/${pid}/task`).map((thread) =>
    Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[0])
  )
  const sum = nanos.reduce((total, one) => total + one, 0) / 1000
  if (sum > 0) return sum
  const stat = statOf(pid)
  return (Number(stat[11] ?? 0) + Number(stat[12] ?? 0)) * tickMicros
}

/** CPU time used so far. */
export const cpuMicrosOf = (pids: ReadonlyArray<number>): number =>
  pids.reduce((total, pid) => total + cpuMicrosOfProcess(pid), 0)

/** Resident memory. */
export const residentMegabytesOf = (pids: ReadonlyArray<number>): number =>
  pids.reduce((total, pid) => total + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0), 0) / 1024

/** CPU time that the whole machine has used so far. */
export const machineCpuMicros = (): number =>
  // user nice system idle iowait irq softirq steal
  [1, 2, 3, 6, 7].reduce(
    (total, field) => total + Number(read("/proc/stat").split("\n")[0]?.split(/\s+/)[field] ?? 0),
    0
  ) * tickMicros
