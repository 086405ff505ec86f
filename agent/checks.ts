// What `install` looks at before it writes anything: each check says what it found and, where that will not do, the fix.
import type { AgentConfig } from "./config.ts";
import type { Probe } from "./probe.ts";

export interface Check {
  readonly name: string;
  /** `worth knowing` does not stop an installation. */
  readonly result: "good" | "worth knowing" | "bad";
  readonly found: string;
  readonly fix?: string;
}

export interface CheckWish {
  /** Undefined where it is not said yet how the machine is to be offered, and why. */
  readonly config: AgentConfig | undefined;
  readonly whyNoConfig: string | undefined;
  readonly enrolled: boolean;
  /** A token was given: it is done next. */
  readonly willEnrol: boolean;
  readonly dataDir: string;
  /** For an image: what only holds on the machine that will run it is not looked at. */
  readonly forImage: boolean;
}

export const LEAST_DISK_GB = 50;
const MOST_SKEW_MS = 30_000;
const SSH_PORTS = { first: 30_000, last: 32_767 };
const KUBELET_PORT = 10_250;
/** Written down in package.json's engines. */
const LEAST_NODE = [20, 9] as const;

const good = (name: string, found: string): Check => ({ name, result: "good", found });
const bad = (name: string, found: string, fix: string): Check => ({ name, result: "bad", found, fix });
const note = (name: string, found: string, fix: string): Check => ({ name, result: "worth knowing", found, fix });

export async function runChecks(wish: CheckWish, probe: Probe): Promise<Check[]> {
  const { config, forImage } = wish;
  const ofSettings = config
    ? [
        checkGpus(config, probe),
        checkRuntime(config, probe),
        checkPorts(config, probe),
        ...(forImage ? [] : checkBroker(config, probe)),
      ]
    : [];
  return (
    await Promise.all([
      checkSystem(wish, probe),
      checkNode(probe),
      checkRoot(wish, probe),
      checkSettings(wish),
      checkEnrolled(wish),
      ...ofSettings,
      checkDisk(wish, probe),
    ])
  ).flat();
}

function checkSystem({ forImage }: CheckWish, { platform, exists }: Probe): Check {
  const name = "Linux with systemd";
  if (platform !== "linux")
    return bad(name, platform, "Serve from a Linux machine; here `berth-agent start` runs in the foreground.");
  if (forImage || exists("/run/systemd/system")) return good(name, "there");
  return bad(
    name,
    "systemd does not run here",
    "Boot with systemd, or run `berth-agent start` under a supervisor of your own.",
  );
}

function checkNode({ nodeVersion, nodePath }: Probe): Check {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, "").split(".").map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    return bad(
      "Node",
      `${nodeVersion} at ${nodePath}`,
      `Install Node ${leastMajor}.${leastMinor} or later: https://nodejs.org/en/download`,
    );
  }
  if (!/^\/(home|root)\//.test(nodePath)) return good("Node", `${nodeVersion} at ${nodePath}`);
  return note(
    "Node",
    `${nodeVersion} at ${nodePath}, a person's own`,
    "The service ends when that Node is moved: install one for the system, as /usr/bin/node.",
  );
}

function checkRoot({ forImage }: CheckWish, { uid }: Probe): Check {
  if (uid === 0) return good("root", "yes");
  if (forImage) return note("root", `no, uid ${uid}`, "The files will belong to you: give them to root in the image.");
  return bad("root", `no, uid ${uid}`, "Run it as root: sudo berth-agent install");
}

function checkSettings({ config, whyNoConfig }: CheckWish): Check {
  if (config) return good("settings", `${config.name} for ${config.broker}, runtime ${config.runtime}`);
  return bad(
    "settings",
    whyNoConfig ?? "none",
    "Enrol first: berth-agent enrol --broker URL --token TOKEN --price-per-gpu-hour 0.40 --host ADDRESS",
  );
}

function checkEnrolled({ enrolled, willEnrol, dataDir, forImage }: CheckWish): Check {
  if (willEnrol) return good("enrolled", "not yet: the token will be used");
  if (enrolled) return good("enrolled", `identity in ${dataDir}`);
  const fix =
    "Take a token from the provider page: berth-agent enrol --broker URL --token TOKEN --price-per-gpu-hour 0.40";
  return forImage ? note("enrolled", "no", fix) : bad("enrolled", `no identity in ${dataDir}`, fix);
}

async function checkGpus({ declared_gpus }: AgentConfig, probe: Probe): Promise<Check> {
  const declared = declared_gpus.reduce((sum, { count }) => sum + count, 0);
  if (declared > 0) return good("GPUs", `${declared} declared; the driver is not asked`);
  const gpus = await probe.gpus();
  if (gpus === undefined)
    return bad(
      "GPUs",
      "the NVIDIA driver does not answer",
      "See what `nvidia-smi` says: often a reboot, or the driver installed anew, helps.",
    );
  if (gpus.length > 0)
    return good(
      "GPUs",
      `${gpus.length} by the NVIDIA driver${gpus[0]?.driver === undefined ? "" : ` ${gpus[0].driver}`}`,
    );
  return note(
    "GPUs",
    "none: `nvidia-smi` names no device",
    "Install NVIDIA's driver (525 or later) to offer GPUs; without, the machine offers its cores.",
  );
}

