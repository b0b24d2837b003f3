import { series } from "../panel.ts"
import { highest, legend, rate } from "../query.ts"
import type { Row } from "../row.ts"

export const process: Row = {
  title: "Process",
  panels: [
    series(
      {
        title: "Event loop delay",
        description: "How late the process gets to what is due. All requests of a replica wait that long.",
        unit: "s",
        width: 6
      },
      [
        [highest("eventLoopP50", { by: ["instance"] }), `p50 ${legend("eventLoopP50", "instance")}`],
        [highest("eventLoopP99", { by: ["instance"] }), `p99 ${legend("eventLoopP99", "instance")}`],
        [highest("eventLoopMax", { by: ["instance"] }), `max ${legend("eventLoopMax", "instance")}`]
      ]
    ),
    series(
      {
        title: "CPU",
        description: "Cores in use, by replica. One core is the most that requests can use.",
        unit: "percentunit",
        width: 6
      },
      [[rate("cpuTime", { by: ["instance"] }), legend("cpuTime", "instance")]]
    ),
    series({ title: "Memory", description: "Resident memory by replica.", unit: "bytes", width: 6 }, [
      [highest("memory", { by: ["instance"] }), legend("memory", "instance")]
    ]),
    series(
      {
        title: "Uptime",
        description: "Time since each process started. A line that falls to 0 is a restart.",
        unit: "s",
        width: 6
      },
      [[highest("uptime", { by: ["instance"] }), legend("uptime", "instance")]]
    )
  ]
}
