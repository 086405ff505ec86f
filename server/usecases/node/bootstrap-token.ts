// kubeadm's bootstrap token: a public id and a secret, both of small letters and digits.
import { randomInt } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const draw = (length: number) => Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join("");

/** 82 bits of secret (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens). */
export function newBootstrapToken(): { readonly id: string; readonly token: string } {
  const id = draw(6);
  return { id, token: `${id}.${draw(16)}` };
}
