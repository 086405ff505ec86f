// What a customer who means harm can do in a rented shell: each attack is run, as root, in a workspace of the real cluster.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TEST_KUBECONFIG } from "../../../../testing/kubernetes.ts";
import { openQuay, type Quay, type Rented } from "./testing/rented.ts";

/** System calls of x86-64 that belong to the machine, with harmless arguments: all must be refused. */
const PRIVILEGED = {
  pivot_root: 155,
  settimeofday: 164,
  mount: 165,
  swapon: 167,
  reboot: 169,
  iopl: 172,
  init_module: 175,
  kexec_load: 246,
  add_key: 248,
  keyctl: 250,
  perf_event_open: 298,
  open_by_handle_at: 304,
  setns: 308,
  bpf: 321,
  "unshare(user)": 272,
  "unshare(mount)": 272,
};
const EPERM = 1;
const ENOSYS = 38;
const FLAGS: Readonly<Record<string, number>> = { "unshare(user)": 0x1000_0000, "unshare(mount)": 0x0002_0000 };
/** CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SYS_CHROOT, AUDIT_WRITE by their bits */
const CAPABILITIES = [0, 1, 3, 5, 6, 7, 18, 29].reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);

describe.skipIf(TEST_KUBECONFIG === "")("an attacker in a rented shell", () => {
  let quay: Quay;
  let attacker: Rented;
  let neighbour: Rented;
  beforeAll(async () => {
    quay = await openQuay();
    const small = { cpuCores: 0.2, memoryMb: 192 };
    neighbour = await quay.rent(quay.newTenant(), { ...small, env: { NEIGHBOURS_SECRET: "do-not-tell" } });
    attacker = await quay.rent(quay.newTenant(), small);
    await neighbour.shell("true");
  }, 180_000);
  afterAll(() => quay.close(), 120_000);

  test("finds no token of the cluster, no address of a neighbour, and no secret but its own", async () => {
    const found = await attacker.shell(
      "ls -A /var/run/secrets/kubernetes.io 2>&1; mount | grep -i serviceaccount; env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'; ls /run/berth/*",
    );
    expect(found).toMatch(/No such file/);
    expect(found).not.toMatch(/serviceaccount|NEIGHBOURS_SECRET|do-not-tell|_SERVICE_HOST=(?!.*KUBERNETES)/);
    expect(found).not.toContain(neighbour.name.toUpperCase().replaceAll("-", "_"));
    expect(found).toMatch(/^BERTH_JOB_ID=job_/m);
  }, 60_000);

  test("is nobody to the API server: nothing of any tenant is shown to who has no token", async () => {
    for (const what of ["secrets", "pods", "services", "pods/log", "networkpolicies"]) {
      const [resource, part] = what.split("/");
      const group = resource === "networkpolicies" ? "apis/networking.k8s.io/v1" : "api/v1";
      const path = `/${group}/namespaces/${neighbour.namespace}/${resource}${part ? `/${neighbour.name}/${part}` : ""}`;
      expect([401, 403]).toContain(await quay.anonymously(path));
    }
  }, 60_000);

  test("has exactly the eight capabilities that sshd needs, can gain none, and is filtered by seccomp", async () => {
    const status = await attacker.shell("grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status");
    const of = (name: string) => new RegExp(`^${name}:\\s+(\\S+)$`, "m").exec(status)?.[1] ?? "";
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) expect(BigInt(`0x${of(set)}`)).toBe(CAPABILITIES);
    expect([of("NoNewPrivs"), of("Seccomp")]).toEqual(["1", "2"]);
  }, 60_000);

  test("is refused every system call that belongs to the machine", async () => {
    const calls = Object.entries(PRIVILEGED).map(([name, number]) => `['${name}', ${number}, ${FLAGS[name] ?? 0}]`);
    const said = await attacker.shell(`perl -e '
      my $none = "\\0" x 128;
      for (${calls.join(", ").replaceAll("'", '"')}) {
        my ($name, $number, $flags) = @$_;
        $! = 0;
        my $got = $flags ? syscall($number, $flags) : syscall($number, $none, $none, $none, 0, $none);
        print "$name $got ", $! + 0, "\\n";
      }'`);
    const answers = said.trim().split("\n");
    expect(answers).toHaveLength(calls.length);
    for (const answer of answers) expect(answer).toMatch(new RegExp(`^\\S+ -1 (${EPERM}|${ENOSYS})$`));
  }, 60_000);

  test("sees no file, device or process of the machine", async () => {
    const seen = await attacker.shell(`
      mknod /tmp/disk b 8 0 2>&1 || echo no-device
      ls /dev | grep -E '^(sd|vd|nvme|dm-|mem$|kmsg$|fuse$|kvm$)' || echo no-disks
      echo 1 2>/dev/null >/proc/sys/kernel/core_pattern || echo no-sysctl
      echo b 2>/dev/null >/proc/sysrq-trigger || echo no-sysrq
      [ -f /sys/fs/cgroup/cgroup.controllers ] && mkdir /sys/fs/cgroup/escape 2>/dev/null && echo ESCAPE
      for each in /sys/fs/cgroup/*/; do mkdir "$each/escape" 2>/dev/null && echo "ESCAPE $each"; done
      echo done
      ls -d /proc/[0-9]* | wc -l
      awk '$2 ~ "^/(host|var/lib/kubelet|var/run/docker|run/containerd)" {print "HOST " $2}' /proc/mounts
      ls /var/lib/kubelet /run/containerd /etc/kubernetes 2>/dev/null | sed 's/^/HOST /'
    `);
    for (const word of ["no-device", "no-disks", "no-sysctl", "no-sysrq", "done"]) expect(seen).toContain(word);
    expect(seen).not.toMatch(/HOST|ESCAPE/);
    const processes = Number(/^\d+$/m.exec(seen)?.[0]);
    expect(processes).toBeGreaterThan(1);
    expect(processes).toBeLessThan(40); // its own; the machine has hundreds
  }, 60_000);

  test("is kept from metadata, nodes and neighbours by policy: this network does not enforce it, so its object is shown", async () => {
    const { networking } = quay;
    const { spec } = await networking.readNamespacedNetworkPolicy({ name: "berth", namespace: attacker.namespace });
    // Every pod of theirs but those of jobs without a network, which another policy shuts in: a rental is none of them.
    expect(spec?.podSelector?.matchLabels).toBeUndefined();
    expect(spec?.podSelector?.matchExpressions).toHaveLength(1);
    expect(spec?.podSelector?.matchExpressions?.[0]).toMatchObject({ operator: "NotIn", values: ["none"] });
    const key = spec?.podSelector?.matchExpressions?.[0]?.key ?? "";
    expect(key).toMatch(/\/network$/);
    const { items } = await quay.kube.core.listNamespacedPod({ namespace: attacker.namespace });
    expect(items.length).toBeGreaterThan(0);
    for (const { metadata } of items) expect(metadata?.labels?.[key]).toBeUndefined();
    expect(spec?.policyTypes?.toSorted()).toEqual(["Egress", "Ingress"]);
    const blocks = spec?.egress?.flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock ?? [])) ?? [];
    expect(blocks.find(({ cidr }) => cidr === "0.0.0.0/0")?.except).toEqual(
      expect.arrayContaining(["169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"]),
    );
    expect(spec?.ingress).toHaveLength(1);
    expect(spec?.ingress?.[0]?._from).toBeUndefined(); // from anywhere, to SSH only
  }, 60_000);

  test("who takes more memory than was rented loses that program; the neighbour does not notice", async () => {
    const said = await attacker.shell('perl -e \'my $x = "a" x (1 << 30); print "took it"\'; echo over $?');
    expect(said).not.toContain("took it");
    expect(said).toMatch(/over (137|1)\b/);
    expect(await neighbour.shell("echo still here")).toBe("still here\n");
  }, 60_000);

  test("a fork bomb spends its own memory and its own share of the cores; the neighbour goes on", async () => {
    // Each child holds a megabyte of its own, so that the memory that was rented ends it, whatever the node's limit of
    // processes is. Whether the workspace outlives it is its customer's business.
    const bomb = `perl -e 'for (1 .. 5000) { my $pid = fork; last unless defined $pid; if (!$pid) { my $x = "a" x (1 << 20); sleep 20; exit } } print join "-", "all", "of", "them"' || true`;
    const said = await attacker.shell(bomb).catch((error: unknown) => String(error));
    expect(said).not.toContain("all-of-them");
    expect(await neighbour.shell("echo still here")).toBe("still here\n");
    const node = await quay.kube.node(quay.nodeName);
    const pressure = node.status?.conditions?.filter(
      ({ type, status }) => type.endsWith("Pressure") && status === "True",
    );
    expect(pressure).toEqual([]);
    await attacker.remove();
  }, 120_000);
});
