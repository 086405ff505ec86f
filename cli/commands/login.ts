// login, logout, whoami: a wallet signs the broker's nonce, and the token is kept.
import { LoginTypedData } from "../../protocol/operations/account.ts";
import { type Login, readConfig, writeConfig } from "../config.ts";
import { CliError } from "../errors.ts";
import { present } from "../output/present.ts";
import { renderFacts } from "../output/table.ts";
import { moment, money } from "../output/words.ts";
import type { Cli } from "../program.ts";
import { brokerOf, type CommonFlags, type Session, sessionAt } from "../session.ts";
import { type Wallet, type WalletFlags, walletFrom } from "../wallet.ts";

interface LoginFlags extends WalletFlags {
  readonly apiKey?: string;
  readonly origin?: string;
}

export function addLogin(cli: Cli): void {
  const login = cli
    .add("login", "log in with a wallet or an API key, and keep the token")
    .option("--key-file <file>", "the wallet's private key as 64 hexadecimal digits; - reads standard input")
    .option("--keystore <file>", "an encrypted keystore (Web3 secret storage, version 3), as geth and cast write it")
    .option("--password-file <file>", "the keystore's password; asked for otherwise")
    .option("--demo", "the built-in wallet of a demo, whose key everybody knows")
    .option("--api-key <key>", "an API key instead of a wallet; - reads standard input")
    .option("--origin <url>", "what the broker calls itself, where that is not the address it is reached at")
    .addHelpText(
      "after",
      "\nBERTH_PRIVATE_KEY holds a private key, too; on a terminal it is asked for. No key leaves this machine, nor is it kept.",
    );
  cli.does<LoginFlags>(login, async (flags) => {
    const config = await readConfig(cli.io);
    const broker = brokerOf(flags, cli.io.env, config);
    const session = sessionAt(cli.io, config, broker, null);
    const kept =
      flags.apiKey === undefined
        ? await byWallet(session, await walletFrom(cli.io, flags), flags.origin ?? broker)
        : await byApiKey(session, flags.apiKey === "-" ? (await cli.io.stdin()).trim() : flags.apiKey);
    await writeConfig(cli.io.env, { current: broker, brokers: { ...config.brokers, [broker]: kept } });
    warnOfPlainText(session);
    if (cli.io.env.BERTH_TOKEN) cli.io.tell("berth: BERTH_TOKEN is set and goes before this login.");
    presentLogin(session, flags, kept);
  });

  cli.does(cli.add("logout", "end the session and forget its token"), async (flags) => {
    const config = await readConfig(cli.io);
    const broker = brokerOf(flags, cli.io.env, config);
    const { [broker]: kept, ...others } = config.brokers;
    if (!kept) {
      cli.io.tell(`There is no login at ${broker}.`);
      return;
    }
    await writeConfig(cli.io.env, { ...config, brokers: others });
    const session = sessionAt(cli.io, config, broker, kept.token);
    const ended =
      kept.kind === "session" &&
      (await session.client.logout().then(
        () => true,
        () => false, // it is forgotten here all the same, and ends by itself
      ));
    cli.io.write(`Logged out of ${broker}.\n`);
    if (kept.kind === "api-key") cli.io.tell("The API key itself stays valid: revoke it under Settings.");
    else if (!ended) cli.io.tell("The broker could not be told; the session ends by itself within 24 hours.");
  });

  cli.does(cli.add("whoami", "which account speaks, at which broker, and until when"), async (flags) => {
    const session = await cli.open(flags);
    const { account, available, held } = await session.client.getBilling({ query: { limit: "1" } });
    const kept = session.io.env.BERTH_TOKEN ? undefined : session.config.brokers[session.broker];
    const by =
      session.token === null ? "nobody is logged in; a demo's anonymous account" : (kept?.kind ?? "BERTH_TOKEN");
    const expires = kept?.expires_at ?? null;
    present(cli.io, flags, {
      data: { broker: session.broker, account, by, expires_at: expires, available, held },
      names: [account],
      text: () =>
        renderFacts(
          [
            ["Broker", session.broker],
            ["Account", account],
            ["By", by],
            ["Until", expires === null ? null : moment(expires)],
            ["Available", money(available)],
            ["Held", money(held)],
          ],
          cli.io.colours,
        ),
    });
  });
}

/** Signs nothing but a login, of this account, at this broker: no broker can log in to another with it. */
async function byWallet({ client, broker }: Session, wallet: Wallet, origin: string): Promise<Login> {
  const { address } = wallet;
  const asked = await client.createNonce({ body: { address } });
  const { message } = LoginTypedData.parse(asked.typed_data);
  if (message.origin !== origin)
    throw new CliError(`What answers at ${broker} calls itself ${message.origin}: nothing was signed.`, {
      remedy: `Use --broker ${message.origin}, or --origin ${message.origin} where you know that they are the same.`,
    });
  if (message.account !== address || message.nonce !== asked.nonce)
    throw new CliError(`${broker} wants something else signed than your login: nothing was signed.`);
  const signature = await wallet.signLogin(message);
  const { token, account, expires_at } = await client.login({ body: { address, nonce: asked.nonce, signature } });
  return { kind: "session", token, account, expires_at };
}

async function byApiKey({ io, config, broker }: Session, key: string): Promise<Login> {
  if (!/^[\x21-\x7e]+$/.test(key)) throw new CliError("That is no API key.", { remedy: "Make one under Settings." });
  const { account } = await sessionAt(io, config, broker, key).client.getBilling({ query: { limit: "1" } });
  return { kind: "api-key", token: key, account, expires_at: null };
}

function warnOfPlainText({ io, broker }: Session): void {
  const { protocol, hostname } = new URL(broker);
  if (protocol === "https:" || /^(localhost|127\.|\[::1\])/.test(hostname)) return;
  io.tell(`berth: ${broker} is not encrypted: whoever is on the way can read your token.`);
}

function presentLogin({ io, broker }: Session, flags: CommonFlags, { kind, account, expires_at }: Login): void {
  present(io, flags, {
    data: { broker, kind, account, expires_at },
    names: account === null ? [] : [account],
    text: () => {
      const until = expires_at === null ? "until the key is revoked" : `until ${moment(expires_at)}`;
      return `Logged in to ${broker} as ${account ?? "an account that the key may not name"}, ${until}.\n`;
    },
  });
}
