"use server";
// What the rent page asks for: the price of a wish, and the wish itself.
import { redirect } from "next/navigation";
import type { EstimateAnswer } from "../../components/rent/rent-form.tsx";
import { readWish, type WishText, wishBody } from "../../components/rent/wish.ts";
import type { FormState, Refusal } from "../../components/ui/form-state.ts";
import { RentalBody } from "../../protocol/operations/job.ts";
import { estimateRental } from "../../server/usecases/job/estimate-rental.ts";
import { submitRental } from "../../server/usecases/job/submit-rental.ts";
import { deps, principal, requirePrincipal } from "../context.ts";
import { read, refusalOf } from "../refusals.ts";

/** The form calls the key `ssh_public_key`, the parser of keys `public_key`. */
function named(refusal: Refusal): Refusal {
  const fields = refusal.fields.map(({ field, message }) => ({
    field: field === "public_key" ? "ssh_public_key" : field,
    message,
  }));
  return { ...refusal, fields };
}

export async function estimateAction(wish: WishText): Promise<EstimateAnswer> {
  try {
    // A key half pasted changes no price.
    const body = read(RentalBody, wishBody({ ...wish, ssh_public_key: "" }));
    return { estimate: await estimateRental(deps(), await principal(), body), refusal: null };
  } catch (error) {
    return { estimate: null, refusal: named(refusalOf(error)) };
  }
}

export async function rentAction(previous: FormState, form: FormData): Promise<FormState> {
  let jobId: string;
  try {
    const who = await requirePrincipal();
    const body = read(RentalBody, wishBody(readWish(form)));
    const key = form.get("idempotency_key");
    jobId = (await submitRental(deps(), who, body, typeof key === "string" ? key : null)).id;
  } catch (error) {
    return { refusal: named(refusalOf(error)), done: previous.done };
  }
  redirect(`/jobs/${jobId}`); // throws by design: outside the try
}
