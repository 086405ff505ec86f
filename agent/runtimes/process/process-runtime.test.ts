// Sessions, the door and the sandbox, end to end.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import pty from "@lydell/node-pty";
import ssh2, { type ParsedKey } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../processes.ts";
import { whyNoSandbox } from "./sandbox.ts";
import { base, clear, endAll, keys, parsedKey, prepare, rent, run, ssh, sshOptions } from "./testing.ts";

beforeAll(prepare);
afterEach(endAll);
afterAll(clear);

test("this machine has a sandbox, or nothing below means anything", async () => {
  expect(await whyNoSandbox()).toBeUndefined();
});

describe("commands over ssh", () => {
  test("a command returns its exit code and keeps output, errors and input apart", async () => {
    const { port } = await rent();
    const outcome = await ssh(port, "cat; echo wrong >&2; exit 7", "through stdin");
    expect(outcome).toEqual({ code: 7, out: "through stdin", err: "wrong\n" });
  });

  test("a command killed by a signal does not look like a success", async () => {
    const { port } = await rent();
    expect((await ssh(port, "kill -9 $$")).code).toBe(255); // OpenSSH's client answers 255 to exit-signal
  });

  test("ten megabytes arrive whole, both ways", async () => {
    const { port } = await rent();
    const data = "0123456789abcdef".repeat(655_360);
    expect((await ssh(port, "wc -c", data)).out.trim()).toBe(String(data.length));
    const sum = execFileSync("sh", ["-c", "head -c 10485760 /dev/zero | sha256sum"], { encoding: "utf8" });
    const back = await run("sh", [
      "-c",
      `ssh ${sshOptions(port).join(" ")} root@127.0.0.1 'head -c 10485760 /dev/zero' | sha256sum`,
    ]);
    expect(back.out).toBe(sum);
  });

  test("the machine's GPU tool is absent or works, and the host name is the execution's", async () => {
    const { port, spec } = await rent();
    expect((await ssh(port, "nvidia-smi || hostname")).out.trim()).toBe(spec.id.replace("_", "-"));
  });

  test("scp copies a file in and out", async () => {
    const { port } = await rent();
    const from = join(base, "to-send");
    const to = join(base, "came-back");
    writeFileSync(from, "a file\n");
    const options = sshOptions(port).map((option) => (option === "-p" ? "-P" : option));
    expect(await run("scp", ["-O", ...options, from, "root@127.0.0.1:kept"])).toMatchObject({ code: 0 });
    expect(await run("scp", ["-O", ...options, "root@127.0.0.1:kept", to])).toMatchObject({ code: 0 });
    expect(readFileSync(to, "utf8")).toBe("a file\n");
  });

  test("a terminal has the size it was given and follows when it changes", async () => {
    const { port } = await rent();
    const terminal = pty.spawn("ssh", [...sshOptions(port), "-tt", "root@127.0.0.1"], { cols: 93, rows: 31 });
    let seen = "";
    terminal.onData((text) => {
      seen += text;
    });
    await until(() => seen.includes("[berth]"), 10_000);
    terminal.write("stty size; tty >/dev/null; echo $TERM-\r");
    expect(await until(() => seen.includes("31 93"), 10_000), seen).toBe(true);
    terminal.resize(121, 44);
    expect(
      await until(
        () => {
          terminal.write("stty size\r");
          return seen.includes("44 121");
        },
        10_000,
        200,
      ),
      seen,
    ).toBe(true);
    expect(seen).toContain("no boundary against hostile code");
    const exited = new Promise<number>((done) => terminal.onExit(({ exitCode }) => done(exitCode)));
    terminal.write("exit 5\r");
    expect(await exited).toBe(5);
  });

  test("a line that breaks ends what waits for typing, even where it does not hear of the hang-up", async () => {
    // Without a sandbox nothing stands between the terminal and the shell, and hears of it instead.
    const { port } = await rent({}, { sandboxed: false });
    const marker = `deaf${port}`;
    const script = `trap '' HUP; echo ${marker}; while read -r line; do :; done`;
    const client = spawn("ssh", ["-tt", ...sshOptions(port), "root@127.0.0.1", script]);
    let said = "";
    client.stdout.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    const waits = async () => (await ssh(port, `pgrep -fc "^/bin/bash -c trap.*${marker}"`)).out.trim();
    expect(await until(() => said.includes(marker), 30_000)).toBe(true);
    expect(await waits()).toBe("1");
    client.kill("SIGKILL");
    await expect.poll(waits, { timeout: 10_000 }).toBe("0");
  });

  test("what is pasted into a terminal arrives whole, and one that takes nothing keeps nobody else waiting", async () => {
    const { port, runtime, spec } = await rent();
    const text = (kib: number) => "0123456789abcdef".repeat(64 * kib);
    const terminal = (script: string, pasted: string) => {
      const child = spawn("ssh", ["-tt", ...sshOptions(port), "root@127.0.0.1", script]);
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk;
        if (String(chunk).includes("ready")) child.stdin.write(pasted);
      });
      child.stdin.on("error", () => {}); // it is ended below
      return { child, said: () => said };
    };
    const taking = terminal("stty raw -echo; echo ready; head -c 1048576 | sha256sum", text(1024));
    const sum = createHash("sha256").update(text(1024)).digest("hex");
    expect(await until(() => taking.said().includes(sum), 30_000)).toBe(true);

    const stuck = terminal("stty raw -echo; echo ready; sleep 600", text(16_384));
    expect(await until(() => stuck.child.stdin.writableLength > 0, 30_000)).toBe(true);
    expect(await ssh(port, "echo here")).toMatchObject({ code: 0, out: "here\n" });
    await runtime.remove(spec.id);
    expect(await until(() => runtime.list().length === 0, 30_000)).toBe(true);
    for (const { child } of [taking, stuck]) child.kill();
  }, 90_000);

  test("what is left in the background survives the logout, and its end is not awaited", async () => {
    const { port } = await rent();
    const started = await ssh(port, "nohup sleep 4711 >/dev/null 2>&1 & echo started");
    expect(started.out).toBe("started\n");
    expect((await ssh(port, "pgrep -f 'sleep 471[1]' | wc -l")).out.trim()).toBe("1");
  });
});

