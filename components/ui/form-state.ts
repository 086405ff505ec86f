// What a form is told after it was sent: why it was refused, field by field, or that it is done.

export interface Refusal {
  /** the problem's stable code */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly fields: readonly { readonly field: string; readonly message: string }[];
}

export interface FormState {
  readonly refusal: Refusal | null;
  /** counts the successes, so that a form can tell a new one from the last */
  readonly done: number;
}

export const UNTOUCHED: FormState = { refusal: null, done: 0 };

export type FormAction = (previous: FormState, form: FormData) => Promise<FormState>;

/** What the refusal says about one field. */
export function fieldError(state: FormState, field: string): string | undefined {
  return state.refusal?.fields.find((problem) => problem.field === field)?.message;
}

/** What the refusal says that no field of the form shows. */
export function restOf(state: FormState, shown: readonly string[]): string[] {
  if (!state.refusal) return [];
  const { fields, detail } = state.refusal;
  const rest = fields
    .filter((problem) => !shown.includes(problem.field))
    .map(({ field, message }) => `${field}: ${message}`);
  return fields.length > 0 ? rest : [detail];
}
