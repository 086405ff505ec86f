// Every end has a reason a person can act on: sentence, whose fault, remedy.

export const FAULTS = ["customer", "provider", "broker", "nobody"] as const;
export type Fault = (typeof FAULTS)[number];

/** What ended a job, or what keeps it waiting. */
export const REASONS = {
  "stopped-by-customer": {
    sentence: "You stopped it.",
    fault: "nobody",
    remedy: "Rent again whenever you like; the storage ended with the rental.",
  },
  expired: {
    sentence: "The time that was paid for is over.",
    fault: "nobody",
    remedy: "Extend before the end next time; warnings come 15 and 5 minutes before.",
  },
  "ended-by-itself": {
    sentence: "What it ran ended on its own.",
    fault: "customer",
    remedy: "Only the time that it ran is charged. Look at the logs for why, then rent again.",
  },
  "start-failed": {
    sentence: "The provider could not start it.",
    fault: "provider",
    remedy: "Nothing was charged. Rent from another provider.",
  },
  "start-timeout": {
    sentence: "The provider did not bring it up in time.",
    fault: "provider",
    remedy: "Nothing was charged. Rent from another provider.",
  },
  "provider-silent": {
    sentence: "The provider fell silent before it was running.",
    fault: "provider",
    remedy: "Nothing was charged. Rent from another provider.",
  },
  "provider-lost": {
    sentence: "The provider stayed out of reach for over ten minutes.",
    fault: "provider",
    remedy: "Charging ended at its last sign of life. Rent from another provider.",
  },
  "provider-suspended": {
    sentence: "The operators of this broker suspended the provider.",
    fault: "provider",
    remedy: "Nothing is charged after that. Rent from another provider.",
  },
  "gone-from-provider": {
    sentence: "It vanished from the provider.",
    fault: "provider",
    remedy: "Charging ended when that was seen. Rent from another provider.",
  },
  killed: {
    sentence: "It was killed on the provider.",
    fault: "provider",
    remedy: "Charging ended when that was seen. Rent from another provider.",
  },
  "image-not-found": {
    sentence: "The image does not exist, or its name is not one.",
    fault: "customer",
    remedy: "Nothing was charged. Check the image's name and tag, then try again.",
  },
  "image-denied": {
    sentence: "The registry does not let the provider have this image.",
    fault: "customer",
    remedy: "Nothing was charged. Add a login for the registry in the settings, or use an image that is public.",
  },
  "unfit-image": {
    sentence: "The image has no SSH server, so nobody could log in.",
    fault: "customer",
    remedy: "Nothing was charged. Install openssh-server in the image (openssh on Alpine), then rent again.",
  },
  "ssh-silent": {
    sentence: "It started, but its SSH did not answer where customers reach the machine.",
    fault: "provider",
    remedy: "Nothing was charged. Rent from another provider.",
  },
  unschedulable: {
    sentence: "The cluster found no room for it on its machine.",
    fault: "provider",
    remedy: "Nothing was charged. Rent from another provider.",
  },
  "over-limit": {
    sentence: "The account's limit of GPUs in this cluster was reached.",
    fault: "customer",
    remedy:
      "Nothing was charged. End some of what you run there first, or ask the operator for a higher limit (TENANT_MAX_GPUS).",
  },
  "out-of-memory": {
    sentence: "It used more memory than it was given and was ended.",
    fault: "customer",
    remedy: "Only the time that it ran is charged. Try again with more memory.",
  },
  "out-of-disk": {
    sentence: "It wrote more than its storage holds and was ended.",
    fault: "customer",
    remedy: "Only the time that it ran is charged. Try again with more storage.",
  },
  evicted: {
    sentence: "Its machine ran short of disk or memory and ended it.",
    fault: "provider",
    remedy: "Charging ended then. Rent from another provider.",
  },
  "node-lost": {
    sentence: "Its machine was shut down or left the cluster.",
    fault: "provider",
    remedy: "Charging ended then. Rent from another provider.",
  },
  "sandbox-missing": {
    sentence: "The provider has no sandbox, and an anonymous account may not run without one.",
    fault: "provider",
    remedy: "Nothing was charged. Log in with a wallet, or rent from a provider with a sandbox.",
  },
  "demo-stopped": {
    sentence: "The demo was stopped, and its executions with it.",
    fault: "broker",
    remedy: "Nothing is charged after the last sign of life. Rent again.",
  },
  unresolved: {
    sentence: "Not enough owners agreed on a result.",
    fault: "nobody",
    remedy: "Nothing was charged. Look at the panel for why, then submit it again, later or with another comparator.",
  },
  "no-two-alike": {
    sentence: "Every owner's machine gave another result.",
    fault: "customer",
    remedy:
      "Nothing was charged. Take time, randomness and host names out of the output, or choose a comparator that allows for them.",
  },
  "no-machines": {
    sentence: "No machine of another owner was free for it in time.",
    fault: "nobody",
    remedy: "Nothing was charged. Submit it again with a higher max_price, less to hold, or a longer queue_timeout.",
  },
  "tenant-limit": {
    sentence: "The account's limit of GPUs in this cluster is reached.",
    fault: "customer",
    remedy:
      "It goes on by itself as soon as enough of your others there end. End some of them, or ask the operator for a higher limit.",
  },
  "needs-command": {
    sentence:
      "It has no command, and no machine that fits it runs an image's own program: processes use no image, and nodes of the cluster need a command.",
    fault: "customer",
    remedy: "Nothing was charged. Submit it again with a command, or once a machine with a container engine is here.",
  },
  "machines-refused": {
    sentence: "Machines that it was given to said that they cannot run it.",
    fault: "nobody",
    remedy:
      "It goes on by itself with the next machine that can. Look at the panel for why; where the command or the image is wrong, cancel it and submit it again.",
  },
  nondeterministic: {
    sentence: "Every run gave another result, on machines that are proved to be right.",
    fault: "customer",
    remedy: "Take time, randomness and host names out of the output, or choose a comparator that allows for them.",
  },
  "job-error": {
    sentence: "The command failed alike on machines of distinct owners.",
    fault: "customer",
    remedy: "Look at the exit code and at stderr, then submit it again.",
  },
  "timed-out": {
    sentence: "It ran longer than timeout_seconds allows.",
    fault: "customer",
    remedy: "Nothing was charged. Submit it again with a higher timeout_seconds, or less to do.",
  },
  "too-large": {
    sentence: "What it wrote is larger than a result may be: 1 MiB of stdout and output files together.",
    fault: "customer",
    remedy: "The time that it ran is charged. Write less, or send large output to storage of your own.",
  },
  "not-text": {
    sentence: "Its stdout is no UTF-8 text, or has NUL in it.",
    fault: "customer",
    remedy: "The time that it ran is charged. Write such output to a file and declare it in files.",
  },
  "missing-file": {
    sentence: "It left no output file of a name that files declares.",
    fault: "customer",
    remedy: "The time that it ran is charged. Check the names in files against what the command writes.",
  },
  "too-many-errors": {
    sentence: "Too many machines could not run it.",
    fault: "provider",
    remedy: "Nothing was charged. Look at the panel for why; check the command and the image, then submit it again.",
  },
  "cancelled-by-customer": {
    sentence: "You cancelled it.",
    fault: "nobody",
    remedy: "What had run until then, if anything, is charged.",
  },
} as const satisfies Record<string, { sentence: string; fault: Fault; remedy: string }>;

export type ReasonCode = keyof typeof REASONS;
