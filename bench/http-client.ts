// The client of all HTTP benchmarks: kept-alive connections of node:http, the same for Berth and for its baseline.
import { Agent, request } from "node:http";

export class HttpClient {
  private readonly agent: Agent;
  constructor(
    private readonly port: number,
    connections: number,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  get(path: string): Promise<string> {
    return this.send("GET", path, {}, undefined);
  }

  post(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
    return this.send("POST", path, { ...headers, "content-type": "application/json" }, body);
  }

  close(): void {
    this.agent.destroy();
  }

  /** @throws on any status but 200 */
  private send(method: string, path: string, headers: Record<string, string>, body: string | undefined) {
    return new Promise<string>((done, failed) => {
      const sent = request(
        { agent: this.agent, host: "127.0.0.1", port: this.port, method, path, headers },
        (reply) => {
          let text = "";
          reply.setEncoding("utf8");
          reply.on("data", (part: string) => {
            text += part;
          });
          reply.on("end", () => {
            if (reply.statusCode === 200) done(text);
            else failed(new Error(`${method} ${path} was answered ${reply.statusCode}: ${text.slice(0, 300)}`));
          });
          reply.on("error", failed);
        },
      );
      sent.on("error", failed);
      sent.end(body);
    });
  }
}
