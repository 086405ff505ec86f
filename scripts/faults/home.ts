// Where the databases of fault tests lie.
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The integration tests' sweep of killed runs looks here too; a folder carries its owner's process id. */
export const HOME = join(tmpdir(), "berth-test-postgres");