describe("the door", () => {
  test("another key is refused, and so is a password, and so is another name", async () => {
    const { port } = await rent();
    const target = "root@127.0.0.1";
    expect(await run("ssh", [...sshOptions(port, keys.other), target, "true"])).toMatchObject({ code: 255 });
    const password = await run("ssh", [...sshOptions(port), "-o", "PubkeyAuthentication=no", target, "true"]);
    expect(password.err).toContain("Permission denied (publickey)");
    expect(await run("ssh", [...sshOptions(port), "admin@127.0.0.1", "true"])).toMatchObject({ code: 255 });
    expect(await run("ssh", [...sshOptions(port), target, "true"])).toMatchObject({ code: 0 });
  });

  test("who knows a key's public half only is refused: the signature counts", async () => {
    const { port } = await rent();
    const publicHalf = parsedKey(readFileSync(`${keys.mine}.pub`, "utf8"));
    const attempt = (signer: string) => {
      class Pretender extends ssh2.BaseAgent {
        override getIdentities(done: (error: undefined, keys: ParsedKey[]) => void) {
          done(undefined, [publicHalf]);
        }
        override sign(_key: unknown, data: Buffer, ...rest: unknown[]) {
          const done = rest.at(-1);
          if (typeof done === "function") done(undefined, parsedKey(readFileSync(signer, "utf8")).sign(data));
        }
      }
      const client = new ssh2.Client();
      return new Promise<string>((done) => {
        client.on("ready", () => done("in")).on("error", (error) => done(error.message));
        client.connect({ host: "127.0.0.1", port, username: "root", agent: new Pretender() });
      }).finally(() => client.end());
    };
    expect(await attempt(keys.other)).toMatch(/All configured authentication methods failed/);
    expect(await attempt(keys.mine)).toBe("in");
  });

  test("it shows the host key the broker made", async () => {
    const { port } = await rent();
    const known = join(base, "known_hosts");
    const [type, key] = readFileSync(`${keys.host}.pub`, "utf8").split(" ");
    writeFileSync(known, `[127.0.0.1]:${port} ${type} ${key}\n`);
    const strict = ["-o", "StrictHostKeyChecking=yes", "-o", `UserKnownHostsFile=${known}`];
    expect(await run("ssh", [...strict, ...sshOptions(port), "root@127.0.0.1", "true"])).toMatchObject({ code: 0 });
  });

  test("keys given later open it without a restart, and the deadline told is the new one", async () => {
    const { port, runtime, spec } = await rent();
    const changed = {
      sshPublicKeys: [readFileSync(`${keys.other}.pub`, "utf8")],
      deadline: "2099-02-02T00:00:00.000Z",
    };
    await runtime.apply({ ...spec, ...changed }, 0);
    const told = await run("ssh", [...sshOptions(port, keys.other), "root@127.0.0.1", "echo $BERTH_DEADLINE"]);
    expect(told.out).toBe("2099-02-02T00:00:00.000Z\n");
    expect(await run("ssh", [...sshOptions(port), "root@127.0.0.1", "true"])).toMatchObject({ code: 255 });
  });

  test("rsa and ecdsa keys open it too", async () => {
    const made = (["rsa", "ecdsa"] as const).map((type) => {
      const path = join(base, `key-${type}`);
      execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path]);
      return path;
    });
    const { port } = await rent({ sshPublicKeys: made.map((path) => readFileSync(`${path}.pub`, "utf8")) });
    for (const path of made) {
      expect(await run("ssh", [...sshOptions(port, path), "root@127.0.0.1", "true"])).toMatchObject({ code: 0 });
    }
  });
});

