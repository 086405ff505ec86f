// Networks as operators write them: addresses and CIDRs.
import { BlockList, isIP } from "node:net";

export function isCidr(text: string): boolean {
  try {
    blockListOf([text]);
    return true;
  } catch {
    return false;
  }
}

/**
 * The addresses that CIDRs name.
 * @throws where one of them is no address and no CIDR
 */
export function blockListOf(cidrs: readonly string[]): BlockList {
  const listed = new BlockList();
  for (const cidr of cidrs) {
    const [address = "", bits, ...rest] = cidr.split("/");
    const family = isIP(address);
    if (family === 0 || rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)))
      throw new Error(`${cidr} is no CIDR`);
    const type = family === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) listed.addAddress(address, type);
    else listed.addSubnet(address, Number(bits), type);
  }
  return listed;
}
