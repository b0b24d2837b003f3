import { series } from "../panel.ts"
import { countRate, highest, increase, legend, quantile } from "../query.ts"
import type { Row } from "../row.ts"

export const ledger: Row = {
  title: "Ledger",
  panels: [
    series(
      {
        title: "Entries that wait",
        description: "Entries in memory that are not on disk yet.",
        unit: "short",
        width: 8
      },
      [[highest("ledgerQueue", { by: ["instance"] }), legend("ledgerQueue", "instance")]]
    ),
    series(
      {
        title: "Time of a commit",
        description: "What the last byte of an answer may wait for.",
        unit: "s",
        width: 8
      },
      [
        [quantile(0.5, "ledgerCommit"), "p50"],
        [quantile(0.99, "ledgerCommit"), "p99"]
      ]
    ),
    series({ title: "Commits", description: "Batches that reached the disk, per second.", unit: "ops", width: 4 }, [
      [countRate("ledgerCommit", { by: ["instance"] }), legend("ledgerCommit", "instance")]
    ]),
    series(
      {
        title: "Failures, 5 min",
        description: "Writes that failed, to be tried again, and entries that are lost for good.",
        unit: "short",
        width: 4
      },
      [
        [increase("ledgerFailures", {}, "5m"), "failed writes"],
        [increase("ledgerLost", {}, "5m"), "lost entries"]
      ]
    )
  ]
}
