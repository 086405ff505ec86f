// GPU models as people call them. Filters and the wire keep the driver's full name.

/** "NVIDIA GeForce RTX 4090" → "RTX 4090"; the maker stays where nothing else would. */
export function gpuName(model: string): string {
  const short = model.replace(/^(?:NVIDIA|AMD|Intel)(?:\(R\))? (?:GeForce |Radeon )?/i, "");
  return short || model;
}
