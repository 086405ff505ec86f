import { expect, test } from "vitest";
import { manifestText } from "../../../domain/verification/manifest.ts";
import { sha256 } from "./comparing.ts";
import { readDelivery } from "./delivery.ts";

test.each([
  { declared: ".", path: "a/b", taken: true },
  { declared: "a", path: "a/b", taken: true },
  { declared: "a", path: "ab", taken: false },
  { declared: "a/b", path: "a/b", taken: true },
])("of $declared the file $path is part of the result: $taken", async ({ declared, path, taken }) => {
  const [id, jobId] = [`exec_${"0".repeat(26)}`, `job_${"0".repeat(26)}`] as const;
  const content = Buffer.from("x");
  const file = { path, sha256: sha256(content), bytes: content.byteLength };
  const hash = sha256(manifestText({ stdoutSha256: sha256(Buffer.alloc(0)), stdoutBytes: 0, files: [file] }));
  const delivery = await readDelivery(
    { key: null },
    { id, jobId, comparator: { kind: "exact" }, files: [declared] },
    {
      ...{ execution_id: id, outcome: "completed", end: null, detail: "", exit_code: 0, run_ms: 1, started_at: null },
      ...{ stdout: "", stderr: "", files: [{ path, content: content.toString("base64") }] },
      ...{ result_hash: hash, signature: "" },
    },
  );
  expect(delivery.end).toBe(taken ? null : "wrong-hash");
});
