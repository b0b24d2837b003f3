/** Whether what clients saw, what the ledger has and what the metrics say is the same, request by request. */
import { DatabaseSync } from "node:sqlite"
import type { Seen } from "./client.ts"

export interface Accounts {
  /** Requests that clients saw end, by how they saw them end. */
  readonly seen: Readonly<Record<Seen, number>>
  /** Requests that someone saw answered and the ledger does not have. */
  readonly lost: number
  /** Requests that the ledger has more than once. */
  readonly doubled: number
  /** Requests of which the ledger says another end than the client. */
  readonly contradicted: number
  /** Requests in the ledger that nobody asked. */
  readonly unknown: number
  readonly ledgerRequests: number
  readonly ledgerAttempts: number
  /** Requests whose count of attempts is not the number of their attempts in the ledger. */
  readonly attemptsAstray: number
}

interface RequestRow {
  readonly request_id: string
  readonly success: number
  readonly attempts: number
  readonly error: string | null
}

/** A request's number in its id, `s-17`. */
const numberOf = (id: string): number => (id.startsWith("s-") ? Number(id.slice(2)) : Number.NaN)

/**
 * A client that leaves may do so before its request was read, or while the last bytes were on their way to it: any end
 * is right for it, or none, but not two.
 */
const agrees = (seen: Seen, row: RequestRow): boolean => {
  if (seen === "left") return true
  return seen !== "refused" && (seen === "whole") === (row.success === 1)
}

export const accountsOf = (ledgerPath: string, ends: ReadonlyArray<Seen>): Accounts => {
  const db = new DatabaseSync(ledgerPath, { readOnly: true })
  try {
    const counts = new Uint8Array(ends.length)
    const seen: Record<Seen, number> = { whole: 0, failed: 0, cut: 0, left: 0, refused: 0, wrong: 0 }
    for (const end of ends) seen[end]++
    let unknown = 0
    let contradicted = 0
    let ledgerRequests = 0
    // The columns are the query's.
    const rows = db.prepare("SELECT request_id, success, attempts, error FROM requests").iterate() as Iterable<unknown>
    for (const row of rows as Iterable<RequestRow>) {
      ledgerRequests++
      const number = numberOf(row.request_id)
      const end = ends[number]
      if (end === undefined) {
        unknown++
        continue
      }
      counts[number] = (counts[number] ?? 0) + 1
      if (!agrees(end, row)) contradicted++
    }
    const single = (sql: string): number => Number(Object.values(db.prepare(sql).get() ?? {})[0])
    return {
      seen,
      lost: ends.filter((end, number) => end !== "left" && end !== "refused" && counts[number] === 0).length,
      doubled: counts.filter((count) => count > 1).length,
      contradicted,
      unknown,
      ledgerRequests,
      ledgerAttempts: single("SELECT COUNT(*) FROM attempts WHERE purpose = 'chat'"),
      attemptsAstray: single(
        `SELECT COUNT(*) FROM requests r LEFT JOIN (
           SELECT request_id, COUNT(*) AS n FROM attempts WHERE purpose = 'chat' GROUP BY request_id
         ) a USING (request_id) WHERE r.attempts <> COALESCE(a.n, 0)`
      )
    }
  } finally {
    db.close()
  }
}