async function checkRuntime({ runtime }: AgentConfig, probe: Probe): Promise<Check | Check[]> {
  const name = `runtime ${runtime}`;
  if (runtime === "process") {
    const why = await probe.whyNoSandbox();
    return why === undefined
      ? good(name, "bubblewrap isolates here")
      : bad(
          name,
          why,
          "apt install bubblewrap util-linux; on Ubuntu 24.04 also: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        );
  }
  if (runtime === "docker") return checkEngine(name, probe);
  if (runtime !== "kubernetes")
    return bad(name, "no runtime of an agent", "Use runtime: docker, kubernetes or process.");
  const missing = ["kubeadm", "kubelet", "containerd"].filter((program) => probe.which(program) === undefined);
  if (missing.length > 0) {
    return bad(
      name,
      `${missing.join(", ")} missing`,
      "apt install containerd; then https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/",
    );
  }
  if (await probe.swapOn())
    return bad(name, "swap is on, and the kubelet refuses that", "swapoff -a, and take swap out of /etc/fstab.");
  return good(name, "kubeadm, kubelet and containerd are there");
}

async function checkEngine(name: string, probe: Probe): Promise<Check[]> {
  const engine = await probe.engine();
  if ("why" in engine) return [bad(name, engine.why, engine.fix)];
  const found = good(name, `${engine.name} answers on ${engine.socket}`);
  const gpus = (await probe.gpus()) ?? [];
  if (gpus.length === 0) return [found];
  if (engine.gpus) return [found, good("GPUs in containers", "NVIDIA's toolkit is there")];
  const configure =
    engine.kind === "podman"
      ? "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
      : "nvidia-ctk runtime configure --runtime=docker && systemctl restart docker";
  return [
    found,
    bad(
      "GPUs in containers",
      "the engine knows no NVIDIA devices",
      `apt install nvidia-container-toolkit (https://docs.nvidia.com/datacenter/cloud-native/container-toolkit), then ${configure}`,
    ),
  ];
}

async function checkPorts({ runtime }: AgentConfig, probe: Probe): Promise<Check> {
  if (runtime === "kubernetes") {
    if (probe.exists("/etc/kubernetes/kubelet.conf")) return good("ports", "the kubelet has its own");
    return (await probe.portFree(KUBELET_PORT))
      ? good("ports", `${KUBELET_PORT} is free`)
      : bad(
          "ports",
          `${KUBELET_PORT} is taken`,
          `See who has it: ss -ltnp 'sport = :${KUBELET_PORT}'. A kubelet of another cluster has to leave first: kubeadm reset.`,
        );
  }
  const name = "ports for SSH";
  const { first, last } = SSH_PORTS;
  const samples = Array.from({ length: 16 }, (_, i) => first + Math.floor((i * (last - first)) / 15));
  const free = (await Promise.all(samples.map((port) => probe.portFree(port)))).filter(Boolean).length;
  if (free === samples.length) return good(name, `${first}–${last} are free, by ${free} samples`);
  if (free > 0)
    return note(
      name,
      `${free} of ${samples.length} samples in ${first}–${last} are free`,
      `The others are left alone. See who has them: ss -ltn`,
    );
  return bad(name, `no sample in ${first}–${last} is free`, "End what listens there: ss -ltnp");
}

async function checkDisk({ dataDir, forImage }: CheckWish, probe: Probe): Promise<Check> {
  const free = await probe.freeGb(dataDir);
  const found = `${free} GB free for ${dataDir}`;
  if (free >= LEAST_DISK_GB) return good("disk", found);
  const fix = `Make ${LEAST_DISK_GB} GB free there, or put executions elsewhere with --data-dir.`;
  return forImage ? note("disk", found, fix) : bad("disk", found, fix);
}

/** One request answers both: whether the broker can be reached, and what time it has. */
function checkBroker({ broker }: AgentConfig, probe: Probe): Promise<Check[]>[] {
  const ask = async (): Promise<Check[]> => {
    const beforeMs = probe.nowMs();
    try {
      const { status, dateMs } = await probe.health(broker);
      const reached =
        status < 500
          ? good("broker", `${broker} answers`)
          : note("broker", `${broker} answers ${status}`, "It is in trouble; the agent tries again until it is well.");
      if (dateMs === undefined)
        return [reached, note("clock", "the broker did not tell its time", "See that the clock is kept: timedatectl")];
      const skewMs = dateMs + 500 - (beforeMs + probe.nowMs()) / 2; // a Date header has whole seconds
      const skew = `${Math.abs(skewMs / 1000).toFixed(0)} s ${skewMs < 0 ? "ahead of" : "behind"} the broker`;
      if (Math.abs(skewMs) <= MOST_SKEW_MS)
        return [reached, good("clock", Math.abs(skewMs) < 1500 ? "as the broker's" : skew)];
      return [reached, bad("clock", skew, "timedatectl set-ntp true, and look again in a minute.")];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return [
        bad(
          "broker",
          `${broker} cannot be reached: ${why}`,
          "Check the address in the config, the name server and the firewall: only outgoing HTTPS is needed.",
        ),
      ];
    }
  };
  return [ask()];
}
