import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { Manifest } from '../../cdk8s/manifests.ts';
import { ensureHelm } from '../cluster/index.ts';

/** Helm without a cluster: what a chart renders with values, and what it refuses. */

export const CHART = join(import.meta.dirname, '../../charts/order-cache-operator');
export const RELEASE = 'order-cache-operator';
export const NAMESPACE = 'order-cache-system';

export interface HelmRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Helm {
  readonly #program: string;
  /** For values and charts of a test. */
  readonly directory = mkdtempSync(join(tmpdir(), 'order-cache-chart-'));

  private constructor(program: string) {
    this.#program = program;
  }

  static async open(): Promise<Helm> {
    return new Helm(await ensureHelm());
  }

  close(): void {
    rmSync(this.directory, { recursive: true });
  }

  run(args: readonly string[]): HelmRun {
    return spawnSync(this.#program, args, { encoding: 'utf8', timeout: 60_000 });
  }

  lint(values: object, chart = CHART): HelmRun {
    return this.run(['lint', chart, ...this.#given(values)]);
  }

  template(
    values: object,
    { release = RELEASE, chart = CHART, args = [] as readonly string[] } = {},
  ): HelmRun {
    return this.run(['template', release, chart, '--namespace', NAMESPACE, ...this.#given(values), ...args]);
  }

  /** Every object, those of hooks too. */
  render(values: object, options: { release?: string; chart?: string } = {}): Manifest[] {
    const { status, stdout, stderr } = this.template(values, options);
    assert.equal(status, 0, stderr);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest | null);
    return objects.filter((object) => object !== null);
  }

  #given(values: object): string[] {
    const file = join(this.directory, 'values.yaml');
    writeFileSync(file, stringify(values));
    return ['--values', file, '--kube-version', '1.35.0'];
  }
}

export function isHook({ metadata }: Manifest): boolean {
  return 'helm.sh/hook' in ((metadata.annotations ?? {}) as object);
}
