// What the rent form holds, as text, and what it is on the wire.

import { toMoney } from "../market/query.ts";

export const WISH_FIELDS = [
  "provider_id",
  "gpu_type",
  "gpu_count",
  "duration_hours",
  "cpu_cores",
  "memory_gb",
  "storage_gb",
  "template",
  "image",
  "http_port",
  "max_price",
  "name",
  "ssh_public_key",
] as const;
export type WishField = (typeof WISH_FIELDS)[number];
export type WishText = Readonly<Partial<Record<WishField, string>>>;

const NUMBERS: readonly WishField[] = [
  "gpu_count",
  "duration_hours",
  "cpu_cores",
  "memory_gb",
  "storage_gb",
  "http_port",
];

/** The body of POST /jobs. Empty fields are left out; what is no number stays text, so that the wire names the field. */
export function wishBody(wish: WishText): Readonly<Record<string, string | number>> {
  const body: Record<string, string | number> = { kind: "rental" };
  for (const field of WISH_FIELDS) {
    const text = wish[field]?.trim();
    if (!text) continue;
    if (NUMBERS.includes(field)) body[field] = /^\d{1,9}$/.test(text) ? Number(text) : text;
    else body[field] = field === "max_price" ? toMoney(text) : text;
  }
  if (body.gpu_count === 0) delete body.gpu_type;
  if (body.template) delete body.image; // the field is there still, out of sight
  return body;
}

export function readWish(form: FormData): WishText {
  const wish: Partial<Record<WishField, string>> = {};
  for (const field of WISH_FIELDS) {
    const value = form.get(field);
    if (typeof value === "string") wish[field] = value;
  }
  if (wish.ssh_public_key === "paste") {
    const pasted = form.get("pasted_key");
    wish.ssh_public_key = typeof pasted === "string" ? pasted : "";
  }
  return wish;
}
