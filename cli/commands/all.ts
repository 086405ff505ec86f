// Every command, in the order of the help.
import type { Cli } from "../program.ts";
import { addAct } from "./act.ts";
import { addLogin } from "./login.ts";
import { addLook } from "./look.ts";
import { addMarket } from "./market.ts";
import { addNetwork } from "./network.ts";
import { addOutput } from "./output.ts";
import { addSubmit } from "./submit.ts";
import { addTools } from "./tools.ts";

export function addCommands(cli: Cli, version: string): void {
  addLogin(cli);
  addMarket(cli);
  addSubmit(cli);
  addLook(cli);
  addOutput(cli);
  addAct(cli);
  addNetwork(cli);
  addTools(cli, version);
}
