// The broker's checks while they are judged: canaries by the answer that is known, and who was right once a recheck is decided. Pure.
import type { JobId } from "../../../domain/ids.ts";
import { quorumOf } from "../../../domain/job/batch.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import type { Panel } from "../../../domain/verification/decide.ts";
import { corrections, hearCanary, type SaidOf } from "../../../domain/verification/hearing.ts";
import { type Bench, type Case, close, judge, outcomeOf } from "./judge.ts";

export type AgreesOf = (one: Case) => Panel["agrees"];

/** By the rule of its purpose. */
export function judgeAny(one: Case, bench: Bench): void {
  const { purpose, decidedAt, expectedDigest } = one.job;
  if (purpose !== "canary" || decidedAt || expectedDigest === null) judge(one, bench);
  else judgeCanary(one, bench, expectedDigest);
}

/** As soon as its panel delivered. Where the known answer may be wrong itself a recheck says who was. */
function judgeCanary(one: Case, bench: Bench, expected: string): void {
  const results = resultsOf(one);
  if (results.length < quorumOf(one.job)) {
    judge(one, bench);
    return;
  }
  const heard = hearCanary(results, expected, bench.agrees);
  const idsOf = (side: typeof results) => side.map(({ member }) => member.id);
  const [known] = heard.kind === "known" ? heard.right : [];
  const [doubted] = heard.kind === "doubtful" ? heard.alike : [];
  if (heard.kind === "known" && known) {
    const sentence = `${heard.right.length} of ${results.length} gave the known answer.`;
    const votes = { agreed: idsOf(heard.right), disagreed: idsOf(heard.wrong) };
    const digest = expected;
    const accepted = { digest, representative: known.member.id, groups: heard.right.length, credibility: RULES.accept };
    close(one, bench, { kind: "accepted", ...accepted, votes, sentence }, null);
  } else if (heard.kind === "doubtful" && doubted) {
    const { digest, member } = doubted;
    const votes = { agreed: idsOf(heard.alike), disagreed: [] };
    const sentence = `${heard.alike.length} of ${results.length} gave another answer than the known one: other owners say which is right.`;
    const said = { digest, representative: member.id, groups: heard.alike.length, credibility: 0 };
    close(one, bench, { kind: "unverified", ...said, votes, sentence }, null);
  }
  for (const [index, { member, vote, counts }] of one.votes.entries()) {
    if (vote === "agreed") continue;
    one.votes[index] = {
      member,
      vote,
      counts: counts || vote === "disagreed",
      suspicion: { kind: "canary", wrong: true, alone: true },
    };
  }
}

interface Result extends SaidOf {
  readonly member: Case["members"][number];
}

/** Before anything of the family is written anew. */
function resultsOf({ job, members }: Case): readonly Result[] {
  return members.flatMap((member): Result[] => {
    const outcome = outcomeOf(member);
    if (outcome.kind !== "result") return [];
    const { ownerGroup: group, vote } = member;
    return [{ member, group, vote, purpose: job.purpose, digest: outcome.digest }];
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
    const { purpose, about, expectedDigest } = one.job;
    const digest = acceptedIn(one);
    if ((purpose !== "canary" && purpose !== "audit") || about === null || expectedDigest === null) continue;
    if (digest !== null && !again.has(about) && !agreesOf(one)(expectedDigest, digest)) jobs.add(about);
  }
  return jobs;
}

function acceptedIn({ job: { verdict } }: Case): string | null {
  return verdict?.kind === "accepted" || verdict?.kind === "unverified" ? verdict.digest : null;
}

/** Hears what decided audits say of jobs that were taken back until these confirm them. */
function hearConfirmations(cases: ReadonlyMap<JobId, Case>, decided: readonly Case[], agreesOf: AgreesOf): void {
  for (const audit of decided) {
    const { purpose, about } = audit.job;
    const original = purpose === "audit" && about !== null ? cases.get(about) : undefined;
    const verdict = original?.job.verdict;
    if (!original || !verdict?.recalledAt || verdict.recheck !== audit.job.id || verdict.digest === null) continue;
    const digest = acceptedIn(audit);
    if (digest === null) original.told = undecided(audit);
    // Else three others are asked, and what they say is heard instead.
    else if (agreesOf(audit)(verdict.digest, digest)) stands(original, audit);
  }
}

/**
 * Hears what decided checks say of the job that they are about: one that was taken back stands again where those asked confirm
 * it. Whoever gave another result than a recheck was wrong, whatever was thought before; a job that was wrong is taken back.
 * @param cases with all that the rechecks among them are about
 */
export function hearChecks(
  cases: ReadonlyMap<JobId, Case>,
  decided: readonly Case[],
  agreesOf: AgreesOf,
  now: Date,
): void {
  hearConfirmations(cases, decided, agreesOf);
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
  const wasRecalled = verdict.recalledAt !== null;
  if (digest === null) {
    if (!wasRecalled) return;
    job.verdict = { ...verdict, recheck: recheck.id };
    original.told = undecided({ job: recheck });
  } else if (agrees(digest, verdict.digest)) {
    if (wasRecalled) stands(original, { job: recheck });
  } else {
    job.verdict = { ...verdict, recalledAt: verdict.recalledAt ?? now.toISOString(), recheck: recheck.id };
    original.told = {
      code: "recalled",
      message: `Its result was wrong and is taken back: ${recheck.verdict?.votes ?? 0} other owners agree on another one, which is that of ${recheck.id}. Verifying it again cost you nothing.`,
    };
  }
}

/** Taken back, and confirmed by this check. */
function stands(original: Case, { job: check }: Pick<Case, "job">): void {
  const { job } = original;
  if (!job.verdict) return;
  job.verdict = { ...job.verdict, recalledAt: null, recheck: check.id };
  const votes = check.verdict?.votes ?? 0;
  original.told = {
    code: "confirmed",
    message: `Verified again by ${votes === 1 ? "another owner" : `${votes} other owners`}: its result was right, and stands.`,
  };
}

function undecided({ job: { verdict } }: Pick<Case, "job">): NonNullable<Case["told"]> {
  return {
    code: "recheck-undecided",
    message: `It could not be verified again. ${verdict?.sentence ?? ""} Its result stays taken back; submit the job again if you need one.`,
  };
}

function correct(family: readonly Case[], digest: string, agrees: Panel["agrees"]): void {
  const said = family.flatMap((one) => resultsOf(one).map((result) => ({ ...result, one })));
  for (const { said: result, vote, suspicion } of corrections(said, digest, agrees)) {
    const { member, one } = result;
    member.vote = vote;
    one.touched.add(member.id);
    one.votes.push({ member, vote, counts: true, ...(suspicion && { suspicion }) });
  }
}
