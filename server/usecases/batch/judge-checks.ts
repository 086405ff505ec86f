// The broker's checks while they are judged: canaries by the answer that is known, and who was right once a recheck is decided. Pure.
import type { JobId } from "../../../domain/ids.ts";
import { quorumOf } from "../../../domain/job/batch.ts";
import type { Suspicion } from "../../../domain/verification/checks.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import type { Panel } from "../../../domain/verification/decide.ts";
import type { Member } from "../../repos/batch-verdicts.ts";
import { type Bench, type Case, close, judge, outcomeOf } from "./judge.ts";

export type AgreesOf = (one: Case) => Panel["agrees"];

/** By the rule of its purpose. */
export function judgeAny(one: Case, bench: Bench): void {
  const { purpose, decidedAt, expectedDigest } = one.job;
  if (purpose !== "canary" || decidedAt || expectedDigest === null) judge(one, bench);
  else judgeCanary(one, bench, expectedDigest);
}

/**
 * As soon as its panel delivered. One that is right proves the others wrong, however many agree with one another. Where none
 * is, the known answer may be wrong itself: nothing is held against anybody until a recheck is decided.
 */
function judgeCanary(one: Case, bench: Bench, expected: string): void {
  const results = resultsOf(one);
  if (results.length < quorumOf(one.job)) {
    judge(one, bench);
    return;
  }
  const right = results.filter(({ digest }) => bench.agrees(expected, digest));
  const wrong = results.filter(({ digest }) => !bench.agrees(expected, digest));
  const idsOf = (side: typeof results) => side.map(({ member }) => member.id);
  const [known] = right;
  const [first] = wrong;
  if (known) {
    const sentence = `${right.length} of ${results.length} gave the known answer.`;
    const votes = { agreed: idsOf(right), disagreed: idsOf(wrong) };
    const digest = expected;
    const accepted = { digest, representative: known.member.id, groups: right.length, credibility: RULES.accept };
    close(one, bench, { kind: "accepted", ...accepted, votes, sentence }, null);
  } else if (first) {
    const alike = wrong.filter(({ digest }) => bench.agrees(first.digest, digest));
    const votes = { agreed: idsOf(alike), disagreed: [] };
    const sentence = "None of them gave the known answer: other owners say which is right.";
    const said = { digest: first.digest, representative: first.member.id, groups: alike.length, credibility: 0 };
    close(one, bench, { kind: "unverified", ...said, votes, sentence }, null);
  }
  for (const [index, { member, vote, counts }] of one.votes.entries()) {
    const digest = member.digest;
    if (vote === "agreed" || digest === null) continue;
    const alone = wrong.filter((other) => bench.agrees(digest, other.digest)).length === 1;
    one.votes[index] = {
      member,
      vote,
      counts: counts || vote === "disagreed",
      suspicion: { kind: "canary", wrong: true, alone },
    };
  }
}

interface Result {
  readonly member: Case["members"][number];
  readonly digest: string;
}

function resultsOf({ members }: Case): readonly Result[] {
  return members.flatMap((member) => {
    const outcome = outcomeOf(member);
    return outcome.kind === "result" ? [{ member, digest: outcome.digest }] : [];
  });
}

/** Of checks that were decided now: the jobs whose result they contradict, where nobody verifies those again yet. */
export function contradicted(
  decided: readonly Case[],
  cases: ReadonlyMap<JobId, Case>,
  agreesOf: AgreesOf,
): ReadonlySet<JobId> {
  const again = new Set([...cases.values()].flatMap(({ job }) => (job.purpose === "recheck" ? [job.about] : [])));
  const jobs = new Set<JobId>();
  for (const one of decided) {
    const { purpose, about, expectedDigest, verdict } = one.job;
    if ((purpose !== "canary" && purpose !== "audit") || about === null || expectedDigest === null) continue;
    if (verdict?.kind !== "unverified" || verdict.digest === null || again.has(about)) continue;
    if (!agreesOf(one)(expectedDigest, verdict.digest)) jobs.add(about);
  }
  return jobs;
}

/**
 * Hears what decided rechecks say of the job and the checks that they are about. Whoever gave another result was wrong,
 * whatever was thought before; a job that was wrong is taken back.
 * @param cases with all that the rechecks among them are about
 */
export function hearRechecks(
  cases: ReadonlyMap<JobId, Case>,
  decided: readonly Case[],
  agreesOf: AgreesOf,
  now: Date,
): void {
  for (const recheck of cases.values()) {
    const { purpose, about, verdict, decidedAt } = recheck.job;
    const original = about === null ? undefined : cases.get(about);
    if (purpose !== "recheck" || !decidedAt || !verdict || !original) continue;
    const agrees = agreesOf(recheck);
    const digest = verdict.kind === "accepted" ? verdict.digest : null;
    if (decided.includes(recheck)) concludeFor(original, recheck, digest, agrees, now);
    if (digest === null) continue;
    const family = [...cases.values()].filter(
      ({ job }) =>
        job === original.job || (job.about === about && (job.purpose === "canary" || job.purpose === "audit")),
    );
    correct(family, digest, agrees);
  }
}

/** What its customer is told. @param digest what the recheck accepted; null where it accepted nothing */
function concludeFor(
  original: Case,
  { job: recheck }: Case,
  digest: string | null,
  agrees: Panel["agrees"],
  now: Date,
): void {
  const { job } = original;
  const { verdict } = job;
  if (!verdict || verdict.digest === null) return;
  const wasRecalled = verdict.recheck === recheck.id;
  if (digest === null) {
    if (!wasRecalled) return;
    const why = recheck.verdict?.sentence ?? "";
    original.told = {
      code: "recheck-undecided",
      message: `It could not be verified again. ${why} Its result stays taken back; submit the job again if you need one.`,
    };
  } else if (agrees(digest, verdict.digest)) {
    if (!wasRecalled) return;
    job.verdict = { ...verdict, recalledAt: null };
    const owners = recheck.verdict?.votes ?? 0;
    original.told = {
      code: "confirmed",
      message: `Verified again by ${owners} other owners: its result was right, and stands.`,
    };
  } else {
    job.verdict = { ...verdict, recalledAt: verdict.recalledAt ?? now.toISOString(), recheck: recheck.id };
    original.told = {
      code: "recalled",
      message: `Its result was wrong and is taken back: ${recheck.verdict?.votes ?? 0} other owners agree on another one, which is that of ${recheck.id}. Verifying it again cost you nothing; what was paid for the job is not given back.`,
    };
  }
}

function correct(family: readonly Case[], digest: string, agrees: Panel["agrees"]): void {
  const wrong = family.flatMap(resultsOf).filter((result) => !agrees(digest, result.digest));
  for (const one of family)
    for (const { member, digest: given } of resultsOf(one)) {
      const vote = agrees(digest, given) ? "agreed" : "disagreed";
      if (member.vote === vote) continue;
      const groups = new Set(
        wrong.filter((other) => agrees(given, other.digest)).map((other) => groupOf(other.member)),
      );
      const suspicion = vote === "agreed" ? undefined : suspicionOf(one, groups.size === 1);
      member.vote = vote;
      one.touched.add(member.id);
      one.votes.push({ member, vote, counts: true, ...(suspicion && { suspicion }) });
    }
}

const groupOf = ({ ownerGroup }: Member): string => ownerGroup;

function suspicionOf({ job }: Case, alone: boolean): Suspicion {
  return job.purpose === "canary"
    ? { kind: "canary", wrong: true, alone }
    : { kind: "audit", contradicted: true, alone };
}
