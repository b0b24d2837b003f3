/** An upstream that fails in every way the fake knows. */
import {
  type Behaviour,
  comments,
  contextExceeded,
  crlf,
  cut,
  emptyBody,
  emptyContent,
  endWithoutFinish,
  errorAfter,
  errorBody200,
  hang,
  hangAfterHeaders,
  html,
  jsonForStream,
  noChoices,
  noDone,
  noUsage,
  ok,
  plainTextStatus,
  reset,
  roleThenError,
  slow,
  splitBytes,
  stall,
  status,
  usageInFinishChunk
} from "@llm-router/testing/script"
import { pick } from "./random.ts"

/** Ends before the first token: the next model can answer. */
export const failures: readonly [Behaviour, ...ReadonlyArray<Behaviour>] = [
  status(500),
  status(502),
  status(503),
  status(529),
  status(408),
  status(429, { headers: { "retry-after": "1" } }),
  status(404),
  status(403),
  reset,
  emptyBody,
  html,
  plainTextStatus(503, "upstream connect error"),
  noChoices,
  emptyContent,
  roleThenError,
  contextExceeded,
  errorBody200(502, "Provider returned error"),
  cut(0),
  hang,
  hangAfterHeaders()
]

/** Begins well and ends badly; without a stream the next model can answer. */
const breaks: readonly [Behaviour, ...ReadonlyArray<Behaviour>] = [cut(2), errorAfter(2), endWithoutFinish(2), stall(2)]

/** Complete, each in its own way. */
const answers: readonly [Behaviour, ...ReadonlyArray<Behaviour>] = [
  ok(),
  ok(),
  ok(),
  ok({ content: "one two three four five six seven eight nine ten" }),
  slow(10),
  crlf(),
  comments(2),
  noDone(),
  noUsage(),
  usageInFinishChunk(),
  splitBytes(),
  jsonForStream()
]

/** What a call comes to, where this share of calls fails. */
export const behaviourBy = (random: () => number, share: number): Behaviour => {
  if (random() >= share) return pick(random, answers)
  return pick(random, random() < 0.7 ? failures : breaks)
}
