// The command that makes a machine a node of the cluster, from the fields that were issued.

export interface JoinFields {
  /** host:port of the API server */
  readonly apiServer: string;
  /** kubeadm's bootstrap token */
  readonly token: string;
  /** `sha256:` and the hexadecimal digest of the cluster CA's public key */
  readonly caHash: string;
  readonly nodeName: string;
}

/** Nothing that a shell would read as more than a word: the command is pasted into one. */
const PLAIN = /^[A-Za-z0-9.:[\]-]+$/;

/**
 * The complete `kubeadm join`, to be run as root on the machine.
 * @throws RangeError where a field holds more than a shell's plain word
 */
export function joinCommand({ apiServer, token, caHash, nodeName }: JoinFields): string {
  for (const field of [apiServer, token, caHash, nodeName])
    if (!PLAIN.test(field)) throw new RangeError(`${JSON.stringify(field)} is no field of a join command`);
  const server = apiServer.startsWith("[") ? `'${apiServer}'` : apiServer;
  return `kubeadm join ${server} --token ${token} --discovery-token-ca-cert-hash ${caHash} --node-name ${nodeName}`;
}
