// Who may take part: decided by operators, and given up by owners.
import { AppError } from "../errors.ts";
import type { Admission } from "./state.ts";

export const ADMISSION_DECISIONS = ["approve", "reject", "suspend", "remove"] as const;
export type AdmissionDecision = (typeof ADMISSION_DECISIONS)[number];

/** The law of admission. An absent cell is a refused decision; who was removed never comes back under its key. */
export const ADMISSION_TRANSITIONS = {
  pending: { approve: "approved", reject: "rejected", remove: "removed" },
  approved: { suspend: "suspended", remove: "removed" },
  suspended: { approve: "approved", remove: "removed" },
  rejected: { approve: "approved", remove: "removed" },
  removed: {},
} as const satisfies Record<Admission, Partial<Record<AdmissionDecision, Admission>>>;

const WORDS = {
  pending: "waits for approval",
  approved: "is admitted",
  suspended: "is suspended",
  rejected: "was rejected",
  removed: "was removed",
} as const satisfies Record<Admission, string>;

/** @throws AppError `conflict` where the table has no cell */
export function admissionAfter(admission: Admission, decision: AdmissionDecision): Admission {
  const row: Partial<Record<AdmissionDecision, Admission>> = ADMISSION_TRANSITIONS[admission];
  const next = row[decision];
  if (!next) throw new AppError("conflict", `This machine ${WORDS[admission]}; you cannot ${decision} it now.`);
  return next;
}
