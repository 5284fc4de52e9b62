import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseDocument } from 'yaml';
import { run } from '../../test/cluster/command.ts';
import { ensureHelm } from '../../test/cluster/index.ts';
import { NAME } from './places.ts';
import { withFixedTimes } from './tar.ts';

/** The image that installs use unless their values name another. */
export interface PinnedImage {
  readonly repository: string;
  readonly digest: string;
}

/** `values.yaml` with the image pinned; comments stay. */
export function pinnedValues(values: string, image: PinnedImage): string {
  const document = parseDocument(values);
  document.setIn(['image', 'repository'], image.repository);
  document.setIn(['image', 'digest'], image.digest);
  return document.toString({ lineWidth: 0 });
}

/** Packages the chart of the repository with the image pinned. Helm writes the time of packaging; that is taken out. */
export async function packageChart(
  root: string,
  stage: string,
  image: PinnedImage,
  created: number,
): Promise<Buffer> {
  const chart = join(stage, NAME);
  cpSync(join(root, 'charts', NAME), chart, { recursive: true });
  const values = join(chart, 'values.yaml');
  writeFileSync(values, pinnedValues(readFileSync(values, 'utf8'), image));
  const said = await run(await ensureHelm(), ['package', chart, '--destination', stage]);
  const archive = /saved it to: (.+)$/m.exec(said)?.[1];
  if (archive === undefined) throw new Error(`helm package: expected the path of the archive, got ${said}`);
  return gzipSync(withFixedTimes(gunzipSync(readFileSync(archive)), created), { level: 9 });
}
