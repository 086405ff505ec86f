import { describe, expect, test } from "vitest";
import { joinCommand } from "./join-command.ts";

const FIELDS = {
  apiServer: "203.0.113.7:6443",
  token: "abcdef.0123456789abcdef",
  caHash: `sha256:${"0".repeat(64)}`,
  nodeName: "berth-1",
};

describe("the join command", () => {
  test("is all that kubeadm needs, in one line", () => {
    expect(joinCommand(FIELDS)).toBe(
      `kubeadm join 203.0.113.7:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:${"0".repeat(64)} --node-name berth-1`,
    );
  });

  test("quotes an IPv6 endpoint, whose brackets a shell would read as a pattern", () => {
    expect(joinCommand({ ...FIELDS, apiServer: "[2001:db8::1]:6443" })).toContain("join '[2001:db8::1]:6443' ");
  });

  test.each(["a b", "$(reboot)", "x;y", "x\ny", "'", "", "x|y", "*"])("refuses %j in any field", (text) => {
    for (const field of ["apiServer", "token", "caHash", "nodeName"] as const)
      expect(() => joinCommand({ ...FIELDS, [field]: text })).toThrow(RangeError);
  });
});
