// The whole wire, by name. The dispatcher, OpenAPI, the typed client and the generated tests read this one list.
import { accountOperations } from "./operations/account.ts";
import { jobOperations } from "./operations/job.ts";
import { nodeOperations } from "./operations/node.ts";
import { operatorOperations } from "./operations/operator.ts";
import { ownProviderOperations } from "./operations/own-provider.ts";
import { providerOperations } from "./operations/provider.ts";
import { savedSearchOperations } from "./operations/saved-search.ts";
import { systemOperations } from "./operations/system.ts";

export const operations = {
  ...accountOperations,
  ...providerOperations,
  ...ownProviderOperations,
  ...operatorOperations,
  ...savedSearchOperations,
  ...jobOperations,
  ...nodeOperations,
  ...systemOperations,
};
export type Operations = typeof operations;
export type OperationName = keyof Operations;
export const OPERATION_NAMES = Object.keys(operations).filter((name): name is OperationName => name in operations);

/** The full path of an operation, with `:name` where a parameter goes. */
export function pathOf(name: OperationName): string {
  const { path } = operations[name];
  return path.startsWith("root:") ? path.slice("root:".length) : `/api/v1${path}`;
}
