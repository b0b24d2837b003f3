/** Attempts in the file whose cost the upstream may still tell. */
import type { DatabaseSync } from "node:sqlite"
import type { UnsettledEntry } from "./entry.ts"

const sql = `SELECT time, request_id, purpose, category, source, model, outcome, error, key_id, generation_id,
    cost_source, cost_pico_usd, input_tokens, cached_tokens, output_tokens, reasoning_tokens
  FROM attempts a
  WHERE generation_id IS NOT NULL AND cost_source IN ('estimated', 'unpriced') AND time >= ?
    AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.generation_id = a.generation_id)
  ORDER BY time DESC LIMIT ?`

/** The latest of them, oldest first. */
export const unsettledIn = (db: DatabaseSync, sinceMillis: number, most: number): ReadonlyArray<UnsettledEntry> => {
  const statement = db.prepare(sql)
  statement.setReadBigInts(true)
  return statement
    .all(sinceMillis, most)
    .map((row): UnsettledEntry => ({
      timeMillis: Number(row["time"]),
      requestId: String(row["request_id"]),
      // What a row holds of fixed words was checked when it was written.
      purpose: String(row["purpose"]) as UnsettledEntry["purpose"],
      category: String(row["category"]),
      source: String(row["source"]),
      model: String(row["model"]),
      outcome: String(row["outcome"]) as UnsettledEntry["outcome"],
      error: row["error"] === null ? undefined : String(row["error"]),
      keyId: String(row["key_id"]),
      generationId: String(row["generation_id"]),
      costSource: String(row["cost_source"]) as UnsettledEntry["costSource"],
      cost: BigInt(String(row["cost_pico_usd"])),
      inputTokens: Number(row["input_tokens"]),
      cachedTokens: Number(row["cached_tokens"]),
      outputTokens: Number(row["output_tokens"]),
      reasoningTokens: Number(row["reasoning_tokens"])
    }))
    .toReversed()
}