describe("the sandbox", () => {
  test("the environment is exactly what was promised, and facts cannot be overridden", async () => {
    const env = {
      GREETING: "it's 'me'\n$HOME",
      BERTH_JOB_ID: "forged",
      LD_PRELOAD: "/root/evil.so",
      CUDA_VISIBLE_DEVICES: "all",
    };
    const { port, spec } = await rent({ env });
    const { out } = await ssh(port, "env -0");
    const seen = Object.fromEntries(
      out
        .split("\0")
        .filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    for (const own of ["PWD", "SHLVL", "_", "OLDPWD"]) delete seen[own]; // the shell's own
    expect(seen).toEqual({
      ...{
        GREETING: "it's 'me'\n$HOME",
        HOME: "/root",
        USER: "root",
        SHELL: "/bin/bash",
        LANG: "C.UTF-8",
        TERM: "dumb",
      },
      ...{ PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", BERTH_JOB_ID: spec.jobId },
      ...{ BERTH_PROVIDER_ID: spec.providerId, BERTH_GPU_COUNT: "2", BERTH_PUBLIC_IP: "203.0.113.7" },
      ...{ BERTH_SSH_PORT: String(port), BERTH_DEADLINE: spec.deadline },
      CUDA_VISIBLE_DEVICES: "GPU-aaaaaaaa-1111,GPU-bbbbbbbb-2222",
    });
  });

  test("no process inside shows a variable of the parent", async () => {
    const { port } = await rent();
    expect(
      (await ssh(port, "cat /proc/*/environ | tr '\\0' '\\n' | grep -c CANARY; ls /proc | grep -c '^[0-9]'")).out,
    ).toMatch(/^0\n/);
  });

  test("files of the machine and of other executions are not there, and system files cannot be written", async () => {
    const canary = join(base, "canary");
    writeFileSync(canary, "secret");
    const first = await rent();
    const second = await rent();
    await ssh(first.port, "echo secret > /root/mine; echo secret > /tmp/mine");
    const home = join(first.dir, "home", "mine");
    expect(readFileSync(home, "utf8")).toBe("secret\n");
    for (const path of [
      canary,
      home,
      join(first.dir, "order.json"),
      "/tmp/mine",
      "/root/mine",
      "/etc/shadow",
      resolve("package.json"),
    ]) {
      expect(await ssh(second.port, `cat ${path}`), path).toMatchObject({ code: 1, out: "" });
    }
    expect((await ssh(second.port, "ls -A / /root /home /run /work 2>/dev/null")).out).not.toContain("work");
    for (const path of [
      "/usr/bin/new",
      "/etc/berth/new",
      "/etc/passwd",
      "/proc/sys/kernel/ns_last_pid",
      "/proc/sys/vm/stat_refresh",
    ]) {
      expect((await ssh(second.port, `: >> ${path}`)).err, path).toMatch(/Read-only file system|Permission denied/);
    }
  });

  test("no capability is left, and none is to be had", async () => {
    const { port } = await rent();
    const { out } = await ssh(
      port,
      "grep -E '^(Cap(Prm|Eff|Bnd)|NoNewPrivs)' /proc/self/status; umount /proc/sys 2>&1; mount -t proc x /tmp 2>&1",
    );
    expect(out).toMatch(/CapPrm:\s0{16}\nCapEff:\s0{16}\nCapBnd:\s0{16}\nNoNewPrivs:\s1\n/);
    expect(out).toMatch(/must be superuser|permission denied|not permitted/i);
  });

  test("processes of the machine are not seen", async () => {
    const { port } = await rent();
    expect((await ssh(port, `ls /proc/${process.pid} 2>&1; ps ax | wc -l`)).out).toMatch(/No such file/);
    expect((await ssh(port, "ps ax -o args")).out).not.toContain("vitest");
  });

  test("a server on the machine's loopback is out of reach, from inside and through a forward", async () => {
    const { port } = await rent();
    const server = createServer((_request, response) => response.end("the broker's own"));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    const inner = typeof address === "object" ? address?.port : undefined;
    const inside = await ssh(port, `exec 3<>/dev/tcp/127.0.0.1/${inner} && echo reached`);
    expect(inside).toMatchObject({ code: 1, out: "" });
    const forwarded = await run("ssh", [...sshOptions(port), "-W", `127.0.0.1:${inner}`, "root@127.0.0.1"]);
    expect(forwarded.code).not.toBe(0);
    server.close();
  });

  test("a forward reaches a server inside, and carries what comes after its first half is closed", async () => {
    const { port } = await rent();
    const listen =
      'perl -MIO::Socket::INET -e \'$s=IO::Socket::INET->new(Listen=>5,LocalAddr=>"127.0.0.1",LocalPort=>8888);print "up\\n";$|=1;while($c=$s->accept){local $/;$d=<$c>;print $c "got ".length $d;close $c}\'';
    const server = spawn("ssh", [...sshOptions(port), "root@127.0.0.1", `$(: ) exec ${listen}`]);
    const refused = async () =>
      (await run("ssh", [...sshOptions(port), "-W", "127.0.0.1:8888", "root@127.0.0.1"], "x".repeat(100_000))).out;
    let out = "";
    await until(
      async () => {
        out = await refused();
        return out !== "";
      },
      15_000,
      100,
    );
    server.kill();
    expect(out).toBe("got 100000");
  });
});
