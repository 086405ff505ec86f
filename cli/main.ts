// berth: the command line of customers. It talks the wire like everybody else and knows nothing of the server.
import packageJson from "../package.json" with { type: "json" };
import { addCommands } from "./commands/all.ts";
import { EXIT } from "./errors.ts";
import { processIo } from "./io.ts";
import { createCli } from "./program.ts";

// Whoever reads the output may leave early, as `head` does: that is no error of ours.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.done);
    if (stream === process.stdout) process.stderr.write(`berth: the answer cannot be written (${error.code}).\n`);
    process.exit(EXIT.error);
  });

const interrupted = new AbortController();
process.on("SIGINT", () => {
  if (interrupted.signal.aborted) process.exit(EXIT.interrupted);
  interrupted.abort();
});

const cli = createCli(processIo(interrupted.signal), packageJson.version);
addCommands(cli, packageJson.version);
// A broker that dies in the middle of an answer may leave a request that nothing holds the process open for: its time limit
// has to strike, or the line ends in silence with Node's 13.
const awake = setInterval(() => {}, 10_000);
process.exitCode = await cli.run(process.argv.slice(2));
clearInterval(awake);
