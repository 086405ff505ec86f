// What people should know of a batch job before they submit it, in plain words.
import { type BatchWish, quorumOf } from "../../../domain/job/batch.ts";
import { type GpuLimit, limitSentence } from "../../../domain/job/gpu-limit.ts";
import { REASONS } from "../../../domain/job/reasons.ts";
import type { BatchOffers } from "../../repos/batch-offers.ts";

export function notices(
  wish: BatchWish,
  { owners, ownersFree, removed, withCommand, fit }: BatchOffers,
  limit: GpuLimit,
): string[] {
  const quorum = quorumOf(wish);
  const said: string[] = [];
  const queue = `${wish.queueTimeoutSeconds} s`;
  if (quorum === 1)
    said.push(
      "One machine runs it and nobody checks: its result is shown as unverified. A consensus of 2 verifies it.",
    );
  if (owners < quorum) {
    const have = owners === 0 ? "No owner has" : owners === 1 ? "Only one owner has" : `Only ${owners} owners have`;
    const price = wish.maxRate === null ? "" : " at that price";
    said.push(
      `${have} a machine that fits${price}, and ${quorum === 1 ? "it needs one" : `${quorum} have to agree`}: unless others come within ${queue}, it ends without a result, uncharged.`,
    );
  } else if (ownersFree < quorum) {
    const free = ownersFree === 0 ? "None of them has" : ownersFree === 1 ? "One of them has" : `${ownersFree} have`;
    said.push(
      `${owners} owners have machines that fit. ${free} one free now, and ${quorum} are needed: it waits up to ${queue} for more.`,
    );
  }
  if (fit.nodes > 0 && wish.gpuCount > 0 && wish.gpuCount <= limit.most) {
    if (wish.gpuCount > limit.left) said.push(limitSentence(wish.gpuCount, limit));
    else if (wish.gpuCount * quorum > limit.left)
      said.push(
        `Your account may hold ${counted(limit.left, "GPU")} more on nodes of the cluster: there not all of its runs are at once, but one after another.`,
      );
  }
  if (withCommand > 0) {
    const more = counted(withCommand, "machine");
    said.push(
      owners === 0
        ? `${REASONS["needs-command"].sentence} ${more} would run it with a command.`
        : `${more} more would run it with a command: processes use no image, and nodes of the cluster need one.`,
    );
  }
  if (removed.max_price) said.push(`${counted(removed.max_price, "machine")} more would run it at a higher max_price.`);
  if (removed.sandbox)
    said.push(
      `${counted(removed.sandbox, "machine")} more would run it for a wallet: without a login it runs only where there is a sandbox.`,
    );
  return said;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
