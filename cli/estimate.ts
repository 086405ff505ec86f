// What jobs would cost, before anything is spent.
import type { AnyEstimateView } from "../protocol/operations/job.ts";
import type { Io } from "./io.ts";
import type { Answer } from "./output/present.ts";
import { renderFacts } from "./output/table.ts";
import { clean, money } from "./output/words.ts";

export function estimateAnswer(io: Io, estimates: readonly AnyEstimateView[]): Answer {
  const [only, ...more] = estimates;
  return {
    data: more.length > 0 ? { estimates, count: estimates.length } : only,
    names: [],
    text: () => estimates.map((one) => renderFacts(facts(one), io.colours)).join("\n"),
  };
}

type Facts = readonly (readonly [string, string | null])[];

function facts(estimate: AnyEstimateView): Facts {
  if ("kind" in estimate) {
    const { price_per_hour, hold, owners, owners_free, quorum, notices } = estimate;
    return [
      ["Rate", `at most ${money(price_per_hour)}/h for each execution`],
      ["Held", `${money(hold)} at the start; what is not used goes back`],
      ["Owners", ownersWords(owners, owners_free, quorum)],
      ...notices.map((notice) => ["Notice", clean(notice)] as const),
    ];
  }
  const { chosen, price_per_hour, hold, hours, advice, offers_fitting, offers_considered } = estimate;
  return [
    ["Fits", `${offers_fitting} of ${offers_considered} offers`],
    ["Chosen", chosen && `${clean(chosen.provider_name)} (${clean(chosen.region)}): ${clean(chosen.why)}`],
    ["Rate", price_per_hour && `${money(price_per_hour)}/h`],
    ["Held", hold && `${money(hold)} for ${hours} h; what is not used goes back`],
    ["Advice", advice && clean(advice)],
  ];
}

function ownersWords(owners: number, free: number, quorum: number): string {
  const fit = owners === 1 ? "1 has a machine that fits" : `${owners} have machines that fit`;
  return `${fit}, ${free} with one free; ${quorum === 1 ? "one result is taken, unverified" : `${quorum} have to agree`}`;
}
