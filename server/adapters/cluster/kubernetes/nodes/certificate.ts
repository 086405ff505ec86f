// Certificates and requests for them: the hash that joining machines pin, and what a request really asks for.
import { createHash, X509Certificate } from "node:crypto";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Extensions } from "@peculiar/asn1-x509";
import type { RequestSubject } from "../../../../../domain/node/seen.ts";

const COMMON_NAME = "2.5.4.3";
const ORGANISATION = "2.5.4.10";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const ALTERNATIVE_NAMES = "2.5.29.17";

/**
 * The pin of `kubeadm join --discovery-token-ca-cert-hash`: SHA-256 over the DER of the CA's SubjectPublicKeyInfo.
 * @param pem one certificate, or several, of which the first counts
 * @throws where it is no certificate
 */
export function caHash(pem: string): string {
  const { publicKey } = new X509Certificate(pem);
  const spki = publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(spki).digest("hex")}`;
}

/**
 * @param pem base64 of a PEM block, as the API has it
 * @returns null where it is no request. Its signature was checked by the API server that took it.
 */
export function readRequest(pem: string): RequestSubject | null {
  try {
    const block = /-----BEGIN CERTIFICATE REQUEST-----([^-]+)-----END CERTIFICATE REQUEST-----/.exec(
      Buffer.from(pem, "base64").toString("latin1"),
    );
    if (!block?.[1]) return null;
    const der = Buffer.from(block[1], "base64");
    const { subject, attributes } = AsnConvert.parse(der, CertificationRequest).certificationRequestInfo;
    const parts = [...subject].flatMap((names) => [...names]);
    const valuesOf = (type: string) => parts.filter((part) => part.type === type).map((part) => part.value.toString());
    const others = parts.filter(({ type }) => type !== COMMON_NAME && type !== ORGANISATION);
    return {
      commonNames: valuesOf(COMMON_NAME),
      organisations: valuesOf(ORGANISATION),
      extras: [
        ...others.map(({ type }) => `name part ${type}`),
        ...[...(attributes ?? [])].flatMap(({ type, values }) =>
          type === EXTENSION_REQUEST ? values.flatMap(extensionNames) : [`attribute ${type}`],
        ),
      ],
    };
  } catch {
    return null; // what cannot be read is refused like what asks for too much
  }
}

function extensionNames(value: ArrayBuffer): string[] {
  const extensions = [...AsnConvert.parse(value, Extensions)];
  if (extensions.length === 0) return ["an empty list of extensions"];
  return extensions.map(({ extnID }) => (extnID === ALTERNATIVE_NAMES ? "alternative names" : `extension ${extnID}`));
}
