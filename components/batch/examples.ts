// Jobs to begin with: each runs as it stands, on machines with images and on those of the demo.

export interface Example {
  readonly slug: string;
  readonly words: string;
  readonly yaml: string;
}

const HASH = `# Two owners run it; equal output is accepted.
kind: batch
name: hash
docker_image: alpine:3.20
command:
  - sh
  - -c
  - seq 1 1000000 | sha256sum
`;

const STDIN = `# input_data is its stdin; what it leaves in sorted.txt is compared.
kind: batch
name: sort-lines
docker_image: alpine:3.20
command: [sh, -c, sort -n > sorted.txt]
input_data: |
  11
  2
  5
files: [sorted.txt]
comparator: {kind: files}
`;

const NUMERIC = `# Floating point differs a little between machines: numbers may, by rtol and atol.
kind: batch
name: mean
docker_image: alpine:3.20
command:
  - sh
  - -c
  - seq 1 1000 | awk '{ s += 1 / $1 } END { printf "%.17g\\n", s }'
comparator:
  kind: numeric
  rtol: 0.000001
  atol: 0
`;

const HIGH = `# Three owners have to agree, and all start at once.
kind: batch
name: be-sure
docker_image: alpine:3.20
command: [sh, -c, expr 6 "*" 7]
assurance: high
dispatch: eager
redundancy: 3
timeout_seconds: 60
`;

const GPU = `# One GPU of any model; the seed makes every machine draw the same numbers.
kind: batch
name: gpu-sum
docker_image: pytorch/pytorch:2.9.0-cuda12.8-cudnn9-runtime
command:
  - python
  - -c
  - |
    import torch
    torch.manual_seed(1)
    print(torch.rand(4096, 4096).cuda().double().sum().item())
gpu_count: 1
required_memory: 8
comparator:
  kind: numeric
  rtol: 0.000001
  atol: 0
`;

export const EXAMPLES: readonly [Example, ...Example[]] = [
  { slug: "hash", words: "Hash of numbers", yaml: HASH },
  { slug: "files", words: "Sort a file", yaml: STDIN },
  { slug: "numeric", words: "Numbers, with tolerance", yaml: NUMERIC },
  { slug: "high", words: "Three owners at once", yaml: HIGH },
  { slug: "gpu", words: "On a GPU", yaml: GPU },
];
