// The offers of the market as rows of its columns: added, taken away and read back.
import type { ProviderId } from "../ids.ts";
import { type MarketOffer, unitPrice, valueKey } from "../placement/facets.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../provider/state.ts";
import { COLUMNS, type ColumnName, type Columns, columnsOf } from "./columns.ts";
import { Dictionary } from "./dictionary.ts";

const FIRST_CAPACITY = 1024;

/** Read by the rest of this folder, written here alone. */
export class Rows {
  /** as long as the capacity, good up to `count`; others take their place as they grow */
  columns: Columns = columnsOf(FIRST_CAPACITY);
  capacity = FIRST_CAPACITY;
  count = 0;
  readonly providerIds: ProviderId[] = [];
  private readonly names: string[] = [];
  /** the rows of each provider */
  readonly rowsOf = new Map<string, number[]>();
  /** "" first: cores only */
  readonly models = new Dictionary();
  readonly regions = new Dictionary();
  readonly vrams = new Dictionary();

  constructor() {
    this.models.add("");
  }

  /** Adds an offer. What the provider offered of this model before must be gone. */
  add(offer: MarketOffer): void {
    if (this.count === this.capacity) this.grow();
    const row = this.count++;
    const { columns } = this;
    const coresOnly = offer.gpuModel === null;
    const price = Number(unitPrice(offer));
    columns.gpu[row] = this.models.add(offer.gpuModel ?? "");
    columns.region[row] = this.regions.add(offer.region);
    columns.vram[row] = this.vrams.add(String(offer.vramMb));
    columns.status[row] = PROVIDER_STATUSES.indexOf(offer.status);
    columns.runtime[row] = RUNTIMES.indexOf(offer.runtime);
    columns.vramMb[row] = offer.vramMb;
    columns.totalGpus[row] = offer.totalGpus;
    columns.freeGpus[row] = offer.freeGpus;
    columns.inUseGpus[row] = offer.inUseGpus;
    columns.freeCpuCores[row] = offer.freeCpuCores;
    columns.freeMemoryGb[row] = offer.freeMemoryGb;
    columns.freeDiskGb[row] = offer.freeDiskGb;
    columns.reputation[row] = offer.reputation;
    columns.declared[row] = offer.declared ? 1 : 0;
    columns.sandboxed[row] = offer.sandboxed ? 1 : 0;
    columns.coresOnly[row] = coresOnly ? 1 : 0;
    columns.pricePerGpuHour[row] = Number(offer.pricePerGpuHour);
    columns.pricePerCpuHour[row] = Number(offer.pricePerCpuHour);
    columns.busyFromMs[row] = offer.busyFrom?.getTime() ?? Number.POSITIVE_INFINITY;
    columns.offlineSinceMs[row] = offer.offlineSince?.getTime() ?? Number.NaN;
    columns.price[row] = price;
    columns.value[row] = valueKey(price, offer.vramMb, coresOnly);
    this.providerIds[row] = offer.providerId;
    this.names[row] = offer.providerName;
    const rows = this.rowsOf.get(offer.providerId);
    if (rows) rows.push(row);
    else this.rowsOf.set(offer.providerId, [row]);
  }

  /** Takes away all that a provider offers. */
  removeProvider(providerId: string): void {
    const rows = this.rowsOf.get(providerId);
    if (!rows) return;
    this.rowsOf.delete(providerId);
    for (const row of rows.toSorted((a, b) => b - a)) this.dropRow(row);
  }

  /** The last row takes the place of the dropped one. */
  private dropRow(row: number): void {
    const last = --this.count;
    const [moved, name] = [this.providerIds.pop(), this.names.pop()];
    if (row === last || moved === undefined || name === undefined) return;
    for (const column of COLUMNS) this.columns[column][row] = this.columns[column][last] ?? 0;
    this.providerIds[row] = moved;
    this.names[row] = name;
    const rows = this.rowsOf.get(moved);
    if (rows) rows[rows.indexOf(last)] = row;
  }

  private grow(): void {
    this.capacity *= 2;
    const wider = columnsOf(this.capacity);
    for (const column of COLUMNS) wider[column].set(this.columns[column]);
    this.columns = wider;
  }

  /** @param row below `count` */
  at(row: number): MarketOffer {
    const { columns } = this;
    const providerId = this.providerIds[row];
    if (providerId === undefined || row >= this.count) throw new RangeError(`the market has no row ${row}`);
    const of = (column: ColumnName): number => columns[column][row] ?? 0;
    return {
      providerId,
      providerName: this.names[row] ?? "",
      gpuModel: of("coresOnly") === 1 ? null : this.models.value(of("gpu")),
      vramMb: of("vramMb"),
      totalGpus: of("totalGpus"),
      freeGpus: of("freeGpus"),
      inUseGpus: of("inUseGpus"),
      freeCpuCores: of("freeCpuCores"),
      freeMemoryGb: of("freeMemoryGb"),
      freeDiskGb: of("freeDiskGb"),
      region: this.regions.value(of("region")),
      reputation: of("reputation"),
      status: PROVIDER_STATUSES[of("status")] ?? "offline",
      runtime: RUNTIMES[of("runtime")] ?? "process",
      declared: of("declared") === 1,
      sandboxed: of("sandboxed") === 1,
      busyFrom: Number.isFinite(of("busyFromMs")) ? new Date(of("busyFromMs")) : null,
      offlineSince: Number.isFinite(of("offlineSinceMs")) ? new Date(of("offlineSinceMs")) : null,
      pricePerGpuHour: BigInt(of("pricePerGpuHour")),
      pricePerCpuHour: BigInt(of("pricePerCpuHour")),
    };
  }
}
