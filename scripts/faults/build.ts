// The processes that are killed here are the built ones; building what did not change costs nothing.
import { buildChanged, reasonOf } from "../build.ts";

export default async function setup(): Promise<void> {
  const { failed } = await buildChanged((sentence) => process.stderr.write(`${sentence}\n`));
  const [first] = failed;
  if (first) throw new Error(`${first.name} does not build: ${reasonOf(first.cause)}`);
}
