// Which certificate request is approved: one, for the name that was issued, and exactly what a kubelet asks for.
import { JOIN_GROUP, type JoinRequest, tokenUser } from "./seen.ts";

export interface Issued {
  readonly tokenId: string;
  readonly nodeName: string;
}

const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const USAGES = ["client auth", "digital signature", "key encipherment"];
/** Keys of elliptic curves encipher nothing. */
const NEEDED = ["client auth", "digital signature"];

/** @returns why a request is refused, for people; null where nothing speaks against it */
export function whyRefused(request: JoinRequest, { tokenId, nodeName }: Issued): string | null {
  const { subject } = request;
  if (request.username !== tokenUser(tokenId)) return "it was not made with the token that was issued";
  if (!request.groups.includes(JOIN_GROUP)) return "its token is not of the group of joining machines";
  if (request.signer !== SIGNER) return "it asks another signer than the one for kubelets";
  if (!subject) return "it cannot be read";
  if (subject.commonNames.length !== 1 || subject.commonNames[0] !== `system:node:${nodeName}`)
    return "it asks for another name than the one that was issued";
  if (subject.organisations.length !== 1 || subject.organisations[0] !== "system:nodes")
    return "it asks for another group than that of nodes";
  if (subject.extras.length > 0) return `it asks for more than a node's name: ${subject.extras.join(", ")}`;
  if (!sameUsages(request.usages)) return "it asks for other usages than a kubelet's";
  return null;
}

function sameUsages(usages: readonly string[]): boolean {
  return usages.every((usage) => USAGES.includes(usage)) && NEEDED.every((usage) => usages.includes(usage));
}

export interface Refusal {
  readonly name: string;
  readonly why: string;
}

export interface Judgement {
  /** the one request this token is good for */
  readonly chosen: JoinRequest | null;
  readonly refused: readonly Refusal[];
}

/**
 * @param claimed the request that was chosen before; no other one is, for this token
 */
export function judgeRequests(requests: readonly JoinRequest[], issued: Issued, claimed: string | null): Judgement {
  const sorted = [...requests].sort(
    (a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.name < b.name ? -1 : 1),
  );
  let chosen: JoinRequest | null = null;
  const refused: Refusal[] = [];
  for (const request of sorted) {
    const why = whyRefused(request, issued);
    if (why) refused.push({ name: request.name, why });
    else if (claimed === null ? chosen === null && request.state !== "denied" : request.name === claimed)
      chosen = request;
    else refused.push({ name: request.name, why: "its token has been used for another request" });
  }
  return { chosen, refused };
}
