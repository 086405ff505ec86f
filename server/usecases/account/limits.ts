// How many keys of each kind an account may have.
import { AppError } from "../../../domain/errors.ts";

export const MAX_KEYS = 50;

export function tooManyKeys(kind: "SSH" | "API"): AppError {
  return new AppError("limit-reached", `An account has at most ${MAX_KEYS} ${kind} keys; remove one first.`);
}

export function noSuchKey(): AppError {
  return new AppError("not-found", "the key does not exist");
}
